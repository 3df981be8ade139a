"""Expiry of a million lots by the ledger's own verb, against a bare UPDATE of as many rows in the same run."""

import asyncio
import statistics
import time
from datetime import date

import asyncpg

from app import database
from benchmarks.figures import Figure, median
from benchmarks.houses import Servers, Void
from loyalty import clock, transactions
from loyalty.points import ledger

LOTS = 1_000_000
ROUNDS = 3
MUST = 0.333
DUE_ON = (date(2020, 1, 31), date(2020, 2, 29), date(2020, 3, 31))
"""A round lets the lots of one of these days expire."""
BATCH_LOTS = 20_000
"""As tasks.expire_points takes at once."""
STATEMENTS = (
    "INSERT INTO points_accounts (outlet_id, balance) SELECT n, {rounds} * 7 + 5 FROM generate_series(1, {lots}) n",
    """
    INSERT INTO points_lots (outlet_id, expires_on, points_left)
    SELECT n, '2099-12-31', 5 FROM generate_series(1, {lots}) n
    """,
    """
    INSERT INTO points_lots (outlet_id, expires_on, points_left)
    SELECT n, d, 7 FROM generate_series(1, {lots}) n, unnest('{{{days}}}'::date[]) d
    """,
    """
    INSERT INTO ledger_entries (outlet_id, kind, points, expires_on, source_kind, source_id, rule, why, at)
    SELECT outlet_id, 'accrual', points_left, expires_on, 'bench', id::text, 'bench', 'bench', '2019-01-01'
      FROM points_lots
    """,
    "VACUUM ANALYZE",
    "CHECKPOINT",
)
BARE = "UPDATE points_lots SET points_left = points_left WHERE expires_on = '2099-12-31'"


async def _measured(url: str, lots: int) -> list[tuple[float, float]]:
    """Give of each round the seconds of the bare UPDATE and of the expiry of as many lots."""
    connection = await asyncpg.connect(**database.credentials(url))
    found = []
    try:
        for statement in STATEMENTS:
            await connection.execute(
                statement.format(lots=lots, rounds=ROUNDS, days=",".join(day.isoformat() for day in DUE_ON))
            )
        for day in DUE_ON:
            started = time.perf_counter()
            await connection.execute(BARE)
            bare = time.perf_counter() - started
            await connection.execute("VACUUM points_lots")
            await connection.execute("CHECKPOINT")
            started = time.perf_counter()
            expired = await _expire(day)
            taken = time.perf_counter() - started
            if expired != lots:
                raise Void(f"{expired} lots expired, not {lots}")
            found.append((bare, taken))
            await connection.execute("VACUUM ANALYZE")
            await connection.execute("CHECKPOINT")
    finally:
        await connection.close()
    return found


async def _expire(day: date) -> int:
    """Let every lot go whose last day is ``day`` or before, in batches, each a transaction."""
    expired = 0
    while True:
        async with transactions.begin():
            batch = await ledger.expire(date.fromordinal(day.toordinal() + 1), BATCH_LOTS, clock.now())
        expired += batch.lots
        if batch.lots < BATCH_LOTS:
            return expired


async def _prepared(servers: Servers, lots: int) -> list[tuple[float, float]]:
    url = await servers.create("expiry")
    async with database.opened(url, pool_max=1, statement_seconds_max=None):
        return await _measured(url, lots)


def measure(servers: Servers, lots: int = LOTS) -> Figure:
    """Compare both; a figure of how fast expiry is beside the bare UPDATE, 1 being as fast."""
    rounds = asyncio.run(_prepared(servers, lots))
    ratios = [bare / taken for bare, taken in rounds]
    detail: dict[str, object] = {
        "lots": lots,
        "rounds": [round(ratio, 3) for ratio in ratios],
        "expiry_s": round(statistics.median(taken for _, taken in rounds), 1),
        "update_s": round(statistics.median(bare for bare, _ in rounds), 1),
    }
    return Figure("expiry_ratio", median(ratios), "of a bare UPDATE", MUST, None, detail)
