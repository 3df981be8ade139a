"""Granted rewards: points under budget and caps, entitlements while there are units, once for each source."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from loyalty import transactions
from loyalty.campaigns import campaigns
from loyalty.campaigns.campaigns import CampaignPlan
from loyalty.customers.personal import DataKeys
from loyalty.errors import Refusal
from loyalty.rewards import catalogue, rewards
from loyalty.rewards.errors import RewardClosed, RewardPaused, RewardSoldOut, RewardUnknown
from loyalty.rewards.rewards import Grant, Granted
from loyalty.rewards.types.gift import GiftTerms
from loyalty.rewards.types.points import PointsTerms
from loyalty.rewards.types.price import PriceTerms
from tests import factories, rows
from tests.storefront import AT, BY, END, UNITS, outlet_of, pay, proven, reward

GIFT: dict[str, Any] = {
    "type": "gift",
    "name": "遮阳伞",
    "terms": GiftTerms("U1", "遮阳伞", 2, "把"),
    "cost_points": None,
}
ENTRIES = "SELECT outlet_id, points, source_id, rule, why, campaign_id FROM ledger_entries ORDER BY id"
BUDGET = "SELECT spent_points, warned_at IS NOT NULL, stopped_at IS NOT NULL FROM campaigns"


async def points_reward(points: int, campaign_id: int | None = None, **changes: Any) -> int:
    """Make a reward of points."""
    values: dict[str, Any] = {"type": "points", "name": "积分红包", "terms": PointsTerms(points), "cost_points": None}
    return await reward(**values | {"campaign_id": campaign_id} | changes)


async def campaign(budget: int | None = None, **caps: Any) -> int:
    """Make a campaign that runs now."""
    plan = CampaignPlan(
        name="秋收", from_at=AT - timedelta(days=1), until_at=AT + timedelta(days=9), budget_points=budget, **caps
    )
    return await campaigns.add("autumn", plan, BY, "秋收活动", AT)


async def outlets(db: str, data_keys: DataKeys, count: int) -> list[int]:
    """Make outlets; give their ids."""
    owners = [await factories.bound(await factories.outlet(AT, data_keys), AT, data_keys) for _ in range(count)]
    return [await outlet_of(db, owner) for owner in owners]


def wish(outlet_id: int, reward_id: int, source_id: str, **changes: Any) -> Grant:
    """Give a grant of a wheel's spin."""
    values: dict[str, Any] = {"member_id": None, "source_kind": "spin", "why": "转盘中奖", "at": AT}
    return Grant(outlet_id=outlet_id, reward_id=reward_id, source_id=source_id, **values | changes)


async def grant(*many: Grant) -> list[Granted | Refusal]:
    """Grant in a transaction of its own."""
    async with transactions.begin():
        return await rewards.grant(many)


def told(answers: Sequence[Granted | Refusal]) -> list[object]:
    """Give points paid, names of what was granted, or the refusal's type; a repeat with a star."""
    found: list[object] = []
    for one in answers:
        if isinstance(one, Granted):
            what = one.points if one.entitlement is None else one.entitlement.name
            found.append(f"{what}*" if one.repeated else what)
        else:
            found.append(type(one))
    return found


async def test_points_are_paid_at_once(db: str, data_keys: DataKeys) -> None:
    (shop,) = await outlets(db, data_keys, 1)
    red = await points_reward(30)
    assert told(await grant(wish(shop, red, "s1"), wish(shop, red, "s2", why="签到抽奖"))) == [30, 30]
    assert await rows.fetch(db, ENTRIES) == [
        (shop, 30, "s1", f"reward:{red}.2", "转盘中奖", None),
        (shop, 30, "s2", f"reward:{red}.2", "签到抽奖", None),
    ]
    assert await rows.fetch(db, "SELECT balance FROM points_accounts") == [(60,)]
    assert await rows.fetch(db, "SELECT count(*) FROM entitlements") == [(0,)]
    await proven()


