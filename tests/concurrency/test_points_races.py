"""Spending, settling and giving back at once: each pair shows the race without its guard, and the guard holding."""

from collections import Counter
from typing import Any

import asyncpg
import pytest

from loyalty.errors import TryAgain
from loyalty.points import entering, ledger, settlements
from loyalty.points.errors import AlreadyReleased, InsufficientPoints
from loyalty.points.ledger import Redeemed
from loyalty.points.settlements import Settled
from tests import rows
from tests.concurrency.meetings import both, meet_before, one_behind_the_other, without_constraints, without_locks
from tests.loyalty.ledger_items import ACCOUNTS, accrual, given_back, gone_back, proven, redemption, run, settlement

NOT_NEGATIVE = (
    ("points_accounts", "points_accounts_balance_not_negative"), ("points_lots", "points_lots_not_negative"),
    ("points_accounts", "points_accounts_pending_not_negative"), ("ledger_entries", "ledger_entries_paid_once"),
)  # fmt: skip


async def test_without_the_lock_two_spend_the_same_points(db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await run(ledger.accrue, accrual(1, 100, "a"))
    without_locks(monkeypatch)
    meet_before(monkeypatch, entering, "enter")
    async with without_constraints(db, *NOT_NEGATIVE):
        answers = await both(*(run(ledger.redeem, redemption(1, 60, name)) for name in ("x", "y")))
        assert answers == [[Redeemed(40, repeated=False)]] * 2
        assert await rows.fetch(db, ACCOUNTS) == [(1, -20, 0, 0)]


async def test_without_the_lock_the_constraint_still_lets_one_spend(db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await run(ledger.accrue, accrual(1, 100, "a"))
    without_locks(monkeypatch)
    meet_before(monkeypatch, entering, "enter")
    answers = await both(*(run(ledger.redeem, redemption(1, 60, name)) for name in ("x", "y")))
    assert Counter(type(one) for one in answers) == {list: 1, asyncpg.CheckViolationError: 1}
    assert await rows.fetch(db, ACCOUNTS) == [(1, 40, 0, 0)]
    assert await proven() == []


async def test_two_that_want_more_than_there_is_one_is_refused(db: str) -> None:
    await run(ledger.accrue, accrual(1, 100, "a"))
    first, (second,) = await one_behind_the_other(
        db, ledger.redeem, [redemption(1, 60, "x")], lambda: run(ledger.redeem, redemption(1, 60, "y"))
    )
    assert first == [Redeemed(40, repeated=False)]
    assert isinstance(second, InsufficientPoints)
    assert second.data == {"balance_points": 40, "missing_points": 20}
    assert await proven() == []


async def test_without_the_lock_two_releases_pay_twice(db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await run(ledger.pend, accrual(1, 20, "a"))
    without_locks(monkeypatch)
    meet_before(monkeypatch, entering, "enter")
    async with without_constraints(db, *NOT_NEGATIVE):
        answers = await both(*(run(settlements.release, settlement("a")) for _ in range(2)))
        assert answers == [[Settled(20, 20, 0, 20, repeated=False)]] * 2
        assert await rows.fetch(db, ACCOUNTS) == [(1, 40, -20, 0)]


async def test_without_the_lock_the_constraint_still_releases_once(db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await run(ledger.pend, accrual(1, 20, "a"))
    without_locks(monkeypatch)
    meet_before(monkeypatch, entering, "enter")
    answers = await both(*(run(settlements.release, settlement("a")) for _ in range(2)))
    assert Counter(type(one) for one in answers) == {list: 1, TryAgain: 1}
    assert await rows.fetch(db, ACCOUNTS) == [(1, 20, 0, 0)]
    assert await proven() == []


async def test_the_second_of_two_releases_is_a_repeat(db: str) -> None:
    await run(ledger.pend, accrual(1, 20, "a"))
    assert await one_behind_the_other(
        db, settlements.release, [settlement("a")], lambda: run(settlements.release, settlement("a"))
    ) == ([Settled(20, 20, 0, 20, repeated=False)], [Settled(0, 0, 0, 20, repeated=True)])
    assert await rows.fetch(db, ACCOUNTS) == [(1, 20, 0, 0)]


async def test_without_the_lock_the_constraint_still_keeps_release_and_cancel_apart(
    db: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await run(ledger.pend, accrual(1, 20, "a"))
    without_locks(monkeypatch)
    meet_before(monkeypatch, entering, "enter")
    answers = await both(run(settlements.release, settlement("a")), run(settlements.cancel, settlement("a")))
    assert Counter(type(one) for one in answers) == {list: 1, asyncpg.CheckViolationError: 1}
    assert await proven() == []


async def test_a_cancel_behind_a_release_comes_too_late(db: str) -> None:
    await run(ledger.pend, accrual(1, 20, "a"))
    _, (late,) = await one_behind_the_other(
        db, settlements.release, [settlement("a")], lambda: run(settlements.cancel, settlement("a"))
    )
    assert isinstance(late, AlreadyReleased)
    assert await rows.fetch(db, ACCOUNTS) == [(1, 20, 0, 0)]


GOING_BACK = [
    (settlements.reverse, gone_back, 20, -20),
    (settlements.refund, given_back, 10, 10),
]


@pytest.mark.parametrize(("verb", "item", "whole", "change"), GOING_BACK, ids=["reverse", "refund"])
@pytest.mark.parametrize("guarded", [False, True], ids=["guard off", "guard on"])
async def test_two_documents_take_or_give_all_of_one_thing_back(
    db: str, verb: Any, item: Any, whole: int, change: int, guarded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await run(ledger.accrue, accrual(1, 20, "a"), accrual(1, 80, "more"))
    await run(ledger.redeem, redemption(1, 10, "a"))
    if guarded:
        answers = await one_behind_the_other(
            db, verb, [item("a", (1, 1), "r1")], lambda: run(verb, item("a", (1, 1), "r2"))
        )
        assert [one.points for (one,) in answers] == [whole, 0]
        assert await rows.fetch(db, ACCOUNTS) == [(1, 90 + change, 0, 0)]
        assert await proven() == []
        return
    without_locks(monkeypatch)
    meet_before(monkeypatch, entering, "enter")
    twice = await both(*(run(verb, item("a", (1, 1), name)) for name in ("r1", "r2")))
    assert [one.points for (one,) in twice] == [whole, whole]
    assert await rows.fetch(db, ACCOUNTS) == [(1, 90 + 2 * change, 0, 0)]
    (found,) = await proven()
    assert found.endswith(f"settled 0, went back {2 * whole}")
