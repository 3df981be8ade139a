"""Sweeps beside other verbs: each pair shows the race without its guard, and the guard holding."""

import asyncio
import contextvars
from collections.abc import Sequence
from datetime import date, datetime

import asyncpg
import pytest

from loyalty.points import entering, ledger, queries
from loyalty.points.errors import InsufficientPoints
from loyalty.points.ledger import Expired, Redeemed
from tests import rows
from tests.concurrency.meetings import (
    both,
    change_sql,
    one_behind_the_other,
    without_locks,
)
from tests.loyalty.ledger_items import (
    ACCOUNTS,
    accrual,
    adjustment,
    expire,
    proven,
    redemption,
    run,
)

LAST_SECOND = datetime.fromisoformat("2027-11-30T23:59:59+08:00")
NEXT_DAY = date(2027, 12, 1)
DEBITED = """INSERT INTO points_accounts AS a (outlet_id, balance)
        SELECT outlet_id, sum(points_left) FROM gone WHERE points_left > 0 GROUP BY outlet_id ORDER BY outlet_id
        ON CONFLICT (outlet_id) DO UPDATE SET balance = a.balance - excluded.balance"""
DEBITED_BY_UPDATE = """UPDATE points_accounts a SET balance = a.balance - g.points
          FROM (SELECT outlet_id, sum(points_left) AS points FROM gone WHERE points_left > 0 GROUP BY outlet_id) g
         WHERE a.outlet_id = g.outlet_id"""


async def test_without_the_lock_a_lot_expires_and_is_spent(db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await run(ledger.accrue, accrual(1, 20, "a"), accrual(1, 30, "b", LAST_SECOND))
    without_locks(monkeypatch)
    change_sql(monkeypatch, "_EXPIRE", "ORDER BY outlet_id FOR UPDATE", "ORDER BY outlet_id")
    enter = entering.enter

    async def expire_first(entries: Sequence[queries.EntryRow]) -> None:
        assert await asyncio.create_task(expire(NEXT_DAY), context=contextvars.Context()) == Expired(1, 20)
        await enter(entries)

    monkeypatch.setattr(entering, "enter", expire_first)
    assert await run(ledger.redeem, redemption(1, 20, "x", LAST_SECOND)) == [Redeemed(30, repeated=False)]
    assert await rows.fetch(db, ACCOUNTS) == [(1, 10, 0, 0)]
    assert (await proven())[0] == "points.accounts: outlet 1: balance 10, lots hold 30"


async def test_a_sweep_behind_a_spending_takes_what_it_left(db: str) -> None:
    await run(ledger.accrue, accrual(1, 20, "a"), accrual(1, 30, "b", LAST_SECOND))
    assert await one_behind_the_other(
        db, ledger.redeem, [redemption(1, 15, "x", LAST_SECOND)], lambda: expire(NEXT_DAY)
    ) == ([Redeemed(35, repeated=False)], Expired(1, 5))
    assert await rows.fetch(db, ACCOUNTS) == [(1, 30, 0, 0)]
    assert await proven() == []


async def test_a_spending_behind_a_sweep_finds_what_it_left(db: str) -> None:
    await run(ledger.accrue, accrual(1, 20, "a"), accrual(1, 30, "b", LAST_SECOND))
    _, (refused,) = await one_behind_the_other(
        db,
        lambda _: ledger.expire(NEXT_DAY, 10, LAST_SECOND),
        [],
        lambda: run(ledger.redeem, redemption(1, 31, "x", LAST_SECOND)),
    )
    assert isinstance(refused, InsufficientPoints)
    assert refused.data == {"balance_points": 30, "missing_points": 1}
    assert await proven() == []


async def test_two_sweeps_at_once_take_each_lot_once(db: str) -> None:
    await run(ledger.accrue, *(accrual(shop, 20, f"{shop}") for shop in range(1, 31)))
    swept = await both(*(expire(NEXT_DAY, 20) for _ in range(3)))
    while (last := await expire(NEXT_DAY, 20)).lots:
        swept.append(last)
    assert (sum(one.lots for one in swept), sum(one.points for one in swept)) == (30, 600)
    assert await proven() == []


@pytest.mark.parametrize("guarded", [False, True], ids=["guard off", "guard on"])
async def test_a_sweep_behind_points_for_the_lot_that_it_takes(
    db: str, guarded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await run(ledger.accrue, accrual(1, 20, "a"))
    if not guarded:
        change_sql(monkeypatch, "_EXPIRE", DEBITED, DEBITED_BY_UPDATE)

    async def sweep() -> Expired | str:
        try:
            return await expire(NEXT_DAY)
        except asyncpg.CheckViolationError as refused:
            return str(refused.constraint_name)

    _, swept = await one_behind_the_other(db, ledger.adjust, [adjustment(1, 35, "late")], sweep)
    # 20 less 55, computed of the balance of before, would never have been stored, and yet it is refused.
    assert swept == (Expired(1, 55) if guarded else "points_accounts_balance_not_negative")
    assert await proven() == []
