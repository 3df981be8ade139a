"""Undone redemptions: points to the lots they came from, the unit to its allotment; only what nobody has used."""

from datetime import date, timedelta
from typing import Any

import msgspec
import pytest

from loyalty.customers.personal import DataKeys
from loyalty.customers.standings import MemberRef
from loyalty.errors import Refusal
from loyalty.organisation.errors import ReasonMissing
from loyalty.rewards import cancellations, redemptions
from loyalty.rewards.entitlements import entitlements
from loyalty.rewards.entitlements.entitlements import Use
from loyalty.rewards.errors import EntitlementEnded, EntitlementHeld, RedemptionUnknown
from loyalty.rewards.redemptions import Redeemed
from loyalty.staff.people import Staff
from tests import organisation, rows
from tests.storefront import (
    AT,
    END,
    UNITS,
    buy,
    cancel,
    manager,
    outlet_of,
    pay,
    proven,
    reward,
    rich,
    use,
    wish,
)

LOTS = "SELECT expires_on, points_left FROM points_lots ORDER BY 1"
ACCOUNT = "SELECT balance, owed FROM points_accounts"
NOVEMBER, DECEMBER = date(2027, 11, 30), date(2027, 12, 31)
IN_DECEMBER = AT + timedelta(days=30)


@pytest.fixture
async def boss(db: str) -> Staff:
    """Give somebody who reaches everything."""
    return await manager()


async def two_lots(db: str, data_keys: DataKeys) -> MemberRef:
    """Give the owner of an outlet with 60 points of one month and 100 of the next."""
    owner = await rich(data_keys, 60)
    await pay(await outlet_of(db, owner), 100, "december", IN_DECEMBER)
    return owner


async def test_points_go_back_to_their_lots_and_the_unit_to_its_allotment(
    db: str, data_keys: DataKeys, boss: Staff
) -> None:
    owner, coupon = await two_lots(db, data_keys), await reward(units=2)
    (got,) = await buy(owner, coupon)
    assert await rows.fetch(db, LOTS) == [(NOVEMBER, 0), (DECEMBER, 60)]
    at = AT + timedelta(hours=1)
    assert await cancel(got.redemption_id, boss, at) == 100
    assert await rows.fetch(db, LOTS) == [(NOVEMBER, 60), (DECEMBER, 100)]
    assert await rows.fetch(db, ACCOUNT) == [(160, 0)]
    assert await rows.fetch(db, UNITS) == [(2, 1, 1)]
    assert await rows.fetch(db, "SELECT state, held_by, ended_at FROM entitlements") == [("cancelled", None, at)]
    assert await rows.fetch(db, "SELECT cancelled_at FROM redemptions") == [(at,)]
    last = "SELECT kind, points, source_kind, source_id, why FROM ledger_entries ORDER BY id DESC LIMIT 1"
    assert await rows.fetch(db, last) == [
        ("reversal", 100, "redemption_cancelled", str(got.redemption_id), "取消兑换“满 100 减 10”，退回 100 分")
    ]
    told = "SELECT type, occurred_at, data->>'redemption_id', data->>'points' FROM outbox ORDER BY id DESC LIMIT 1"
    assert await rows.fetch(db, told) == [("reward.cancelled", at, str(got.redemption_id), "100")]
    audited = "SELECT action, actor_kind, after->>'points', reason FROM audit_entries ORDER BY id DESC LIMIT 1"
    assert await rows.fetch(db, audited) == [("redemption.cancelled", "staff", "100", "店家兑错了")]
    await proven()


async def test_points_whose_day_has_passed_come_back_for_the_days_of_grace(
    db: str, data_keys: DataKeys, boss: Staff
) -> None:
    owner, coupon = await two_lots(db, data_keys), await reward(days_valid=366, until_at=AT + timedelta(days=500))
    in_october = AT + timedelta(days=350)
    (got,) = await buy(owner, coupon, at=in_october)
    in_december = AT + timedelta(days=400)
    assert in_december.date() == date(2027, 12, 9)
    assert await cancel(got.redemption_id, boss, in_december) == 100
    assert await rows.fetch(db, LOTS) == [(NOVEMBER, 0), (DECEMBER, 100), (date(2028, 1, 8), 60)]
    assert await rows.fetch(db, ACCOUNT) == [(160, 0)]
    await proven()


