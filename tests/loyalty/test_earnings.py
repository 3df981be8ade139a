"""Earning under caps and budgets: what is cut, what stops, who is warned, and what goes back."""

from datetime import date, timedelta

import pytest

from loyalty import transactions
from loyalty.campaigns import campaigns
from loyalty.campaigns.campaigns import CampaignPlan
from loyalty.points import ledger, settlements
from loyalty.points.earnings import earnings
from loyalty.points.earnings.earnings import Earned, Earning
from loyalty.points.rules import DAY_CAP, DayCap
from loyalty.points.settlements import Settled
from loyalty.rulebooks import rulebooks
from tests import rows
from tests.loyalty.ledger_items import (
    ACCOUNTS,
    ACTOR,
    AT,
    accrual,
    campaign,
    gone_back,
    proven,
    run,
    settlement,
)

TOMORROW = AT + timedelta(days=1)
STOOD = "SELECT spent_points, warned_at, stopped_at FROM campaigns ORDER BY id"
WHY = "SELECT why FROM ledger_entries ORDER BY id"


def earning(
    outlet_id: int,
    points: int,
    source_id: str,
    campaign_id: int | None = None,
    most: int | None = None,
    *,
    book: str = "orders",
    pending: bool = False,
    days: int = 0,
) -> Earning:
    """Give an earning so many days after AT, under a rule's cap where one is given."""
    paid = accrual(outlet_id, points, source_id, AT + timedelta(days=days), campaign_id)
    return Earning(paid, book, most, pending=pending)


def given(points: int, cut_by: str = "") -> Earned:
    """Give an answer for a document that was not paid before."""
    return Earned(points, cut_by, repeated=False)


async def day_cap(points_max: int | None, on: date = date(2026, 11, 3)) -> None:
    """Have a house cap hold from a day on."""
    made_at = AT - timedelta(days=10)
    await rulebooks.plan(DAY_CAP, DayCap(points_max), on, ACTOR, "测试", made_at)


async def test_without_any_cap_all_is_paid(db: str) -> None:
    await day_cap(None)
    assert await run(earnings.earn, earning(1, 9_000, "a"), earning(1, 1, "b")) == [given(9_000), given(1)]
    assert await rows.fetch(db, ACCOUNTS) == [(1, 9_001, 0, 0)]
    assert await rows.fetch(db, "SELECT * FROM capped_points") == []


async def test_the_built_in_cap_of_the_house_cuts_the_day(db: str) -> None:
    assert await run(earnings.earn, earning(1, 4_000, "a"), earning(1, 4_000, "b"), earning(2, 4_000, "c")) == [
        given(4_000), given(1_000, "day_cap"), given(4_000),
    ]  # fmt: skip
    assert await run(earnings.earn, earning(1, 1, "d"), earning(1, 1, "e", days=1)) == [given(0, "day_cap"), given(1)]
    assert await rows.fetch(db, ACCOUNTS) == [(1, 5_001, 0, 0), (2, 4_000, 0, 0)]


async def test_a_member_is_told_what_was_cut(db: str) -> None:
    await day_cap(10)
    autumn = await campaign(outlet_day_points_max=4)
    await run(earnings.earn, earning(1, 9, "a"), earning(2, 9, "b", autumn), earning(1, 9, "c"))
    assert [row[0] for row in await rows.fetch(db, WHY)] == [
        "订货得分", "订货得分（到了活动上限，记 4 分）", "订货得分（到了当天上限，记 1 分）",
    ]  # fmt: skip


CAPS = [
    # house, rule, campaign's day, campaign in all; what is earned; what cut it
    (100, None, None, None, 50, ""),
    (40, None, None, None, 40, "day_cap"),
    (40, 30, None, None, 30, "rule_cap"),
    (40, 45, None, None, 40, "day_cap"),
    (40, 30, 20, None, 20, "campaign_day_cap"),
    (40, 30, 35, 10, 10, "campaign_cap"),
    (40, 40, 40, 40, 40, "day_cap"),
    (None, 50, None, None, 50, ""),
]


@pytest.mark.parametrize(("house", "rule", "day", "whole", "points", "cut_by"), CAPS)
async def test_the_tightest_cap_cuts(
    db: str, house: int | None, rule: int | None, day: int | None, whole: int | None, points: int, cut_by: str
) -> None:
    await day_cap(house)
    autumn = await campaign(outlet_day_points_max=day, outlet_points_max=whole)
    assert await run(earnings.earn, earning(1, 50, "a", autumn, rule)) == [given(points, cut_by)]
    assert await rows.fetch(db, ACCOUNTS) == [(1, points, 0, 0)]


async def test_each_rule_counts_by_itself_and_a_campaign_over_all_its_days(db: str) -> None:
    autumn = await campaign(outlet_points_max=25)
    many = [
        earning(1, 10, "a", None, 15), earning(1, 10, "b", None, 15), earning(1, 10, "c", None, 15, book="visits"),
        earning(1, 20, "d", autumn), earning(1, 20, "e", autumn, days=1), earning(2, 20, "f", autumn, days=1),
    ]  # fmt: skip
    assert await run(earnings.earn, *many) == [
        given(10), given(5, "rule_cap"), given(10), given(20), given(5, "campaign_cap"), given(20),
    ]  # fmt: skip


