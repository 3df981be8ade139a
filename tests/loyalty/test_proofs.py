"""The proofs: clean after real work, and each kind of tampering is found and named."""

from datetime import UTC, datetime

import pytest

from app.proofs import prove
from games.checkin import checkins
from loyalty.customers.personal import DataKeys
from tests import factories, rows

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)


@pytest.fixture
async def worked(db: str, data_keys: DataKeys) -> str:
    """Give a database in which two outlets have checked in; the ids of both are 1 and 2."""
    people = [await factories.bound(await factories.outlet(AT, data_keys), AT, data_keys) for _ in range(2)]
    await checkins.make([factories.play(person, AT) for person in people])
    return db


async def found() -> list[tuple[str, str]]:
    """Give what the proofs find."""
    return [(difference.proof, difference.what) for difference in await prove()]


async def test_honest_work_is_clean(worked: str) -> None:
    assert await found() == []


@pytest.mark.parametrize(
    ("tampering", "differences"),
    [
        (
            "UPDATE points_accounts SET balance = balance + 1 WHERE outlet_id = 1",
            [("points.balances", "outlet 1: account 6, entries 5, lots 5")],
        ),
        (
            "UPDATE points_lots SET points_left = points_left - 1 WHERE outlet_id = 2",
            [("points.balances", "outlet 2: account 5, entries 5, lots 4")],
        ),
        (
            "DELETE FROM points_lots WHERE outlet_id = 1",
            [("points.balances", "outlet 1: account 5, entries 5, lots none")],
        ),
        (
            "DELETE FROM points_accounts WHERE outlet_id = 1",
            [("points.balances", "outlet 1: account none, entries 5, lots 5")],
        ),
        (
            "DELETE FROM ledger_entries WHERE outlet_id = 1",
            [
                ("points.balances", "outlet 1: account 5, entries none, lots 5"),
                ("checkin.paid", "check-in 1: 5 points promised, 0 paid"),
            ],
        ),
        (
            "UPDATE ledger_entries SET points = 6 WHERE outlet_id = 1",
            [
                ("points.balances", "outlet 1: account 5, entries 6, lots 5"),
                ("checkin.paid", "check-in 1: 5 points promised, 6 paid"),
            ],
        ),
        (
            "UPDATE checkins SET points = 7 WHERE outlet_id = 2",
            [("checkin.paid", "check-in 2: 7 points promised, 5 paid")],
        ),
        (
            "UPDATE checkins SET outlet_id = 3 WHERE outlet_id = 2",
            [
                ("checkin.paid", "check-in 2: 5 points promised, 0 paid"),
                (
                    "checkin.streaks",
                    "outlet 2: streak 1 on 2026-11-04 after 1 check-ins; made 0 on no day after 0",
                ),
                (
                    "checkin.streaks",
                    "outlet 3: streak 0 on no day after 0 check-ins; made 1 on 2026-11-04 after 1",
                ),
            ],
        ),
        (
            "UPDATE checkin_streaks SET streak_days = 2, checkins = 2 WHERE outlet_id = 1",
            [
                (
                    "checkin.streaks",
                    "outlet 1: streak 2 on 2026-11-04 after 2 check-ins; made 1 on 2026-11-04 after 1",
                )
            ],
        ),
        (
            "INSERT INTO points_accounts (outlet_id) VALUES (9)",
            [("points.orphans", "account of outlet 9, which does not exist")],
        ),
    ],
)
async def test_tampering_is_found(worked: str, tampering: str, differences: list[tuple[str, str]]) -> None:
    await rows.execute(worked, tampering)
    assert await found() == differences


async def test_both_sides_changed_alike_still_differ_from_the_entries(worked: str) -> None:
    await rows.execute(worked, "UPDATE points_accounts SET balance = 50 WHERE outlet_id = 1")
    await rows.execute(worked, "UPDATE points_lots SET points_left = 50 WHERE outlet_id = 1")
    assert await found() == [("points.balances", "outlet 1: account 50, entries 5, lots 50")]
