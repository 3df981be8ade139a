"""Campaigns: made and changed with a trace, budgets that warn at four fifths and stop once somebody gets nothing."""

from datetime import timedelta
from typing import Any

import pytest

from loyalty import transactions
from loyalty.campaigns import campaigns
from loyalty.campaigns.campaigns import Budgets, Campaign, CampaignPlan
from loyalty.campaigns.errors import BudgetBelowSpent, CampaignCodeTaken, CampaignInvalid, CampaignUnknown
from loyalty.organisation.errors import ReasonMissing
from tests import rows
from tests.storefront import AT, BY

DAY = timedelta(days=1)
SPENT = "SELECT spent_points, warned_at, stopped_at FROM campaigns ORDER BY id"


def plan(**changes: Any) -> CampaignPlan:
    """Give the plan of a campaign that runs now."""
    values: dict[str, Any] = {"name": "秋收", "from_at": AT - DAY, "until_at": AT + DAY}
    return CampaignPlan(**values | changes)


async def add(code: str = "autumn", **changes: Any) -> int:
    """Make a campaign."""
    return await campaigns.add(code, plan(**changes), BY, "秋收活动", AT)


async def change(campaign_id: int, **changes: Any) -> None:
    """Change a campaign an hour later."""
    await campaigns.change(campaign_id, plan(**changes), BY, "改一下", AT + timedelta(hours=1))


async def spend(*wanted: tuple[int, int], at: Any = AT) -> list[bool]:
    """Spend points of campaigns' budgets in one transaction."""
    async with transactions.begin():
        budgets = Budgets(await campaigns.lock({campaign_id for campaign_id, _ in wanted}))
        answers = [budgets.spend(campaign_id, points, at) for campaign_id, points in wanted]
        await campaigns.store(budgets)
    return answers


async def read(campaign_id: int) -> Campaign:
    """Read a campaign."""
    async with transactions.reader():
        return (await campaigns.read([campaign_id]))[campaign_id]


async def audited(db: str) -> list[tuple[object, ...]]:
    """Give the audit."""
    return await rows.fetch(db, "SELECT action, subject_id, before, after, reason FROM audit_entries ORDER BY id")


async def test_a_campaign_is_made_with_a_trace(db: str) -> None:
    made = await add(budget_points=1_000, outlet_points_max=50, outlet_day_points_max=10)
    assert await read(made) == Campaign(
        made, "autumn", "秋收", AT - DAY, AT + DAY, 1_000, 50, 10, 0, None, None, "command:tests", AT
    )
    ((action, code, before, after, reason),) = await audited(db)
    assert (action, code, before, reason) == ("campaign.added", "autumn", None, "秋收活动")
    assert '"budget_points": 1000' in str(after)


@pytest.mark.parametrize(
    ("code", "changes", "field", "expected"),
    [
        ("", {}, "code", "代码请用字母、数字和 -，最多 40 个字"),
        ("a b", {}, "code", "代码请用字母、数字和 -，最多 40 个字"),
        ("---", {}, "code", "代码请用字母、数字和 -，最多 40 个字"),
        ("秋收", {}, "code", "代码请用字母、数字和 -，最多 40 个字"),
        ("a" * 41, {}, "code", "代码请用字母、数字和 -，最多 40 个字"),
        ("a", {"name": " "}, "name", "名称请填 1 到 40 个字"),
        ("a", {"name": "秋" * 41}, "name", "名称请填 1 到 40 个字"),
        ("a", {"until_at": AT - DAY}, "until_at", "结束要晚于开始"),
        ("a", {"budget_points": 0}, "budget_points", "请填 1 到 10000000000 之间的整数，不限就留空"),
        ("a", {"outlet_points_max": -1}, "outlet_points_max", "请填 1 到 10000000000 之间的整数，不限就留空"),
        (
            "a",
            {"outlet_day_points_max": 10_000_000_001},
            "outlet_day_points_max",
            "请填 1 到 10000000000 之间的整数，不限就留空",
        ),
    ],
)
async def test_what_makes_no_sense_is_refused(
    db: str, code: str, changes: dict[str, Any], field: str, expected: str
) -> None:
    with pytest.raises(CampaignInvalid) as refused:
        await add(code, **changes)
    assert refused.value.data == {"field": field, "expected": expected}
    assert refused.value.detail == f"请改一下：{expected}。"
    assert await rows.fetch(db, SPENT) == []


async def test_a_code_is_taken_once_and_a_reason_is_asked_for(db: str) -> None:
    made = await add()
    before = await rows.picture(db)
    with pytest.raises(CampaignCodeTaken) as taken:
        await add(name="另一个")
    assert taken.value.data == {"field": "code"}
    with pytest.raises(ReasonMissing):
        await campaigns.add("other", plan(), BY, "", AT)
    with pytest.raises(ReasonMissing):
        await campaigns.change(made, plan(), BY, " ", AT)
    with pytest.raises(CampaignUnknown):
        await change(made + 1)
    assert await rows.picture(db) == before