async def test_a_budget_is_never_passed_and_stops_for_all_who_come_later(db: str, data_keys: DataKeys) -> None:
    first, second = await outlets(db, data_keys, 2)
    autumn = await campaign(budget=100)
    forty, ten = await points_reward(40, autumn), await points_reward(10, autumn)
    many = [wish(first, forty, "s1"), wish(second, forty, "s2"), wish(first, forty, "s3"), wish(second, ten, "s4")]
    assert told(await grant(*many)) == [40, 40, 0, 0], "the tenth point would fit, but somebody before got nothing"
    assert await rows.fetch(db, BUDGET) == [(80, True, True)]
    assert told(await grant(wish(first, ten, "s5"))) == [0]
    assert await rows.fetch(db, BUDGET) == [(80, True, True)]
    assert await rows.fetch(db, "SELECT sum(points)::int, count(*) FROM ledger_entries") == [(80, 2)]
    await proven()


async def test_caps_cut_what_is_paid_and_say_so(db: str, data_keys: DataKeys) -> None:
    first, second = await outlets(db, data_keys, 2)
    autumn = await campaign(outlet_points_max=100, outlet_day_points_max=70)
    forty = await points_reward(40, autumn)
    tomorrow = AT + timedelta(days=1)
    answers = await grant(
        wish(first, forty, "s1"),
        wish(first, forty, "s2"),
        wish(first, forty, "s3"),
        wish(second, forty, "s4"),
        wish(first, forty, "s5", at=tomorrow),
    )
    assert told(answers) == [40, 30, 0, 40, 30]
    assert [(points, why) for _, points, _, _, why, _ in await rows.fetch(db, ENTRIES)] == [
        (40, "转盘中奖"),
        (30, "转盘中奖（到了活动上限，记 30 分）"),
        (40, "转盘中奖"),
        (30, "转盘中奖（到了活动上限，记 30 分）"),
    ]
    assert await rows.fetch(db, BUDGET) == [(140, False, False)]
    await proven()


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        (GIFT, "遮阳伞 2 把，随下一趟送货车送到"),
        (
            {"type": "price", "terms": PriceTerms("P1", "汽水", 2_850, 3), "cost_points": None},
            "汽水 每箱 28.50 元，最多 3 箱",
        ),
        ({}, "订货满 100 元减 10 元"),
    ],
    ids=["gift", "price", "coupon"],
)
async def test_entitlements_are_granted_for_nothing(
    db: str, data_keys: DataKeys, kind: dict[str, Any], sentence: str
) -> None:
    (shop,) = await outlets(db, data_keys, 1)
    made = await reward(units=1, **kind)
    (got,) = await grant(wish(shop, made, "s1"))
    assert isinstance(got, Granted)
    assert got.entitlement is not None
    assert (got.points, got.repeated, got.entitlement.sentence) == (0, False, sentence)
    assert (got.entitlement.state, got.entitlement.expires_at) == ("free", END)
    assert (got.entitlement.source_kind, got.entitlement.source_id) == ("spin", "s1")
    assert await rows.fetch(db, UNITS) == [(1, 0, 0)]
    assert await rows.fetch(db, "SELECT count(*) FROM ledger_entries") == [(0,)]
    await proven()


async def test_units_run_out_in_the_order_of_the_call(db: str, data_keys: DataKeys) -> None:
    first, second = await outlets(db, data_keys, 2)
    few, many = await reward(units=2, **GIFT), await reward(units=None, name="券")
    answers = await grant(
        wish(second, few, "s1"),
        wish(first, many, "s2"),
        wish(first, few, "s3"),
        wish(second, few, "s4"),
        wish(second, many, "s5"),
    )
    assert told(answers) == ["遮阳伞", "券", "遮阳伞", RewardSoldOut, "券"]
    before = await rows.picture(db)
    assert told(await grant(wish(first, few, "s6"))) == [RewardSoldOut]
    assert await rows.picture(db) == before
    await proven()


async def test_a_source_is_rewarded_once(db: str, data_keys: DataKeys) -> None:
    first, second = await outlets(db, data_keys, 2)
    umbrella, red = await reward(units=3, **GIFT), await points_reward(30)
    once = [wish(first, umbrella, "s1"), wish(second, red, "s2")]
    answers = await grant(*once, *once)
    assert told(answers) == ["遮阳伞", 30, "遮阳伞*", "0*"]
    before = await rows.picture(db)
    again = await grant(*once)
    assert told(again) == ["遮阳伞*", "0*"]
    assert [one.entitlement for one in again if isinstance(one, Granted)] == [
        one.entitlement for one in answers[:2] if isinstance(one, Granted)
    ]
    assert await rows.picture(db) == before
    assert await rows.fetch(db, UNITS) == [(3, 2, 0)]
    await proven()


