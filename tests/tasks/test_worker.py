"""A real Celery worker on the real broker: a task is done, and one whose process is killed is done after all."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import asyncpg
from redis import Redis

from app.database import credentials
from app.resources import CELERY_HEARTBEAT
from games.checkin import checkins
from loyalty.customers.personal import DataKeys
from tests import factories, rows
from tests.conftest import ROOT, WAIT_SECONDS_MAX

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)
WORKER = ("worker", "--loglevel", "INFO", "--concurrency", "1", "--without-gossip", "--without-mingle")

DONE = "SELECT position FROM consumer_cursors WHERE consumer = 'engagement'"
BLOCKED = """
    SELECT pid FROM pg_stat_activity
     WHERE application_name = 'leketong-tasks' AND datname = current_database() AND wait_event_type = 'Lock'
"""


@asynccontextmanager
async def worker(environ: dict[str, str], log: Path) -> AsyncIterator["subprocess.Popen[bytes]"]:
    """Run a worker as the supervisor does."""
    with log.open("wb") as output:
        running = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "tasks.celery", *WORKER],
            cwd=ROOT,
            env=environ,
            stdout=output,
            stderr=output,
        )
    try:
        yield running
    finally:
        running.terminate()
        assert running.wait(WAIT_SECONDS_MAX) == 0, log.read_text()


async def until(told: Callable[[], Awaitable[Any]], log: Path) -> Any:
    """Ask until the answer is true, and give it; fail when the time is up."""
    try:
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            while True:
                if answer := await told():
                    return answer
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(log.read_text()) from None


def children_of(pid: int) -> list[int]:
    """Give the processes of a worker's pool."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def test_a_worker_does_its_tasks_even_when_their_process_is_killed(
    db: str,
    data_keys: DataKeys,
    tasks: ModuleType,
    environ: dict[str, str],
    redis: Redis,
    tmp_path: Path,
) -> None:
    log = tmp_path / "worker.log"

    async def beats() -> bool:
        return redis.get(CELERY_HEARTBEAT) == b"1"

    async def counted() -> object:
        return await rows.fetch(db, "SELECT outlet_code, checkins FROM outlet_days")

    async def blocked() -> object:
        return await rows.fetch(db, BLOCKED)

    async with worker(environ, log) as running:
        tasks.celery.send_task("tasks.heartbeat")
        assert await until(beats, log)
        (first,) = children_of(running.pid)

        shop = await factories.outlet(AT, data_keys)
        owner = await factories.bound(shop, AT, data_keys)
        await checkins.make([factories.play(owner, AT)])
        await factories.stamped(db, AT)
        held = await asyncpg.connect(**credentials(db))
        # The task waits here before it has done anything, until its process is gone.
        await held.execute("BEGIN; LOCK TABLE consumer_cursors IN ACCESS EXCLUSIVE MODE")
        tasks.celery.send_task("tasks.react")
        await until(blocked, log)
        os.kill(first, signal.SIGKILL)

        async def replaced() -> bool:
            return children_of(running.pid) not in ([first], [])

        await until(replaced, log)
        await held.execute("ROLLBACK")
        await held.close()
        assert await until(counted, log) == [(shop, 1)]
        assert await rows.fetch(db, DONE) == [(1,)]
        tasks.celery.send_task("tasks.react")
        redis.delete(CELERY_HEARTBEAT)
        tasks.celery.send_task("tasks.heartbeat")
        assert await until(beats, log)
        assert await counted() == [(shop, 1)]
    tasks.celery.close()
