"""Campaigns' pages: what they refuse and keep as typed, how a campaign stands, and a budget that warns and ends."""

import re
import secrets
from collections.abc import Callable

import pytest
import pytest_asyncio

from tests import rows
from tests.conftest import House
from tests.http.colleagues import colleague
from tests.http.conftest import Browser, Database
from tests.http.staffing import Person, Staffing
from tests.http.test_marketing import campaign


@pytest_asyncio.fixture(scope="module")
async def marketing(house: House, staffing: Staffing) -> Person:
    return await colleague(house, "campaigning", "总部市场", "marketer")


@pytest.fixture
def root(marketing: Person, browser_of: Callable[[Person], Browser]) -> Browser:
    return browser_of(marketing)


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({"name": ""}, 422, "名称请填"),
        ({"name": "长" * 41}, 422, "名称请填"),
        ({"until_at": "2025-01-01T00:00"}, 422, "结束要晚于开始"),
        ({"from_at": "0001-01-01T00:00"}, 422, "日期不对"),
        ({"budget_points": "39"}, 422, "已经发了 40 分，预算不能低于它"),
        ({"budget_points": "-1"}, 422, "填得不对。请改一下：请填 0 或正整数"),
        ({"budget_points": "99999999999"}, 422, "请填 1 到 10000000000 之间的整数"),
        ({"outlet_points_max": "0"}, 422, "请填 1 到"),
        ({"outlet_day_points_max": "1e9"}, 422, "请填 0 或正整数"),
        ({"reason": " "}, 422, "原因"),
    ],
)
async def test_a_bad_change_of_a_campaign_is_told(
    house: House, root: Browser, stored: Database, changes: dict[str, str], status: int, said: str
) -> None:
    code = f"bad-{secrets.token_hex(8)}"
    path = (await root.post("/marketing/campaigns/new", **campaign(code=code))).headers["location"].partition("?")[0]
    await rows.execute(house.database_url, "UPDATE campaigns SET spent_points = 40 WHERE code = $1", code)
    before = await stored.picture()
    answer = await root.post(path, **campaign(name="打了很久的名字", outlet_day_points_max="7") | changes)
    assert (answer.status_code, said in answer.text) == (status, True), answer.text
    assert "name" in changes or "打了很久的名字" in answer.text
    assert "奖品填得不对" not in answer.text
    assert await stored.picture() == before
    # The house is shared, and its proofs count what campaigns have given.
    await rows.execute(house.database_url, "UPDATE campaigns SET spent_points = 0 WHERE code = $1", code)


@pytest.mark.parametrize(
    ("changes", "state", "told"),
    [
        ({"from_at": "2100-01-01T00:00", "until_at": "2100-02-01T00:00"}, "未开始", "没有停"),
        ({}, "进行中", "没有停"),
        ({"from_at": "2020-01-01T00:00", "until_at": "2020-02-01T00:00"}, "已结束", "没有停"),
        ({"stopped": "1"}, "已停止", "总部市场 停的"),
    ],
)
async def test_a_campaign_says_how_it_stands(
    root: Browser, staffing: Staffing, changes: dict[str, str], state: str, told: str
) -> None:
    path = f"/marketing/campaigns/{staffing.campaign}"
    saved = await root.post(path, **campaign(name="测试活动", budget_points="100", outlet_day_points_max="") | changes)
    assert saved.status_code == 303, saved.text
    page = (await root.get(path)).text
    assert state in page
    assert told in page
    assert state in (await root.get("/marketing/campaigns")).text


@pytest.mark.parametrize(
    ("spent", "stopped", "state", "tone", "told"),
    [
        (79, False, "进行中", None, "没有停"),
        (80, False, "进行中", "warn", "没有停"),
        (95, True, "已停止", "bad", "剩下的预算不够发，自动停的"),
        (100, True, "预算用完", "bad", "剩下的预算不够发，自动停的"),
        (100, False, "预算用完", "bad", "没有停"),
    ],
)
async def test_a_budget_warns_and_says_when_it_is_empty(
    house: House, root: Browser, spent: int, stopped: bool, state: str, tone: str | None, told: str
) -> None:
    code = f"budget-{spent}-{stopped}"
    made = await root.post("/marketing/campaigns/new", **campaign(code=code, budget_points="100"))
    path = made.headers["location"].partition("?")[0]
    # As paying points on its behalf leaves it.
    await rows.execute(
        house.database_url,
        "UPDATE campaigns SET spent_points = $2, stopped_at = CASE WHEN $3 THEN now() END WHERE code = $1",
        code, spent, stopped,
    )  # fmt: skip
    listed = re.search(rf'href="{path}".*?</tr>', (await root.get("/marketing/campaigns")).text, re.DOTALL)
    page = (await root.get(path)).text
    await rows.execute(
        house.database_url, "UPDATE campaigns SET spent_points = 0, stopped_at = NULL WHERE code = $1", code
    )
    assert listed is not None
    assert state in listed[0]
    share = f"{spent} / 100 分（{spent}%）"
    assert (f'<span class="badge {tone}">{share}</span>' in listed[0]) == (tone is not None)
    assert share in listed[0]
    assert all(text in page for text in (state, told, f"预算用了 {spent}%", f'width="{spent}%"'))
