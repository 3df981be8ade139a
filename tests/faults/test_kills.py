"""The short form of `make soak`: each part of one house killed once under load, and every check-in accounted for."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from benchmarks.household import PARTS, SUPERVISOR, Household
from benchmarks.kills import Trial
from benchmarks.soak import BACK_SECONDS

SEED = 20261123
OUTLETS = 12_000
"""More than the clients get through; a client without an outlet to check in would fail the next kill."""
ACKNOWLEDGED_MIN = 500
"""Fewer would mean that the kills met no load."""


@pytest_asyncio.fixture(scope="module")
async def trial() -> AsyncIterator[Trial]:
    """Run a house under load in a home that the servers' own user can reach; the clients' log lies outside of it."""
    folder = Path(tempfile.mkdtemp(prefix="lkf-"))
    folder.chmod(0o755)
    household = Household(folder / "home")
    opened = Trial(household, folder / "acknowledged", SEED)
    try:
        await opened.open(OUTLETS)
        yield opened
    finally:
        # After a failure they would go on asking a house that is gone.
        for client in opened._clients:
            client.cancel()
        await asyncio.gather(*opened._clients, return_exceptions=True)
        household.stop()
        shutil.rmtree(folder)


@pytest.mark.parametrize("part", [*PARTS, SUPERVISOR])
async def test_a_killed_part_is_back_without_a_hand(trial: Trial, part: str) -> None:
    kill = await trial.kill(part)
    assert kill.served_seconds <= BACK_SECONDS


async def test_every_acknowledged_check_in_is_there_once(trial: Trial) -> None:
    verdict = await trial.close()
    assert verdict.differences == []
    assert verdict.proved == ""
    assert verdict.stored >= verdict.acknowledged >= ACKNOWLEDGED_MIN
