"""A process killed at random moments while it expires, releases or reverses: the rerun ends right, nothing twice."""

import random
import subprocess
import sys
import time

import pytest

from loyalty.points import ledger
from tests import rows
from tests.conftest import ROOT, WAIT_SECONDS_MAX
from tests.faults.ledger_work import BATCH, DOCUMENTS
from tests.loyalty.ledger_items import accrual, proven, run

OUTLETS = 120
POINTS = 30
KILLS = 4
SEED = 20261123
SUMS = """
    SELECT sum(balance)::int, sum(pending)::int, sum(owed)::int,
           (SELECT coalesce(sum(points_left), 0)::int FROM points_lots) FROM points_accounts
"""
ENTRIES = "SELECT kind, count(*)::int, sum(points)::int FROM ledger_entries GROUP BY kind ORDER BY kind"
ALL = DOCUMENTS * POINTS


def killed_after(url: str, work: str, lines: int, seconds: float) -> int:
    """Run the work, and kill it so many seconds after it has committed so many batches; give how it ended."""
    command = [sys.executable, "-m", "tests.faults.ledger_work", url, work]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as child:
        try:
            assert child.stdout is not None
            for _ in range(lines):
                assert child.stdout.readline()
            time.sleep(seconds)
        finally:
            child.kill()
        return child.wait(WAIT_SECONDS_MAX)


def finished(url: str, work: str) -> None:
    """Run the work to its end."""
    command = [sys.executable, "-m", "tests.faults.ledger_work", url, work]
    subprocess.run(command, cwd=ROOT, check=True, timeout=2 * WAIT_SECONDS_MAX, stdout=subprocess.DEVNULL)


WORKS = [
    ("release", (ALL, 0, 0, ALL), [("accrual", DOCUMENTS, ALL), ("pending", DOCUMENTS, 0)]),
    ("reverse", (ALL * 2 // 3, 0, 0, ALL * 2 // 3),
     [("accrual", DOCUMENTS, ALL), ("reversal", DOCUMENTS, -ALL // 3)]),
    ("expire", (0, 0, 0, 0), [("accrual", DOCUMENTS, ALL), ("expiry", DOCUMENTS, -ALL)]),
]  # fmt: skip


@pytest.mark.parametrize(("work", "sums", "entries"), WORKS, ids=[work for work, _, _ in WORKS])
async def test_what_was_killed_ends_right(
    db: str, work: str, sums: tuple[int, ...], entries: list[tuple[str, int, int]]
) -> None:
    # Lots are an outlet's own by day: where they are to expire, each document is of an outlet of its own.
    outlets = DOCUMENTS if work == "expire" else OUTLETS
    earned = [accrual(1 + number % outlets, POINTS, f"{number}") for number in range(DOCUMENTS)]
    await run(ledger.pend if work == "release" else ledger.accrue, *earned)
    moments = random.Random(SEED)  # noqa: S311 - moments, not secrets
    stretch = DOCUMENTS // BATCH // (KILLS + 1)
    for kill in range(KILLS):
        # A sweep goes on where it was; the others begin anew, and are killed further on each time.
        lines = moments.randint(1, stretch - 1) + (0 if work == "expire" else kill * stretch)
        assert killed_after(db, work, lines, moments.random() * 0.02) == -9
        assert await proven() == []
        assert await rows.fetch(db, ENTRIES) != entries
    finished(db, work)
    assert await rows.fetch(db, SUMS) == [sums]
    assert await rows.fetch(db, ENTRIES) == entries
    assert await proven() == []
    before = await rows.picture(db)
    finished(db, work)
    assert await rows.picture(db) == before
