"""Redemptions that meet: each pair shows the race without its guard, and the guard holding."""

from typing import Any

import asyncpg
import pytest

from loyalty import transactions
from loyalty.batches import Batcher
from loyalty.customers.personal import DataKeys
from loyalty.customers.standings import MemberRef
from loyalty.points.errors import InsufficientPoints
from loyalty.rewards import queries, redemptions
from loyalty.rewards.errors import RewardLimitReached, RewardSoldOut
from loyalty.rewards.redemptions import Redeemed, Redemption
from tests import factories, rows
from tests.concurrency.meetings import both, without_locks
from tests.concurrency.reward_meetings import (
    GUARDED,
    count,
    meet,
    told,
    without_locks_of_allotments,
)
from tests.concurrency.test_checkin_races import without_constraint
from tests.storefront import AT, UNITS, proven, reward, rich, wish


async def redeemed(*many: Redemption) -> list[Any]:
    """Redeem, each through a batcher of its own, as one worker each would, at once."""
    return await both(*(Batcher(redemptions.redeem).submit(one) for one in many))


@GUARDED
async def test_the_last_unit_goes_to_one_of_two_outlets(
    db: str, data_keys: DataKeys, guarded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, last = await rich(data_keys), await rich(data_keys), await reward(units=1)
    meet(monkeypatch, db, queries, "store")
    if guarded:
        answers = await redeemed(wish(first, last), wish(second, last))
        assert told(answers) == {Redeemed: 1, RewardSoldOut: 1}
        assert await rows.fetch(db, UNITS) == [(1, 0, 0)]
        assert await rows.fetch(db, "SELECT balance FROM points_accounts ORDER BY 1") == [(900,), (1_000,)]
        await proven()
        return
    without_locks_of_allotments(monkeypatch)
    async with without_constraint(db, "allotments", "allotments_not_negative"):
        answers = await redeemed(wish(first, last), wish(second, last))
        assert told(answers) == {Redeemed: 2}
        assert await rows.fetch(db, UNITS) == [(1, -1, 0)]


async def test_without_the_lock_the_constraint_still_gives_one(
    db: str, data_keys: DataKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, last = await rich(data_keys), await rich(data_keys), await reward(units=1)
    meet(monkeypatch, db, queries, "store")
    without_locks_of_allotments(monkeypatch)
    answers = await redeemed(wish(first, last), wish(second, last))
    assert told(answers) == {Redeemed: 1, asyncpg.CheckViolationError: 1}
    assert await rows.fetch(db, UNITS) == [(1, 0, 0)]
    await proven()


async def colleagues(data_keys: DataKeys, points: int) -> tuple[MemberRef, MemberRef]:
    """Give the owner and a clerk of one outlet."""
    owner = await rich(data_keys, points)
    async with transactions.reader() as connection:
        code = await connection.fetchval(
            "SELECT o.code FROM outlets o JOIN bindings b ON b.outlet_id = o.id WHERE b.member_id = $1", owner.id
        )
    return owner, await factories.bound(code, AT, data_keys)


@GUARDED
async def test_two_of_one_outlet_pass_its_limit_together_only_without_the_lock(
    db: str, data_keys: DataKeys, guarded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, clerk = await colleagues(data_keys, 1_000)
    once = await reward(outlet_max=1)
    meet(monkeypatch, db, queries, "store")
    if not guarded:
        without_locks(monkeypatch)
    answers = await redeemed(wish(owner, once), wish(clerk, once))
    assert told(answers) == ({Redeemed: 1, RewardLimitReached: 1} if guarded else {Redeemed: 2})
    assert await count(db, "redemptions") == (1 if guarded else 2)
    await proven()


@GUARDED
async def test_two_of_one_outlet_spend_its_points_once(
    db: str, data_keys: DataKeys, guarded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, clerk = await colleagues(data_keys, 150)
    coupon = await reward()
    meet(monkeypatch, db, queries, "store")
    if not guarded:
        without_locks(monkeypatch)
    answers = await redeemed(wish(owner, coupon), wish(clerk, coupon))
    # Without the lock the constraint is the last net: what it catches is a fault, not an answer.
    other = InsufficientPoints if guarded else asyncpg.CheckViolationError
    assert told(answers) == {Redeemed: 1, other: 1}
    short = [one.data for one in answers if isinstance(one, InsufficientPoints)]
    assert short == ([{"balance_points": 50, "missing_points": 50}] if guarded else [])
    assert await rows.fetch(db, "SELECT balance FROM points_accounts") == [(50,)]
    await proven()


@GUARDED
async def test_one_key_at_two_workers_buys_once(
    db: str, data_keys: DataKeys, guarded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, coupon = await rich(data_keys), await reward(units=5)
    meet(monkeypatch, db, queries, "store")
    if guarded:
        answers = await redeemed(wish(owner, coupon), wish(owner, coupon))
        assert sorted(one.repeated for one in answers) == [False, True]
        assert len({one.redemption_id for one in answers}) == 1
        assert [one.balance_points for one in answers] == [900, 900]
        assert await rows.fetch(db, UNITS) == [(5, 4, 0)]
        await proven()
        return
    async with without_constraint(db, "redemptions", "redemptions_idempotency"):
        answers = await redeemed(wish(owner, coupon), wish(owner, coupon))
        assert [one.repeated for one in answers] == [False, False]
        assert await count(db, "redemptions") == 2


async def test_two_hundred_wishes_for_fifty_units(db: str, data_keys: DataKeys) -> None:
    people = [await rich(data_keys) for _ in range(10)]
    coupon = await reward(units=50)
    batchers = [Batcher(redemptions.redeem, batch_items_max=16) for _ in range(4)]
    answers = await both(*(batchers[n % 4].submit(wish(people[n % 10], coupon, f"many-keys-{n}")) for n in range(200)))
    kinds = told(answers)
    # An outlet has points for ten; which units it gets of the fifty depends on who comes first.
    assert (kinds[Redeemed], sum(kinds.values())) == (50, 200)
    assert set(kinds) <= {Redeemed, RewardSoldOut, InsufficientPoints}
    assert await rows.fetch(db, UNITS) == [(50, 0, 0)]
    await proven()


async def test_batches_that_name_the_same_in_opposite_order_do_not_deadlock(
    db: str, data_keys: DataKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [await rich(data_keys) for _ in range(12)]
    coupons = [await reward(units=24) for _ in range(2)]
    wishes = [wish(one, coupon, f"order-{coupon}") for one in people for coupon in coupons]
    others = [wish(one, coupon, f"other-{coupon}") for one in people for coupon in coupons]
    meet(monkeypatch, db, queries, "store")
    one, other = await both(redemptions.redeem(wishes), redemptions.redeem(others[::-1]))
    assert told([*one, *other]) == {Redeemed: 48}
    assert await rows.fetch(db, UNITS) == [(24, 0, 0)] * 2
    await proven()
