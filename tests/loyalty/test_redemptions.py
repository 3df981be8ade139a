"""Redemptions: points become entitlements, each with a definite answer, and on refusal nothing moves."""

from datetime import UTC, datetime, timedelta

import pytest

from loyalty import transactions
from loyalty.customers.personal import DataKeys
from loyalty.customers.standings import MemberRef
from loyalty.errors import IdempotencyKeyReused
from loyalty.organisation.audit import Actor
from loyalty.points import ledger
from loyalty.points.errors import InsufficientPoints
from loyalty.points.ledger import Accrual
from loyalty.rewards import catalogue, redemptions
from loyalty.rewards.catalogue import RewardPlan
from loyalty.rewards.errors import (
    RewardClosed,
    RewardCostChanged,
    RewardLimitReached,
    RewardNotOpen,
    RewardPaused,
    RewardSoldOut,
    RewardUnknown,
)
from loyalty.rewards.redemptions import Redeemed, Redemption
from loyalty.rewards.types.coupon import CouponTerms
from tests import factories, rows

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)
BY = Actor("command", "tests", "tests")


async def reward(units: int | None = None, cost: int = 100, *, live: bool = True, **changes: object) -> int:
    """Make a coupon in the catalogue."""
    values: dict[str, object] = {
        "type": "coupon",
        "name": "满 100 减 10",
        "description": "",
        "terms": CouponTerms(1_000, 10_000),
        "cost_points": cost,
        "cost_fen": 1_000,
        "units": units,
        "from_at": AT - timedelta(days=1),
        "until_at": AT + timedelta(days=30),
        "days_valid": 7,
    }
    made = await catalogue.add(RewardPlan(**values | changes), BY, "上架", AT)  # type: ignore[arg-type]
    if live:
        await catalogue.move(made, "live", BY, "上架", AT)
    return made


async def rich(data_keys: DataKeys, points: int = 1_000) -> MemberRef:
    """Give the owner of an outlet that has so many points."""
    code = await factories.outlet(AT, data_keys)
    owner = await factories.bound(code, AT, data_keys)
    async with transactions.begin() as connection:
        outlet_id = await connection.fetchval("SELECT id FROM outlets WHERE code = $1", code)
        await ledger.accrue([Accrual(outlet_id, owner.id, points, "test", code, "test:1", "起步积分", AT)])
    return owner


def wish(member: MemberRef, reward_id: int, key: str = "redeem-key-1", **changes: object) -> Redemption:
    """Give a wish to redeem."""
    values: dict[str, object] = {"cost_points": None, "at": AT, "input_hash": b"input"} | changes
    return Redemption(member=member, key=key, reward_id=reward_id, **values)  # type: ignore[arg-type]


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
    db: str, data_keys: DataKeys, changes: dict[str, object], asked: dict[str, object], refusal: type[Exception]
) -> None:
    owner, coupon = await rich(data_keys), await reward(**changes)  # type: ignore[arg-type]
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