async def test_what_is_only_promised_counts_too_and_what_goes_back_opens_no_cap(db: str) -> None:
    await day_cap(50)
    assert await run(earnings.earn, earning(1, 40, "a", pending=True)) == [given(40)]
    await run(settlements.cancel, settlement("a"))
    assert await run(earnings.earn, earning(1, 40, "b")) == [given(10, "day_cap")]
    assert await rows.fetch(db, ACCOUNTS) == [(1, 10, 0, 0)]


async def test_a_document_is_earned_once(db: str) -> None:
    again = Earned(0, "", repeated=True)
    assert await run(earnings.earn, earning(1, 40, "a"), earning(1, 40, "a")) == [given(40), again]
    before = await rows.picture(db)
    assert await run(earnings.earn, earning(1, 40, "a"), earning(1, 40, "a", pending=True)) == [again, again]
    assert await rows.picture(db) == before


async def test_a_document_that_got_nothing_is_no_repeat(db: str) -> None:
    await day_cap(10)
    full = given(0, "day_cap")
    assert await run(earnings.earn, earning(1, 10, "a"), earning(1, 5, "b"), earning(1, 5, "b")) == [
        given(10), full, full,
    ]  # fmt: skip
    assert await run(earnings.earn, earning(1, 5, "b", days=1)) == [given(5)]


async def test_a_budget_stops_cleanly_and_warns_at_four_fifths(db: str) -> None:
    autumn = await campaign(budget_points=100)
    assert await run(earnings.earn, earning(1, 79, "a", autumn)) == [given(79)]
    assert await rows.fetch(db, STOOD) == [(79, None, None)]
    assert await run(earnings.earn, earning(1, 1, "b", autumn, days=1)) == [given(1)]
    assert await rows.fetch(db, STOOD) == [(80, TOMORROW, None)]
    # The first that does not fit whole stops it: a smaller one that comes later is not served before it.
    nothing = given(0, "campaign_budget")
    later = [earning(2, 21, "c", autumn, days=2), earning(3, 1, "d", autumn, days=2), earning(3, 7, "e", days=2)]
    assert await run(earnings.earn, *later) == [nothing, nothing, given(7)]
    assert await rows.fetch(db, STOOD) == [(80, TOMORROW, AT + timedelta(days=2))]
    assert await run(earnings.earn, earning(3, 1, "f", autumn, days=3)) == [nothing]
    assert await rows.fetch(db, ACCOUNTS) == [(1, 80, 0, 0), (2, 0, 0, 0), (3, 7, 0, 0)]
    assert await proven() == []


async def test_the_last_points_of_a_budget_are_given(db: str) -> None:
    autumn = await campaign(budget_points=100)
    assert await run(earnings.earn, *(earning(shop, 50, f"{shop}", autumn) for shop in (1, 2))) == [given(50)] * 2
    assert await rows.fetch(db, STOOD) == [(100, AT, None)]


async def test_what_a_cap_cuts_does_not_count_against_the_budget(db: str) -> None:
    autumn = await campaign(budget_points=100, outlet_day_points_max=30)
    assert await run(earnings.earn, earning(1, 500, "a", autumn), earning(1, 500, "b", autumn)) == [
        given(30, "campaign_day_cap"), given(0, "campaign_day_cap"),
    ]  # fmt: skip
    assert await rows.fetch(db, STOOD) == [(30, None, None)]


@pytest.mark.parametrize("days", [-16, 15])
async def test_outside_of_its_time_a_campaign_gives_nothing_and_does_not_stop(db: str, days: int) -> None:
    autumn = await campaign(budget_points=100)
    assert await run(earnings.earn, earning(1, 5, "a", autumn, days=days)) == [given(0, "campaign_budget")]
    assert await rows.fetch(db, STOOD) == [(0, None, None)]
    assert await run(earnings.earn, earning(1, 5, "a", autumn)) == [given(5)]


async def test_what_goes_back_goes_back_into_the_budget(db: str) -> None:
    autumn = await campaign(budget_points=100)
    await run(earnings.earn, earning(1, 60, "a", autumn, pending=True), earning(2, 40, "b", autumn))
    assert await run(settlements.release, settlement("a")) == [Settled(60, 60, 0, 60, repeated=False)]
    assert (await rows.fetch(db, STOOD))[0][0] == 100
    await run(settlements.reverse, gone_back("a", (1, 2), "r"), gone_back("b", (1, 4), "s"))
    assert await rows.fetch(db, STOOD) == [(60, AT, None)]
    assert await run(earnings.earn, earning(3, 40, "c", autumn)) == [given(40)]
    assert await proven() == []


async def test_staff_let_a_stopped_campaign_go_on_with_a_larger_budget(db: str) -> None:
    autumn = await campaign(budget_points=10)
    await run(earnings.earn, earning(1, 11, "a", autumn))
    assert (await rows.fetch(db, STOOD))[0][2] == AT
    larger = CampaignPlan(
        name="秋收", from_at=AT - timedelta(days=15), until_at=AT + timedelta(days=15), budget_points=100
    )
    await campaigns.change(autumn, larger, ACTOR, "加预算", AT)
    assert await run(earnings.earn, earning(1, 11, "a", autumn)) == [given(11)]
    assert await rows.fetch(db, STOOD) == [(11, None, None)]


async def test_nothing_to_earn_needs_no_transaction(db: str) -> None:
    assert await earnings.earn([]) == []
    with pytest.raises(RuntimeError, match=r"inside transactions\.begin"):
        await earnings.earn([earning(1, 5, "a")])
    async with transactions.begin():
        assert await ledger.pend([]) == []