async def test_a_change_is_kept_with_what_it_changed(db: str) -> None:
    made = await add(budget_points=1_000)
    await change(made, budget_points=2_000, name="大秋收")
    found = await read(made)
    assert (found.name, found.budget_points, found.stopped_at) == ("大秋收", 2_000, None)
    (_, (action, _, before, after, reason)) = await audited(db)
    assert (action, reason) == ("campaign.changed", "改一下")
    assert before == '{"name": "秋收", "budget_points": 1000}'
    assert after == '{"name": "大秋收", "budget_points": 2000}'


async def test_a_budget_is_spent_to_the_last_point(db: str) -> None:
    made = await add(budget_points=100)
    assert await spend((made, 60), (made, 40)) == [True, True]
    assert await rows.fetch(db, SPENT) == [(100, AT, None)], "nobody has gone without yet"
    assert await spend((made, 1)) == [False]
    assert await rows.fetch(db, SPENT) == [(100, AT, AT)]


async def test_what_does_not_fit_whole_stops_it_for_all_who_come_later(db: str) -> None:
    made, endless = await add(budget_points=100), await add("endless")
    assert await spend((made, 70), (endless, 10**9), (made, 31), (made, 1)) == [True, True, False, False]
    assert await rows.fetch(db, SPENT) == [(70, None, AT), (10**9, None, None)]
    assert await spend((made, 1), at=AT + timedelta(minutes=1)) == [False]
    assert await rows.fetch(db, SPENT) == [(70, None, AT), (10**9, None, None)]


@pytest.mark.parametrize(("points", "warned"), [(799, None), (800, AT), (1_000, AT)])
async def test_marketing_is_warned_at_four_fifths_and_once(db: str, points: int, warned: Any) -> None:
    made = await add(budget_points=1_000)
    assert await spend((made, points)) == [True]
    assert await rows.fetch(db, SPENT) == [(points, warned, None)]
    if warned is not None:
        await spend((made, 1), at=AT + timedelta(minutes=1))
        assert (await read(made)).warned_at == AT


@pytest.mark.parametrize(
    ("at", "paid"),
    [
        (AT - DAY - timedelta(microseconds=1), False),
        (AT - DAY, True),
        (AT + DAY - timedelta(microseconds=1), True),
        (AT + DAY, False),
    ],
)
async def test_it_gives_only_in_its_time(db: str, at: Any, paid: bool) -> None:
    made = await add()
    assert await spend((made, 5), at=at) == [paid]
    assert await rows.fetch(db, SPENT) == [(5 if paid else 0, None, None)]


async def test_an_unknown_one_gives_nothing(db: str) -> None:
    assert await spend((999_999, 5)) == [False]


async def test_staff_stop_it_let_it_go_on_and_raise_its_budget(db: str) -> None:
    made = await add(budget_points=100)
    await spend((made, 80))
    later = AT + timedelta(hours=1)
    await change(made, budget_points=100, stopped=True)
    assert await rows.fetch(db, SPENT) == [(80, AT, later)]
    assert await spend((made, 1)) == [False]
    await change(made, budget_points=100, stopped=True)
    assert await rows.fetch(db, SPENT) == [(80, AT, later)]
    await change(made, budget_points=101)
    assert await rows.fetch(db, SPENT) == [(80, None, None)], "of a larger budget less than four fifths is given"
    assert await spend((made, 21)) == [True]
    with pytest.raises(BudgetBelowSpent) as refused:
        await change(made, budget_points=100)
    assert refused.value.data == {"field": "budget_points", "spent_points": 101}
    await change(made)
    assert (await read(made)).budget_points is None


async def test_what_comes_back_can_be_given_again_once_it_goes_on(db: str) -> None:
    made = await add(budget_points=100)
    assert await spend((made, 90), (made, 20)) == [True, False]
    async with transactions.begin():
        await campaigns.lock([made])
        await campaigns.give_back([(made, 50)])
        await campaigns.give_back([])
    assert await spend((made, 20)) == [False]
    await change(made, budget_points=100)
    assert await spend((made, 60)) == [True]
    assert (await read(made)).spent_points == 100


async def test_the_latest_stands_first(db: str) -> None:
    first, second, third = [await add(f"c{n}", from_at=AT - DAY * n) for n in (2, 1, 3)]
    async with transactions.reader():
        assert [one.id for one in await campaigns.read_all()] == [second, first, third]
        assert await campaigns.read([]) == {}
    async with transactions.begin():
        assert await campaigns.lock([]) == {}
