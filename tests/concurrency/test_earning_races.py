"""Earning at once, budgets and caps too: each pair shows the race without its guard, and the guard holding."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import asyncpg
import pytest

from loyalty.campaigns import campaigns
from loyalty.campaigns import queries as campaign_queries
from loyalty.points import ledger, locks, queries, settlements
from loyalty.points.earnings import earnings
from loyalty.points.earnings.earnings import Earned, Earning
from loyalty.points.errors import InsufficientPoints
from loyalty.points.ledger import Accrued, Redeemed
from loyalty.points.rules import DAY_CAP, DayCap
from loyalty.rulebooks import rulebooks
from tests import rows
from tests.concurrency.meetings import both, meet_before, one_behind_the_other, without_locks
from tests.concurrency.test_checkin_races import without_constraint
from tests.loyalty.ledger_items import ACCOUNTS, ACTOR, AT, accrual, campaign, gone_back, proven, redemption, run


async def spend_at_once() -> list[Any]:
    """Let two outlets earn 60 each of a budget of 100."""
    autumn = await campaign(budget_points=100)
    many = [Earning(accrual(shop, 60, f"{shop}", AT, autumn), "orders") for shop in (1, 2)]
    return await both(*(run(earnings.earn, one) for one in many))


def without_campaign_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let two read a campaign before either has spent of it."""
    monkeypatch.setattr(campaign_queries, "lock_campaigns", campaign_queries.by_id)
    meet_before(monkeypatch, campaigns, "store")


async def test_without_the_lock_a_budget_is_passed(db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    without_campaign_locks(monkeypatch)
    async with without_constraint(db, "campaigns", "campaigns_within_budget"):
        assert await spend_at_once() == [[Earned(60, "", repeated=False)]] * 2
        assert await rows.fetch(db, "SELECT spent_points, budget_points FROM campaigns") == [(120, 100)]


async def test_without_the_lock_the_constraint_still_keeps_the_budget(db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    without_campaign_locks(monkeypatch)
    answers = await spend_at_once()
    assert Counter(type(one) for one in answers) == {list: 1, asyncpg.CheckViolationError: 1}
    assert await rows.fetch(db, "SELECT spent_points FROM campaigns") == [(60,)]
    assert await proven() == []


async def test_a_budgets_last_points_go_to_one(db: str) -> None:
    answers = await spend_at_once()
    assert sorted((one.points, one.cut_by) for (one,) in answers) == [(0, "campaign_budget"), (60, "")]
    stood = await rows.fetch(db, "SELECT spent_points, stopped_at IS NOT NULL FROM campaigns")
    assert stood == [(60, True)]
    assert await proven() == []


@pytest.mark.parametrize("guarded", [False, True], ids=["guard off", "guard on"])
async def test_a_day_cap_of_one_outlet(db: str, guarded: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    await rulebooks.plan(
        DAY_CAP, DayCap(50), date(2026, 11, 3), ACTOR, "测试", datetime.fromisoformat("2026-11-01T00Z")
    )
    await run(ledger.accrue, accrual(1, 1, "first"))
    if not guarded:
        without_locks(monkeypatch)
        meet_before(monkeypatch, campaigns, "store")
    answers = await both(*(run(earnings.earn, Earning(accrual(1, 40, name), "orders")) for name in ("a", "b")))
    assert sorted(one.points for (one,) in answers) == ([10, 40] if guarded else [40, 40])


@pytest.mark.parametrize("guarded", [False, True], ids=["guard off", "guard on"])
async def test_a_repeat_behind_the_first_payment_tells_the_balance_and_repays_in_full(
    db: str, guarded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await run(ledger.accrue, accrual(1, 25, "spent"))
    await run(ledger.redeem, redemption(1, 25, "x"))
    await run(settlements.reverse, gone_back("spent", (1, 1), "r"))
    if not guarded:
        monkeypatch.setattr(locks, "lock_accounts", _nothing)
        monkeypatch.setattr(locks, "ensure_accounts", _nothing)
    _, answers = await one_behind_the_other(
        db,
        ledger.accrue,
        [accrual(1, 10, "a"), accrual(2, 5, "new")],
        lambda: run(ledger.accrue, accrual(1, 10, "a"), accrual(1, 10, "b"), accrual(2, 5, "new")),
    )
    kept, told = (0, 5) if guarded else (5, 0)
    assert answers == [Accrued(kept, repeated=True), Accrued(kept, repeated=False), Accrued(told, repeated=True)]
    assert await rows.fetch(db, ACCOUNTS) == [(1, kept, 0, 5 + kept), (2, 5, 0, 0)]
    assert await proven() == []


@pytest.mark.parametrize("guarded", [False, True], ids=["guard off", "guard on"])
async def test_an_account_that_is_made_meanwhile_is_not_spent_without_its_lock(
    db: str, guarded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await run(ledger.accrue, accrual(2, 5, "old"))
    if not guarded:
        lots = queries.lots
        monkeypatch.setattr(queries, "lots", lambda _: lots([1, 2]))
    _, (first, second) = await one_behind_the_other(
        db,
        ledger.accrue,
        [accrual(1, 50, "a"), accrual(2, 50, "b")],
        lambda: run(ledger.redeem, redemption(1, 10, "x"), redemption(2, 10, "y")),
    )
    assert second == Redeemed(45, repeated=False)
    # Unguarded, it spends of what it has not locked, and two of its kind would spend the same.
    assert isinstance(first, InsufficientPoints if guarded else Redeemed)


async def _nothing(_outlet_ids: Sequence[int]) -> list[asyncpg.Record]:
    return []
