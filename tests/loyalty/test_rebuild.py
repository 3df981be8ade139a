"""Rebuilding what is derived: whatever was damaged is what the entries say again, and nothing else has moved."""

from datetime import date, timedelta

import pytest

from app import rebuilding
from loyalty.customers.personal import DataKeys
from loyalty.points import ledger, settlements
from loyalty.points.derived import rebuild
from loyalty.points.derived.rebuild import Rebuilt
from loyalty.points.earnings import earnings
from loyalty.points.earnings.earnings import Earning
from tests import factories, rows
from tests.loyalty.ledger_items import (
    ACCOUNTS,
    AT,
    accrual,
    campaign,
    expire,
    given_back,
    gone_back,
    proven,
    redemption,
    run,
    settlement,
)

LOTS = "SELECT outlet_id, expires_on, points_left FROM points_lots WHERE points_left > 0 ORDER BY 1, 2"
ENTRIES = "SELECT * FROM ledger_entries ORDER BY id"


@pytest.fixture
async def worked(db: str, data_keys: DataKeys) -> str:
    """Give a database in which every verb has run for outlets 1 and 2, and 3 has only points to come."""
    for number in (1, 2, 3):
        await factories.outlet(AT, data_keys, f"R{number}")
    autumn = await campaign(budget_points=100)
    await run(ledger.accrue, accrual(1, 30, "a"), accrual(2, 20, "b", AT + timedelta(days=31)))
    await run(ledger.accrue, accrual(1, 5, "old", AT - timedelta(days=400)))
    await run(earnings.earn, Earning(accrual(1, 40, "c", AT + timedelta(days=1), autumn), "orders"))
    await run(ledger.pend, accrual(3, 9, "d"), accrual(2, 8, "e"))
    await run(settlements.release, settlement("e"))
    await run(ledger.redeem, redemption(1, 25, "x"), redemption(2, 28, "y"))
    await run(settlements.reverse, gone_back("c", (1, 4), "r1"), gone_back("b", (1, 1), "r2"))
    await run(settlements.refund, given_back("x", (1, 5), "g"))
    await expire(date(2026, 11, 4))
    assert await proven() == []
    return db


DAMAGES = [
    # what is done, how many accounts and lots are wrong then
    ("UPDATE points_accounts SET balance = balance + 1 WHERE outlet_id = 1", 1, 0),
    ("UPDATE points_accounts SET balance = 0, pending = pending + 3, owed = owed + 7", 3, 0),
    ("DELETE FROM points_accounts", 3, 0),
    ("DELETE FROM points_accounts WHERE outlet_id = 3", 1, 0),
    ("UPDATE points_lots SET points_left = points_left + 5 WHERE outlet_id = 1", 0, 1),
    ("DELETE FROM points_lots", 0, 1),
    ("INSERT INTO points_lots (outlet_id, expires_on, points_left) VALUES (1, '2030-01-31', 7)", 0, 1),
    ("UPDATE points_lots SET expires_on = expires_on + 1 WHERE points_left > 0", 0, 2),
    ("DELETE FROM points_accounts; DELETE FROM points_lots", 3, 1),
    ("INSERT INTO points_lots (outlet_id, expires_on, points_left) VALUES (2, '2020-01-31', 0)", 0, 0),
]


@pytest.mark.parametrize(("damage", "accounts", "lots"), DAMAGES)
async def test_damage_is_mended_exactly(worked: str, damage: str, accounts: int, lots: int) -> None:
    whole = [await rows.fetch(worked, query) for query in (ACCOUNTS, LOTS, ENTRIES)]
    await rows.execute(worked, damage)
    assert bool(await proven()) is bool(accounts or lots)
    assert await rebuild.rebuild() == Rebuilt(3, accounts, lots, 3)
    assert [await rows.fetch(worked, query) for query in (ACCOUNTS, LOTS, ENTRIES)] == whole
    assert await proven() == []
    assert await rebuild.rebuild() == Rebuilt(3, 0, 0, 3)
    assert await rebuild.rebuild(3) == Rebuilt(0, 0, 0, 3)


async def test_one_outlet_alone_is_rebuilt(worked: str) -> None:
    await rows.execute(worked, "UPDATE points_accounts SET balance = 99")
    assert await rebuild.rebuild_one(1) == Rebuilt(1, 1, 0, 1)
    assert [row[:2] for row in await rows.fetch(worked, ACCOUNTS)] == [(1, 40), (2, 99), (3, 99)]


async def test_batches_go_through_all_outlets_once(worked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuild, "BATCH_OUTLETS_MAX", 2)
    await rows.execute(worked, "UPDATE points_accounts SET balance = 99")
    assert await rebuild.rebuild() == Rebuilt(2, 2, 0, 2)
    assert await rebuild.rebuild(2) == Rebuilt(1, 1, 0, 3)
    assert await rebuild.rebuild(3) == Rebuilt(0, 0, 0, 3)
    assert await proven() == []


@pytest.mark.parametrize("spent", [0, 29, 31, 100])
async def test_budgets_are_set_to_what_entries_come_to(worked: str, spent: int) -> None:
    await rows.execute(worked, "UPDATE campaigns SET spent_points = $1", spent)
    assert await proven() == [f"points.budgets: campaign autumn: spent {spent}, entries say 30"]
    assert await rebuild.rebuild_budgets() == 1
    assert await proven() == []
    assert await rebuild.rebuild_budgets() == 0


async def test_the_command_mends_all_and_says_what(worked: str) -> None:
    await rows.execute(
        worked, "DELETE FROM points_accounts; DELETE FROM points_lots; UPDATE campaigns SET spent_points = 0"
    )
    told = await rebuilding.rebuild_points(None)
    assert told
    assert await proven() == []


async def test_points_spent_meanwhile_are_kept(worked: str) -> None:
    await rows.execute(worked, "UPDATE points_accounts SET balance = balance + 5 WHERE outlet_id = 1")
    await run(ledger.redeem, redemption(1, 10, "later"))
    await rebuild.rebuild()
    assert (await rows.fetch(worked, ACCOUNTS))[0] == (1, 30, 0, 0)
    assert await proven() == []
