"""Marketing's pages over HTTP: rewards, campaigns and rule books, good and bad, and nothing kept of what is refused."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest

from loyalty import clock
from tests import rows
from tests.conftest import House
from tests.http.conftest import Browser, Callers
from tests.http.staffing import Person, Staffing

BrowserOf = Callable[[Person], Browser]
TOMORROW = clock.business_date(clock.now() + timedelta(days=1, minutes=10))


@pytest.fixture
def root(staffing: Staffing, browser_of: BrowserOf) -> Browser:
    return browser_of(staffing.root)


def coupon(**changes: str) -> dict[str, str]:
    """Give a form of a coupon."""
    form = {
        "type": "coupon", "version": "0", "name": "满 50 减 5", "description": "试试看", "off_fen": "5",
        "minimum_fen": "50.00", "cost_fen": "5.5", "cost_points": "20", "units": "10", "outlet_max": "",
        "outlet_month_max": "1", "from_at": "2026-01-01T00:00", "until_at": "2027-12-31T00:00", "days_valid": "30",
        "value_classes": "A，B", "tags": "", "reason": "上新",
    }  # fmt: skip
    return form | changes


async def test_a_reward_from_draft_to_the_shop_and_out_of_it(house: House, root: Browser, callers: Callers) -> None:
    made = await root.post("/marketing/rewards/new", **coupon(name="从头到尾的券"))
    assert made.status_code == 303, made.text
    path = made.headers["location"].partition("?")[0]
    number = path.rpartition("/")[2]
    page = await root.get(path)
    assert all(text in page.text for text in ("从头到尾的券", "订货满 50 元减 5 元", "草稿", "5.50 元", "价值级 A、B"))
    assert (await root.post(f"{path}/live", reason="开卖")).status_code == 303
    kept = await rows.fetch(
        house.database_url,
        "SELECT state, cost_points, cost_fen, outlet_month_max, terms->>'off_fen', value_classes FROM rewards"
        " WHERE id = $1",
        int(number),
    )
    assert kept == [("live", 20, 550, 1, "500", ["A", "B"])]
    edit = await root.get(f"{path}/edit")
    version = re.search(r'name="version" value="(\d+)"', edit.text)
    assert version is not None
    changed = await root.post(f"{path}/edit", **coupon(name="改过的券", version=version[1], units="12"))
    assert changed.status_code == 303, changed.text
    stale = await root.post(f"{path}/edit", **coupon(name="又改", version=version[1]))
    assert (stale.status_code, "有人刚改过这个奖品" in stale.text) == (409, True)
    units = await rows.fetch(
        house.database_url,
        "SELECT units_total, units_free FROM allotments WHERE purpose = $1",
        f"reward:{number}",
    )
    assert units == [(12, 12)]
    for state, word in (("paused", "暂停"), ("live", "已上架"), ("ended", "已结束")):
        assert (await root.post(f"{path}/{state}", reason="调整")).status_code == 303
        assert word in (await root.get(path)).text
    again = await root.post(f"{path}/live", reason="再来")
    assert (again.status_code, "现在不能这样改" in again.text) == (409, True)


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({"name": ""}, 422, "名称请填 1 到 30 个字"),
        ({"name": "长" * 31}, 422, "名称请填 1 到 30 个字"),
        ({"off_fen": "abc"}, 422, "请填金额"),
        ({"off_fen": "1e9"}, 422, "请填金额"),
        ({"off_fen": "1e999999"}, 422, "请填金额"),
        ({"off_fen": "９"}, 422, "请填金额"),
        ({"off_fen": "1_0"}, 422, "请填金额"),
        ({"off_fen": "100000.01"}, 422, "减多少（元）”太大、太小或没填"),
        ({"cost_fen": ""}, 422, "请填金额"),
        ({"cost_fen": "100000.01"}, 422, "成本请填 0 到 100000 元"),
        ({"plants": "NOWHERE"}, 422, "请从列出的里面选一项"),
        ({"tags": ",".join(f"t{n}" for n in range(101))}, 422, "最多 100 个"),
        ({"outlet_max": "10001"}, 422, "请填 1 到 10000 之间的整数"),
        ({"description": "长" * 301}, 422, "说明最多 300 个字"),
        ({"off_fen": "NaN"}, 422, "请填金额"),
        ({"off_fen": "0"}, 422, "减多少（元）"),
        ({"off_fen": "1.234"}, 422, "请填金额"),
        ({"cost_fen": "-1"}, 422, "请填金额"),
        ({"cost_points": "-5"}, 422, "请填 0 或正整数"),
        ({"cost_points": "9" * 30}, 422, "请填 0 或正整数"),
        ({"cost_points": "0"}, 422, "请填 1 到 10000000 之间的整数"),
        ({"units": "99999999"}, 422, "份数不对"),
        ({"days_valid": "0"}, 422, "有效天数请填 1 到 366"),
        ({"days_valid": "２"}, 422, "请填 0 或正整数"),
        ({"until_at": "2025-01-01T00:00"}, 422, "结束要晚于开始"),
        ({"from_at": "nonsense"}, 422, "日期不对"),
        ({"from_at": ""}, 422, "请选日期和时间"),
        ({"reason": " "}, 422, "原因"),
    ],
)
async def test_a_bad_reward_is_told_at_its_field(
    house: House, root: Browser, changes: dict[str, str], status: int, said: str
) -> None:
    before = await rows.fetch(house.database_url, "SELECT count(*) FROM rewards")
    answer = await root.post("/marketing/rewards/new", **coupon(**changes))
    assert (answer.status_code, said in answer.text) == (status, True), answer.text
    assert await rows.fetch(house.database_url, "SELECT count(*) FROM rewards") == before


async def test_a_type_that_there_is_not_is_refused(root: Browser) -> None:
    assert (await root.get("/marketing/rewards/new?type=car")).status_code == 422
    assert (await root.post("/marketing/rewards/new", **coupon(type="car"))).status_code == 422


def campaign(**changes: str) -> dict[str, str]:
    """Give a form of a campaign."""
    form = {
        "code": "spring", "name": "春天", "from_at": "2026-01-01T00:00", "until_at": "2027-12-31T00:00",
        "budget_points": "1000", "outlet_points_max": "", "outlet_day_points_max": "50", "reason": "开春",
    }  # fmt: skip
    return form | changes


async def test_a_campaign_is_made_changed_and_stopped(root: Browser) -> None:
    made = await root.post("/marketing/campaigns/new", **campaign(code="made-once"))
    assert made.status_code == 303, made.text
    path = made.headers["location"].partition("?")[0]
    taken = await root.post("/marketing/campaigns/new", **campaign(code="made-once"))
    assert (taken.status_code, "这个活动代码已经用过" in taken.text) == (409, True)
    assert "0 / 1,000 分（0%）" in (await root.get(path)).text
    assert (await root.post(path, **campaign(budget_points="2000", stopped="1"))).status_code == 303
    page = (await root.get(path)).text
    assert "已停止" in page
    assert "0 / 2,000 分（0%）" in page
    assert (await root.post(path, **campaign(budget_points=""))).status_code == 303
    assert "0 分，不限" in (await root.get(path)).text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"code": "有 中文"}, "代码请用字母"),
        ({"name": ""}, "名称请填"),
        ({"until_at": "2025-01-01T00:00"}, "结束要晚于开始"),
        ({"budget_points": "0"}, "请填 1 到"),
        ({"budget_points": "x"}, "请填 0 或正整数"),
        ({"reason": ""}, "原因"),
    ],
)
async def test_a_bad_campaign_is_told(house: House, root: Browser, changes: dict[str, str], said: str) -> None:
    before = await rows.fetch(house.database_url, "SELECT count(*) FROM campaigns")
    answer = await root.post("/marketing/campaigns/new", **campaign(code="never") | changes)
    assert (answer.status_code, said in answer.text) == (422, True), answer.text
    assert await rows.fetch(house.database_url, "SELECT count(*) FROM campaigns") == before


async def test_a_rule_is_seen_beside_the_old_one_before_it_is_saved(house: House, root: Browser) -> None:
    path = "/marketing/rules/checkin_ladder"
    form = {
        "base_points": "6",
        "extra_points": "0，0,5 0,5,0,20",
        "effective_on": TOMORROW.isoformat(),
        "reason": "涨一分",
    }
    compared = await root.post(f"{path}/new", **form)
    assert compared.status_code == 200
    assert all(
        text in compared.text for text in ("每天基础分", "<s>5</s> → <b>6</b>", "连签一周合计", "65 分", "72 分")
    )
    assert await rows.fetch(house.database_url, "SELECT count(*) FROM rule_versions") == [(0,)]
    seen = re.search(r'name="seen" value="([0-9a-f]{64})"', compared.text)
    assert seen is not None
    other = await root.post(f"{path}/new", **form | {"base_points": "7", "seen": seen[1]})
    assert (other.status_code, "<b>7</b>" in other.text) == (200, True)
    saved = await root.post(f"{path}/new", **form | {"seen": seen[1]})
    assert saved.status_code == 303, saved.text
    ((version_id, body),) = await rows.fetch(
        house.database_url, "SELECT id, body::text FROM rule_versions WHERE book = 'checkin_ladder'"
    )
    assert body == '{"base_points": 6, "extra_points": [0, 0, 5, 0, 5, 0, 20]}'
    page = (await root.get(path)).text
    assert "每天基础分：5 → 6" in page
    taken = await root.post(f"{path}/new", **form | {"seen": seen[1]})
    assert (taken.status_code, "和现在的规则一样" in taken.text) == (409, True)
    gone = await root.post(f"{path}/versions/{version_id}/withdraw", reason="算了")
    assert gone.status_code == 303
    again = await root.post(f"{path}/versions/{version_id}/withdraw", reason="算了")
    assert (again.status_code, "没有这个版本" in again.text) == (404, True)


@pytest.mark.parametrize(
    ("book", "changes", "said"),
    [
        ("checkin_ladder", {"base_points": "0"}, "不能小于 1"),
        ("checkin_ladder", {"base_points": "1001"}, "不能大于 1000"),
        ("checkin_ladder", {"base_points": "五"}, "请填 0 或正整数"),
        ("checkin_ladder", {"extra_points": ""}, "请至少填 1 个"),
        ("checkin_ladder", {"effective_on": "2026-02-30"}, "日期不对"),
        ("expiry", {"kind": "never"}, "请检查填的内容"),
        ("expiry", {"kind": "fixed", "dates": ""}, "请至少填一个到期日"),
        ("expiry", {"kind": "fixed", "dates": "13-40"}, "日历上没有 13-40"),
        ("expiry", {"months": "61"}, "不能大于 60"),
        ("order_points", {"multiplier_bps": "1e3"}, "请填百分比"),
        ("order_points", {"category_points": "果汁"}, "一行写一个品类"),
        ("adjustment_limits", {"propose.operator.once_points_max": "9", "propose.operator.day_points_max": "8"},
         "一天的上限不能小过一次的上限"),
    ],
)  # fmt: skip
async def test_a_bad_rule_is_told_at_its_field(
    house: House, root: Browser, book: str, changes: dict[str, str], said: str
) -> None:
    page = (await root.get(f"/marketing/rules/{book}/new")).text
    form = dict(re.findall(r'<input[^>]* name="([^"]+)"[^>]* value="([^"]*)"', page))
    form |= {"kind": "rolling", "period": "month"} if book == "expiry" else {}
    form |= {"category_points": ""} if book == "order_points" else {}
    answer = await root.post(f"/marketing/rules/{book}/new", **form | {"reason": "试试"} | changes)
    assert (answer.status_code, said in answer.text) == (422, True), answer.text


async def test_a_rule_cannot_begin_today(root: Browser) -> None:
    form = {"base_points": "6", "extra_points": "0", "effective_on": clock.business_date(clock.now()).isoformat()}
    compared = await root.post("/marketing/rules/checkin_ladder/new", **form, reason="早一点")
    seen = re.search(r'name="seen" value="([0-9a-f]{64})"', compared.text)
    assert seen is not None
    answer = await root.post("/marketing/rules/checkin_ladder/new", **form, reason="早一点", seen=seen[1])
    assert (answer.status_code, "生效日太早" in answer.text) == (422, True)
    assert (await root.get("/marketing/rules/nothing")).status_code == 404
