"""Checks of servers that were given instead of embedded: within reach, and new enough."""

import asyncio
import re
import urllib.error
import urllib.request
from collections.abc import Callable

import asyncpg
import redis
from redis.exceptions import RedisError

from app.database import credentials

POSTGRES_MIN = 16
REDIS_MIN = (6, 2)
CONNECT_SECONDS_MAX = 5


class DependencyFault(Exception):  # noqa: N818 - told in one sentence
    """A given server cannot be used; the text names the variable and never the address with its password."""


def postgres_fault(version: int) -> str | None:
    """Say what is wrong with PostgreSQL's server_version_num, if anything is."""
    major = version // 10_000
    return None if major >= POSTGRES_MIN else f"DATABASE_URL 指定的 PostgreSQL 是 {major}，需要 {POSTGRES_MIN} 或更新"


def redis_fault(version: str) -> str | None:
    """Say what is wrong with the version that Redis or Valkey tells, if anything is."""
    found = re.match(r"(\d+)\.(\d+)", version)
    if found is not None and (int(found[1]), int(found[2])) >= REDIS_MIN:
        return None
    return f"REDIS_URL 指定的 Redis 是 {version}，需要 6.2 或更新"


def check_postgres(url: str) -> None:
    """Raise DependencyFault when PostgreSQL is out of reach or too old."""

    async def ask() -> int:
        connection = await asyncpg.connect(**credentials(url), timeout=CONNECT_SECONDS_MAX)
        try:
            return int(await connection.fetchval("SHOW server_version_num"))
        finally:
            await connection.close()

    try:
        fault = postgres_fault(asyncio.run(ask()))
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as lost:
        raise DependencyFault(f"连不上 DATABASE_URL 指定的 PostgreSQL（{type(lost).__name__}）") from None
    if fault:
        raise DependencyFault(fault)


def check_redis(url: str) -> None:
    """Raise DependencyFault when Redis is out of reach or too old."""
    client = redis.Redis.from_url(url, socket_timeout=CONNECT_SECONDS_MAX, socket_connect_timeout=CONNECT_SECONDS_MAX)
    try:
        fault = redis_fault(str(client.info("server").get("redis_version", "")))
    except (RedisError, OSError) as lost:
        raise DependencyFault(f"连不上 REDIS_URL 指定的 Redis（{type(lost).__name__}）") from None
    finally:
        client.close()
    if fault:
        raise DependencyFault(fault)


def create_database(admin_url: str, name: str) -> None:
    """Make a database of the embedded PostgreSQL when it is missing."""

    async def create() -> None:
        connection = await asyncpg.connect(**credentials(admin_url), timeout=CONNECT_SECONDS_MAX)
        try:
            if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
                await connection.execute(f'CREATE DATABASE "{name}"')
        finally:
            await connection.close()

    asyncio.run(create())


def answers(url: str) -> Callable[[int], bool]:
    """Give a check whether a child's address answers 200."""

    def check(_pid: int) -> bool:
        try:
            with urllib.request.urlopen(url, timeout=1) as answer:  # noqa: S310 - our own child on the loopback
                return bool(answer.status == 200)  # noqa: PLR2004
        except (urllib.error.URLError, OSError):
            return False

    return check
