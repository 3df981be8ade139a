"""Real servers for the tests: PostgreSQL and Redis from the wheels, on fresh data, and a house on real sockets."""

import asyncio
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx
import pytest
import pytest_asyncio

from app import database, settings, sfa_keys
from app.embedded import EmbeddedServers
from app.http.principals import MemberTokens
from app.settings import Settings
from loyalty.customers.personal import DataKeys
from loyalty.organisation import rules

ROOT = Path(__file__).parent.parent
WAIT_SECONDS_MAX = 30.0
KEPT_TABLES = {"tortoise_migrations", "feed_heads"}


@pytest.fixture(scope="session")
def servers() -> Iterator[EmbeddedServers]:
    """PostgreSQL and Redis of this run alone; `LEKETONG_POSTGRES=16` runs the suite on that version."""
    home = Path(tempfile.mkdtemp(prefix="lkt-"))
    home.chmod(0o755)
    with EmbeddedServers(home, postgres_major=os.environ.get("LEKETONG_POSTGRES", "18")) as running:
        yield running
    shutil.rmtree(home)


async def fresh_database(servers: EmbeddedServers) -> str:
    """Make a database with all migrations and give its address."""
    name = f"t{secrets.token_hex(6)}"
    admin = await asyncpg.connect(**database.credentials(servers.database_url("postgres")))
    await admin.execute(f"CREATE DATABASE {name}")
    await admin.close()
    url = servers.database_url(name)
    command(url, "migrate")
    return url


def command(database_url: str, *arguments: str) -> str:
    """Run a `leketong` command as a person would, in a process of its own; give what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "DATABASE_URL": database_url},
        capture_output=True,
        text=True,
        check=False,
        timeout=WAIT_SECONDS_MAX,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest_asyncio.fixture(scope="session")
async def session_database(servers: EmbeddedServers) -> AsyncIterator[str]:
    """Open one database for all tests of verbs."""
    url = await fresh_database(servers)
    async with database.opened(url, pool_max=20, name="leketong-tests"):
        yield url


@pytest_asyncio.fixture
async def db(session_database: str) -> AsyncIterator[str]:
    """Give an open, empty database."""
    connection = await asyncpg.connect(**database.credentials(session_database))
    tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    names = ", ".join(row["tablename"] for row in tables if row["tablename"] not in KEPT_TABLES)
    await connection.execute(f"TRUNCATE {names} RESTART IDENTITY")
    await connection.execute("UPDATE feed_heads SET position = 0")
    await connection.close()
    yield session_database


@pytest.fixture(scope="session")
def data_keys() -> DataKeys:
    """Keys that seal personal data in tests of verbs."""
    return DataKeys([b"k" * 32])


def environment(servers: EmbeddedServers, database_url: str, **more: str) -> dict[str, str]:
    """Give every setting that a process needs."""
    return {
        "PATH": os.environ["PATH"],
        "LEKETONG_HOME": str(servers.places.base),
        "DATABASE_URL": database_url,
        "REDIS_URL": servers.redis_url,
        "WECHAT_APPID": "wx0123456789abcdef",
        "WECHAT_SECRET": "0123456789abcdef0123456789abcdef",
        "WECHAT_TOKEN": "callbacktoken",
        "WECHAT_AES_KEY": "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
        "SECRET_KEY": "test-secret-key-test-secret-key-0001",
        "DATA_KEYS": "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=",
        **more,
    }


@dataclass(frozen=True)
class House:
    """A web worker, a stamper and a WeChat sandbox on real sockets, with a database of their own."""

    base_url: str
    sandbox_url: str
    database_url: str
    system_key: str
    settings: Settings

    @property
    def tokens(self) -> MemberTokens:
        """Sign tokens as the house does."""
        return MemberTokens(self.settings.secret_keys)


def listening() -> socket.socket:
    """Give a listening socket on a free port of the loopback."""
    bound = socket.create_server(("127.0.0.1", 0), backlog=1024)
    bound.set_inheritable(True)
    return bound


async def answering(url: str, child: subprocess.Popen[bytes]) -> None:
    """Return when the address answers 200. Fails when the child ends or the time is up."""
    async with httpx.AsyncClient() as client, asyncio.timeout(WAIT_SECONDS_MAX):
        while True:
            assert child.poll() is None, f"{child.args!r} ended with {child.returncode}"
            try:
                if (await client.get(url)).status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)


@pytest_asyncio.fixture(scope="session")
async def house(servers: EmbeddedServers) -> AsyncIterator[House]:
    """Run a house for HTTP tests; they share it and make outlets and members of their own."""
    url = await fresh_database(servers)
    scopes = ",".join(rules.SCOPES)
    made = command(url, "system-key", "add", "tests", "--scopes", scopes)
    with listening() as web, listening() as sandbox:
        base_url = f"http://127.0.0.1:{web.getsockname()[1]}"
        sandbox_url = f"http://127.0.0.1:{sandbox.getsockname()[1]}"
        jwks = sfa_keys.ensure_pair(servers.places.base)
        environ = environment(servers, url, WECHAT_BASE_URL=sandbox_url, PUBLIC_URL=base_url, SFA_JWKS=str(jwks))
        callback = f"{base_url}/wechat/callback"
        children = [
            _child(["-m", "app.server", "--fd", str(web.fileno())], environ, web),
            _child(
                ["-m", "wechat.sandbox", "--fd", str(sandbox.fileno()), "--callback-url", callback], environ, sandbox
            ),
            _child(["-m", "app.cli", "stamper"], environ, None),
        ]
        try:
            await answering(f"{base_url}/health/ready", children[0])
            await answering(f"{sandbox_url}/sandbox/health", children[1])
            yield House(base_url, sandbox_url, url, made.splitlines()[-1], settings.from_environment(environ))
        finally:
            for child in children:
                child.terminate()
            for child in children:
                child.wait(WAIT_SECONDS_MAX)


def _child(arguments: list[str], environ: dict[str, str], inherited: socket.socket | None) -> subprocess.Popen[bytes]:
    log = Path(environ["LEKETONG_HOME"]) / f"{arguments[1]}.log"
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=environ,
            stdout=output,
            stderr=output,
            pass_fds=() if inherited is None else (inherited.fileno(),),
        )
