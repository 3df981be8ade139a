"""The stamper's process: gives committed events their positions, every few milliseconds, alone.

It polls; it does not LISTEN. A NOTIFY inside the busiest transactions would take one lock of the whole database at each
commit and so make commits wait for each other's disk (docs/decisions/0005).
"""

import asyncio
import signal

import asyncpg

from app import database, logs, metrics, readiness
from loyalty import clock
from loyalty.errors import Unavailable
from loyalty.events import log, queries
from loyalty.transactions import LOST

STAMPER_LOCK = 0x7374616D706572
QUIET_SECONDS = 0.02
AWAY_SECONDS = 1.0
LOG = logs.get("stamper")


async def run(database_url: str) -> None:
    """Stamp until SIGTERM. A database that is away is tried again every second; a second stamper waits its turn."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    while not stop.is_set():
        try:
            await _stamp_while_connected(database_url, stop)
        except (*LOST, Unavailable) as lost:
            LOG.warning("database_away", fault=type(lost).__name__)
            await _wait(stop, AWAY_SECONDS)


async def _stamp_while_connected(database_url: str, stop: asyncio.Event) -> None:
    async with database.opened(database_url, pool_max=2, name="leketong-stamper"):
        await log.make_partitions(clock.business_date(clock.now()))
    connection = await asyncpg.connect(
        **database.credentials(database_url),
        timeout=5,
        command_timeout=30,
        server_settings={"jit": "off", "application_name": "leketong-stamper", **database.SHORT_STATEMENTS},
    )
    try:
        while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", STAMPER_LOCK):
            readiness.tell()
            await _wait(stop, AWAY_SECONDS)
            if stop.is_set():
                return
        readiness.tell()
        while not stop.is_set():
            at = clock.now()
            try:
                with metrics.STAMP_SECONDS.time():
                    moved = await queries.stamp(connection, at, clock.business_date(at))
            except asyncpg.CheckViolationError:
                # No partition for today: an old house was woken up. Opening anew makes it.
                LOG.warning("partition_missing")
                return
            metrics.STAMPED.inc(moved)
            if moved < queries.STAMPED_MAX:
                await _wait(stop, QUIET_SECONDS)
    finally:
        await connection.close(timeout=5)


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