async def test_on_its_last_day_a_lot_is_filled_again_without_grace(db: str, data_keys: DataKeys, boss: Staff) -> None:
    owner, coupon = await rich(data_keys, 100), await reward(days_valid=366, until_at=AT + timedelta(days=500))
    (got,) = await buy(owner, coupon, at=AT + timedelta(days=350))
    assert await cancel(got.redemption_id, boss, AT + timedelta(days=391, hours=13, minutes=59)) == 100
    assert await rows.fetch(db, LOTS) == [(NOVEMBER, 100)]
    await proven()


async def test_what_is_owed_is_repaid_first(db: str, data_keys: DataKeys, boss: Staff) -> None:
    owner, coupon = await rich(data_keys, 100), await reward()
    (got,) = await buy(owner, coupon)
    await rows.execute(db, "UPDATE points_accounts SET owed = 30")
    assert await cancel(got.redemption_id, boss) == 100
    assert await rows.fetch(db, ACCOUNT) == [(70, 0)]
    assert await rows.fetch(db, LOTS) == [(NOVEMBER, 70)]


async def test_undone_it_counts_against_no_limit_and_the_returned_unit_waits(
    db: str, data_keys: DataKeys, boss: Staff
) -> None:
    owner, coupon = await rich(data_keys), await reward(units=2, outlet_max=1)
    (got,) = await buy(owner, coupon)
    await cancel(got.redemption_id, boss)
    (again,) = await redemptions.redeem([wish(owner, coupon, "another-key")])
    assert isinstance(again, Redeemed)
    assert await rows.fetch(db, UNITS) == [(2, 0, 1)]
    # The key of the one that was undone still tells what it bought.
    (repeat,) = await redemptions.redeem([wish(owner, coupon, f"buy-{coupon}-{AT}-0")])
    assert isinstance(repeat, Redeemed)
    assert (repeat.redemption_id, repeat.repeated, repeat.balance_points) == (got.redemption_id, True, 900)
    await proven()


@pytest.mark.parametrize(
    ("state", "at", "refusal", "told"),
    [
        ("held", AT, EntitlementHeld, {}),
        ("held", END, EntitlementHeld, {}),
        ("redeemed", AT, EntitlementEnded, {"state": "redeemed"}),
        ("free", END, EntitlementEnded, {"state": "lapsed"}),
        ("lapsed", END, EntitlementEnded, {"state": "lapsed"}),
        ("cancelled", AT, EntitlementEnded, {"state": "cancelled"}),
    ],
)
async def test_what_is_in_use_or_over_stays(
    db: str, data_keys: DataKeys, boss: Staff, state: str, at: Any, refusal: type[Refusal], told: dict[str, str]
) -> None:
    owner, coupon = await rich(data_keys), await reward(units=1)
    (got,) = await buy(owner, coupon)
    one = Use(got.bought.entitlement_id, await outlet_of(db, owner), "order:1", AT)
    if state in {"held", "redeemed"}:
        await use("hold", one)
    if state == "redeemed":
        await use("redeem", one)
    if state == "lapsed":
        assert await entitlements.lapse(END) == 1
    if state == "cancelled":
        await cancel(got.redemption_id, boss)
    before = await rows.picture(db)
    with pytest.raises(refusal) as refused:
        await cancel(got.redemption_id, boss, at)
    assert refused.value.data == told
    assert await rows.picture(db) == before


async def test_only_within_reach_and_only_with_a_reason(db: str, data_keys: DataKeys) -> None:
    places = await organisation.planted(AT)
    near = await organisation.staff("near", "operator", places.shanghai, AT)
    far = await organisation.staff("far", "operator", places.nanjing, AT)
    rep = await organisation.staff("rep", "rep", places.shanghai, AT)
    owner, coupon = await rich(data_keys, plant_code="SH"), await reward(units=1)
    (got,) = await buy(owner, coupon)
    before = await rows.picture(db)
    for somebody in (far, rep, msgspec.structs.replace(near, grants=())):
        with pytest.raises(RedemptionUnknown):
            await cancel(got.redemption_id, somebody)
    with pytest.raises(RedemptionUnknown):
        await cancel(got.redemption_id + 1, near)
    with pytest.raises(ReasonMissing):
        await cancellations.cancel(got.redemption_id, near.reach(near.roles), near, " ", AT)
    assert await rows.picture(db) == before
    assert await cancel(got.redemption_id, near) == 100
