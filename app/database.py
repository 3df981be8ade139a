"""Tortoise's configuration, and migrations under one lock."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tortoise import Tortoise
from tortoise.connection import get_connection
from tortoise.migrations.autodetector import MigrationAutodetector
from tortoise.migrations.executor import MigrationExecutor

from app.settings import not_an_address
from loyalty import clock
from loyalty.events import log

MODELS = (
    "loyalty.events.models",
    "loyalty.organisation.models",
    "loyalty.pictures.models",
    "loyalty.staff.models",
    "loyalty.customers.models",
    "loyalty.catalogue.models",
    "loyalty.switches.models",
    "loyalty.rulebooks.models",
    "loyalty.campaigns.models",
    "loyalty.points.models",
    "loyalty.rewards.models",
    "loyalty.ordering.models",
    "loyalty.notices.models",
    "loyalty.feeds.webhooks.models",
    "loyalty.engagement.models",
    "games.checkin.models",
)
APP = "leketong"
POOL_MAX = 10
STATEMENT_SECONDS_MAX = 60.0
"""Proofs and migrations, which read or build whole tables, take as long as they take: they say None."""
MIGRATION_LOCK = 0x6C656B65746F6E67
"""An advisory lock's number, "leketong" in ASCII: nothing else stops two migrators."""


SHORT_STATEMENTS = {"enable_seqscan": "off", "enable_mergejoin": "off"}
"""For connections that only look a batch of rows up by key. A plan is kept for the life of a connection: made while a
table is new and empty, it would read the whole table still when it holds millions, until somebody analyses it."""


def configuration(
    database_url: str,
    *,
    pool_max: int = POOL_MAX,
    name: str = "leketong",
    short_statements: bool = False,
    statement_seconds_max: float | None = STATEMENT_SECONDS_MAX,
) -> dict[str, Any]:
    """Give Tortoise's configuration for a database. ``name`` shows in pg_stat_activity."""
    return {
        "connections": {
            "default": {
                "engine": "tortoise.backends.asyncpg",
                "credentials": {
                    **credentials(database_url),
                    "minsize": 1,
                    "maxsize": pool_max,
                    "timeout": 5,
                    "command_timeout": statement_seconds_max,
                    "reset": _leave_as_it_is,
                    "server_settings": {
                        "application_name": name,
                        "timezone": "UTC",
                        # Plans here are small; compiling them costs more than it saves.
                        "jit": "off",
                        "lock_timeout": "5s",
                        "idle_in_transaction_session_timeout": "60s",
                        **(SHORT_STATEMENTS if short_statements else {}),
                    },
                },
            }
        },
        "apps": {APP: {"models": list(MODELS), "default_connection": "default", "migrations": "app.migrations"}},
        "use_tz": True,
        "timezone": "UTC",
    }


async def _leave_as_it_is(_connection: object) -> None:
    """Spare the round trip that asyncpg makes to clean a session each time it comes back to the pool.

    Nothing of ours leaves anything there: settings and locks are a transaction's, which asyncpg has ended by now. What
    needs a session, as the stamper and migrations do, takes it from a pool of its own.
    """


def credentials(database_url: str) -> dict[str, Any]:
    """Take a PostgreSQL URL apart, with ``?host=/folder`` for a unix socket. Raises SettingsError for what is none."""
    try:
        parts = urlsplit(database_url)
        query = parse_qs(parts.query)
        port = parts.port or int(query.get("port", ["5432"])[0])
    except ValueError:
        raise not_an_address("DATABASE_URL") from None
    found: dict[str, Any] = {
        "host": parts.hostname or query.get("host", ["localhost"])[0],
        "port": port,
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or "") or None,
        "database": unquote(parts.path.lstrip("/")),
    }
    if "sslmode" in query:
        found["ssl"] = query["sslmode"][0]
    return found


def on_same_server(database_url: str, name: str) -> str:
    """Give the address of another database on the same server."""
    parts = urlsplit(database_url)
    # urlunsplit would drop the empty host of an address that names a unix socket.
    return f"{parts.scheme}://{parts.netloc}/{name}" + (f"?{parts.query}" if parts.query else "")


@asynccontextmanager
async def opened(
    database_url: str,
    *,
    pool_max: int = POOL_MAX,
    name: str = "leketong",
    short_statements: bool = False,
    statement_seconds_max: float | None = STATEMENT_SECONDS_MAX,
) -> AsyncIterator[None]:
    """Open the database for commands and tests; the processes of a house open it through app.resources."""
    config = configuration(
        database_url,
        pool_max=pool_max,
        name=name,
        short_statements=short_statements,
        statement_seconds_max=statement_seconds_max,
    )
    await Tortoise.init(config=config, _enable_global_fallback=True)
    try:
        yield
    finally:
        await Tortoise.close_connections()


async def migrate(database_url: str, report: Callable[[str], object]) -> None:
    """Bring the database to the newest migration. Two migrators wait for each other. Reports each step's name.

    Then sees that the log's partitions are there for the months to come.
    """

    def progress(event: str, _app: str, name: str) -> None:
        if event == "apply_done":
            report(name)

    async with opened(database_url, pool_max=2, name="leketong-migrate", statement_seconds_max=None):
        async with get_connection("default").acquire_connection() as connection:
            await connection.execute("SET lock_timeout = 0")
            await connection.execute("SELECT pg_advisory_lock($1)", MIGRATION_LOCK)
            try:
                await _executor().migrate(progress=progress)
            finally:
                await connection.execute("SELECT pg_advisory_unlock($1)", MIGRATION_LOCK)
        await log.make_partitions(clock.business_date(clock.now()))


async def behind() -> list[str]:
    """Name the migrations that the open database lacks."""
    return [step.migration.name for step in await _executor().plan()]


def _executor() -> MigrationExecutor:
    return MigrationExecutor(get_connection("default"), {APP: {"models": list(MODELS), "migrations": "app.migrations"}})


async def make_migration(name: str) -> list[str]:
    """Write what the models have and the migrations lack as a new migration; return the files' names. No database.

    Whoever runs it opens the file with why, and moves constraints out of CreateModel: Tortoise drops them there.
    """
    config = configuration("postgresql://nobody@localhost/nothing")
    await Tortoise.init(config=config, init_connections=False, _enable_global_fallback=True)
    writers = await MigrationAutodetector(Tortoise.apps, config["apps"]).changes()
    for writer in writers:
        writer.name = f"{writer.name.split('_', 1)[0]}_{name}"
    return [str(writer.write()) for writer in writers]
