"""The rewards shop: each offer says of itself what redeeming would say at that moment."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from loyalty import transactions
from loyalty.customers import bindings, classification
from loyalty.customers.classification import Classification
from loyalty.customers.errors import BindingRequired, SessionEnded
from loyalty.customers.personal import DataKeys
from loyalty.customers.standings import MemberRef
from loyalty.errors import Refusal
from loyalty.rewards import catalogue, redemptions, shop
from loyalty.rewards.errors import RewardClosed, RewardNotEligible, RewardUnknown
from loyalty.rewards.redemptions import Redeemed
from loyalty.rewards.shop import Offer
from tests import factories, rows
from tests.storefront import AT, BY, buy, outlet_of, pay, reward, rich, wish

SECOND = timedelta(seconds=1)
OPENS = AT + timedelta(days=1)


async def offers(member: MemberRef, at: Any = AT) -> dict[int, Offer]:
    """Give what is offered, by reward."""
    _, found = await shop.offers(member, at)
    return {one.reward.id: one for one in found}


def said(refusal: Refusal | Redeemed | None) -> tuple[str, dict[str, object]] | None:
    """Give what a refusal says, none for a yes."""
    return (refusal.code, refusal.data) if isinstance(refusal, Refusal) else None


async def agreed(member: MemberRef, reward_id: int, at: Any = AT) -> tuple[str, dict[str, object]] | None:
    """Check that the shop says what redeeming then answers; give it."""
    offer = (await offers(member, at))[reward_id]
    (answer,) = await redemptions.redeem([wish(member, reward_id, f"agree-{reward_id}-{at}", at=at)])
    assert said(offer.stands_against) == said(answer)
    return said(answer)


@pytest.mark.parametrize(
    ("changes", "points", "told"),
    [
        ({}, 100, None),
        ({"units": 1, "outlet_max": 1, "outlet_month_max": 1, "plants": ("P1",)}, 100, None),
        ({}, 99, ("insufficient_points", {"balance_points": 99, "missing_points": 1})),
        ({}, 0, ("insufficient_points", {"balance_points": 0, "missing_points": 100})),
        ({"units": 0}, 100, ("sold_out", {})),
        ({"units": 0}, 0, ("sold_out", {})),
        ({"from_at": OPENS}, 100, ("reward_not_open", {"opens_at": OPENS.isoformat()})),
        ({"from_at": OPENS, "units": 0}, 0, ("reward_not_open", {"opens_at": OPENS.isoformat()})),
        ({"until_at": AT + SECOND}, 100, None),
        ({"from_at": AT}, 100, None),
    ],
)
async def test_an_offer_says_what_redeeming_says(
    db: str, data_keys: DataKeys, changes: dict[str, Any], points: int, told: Any
) -> None:
    owner, made = await rich(data_keys, points), await reward(**changes)
    assert await agreed(owner, made) == told


async def test_limits_pauses_and_the_last_unit_agree_too(db: str, data_keys: DataKeys) -> None:
    owner, other = await rich(data_keys, 450), await rich(data_keys)
    once, monthly, last = await reward(outlet_max=1), await reward(outlet_month_max=2), await reward(units=1)
    assert await agreed(owner, once) is None
    assert await agreed(owner, once, AT + SECOND) == ("reward_limit_reached", {"limit": 1, "per": "all"})
    for seconds in (0, 1):
        assert await agreed(owner, monthly, AT + seconds * SECOND) is None
    assert await agreed(owner, monthly, AT + 2 * SECOND) == ("reward_limit_reached", {"limit": 2, "per": "month"})
    assert await agreed(other, last) is None
    assert await agreed(owner, last) == ("sold_out", {})
    await catalogue.move(monthly, "paused", BY, "停一下", AT)
    for member in (owner, other):
        assert await agreed(member, monthly, AT + 3 * SECOND) == ("reward_paused", {})
    # The next month opens the limit, but by then there is too little left.
    await catalogue.move(monthly, "live", BY, "接着来", AT)
    next_month = AT + timedelta(days=27)
    assert await agreed(owner, monthly, next_month) is None
    short = ("insufficient_points", {"balance_points": 50, "missing_points": 50})
    assert await agreed(owner, monthly, next_month + SECOND) == short


async def test_points_whose_day_has_passed_count_on_neither_side(db: str, data_keys: DataKeys) -> None:
    owner, made = await rich(data_keys, 80), await reward(until_at=AT + timedelta(days=500))
    late = AT + timedelta(days=400)
    await pay(await outlet_of(db, owner), 70, "late", late)
    balance, _ = await shop.offers(owner, late)
    assert balance == 70, "the first 80 ended with November, swept or not"
    short = ("insufficient_points", {"balance_points": 70, "missing_points": 30})
    assert await agreed(owner, made, late) == short


async def test_what_is_not_for_the_outlet_is_not_shown_and_not_given(db: str, data_keys: DataKeys) -> None:
    owner = await rich(data_keys)
    outlet_id = await outlet_of(db, owner)
    async with transactions.begin():
        await classification.classify(
            [Classification(outlet_id=outlet_id, value_class="A", tags=("夜市",), source="bi", at=AT)]
        )
    shown = [await reward(plants=("P1", "P2")), await reward(value_classes=("A",)), await reward(tags=("夜市", "x"))]
    hidden = [
        await reward(plants=("P2",)),
        await reward(value_classes=("B",)),
        await reward(tags=("x",)),
        await reward(plants=("P1",), value_classes=("A",), tags=("x",)),
    ]
    assert list(await offers(owner)) == shown
    for made in shown:
        assert await agreed(owner, made) is None
    for made in hidden:
        (answer,) = await redemptions.redeem([wish(owner, made, f"hidden-{made}")])
        assert isinstance(answer, RewardNotEligible)


async def test_drafts_what_is_over_and_what_is_only_granted_are_not_shown(db: str, data_keys: DataKeys) -> None:
    owner = await rich(data_keys)
    draft, granted = await reward(live=False), await reward(cost_points=None)
    over, ended = await reward(until_at=AT), await reward()
    await catalogue.move(ended, "ended", BY, "结束", AT)
    assert await offers(owner) == {}
    for made, refusal in (
        (draft, RewardUnknown),
        (granted, RewardUnknown),
        (over, RewardClosed),
        (ended, RewardClosed),
    ):
        (answer,) = await redemptions.redeem([wish(owner, made, f"hidden-{made}")])
        assert isinstance(answer, refusal)


async def test_the_cheapest_come_first_and_what_opens_later_last(db: str, data_keys: DataKeys) -> None:
    owner = await rich(data_keys, 500)
    dear, cheap = await reward(cost=300), await reward(cost=50, units=9)
    soon, same = await reward(cost=10, from_at=OPENS), await reward(cost=50)
    await buy(owner, cheap)
    balance, found = await shop.offers(owner, AT)
    assert balance == 450
    assert [(one.reward.id, one.units_left) for one in found] == [(cheap, 8), (same, None), (dear, None), (soon, None)]
    assert {one.sentence for one in found} == {"订货满 100 元减 10 元"}


async def test_who_is_not_bound_is_told_so(db: str, data_keys: DataKeys) -> None:
    owner = await rich(data_keys)
    ((code,),) = await rows.fetch(db, "SELECT code FROM outlets")
    clerk = await factories.bound(str(code), AT, data_keys)
    assert await offers(clerk) == {}
    await bindings.remove(owner, clerk.id, AT)
    with pytest.raises(BindingRequired):
        await shop.offers(clerk, AT)
    with pytest.raises(SessionEnded):
        await shop.offers(MemberRef(999_999, 0), AT)


async def test_however_many_are_offered_by_at_most_seven_statements(
    db: str, data_keys: DataKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await rich(data_keys)
    for n in range(6):
        await reward(units=n, outlet_max=1, plants=("P1",))
    asked: list[str] = []
    reader = transactions.reader

    @asynccontextmanager
    async def overheard() -> AsyncIterator[transactions.Connection]:
        async with reader() as connection:
            with connection.query_logger(lambda record: asked.append(record.query)):
                yield connection

    monkeypatch.setattr(transactions, "reader", overheard)
    assert len(await offers(owner)) == 6
    assert 0 < len(asked) <= 7