async def test_twice_in_a_call_that_finds_nothing_left_is_sold_out_twice(db: str, data_keys: DataKeys) -> None:
    (shop,) = await outlets(db, data_keys, 1)
    none = await reward(units=0, **GIFT)
    before = await rows.picture(db)
    assert told(await grant(wish(shop, none, "s1"), wish(shop, none, "s1"))) == [RewardSoldOut] * 2
    assert await rows.picture(db) == before


@pytest.mark.parametrize(
    ("changes", "state", "refusal"),
    [
        ({"live": False}, None, RewardUnknown),
        ({"from_at": AT + timedelta(microseconds=1)}, None, RewardUnknown),
        ({}, "paused", RewardPaused),
        ({}, "ended", RewardClosed),
        ({"until_at": AT}, None, RewardClosed),
    ],
    ids=["a draft", "before its time", "paused", "ended", "after its time"],
)
@pytest.mark.parametrize("kind", ["gift", "points"])
async def test_a_reward_that_is_not_open_grants_nothing(
    db: str, data_keys: DataKeys, kind: str, changes: dict[str, Any], state: Any, refusal: type[Refusal]
) -> None:
    (shop,) = await outlets(db, data_keys, 1)
    made = await (reward(units=1, **GIFT | changes) if kind == "gift" else points_reward(5, **changes))
    if state is not None:
        await catalogue.move(made, state, BY, "停一下", AT)
    before = await rows.picture(db)
    assert told(await grant(wish(shop, made, "s1"), wish(shop, 999_999, "s2"))) == [refusal, RewardUnknown]
    assert await rows.picture(db) == before


@pytest.mark.parametrize("state", ["paused", "ended"])
async def test_who_was_rewarded_in_time_is_told_so_whatever_became_of_the_reward(
    db: str, data_keys: DataKeys, state: Any
) -> None:
    (shop,) = await outlets(db, data_keys, 1)
    umbrella, red = await reward(units=1, **GIFT), await points_reward(30)
    many = [wish(shop, umbrella, "s1"), wish(shop, red, "s2")]
    first = await grant(*many)
    for one in (umbrella, red):
        await catalogue.move(one, state, BY, "停一下", AT)
    before = await rows.picture(db)
    again = await grant(*many, wish(shop, umbrella, "s3"), wish(shop, red, "s4"))
    refusal = RewardPaused if state == "paused" else RewardClosed
    assert told(again) == ["遮阳伞*", "0*", refusal, refusal]
    assert isinstance(again[0], Granted)
    assert isinstance(first[0], Granted)
    assert again[0].entitlement == first[0].entitlement
    assert await rows.picture(db) == before


async def test_a_campaign_that_is_over_pays_nothing(db: str, data_keys: DataKeys) -> None:
    (shop,) = await outlets(db, data_keys, 1)
    red = await points_reward(30, await campaign(budget=1_000))
    await pay(shop, 1, "so that there is an account")
    before = await rows.picture(db)
    assert told(await grant(wish(shop, red, "s1", at=AT + timedelta(days=9)))) == [0]
    assert await rows.picture(db) == before
    assert told(await grant(wish(shop, red, "s1", at=AT + timedelta(days=9) - timedelta(microseconds=1)))) == [30]


async def test_however_many_are_granted_by_as_many_statements(db: str, data_keys: DataKeys) -> None:
    first, second = await outlets(db, data_keys, 2)
    umbrella, red = await reward(units=50, **GIFT), await points_reward(3, await campaign(budget=1_000))
    counts = []
    for size in (1, 20):
        asked: list[str] = []
        many = [wish(first, umbrella, f"g{size}-{n}") for n in range(size)]
        many += [wish(second, red, f"p{size}-{n}") for n in range(size)]
        async with transactions.begin() as connection:
            with connection.query_logger(lambda record, asked=asked: asked.append(record.query)):
                await rewards.grant(many)
        counts.append(len(asked))
    assert counts[0] == counts[1] <= 20


async def test_nobody_grants_outside_of_a_transaction(db: str) -> None:
    with pytest.raises(RuntimeError, match=r"transactions\."):
        await rewards.grant([wish(1, 1, "s1")])
    async with transactions.begin():
        assert await rewards.grant([]) == []
