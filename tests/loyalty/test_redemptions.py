"""Redemptions: points become entitlements, each with a definite answer, and on refusal nothing moves."""

import asyncio
import contextvars
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from loyalty.customers import binding_codes, bindings
from loyalty.customers.errors import BindingRequired, SessionEnded
from loyalty.customers.personal import DataKeys
from loyalty.customers.standings import MemberRef
from loyalty.errors import IdempotencyKeyReused
from loyalty.points.errors import InsufficientPoints
from loyalty.rewards import catalogue, queries, redemptions
from loyalty.rewards.errors import (
    RewardClosed,
    RewardCostChanged,
    RewardLimitReached,
    RewardNotEligible,
    RewardNotOpen,
    RewardPaused,
    RewardSoldOut,
    RewardUnknown,
)
from loyalty.rewards.redemptions import Redeemed
from tests import factories, rows
from tests.storefront import AT, BY, UNITS, buy, outlet_of, pay, proven, reward, rich, wish

LOTS = "SELECT expires_on, points_left FROM points_lots ORDER BY 1"


async def test_points_become_an_entitlement(db: str, data_keys: DataKeys) -> None:
    owner, coupon = await rich(data_keys), await reward(units=3)
    (answer,) = await redemptions.redeem([wish(owner, coupon)])
    assert isinstance(answer, Redeemed)
    assert (answer.cost_points, answer.balance_points, answer.repeated) == (100, 900, False)
    assert answer.bought.sentence == "订货满 100 元减 10 元"
    assert answer.bought.expires_at == datetime(2026, 11, 10, 16, 0, tzinfo=UTC)
    assert await rows.fetch(db, "SELECT balance FROM points_accounts") == [(900,)]
    assert await rows.fetch(db, "SELECT units_total, units_free, units_returned FROM allotments") == [(3, 2, 0)]
    assert await rows.fetch(db, "SELECT kind, points, why FROM ledger_entries ORDER BY id") == [
        ("accrual", 1000, "起步积分"),
        ("redemption", -100, "兑换“满 100 减 10”，用了 100 分"),
    ]
    assert await rows.fetch(db, "SELECT type, state, source_kind FROM entitlements") == [
        ("coupon", "free", "redemption")
    ]
    assert await rows.fetch(db, "SELECT type FROM outbox ORDER BY 1") == [("binding.made",), ("reward.redeemed",)]


async def test_the_same_key_again_tells_the_same(db: str, data_keys: DataKeys) -> None:
    owner, coupon = await rich(data_keys), await reward()
    first, second = await redemptions.redeem([wish(owner, coupon), wish(owner, coupon)])
    assert isinstance(first, Redeemed)
    assert isinstance(second, Redeemed)
    assert (first.repeated, second.repeated) == (False, True)
    assert (second.redemption_id, second.bought, second.balance_points) == (first.redemption_id, first.bought, 900)
    before = await rows.picture(db)
    (third,) = await redemptions.redeem([wish(owner, coupon)])
    assert isinstance(third, Redeemed)
    assert third.repeated
    (other,) = await redemptions.redeem([wish(owner, coupon, input_hash=b"other")])
    assert isinstance(other, IdempotencyKeyReused)
    assert await rows.picture(db) == before


@pytest.mark.parametrize(
    ("changes", "asked", "refusal"),
    [
        ({"units": 0}, {}, RewardSoldOut),
        ({"cost": 1_001}, {}, InsufficientPoints),
        ({"live": False}, {}, RewardUnknown),
        ({"from_at": AT + timedelta(seconds=1)}, {}, RewardNotOpen),
        ({"until_at": AT}, {}, RewardClosed),
        ({}, {"cost_points": 99}, RewardCostChanged),
        ({"cost_points": None}, {}, RewardUnknown),
    ],
)
async def test_a_refusal_moves_nothing(
    db: str, data_keys: DataKeys, changes: dict[str, Any], asked: dict[str, Any], refusal: type[Exception]
) -> None:
    owner, coupon = await rich(data_keys), await reward(**changes)
    before = await rows.picture(db)
    (answer,) = await redemptions.redeem([wish(owner, coupon, **asked)])
    assert isinstance(answer, refusal)
    assert await rows.picture(db) == before


async def test_many_at_once_are_judged_one_after_the_other(db: str, data_keys: DataKeys) -> None:
    owner, other = await rich(data_keys, 250), await rich(data_keys)
    coupon = await reward(units=3)
    limited = await reward(outlet_max=1)
    answers = await redemptions.redeem(
        [
            wish(owner, coupon, "key-aaaa-1"),
            wish(owner, coupon, "key-aaaa-2"),
            wish(owner, coupon, "key-aaaa-3"),
            wish(other, coupon, "key-bbbb-1"),
            wish(other, coupon, "key-bbbb-2"),
            wish(other, limited, "key-bbbb-3"),
            wish(other, limited, "key-bbbb-4"),
        ]
    )
    assert [type(answer) for answer in answers] == [
        Redeemed, Redeemed, InsufficientPoints, Redeemed, RewardSoldOut, Redeemed, RewardLimitReached,
    ]  # fmt: skip
    assert [answer.data for answer in answers if isinstance(answer, InsufficientPoints)] == [
        {"balance_points": 50, "missing_points": 50}
    ]
    assert await rows.fetch(db, "SELECT balance FROM points_accounts ORDER BY 1") == [(50,), (800,)]


