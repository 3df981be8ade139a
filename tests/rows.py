"""What is in the database, to prove that a refusal moved nothing."""

import asyncio
from collections.abc import Callable

import asyncpg

from app.database import credentials

WAIT_SECONDS_MAX = 20

TABLES = (
    "outlets",
    "members",
    "bindings",
    "binding_codes",
    "points_accounts",
    "points_lots",
    "ledger_entries",
    "rule_versions",
    "campaigns",
    "allotments",
    "capped_points",
    "points_adjustments",
    "rewards",
    "pictures",
    "redemptions",
    "entitlements",
    "quotes",
    "orders",
    "order_lines",
    "order_steps",
    "order_shortages",
    "checkins",
    "checkin_streaks",
    "outbox",
    "consumer_cursors",
    "event_log",
    "feed_heads",
    "message_grants",
    "organisation_nodes",
    "organisation_closure",
    "organisation_placements",
    "staff",
    "staff_grants",
    "staff_sessions",
    "audit_entries",
    "outlet_tags",
    "outlet_assignments",
    "place_counts",
    "place_days",
    "outlet_days",
    "system_keys",
    "wechat_pushes",
    "switches",
    "feature_uses",
)


async def fetch(url: str, query: str, *arguments: object) -> list[tuple[object, ...]]:
    """Run a query on a connection of its own; give the rows as tuples."""
    connection = await asyncpg.connect(**credentials(url))
    try:
        return [tuple(row) for row in await connection.fetch(query, *arguments)]
    finally:
        await connection.close()


async def execute(url: str, statement: str, *arguments: object) -> None:
    """Run a statement on a connection of its own."""
    connection = await asyncpg.connect(**credentials(url))
    try:
        await connection.execute(statement, *arguments)
    finally:
        await connection.close()


async def until(is_so: Callable[[], bool]) -> None:
    """Return when something has come true in this process."""
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while not is_so():
            await asyncio.sleep(0.005)


async def until_blocked(url: str) -> None:
    """Return when some statement in the database waits for a lock."""
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while True:
            if await fetch(
                url, "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            ):
                return
            await asyncio.sleep(0.01)


async def picture(url: str) -> dict[str, list[tuple[object, ...]]]:
    """Give every row of every table that a verb of ours may move."""
    connection = await asyncpg.connect(**credentials(url))
    try:
        return {
            table: [tuple(row) for row in await connection.fetch(f"SELECT * FROM {table} ORDER BY 1, 2")]
            for table in TABLES
        }
    finally:
        await connection.close()
