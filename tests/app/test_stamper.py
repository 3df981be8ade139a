"""The stamper as a process: it survives a lost connection, waits its turn, and ends when told."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from app.embedded import EmbeddedServers
from loyalty import transactions
from loyalty.events import outbox
from loyalty.events.outbox import Event
from tests import rows
from tests.conftest import ROOT, WAIT_SECONDS_MAX, environment

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)
POSITIONS = "SELECT position, subject FROM event_log ORDER BY position"
BACKENDS = """
    SELECT pid FROM pg_stat_activity
     WHERE application_name = 'leketong-stamper' AND datname = current_database() AND query LIKE '%outbox%'
"""
WAITS = """
    SELECT pid FROM pg_stat_activity
     WHERE application_name = 'leketong-stamper' AND datname = current_database() AND query LIKE '%try_advisory%'
"""


@asynccontextmanager
async def stamper(environ: dict[str, str]) -> AsyncIterator["subprocess.Popen[bytes]"]:
    """Run a stamper; unless it was killed, it has to end in order when told."""
    running = subprocess.Popen(
        [sys.executable, "-m", "app.cli", "stamper"], cwd=ROOT, env=environ, stderr=subprocess.DEVNULL
    )
    try:
        yield running
    finally:
        if running.poll() is None:
            running.send_signal(signal.SIGTERM)
            assert running.wait(WAIT_SECONDS_MAX) == 0


async def until(url: str, query: str, *expected: tuple[object, ...]) -> list[tuple[object, ...]]:
    """Ask until the rows are the expected ones, or any where none are named."""
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while True:
            found = await rows.fetch(url, query)
            if found and (not expected or found == [*expected]):
                return found
            await asyncio.sleep(0.02)


async def record(subject: str) -> None:
    """Record an event."""
    async with transactions.begin():
        await outbox.record([Event("checkin.made", subject, AT, {})])


async def test_it_outlives_its_connection_and_a_second_one_takes_over(db: str, servers: EmbeddedServers) -> None:
    environ = environment(servers, db)
    async with stamper(environ) as first:
        await record("A")
        await until(db, POSITIONS, (1, "A"))
        ((backend,),) = await until(db, BACKENDS)
        await rows.fetch(db, "SELECT pg_terminate_backend($1, 5000)", backend)
        await record("B")
        await until(db, POSITIONS, (1, "A"), (2, "B"))
        async with stamper(environ):
            await until(db, WAITS)
            first.kill()
            await record("C")
            await until(db, POSITIONS, (1, "A"), (2, "B"), (3, "C"))
            first.wait(WAIT_SECONDS_MAX)