async def test_pausing_counts_at_once(db: str, data_keys: DataKeys) -> None:
    owner, coupon = await rich(data_keys), await reward()
    await catalogue.move(coupon, "paused", BY, "先停一下", AT)
    (answer,) = await redemptions.redeem([wish(owner, coupon)])
    assert isinstance(answer, RewardPaused)
    await catalogue.move(coupon, "live", BY, "接着来", AT)
    (answer,) = await redemptions.redeem([wish(owner, coupon)])
    assert isinstance(answer, Redeemed)


async def test_only_outlets_that_it_is_for_may_have_it(db: str, data_keys: DataKeys) -> None:
    near, far = await rich(data_keys, plant_code="SH"), await rich(data_keys, plant_code="NJ")
    theirs, everybodys = await reward(plants=("SH",)), await reward()
    answers = await redemptions.redeem(
        [
            wish(far, theirs, "key-far-1"),
            wish(near, theirs, "key-near-1"),
            wish(far, everybodys, "key-far-2"),
            wish(near, everybodys, "key-near-2"),
        ]
    )
    assert [type(one) for one in answers] == [RewardNotEligible, Redeemed, Redeemed, Redeemed]
    await proven()


MIDNIGHT = datetime(2026, 11, 30, 16, 0, tzinfo=UTC)
"""When December begins in Shanghai; in UTC it is still November for eight hours."""


async def test_a_months_limit_begins_anew_at_midnight_in_shanghai(db: str, data_keys: DataKeys) -> None:
    owner = await rich(data_keys)
    monthly = await reward(outlet_month_max=1, until_at=MIDNIGHT + timedelta(days=60))
    last, first = MIDNIGHT - timedelta(microseconds=1), MIDNIGHT
    told = []
    for n, at in enumerate((AT, last, first, first + timedelta(days=30), first + timedelta(days=31))):
        (answer,) = await redemptions.redeem([wish(owner, monthly, f"month-{n}", at=at)])
        told.append(type(answer))
    assert told == [Redeemed, RewardLimitReached, Redeemed, RewardLimitReached, Redeemed]


@pytest.mark.parametrize("before", [0, 1])
async def test_a_batch_that_holds_both_sides_of_midnight_counts_each_in_its_month(
    db: str, data_keys: DataKeys, before: int
) -> None:
    owner, other = await rich(data_keys), await rich(data_keys)
    monthly = await reward(outlet_month_max=1, outlet_max=2, until_at=MIDNIGHT + timedelta(days=60))
    if before:
        await buy(owner, monthly)
    last = MIDNIGHT - timedelta(microseconds=1)
    answers = await redemptions.redeem(
        [
            wish(other, monthly, "other-1", at=MIDNIGHT),
            wish(owner, monthly, "owner-1", at=last),
            wish(owner, monthly, "owner-2", at=MIDNIGHT),
            wish(owner, monthly, "owner-3", at=last),
            wish(other, monthly, "other-2", at=last),
            wish(other, monthly, "other-3", at=MIDNIGHT + timedelta(days=31)),
        ]
    )
    assert [type(one) for one in answers] == [
        Redeemed,
        RewardLimitReached if before else Redeemed,
        Redeemed,
        RewardLimitReached,
        Redeemed,
        RewardLimitReached,
    ]
    limits = [one.data["per"] for one in answers if isinstance(one, RewardLimitReached)]
    assert limits == (["month", "all", "all"] if before else ["all", "all"])


async def test_points_leave_the_lot_that_ends_first(db: str, data_keys: DataKeys) -> None:
    owner, coupon = await rich(data_keys, 60), await reward()
    await pay(await outlet_of(db, owner), 100, "december", AT + timedelta(days=30))
    (got,) = await buy(owner, coupon)
    assert got.balance_points == 60
    assert await rows.fetch(db, LOTS) == [(date(2027, 11, 30), 0), (date(2027, 12, 31), 60)]


async def test_points_whose_day_has_passed_buy_nothing_swept_or_not(db: str, data_keys: DataKeys) -> None:
    owner, coupon = await rich(data_keys, 150), await reward(until_at=AT + timedelta(days=500))
    (first,) = await buy(owner, coupon)
    assert first.balance_points == 50
    last_day = datetime(2027, 11, 30, 15, 59, tzinfo=UTC)
    await pay(await outlet_of(db, owner), 70, "late", last_day)
    (repeat, short) = await redemptions.redeem(
        [
            wish(owner, coupon, f"buy-{coupon}-{AT}-0", at=last_day + timedelta(minutes=1)),
            wish(owner, coupon, "late-key-1", at=last_day + timedelta(minutes=1)),
        ]
    )
    assert isinstance(repeat, Redeemed)
    assert (repeat.repeated, repeat.balance_points) == (True, 70), "the 50 of last November are gone"
    assert isinstance(short, InsufficientPoints)
    assert short.data == {"balance_points": 70, "missing_points": 30}
    (answer,) = await redemptions.redeem([wish(owner, coupon, "late-key-2", at=last_day)])
    assert isinstance(answer, Redeemed)
    assert answer.balance_points == 20


async def test_a_key_belongs_to_the_outlet_that_it_bought_for(db: str, data_keys: DataKeys) -> None:
    owner, coupon = await rich(data_keys), await reward()
    clerk = await rich(data_keys)
    ((code,),) = await rows.fetch(db, "SELECT code FROM outlets WHERE id = $1", await outlet_of(db, owner))
    home = await outlet_of(db, clerk)
    (first,) = await redemptions.redeem([wish(clerk, coupon)])
    assert isinstance(first, Redeemed)
    # The clerk now acts for the other outlet, too: the key is spent, and spends nothing there.
    token = await binding_codes.issue(str(code), None, "card", "tests", AT)
    await bindings.bind(factories.request(clerk, token.token, AT), data_keys)
    await rows.execute(
        db,
        "UPDATE members SET current_outlet_id = (SELECT id FROM outlets WHERE code = $1) WHERE id = $2",
        str(code),
        clerk.id,
    )
    before = await rows.picture(db)
    (other,) = await redemptions.redeem([wish(clerk, coupon)])
    assert isinstance(other, IdempotencyKeyReused)
    assert await rows.picture(db) == before
    await rows.execute(db, "UPDATE members SET current_outlet_id = $1 WHERE id = $2", home, clerk.id)
    (again,) = await redemptions.redeem([wish(clerk, coupon)])
    assert isinstance(again, Redeemed)
    assert (again.repeated, again.redemption_id) == (True, first.redemption_id)
    # The same key of another member is a key of their own.
    (own,) = await redemptions.redeem([wish(owner, coupon)])
    assert isinstance(own, Redeemed)
    assert not own.repeated


async def test_who_is_not_bound_or_logged_out_gets_nothing(db: str, data_keys: DataKeys) -> None:
    coupon, guest = await reward(), await factories.member(AT, data_keys)
    owner = await rich(data_keys)
    stale = MemberRef(owner.id, owner.epoch + 1)
    before = await rows.picture(db)
    answers = await redemptions.redeem([wish(guest, coupon), wish(stale, coupon), wish(MemberRef(999_999, 0), coupon)])
    assert [type(one) for one in answers] == [BindingRequired, SessionEnded, SessionEnded]
    assert await rows.picture(db) == before
    assert await redemptions.redeem([]) == []


GUARD = "WHERE EXISTS (SELECT FROM bindings b WHERE b.id = due.binding_id AND b.ended_at IS NULL)"


@pytest.mark.parametrize("guarded", [True, False], ids=["guard on", "guard off"])
async def test_a_clerk_who_is_removed_meanwhile_leaves_everything_to_the_others(
    db: str, data_keys: DataKeys, guarded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, other = await rich(data_keys, 150), await rich(data_keys)
    ((code,),) = await rows.fetch(db, "SELECT code FROM outlets WHERE id = $1", await outlet_of(db, owner))
    clerk = await factories.bound(str(code), AT, data_keys)
    last, limited = await reward(units=1), await reward(outlet_max=1)
    assert queries._STORE.count(GUARD) == 1
    if not guarded:
        monkeypatch.setattr(queries, "_STORE", queries._STORE.replace(GUARD, ""))
    store = queries.store
    removed: list[MemberRef] = []

    async def store_after_the_removal(*arguments: Any) -> Any:
        if not removed:
            removed.append(clerk)
            # In a context of its own: the open transaction is not handed on.
            await asyncio.create_task(bindings.remove(owner, clerk.id, AT), context=contextvars.Context())
        return await store(*arguments)

    monkeypatch.setattr(queries, "store", store_after_the_removal)
    answers = await redemptions.redeem(
        [wish(clerk, last), wish(other, last), wish(owner, limited), wish(owner, limited, "owners-2")]
    )
    if guarded:
        # What the clerk had taken in our minds is there for the others: the last unit, and the outlet's points.
        assert [type(one) for one in answers] == [BindingRequired, Redeemed, Redeemed, RewardLimitReached]
        assert [one.balance_points for one in answers if isinstance(one, Redeemed)] == [900, 50]
    else:
        assert [type(one) for one in answers] == [Redeemed, RewardSoldOut, InsufficientPoints, InsufficientPoints]
    assert await rows.fetch(db, UNITS) == [(1, 0, 0)]
    await proven()
