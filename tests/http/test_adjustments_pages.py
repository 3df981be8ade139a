"""Manual adjustments over HTTP: proposed, checked, refused; nothing is moved by what is refused."""

import re
from collections.abc import Callable

import pytest
import pytest_asyncio

from tests.conftest import House
from tests.http.colleagues import colleague
from tests.http.conftest import Browser, Callers, Database
from tests.http.staffing import ODD_CODE, Person, Staffing

BrowserOf = Callable[[Person], Browser]
NEW = "/ops/adjustments/new"


@pytest_asyncio.fixture(scope="module")
async def operator(house: House, staffing: Staffing, browser_of: BrowserOf) -> Browser:
    """Give an operator of OWN."""
    return browser_of(await colleague(house, "adjusting-operator", "运营小何", "operator", staffing.own_plant))


@pytest_asyncio.fixture(scope="module")
async def checker(house: House, staffing: Staffing, browser_of: BrowserOf) -> Browser:
    """Give a checker of OWN."""
    return browser_of(await colleague(house, "adjusting-checker", "复核老金", "checker", staffing.own_plant))


async def outlet(callers: Callers) -> str:
    """Bring a new outlet of OWN."""
    (code,) = await callers.outlets(plant_code="OWN")
    return code


async def proposed(browser: Browser, code: str, points: str, reason: str = "漏记了") -> str:
    """Propose; give the adjustment's address."""
    made = await browser.post(NEW, outlet=code, points=points, reason=reason)
    assert (made.status_code, "done=adjustment_proposed" in made.headers["location"]) == (303, True), made.text
    return made.headers["location"].partition("?")[0]


async def balance(stored: Database, code: str) -> int:
    """Give an outlet's balance."""
    query = "SELECT balance FROM points_accounts WHERE outlet_id = (SELECT id FROM outlets WHERE code = $1)"
    return await stored.connection.fetchval(query, code) or 0


async def test_one_proposes_another_one_approves_and_the_points_are_there(
    callers: Callers, stored: Database, operator: Browser, checker: Browser
) -> None:
    code = await outlet(callers)
    path = await proposed(operator, code, "+120", "开业<b>补分</b>")
    page = (await operator.get(path)).text
    assert all(text in page for text in ("+120", "等复核", "开业&lt;b&gt;补分&lt;/b&gt;", "撤回", "运营小何"))
    assert f'href="/outlets/{code}/points"' in page
    assert "复核通过" not in page
    assert await balance(stored, code) == 0
    seen = (await checker.get(path)).text
    assert all(text in seen for text in ("复核通过", "驳回", f'action="{path}/approve"'))
    done = await checker.post(f"{path}/approve", reason="查过单子")
    assert (done.status_code, done.headers["location"]) == (303, f"{path}?done=adjustment_approved")
    assert await balance(stored, code) == 120
    settled = (await checker.get(path)).text
    assert all(text in settled for text in ("已通过", "意见：查过单子", "复核老金"))
    assert "/approve" not in settled
    for verb in ("approve", "reject"):
        again = await checker.post(f"{path}/{verb}", reason="再来")
        assert (again.status_code, "这笔调整已经处理过" in again.text) == (409, True)
    assert await balance(stored, code) == 120


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({"points": ""}, 422, "请填不是 0 的整数"),
        ({"points": "0"}, 422, "请填不是 0 的整数"),
        ({"points": "-0"}, 422, "请填不是 0 的整数"),
        ({"points": "abc"}, 422, "请填不是 0 的整数"),
        ({"points": "1e9"}, 422, "请填不是 0 的整数"),
        ({"points": "NaN"}, 422, "请填不是 0 的整数"),
        ({"points": "2.5"}, 422, "请填不是 0 的整数"),
        ({"points": "+-5"}, 422, "请填不是 0 的整数"),
        ({"points": "--5"}, 422, "请填不是 0 的整数"),
        ({"points": "５"}, 422, "请填不是 0 的整数"),
        ({"points": "9" * 40}, 422, "请填不是 0 的整数"),
        ({"points": "501"}, 403, "一次最多 500 分"),
        ({"points": "-501"}, 403, "一次最多 500 分"),
        ({"points": "999999999"}, 403, "一次最多 500 分"),
        ({"reason": " "}, 422, "原因"),
        ({"reason": "长" * 501}, 422, "原因"),
        ({"outlet": ""}, 404, "门店"),
        ({"outlet": "NOWHERE"}, 404, "门店"),
        ({"outlet": "FOREIGN1"}, 404, "门店"),
    ],
)
async def test_a_bad_proposal_is_told_at_its_field_and_keeps_what_was_typed(
    callers: Callers, stored: Database, operator: Browser, changes: dict[str, str], status: int, said: str
) -> None:
    form = {"outlet": await outlet(callers), "points": "7", "reason": "好好的原因"} | changes
    before = await stored.picture()
    answer = await operator.post(NEW, **form)
    assert (answer.status_code, said in answer.text) == (status, True), answer.text
    (field,) = changes
    assert re.search(rf'<(input|textarea)[^>]*name="{field}"[^>]*aria-invalid="true"', answer.text), answer.text
    assert all(f'value="{form[name]}"' in answer.text for name in ("outlet", "points"))
    assert form["reason"].strip() in answer.text
    assert await stored.picture() == before


async def test_the_form_says_whose_points_they_are(staffing: Staffing, operator: Browser) -> None:
    known = (await operator.get(f"{NEW}?outlet=OWN2")).text
    assert re.search(r"自家超市，现在有 [\d,]+ 分。", known)
    for code in ("FOREIGN1", "NOWHERE", "x" * 3_000):
        page = await operator.get(f"{NEW}?outlet={code}")
        assert (page.status_code, "外厂便利店" in page.text) == (200, False)


async def test_nobody_checks_the_own_proposal(
    callers: Callers, stored: Database, staffing: Staffing, browser_of: BrowserOf
) -> None:
    lead, code = browser_of(staffing.people["plant_lead"]), await outlet(callers)
    path = await proposed(lead, code, "10")
    assert "/approve" not in (await lead.get(path)).text
    before = await stored.picture()
    for verb in ("approve", "reject"):
        refused = await lead.post(f"{path}/{verb}", reason="自己来")
        assert (refused.status_code, "自己提的不能自己复核" in refused.text) == (403, True)
    assert await stored.picture() == before


async def test_a_check_needs_a_reason(callers: Callers, stored: Database, operator: Browser, checker: Browser) -> None:
    path = await proposed(operator, await outlet(callers), "10")
    before = await stored.picture()
    for verb in ("approve", "reject"):
        for reason in ("", "  ", "长" * 501):
            assert (await checker.post(f"{path}/{verb}", reason=reason)).status_code == 422
    assert await stored.picture() == before


async def test_points_that_are_not_there_stay_and_so_does_the_proposal(
    callers: Callers, stored: Database, operator: Browser, checker: Browser
) -> None:
    path = await proposed(operator, await outlet(callers), "-1")
    before = await stored.picture()
    refused = await checker.post(f"{path}/approve", reason="扣回")
    assert (refused.status_code, "这家店的积分不够扣" in refused.text) == (409, True), refused.text
    assert await stored.picture() == before
    rejected = await checker.post(f"{path}/reject", reason="余额不够")
    assert rejected.status_code == 303
    page = (await operator.get(path)).text
    assert all(text in page for text in ("已驳回", "意见：余额不够"))


async def test_only_who_proposed_withdraws(
    callers: Callers, stored: Database, staffing: Staffing, browser_of: BrowserOf, operator: Browser
) -> None:
    path = await proposed(operator, await outlet(callers), "10")
    lead = browser_of(staffing.people["plant_lead"])
    before = await stored.picture()
    assert (await lead.post(f"{path}/withdraw")).status_code == 404
    assert await stored.picture() == before
    assert (await operator.post(f"{path}/withdraw")).status_code == 303
    page = (await operator.get(path)).text
    assert "已撤回" in page
    assert re.search(r"<dt>复核</dt>\s*<dd[^>]*>\s*还没有", page)
    again = await operator.post(f"{path}/withdraw")
    assert (again.status_code, "已经处理过" in again.text) == (409, True)


async def test_the_list_shows_what_waits_first_and_within_reach(
    callers: Callers, operator: Browser, checker: Browser, staffing: Staffing
) -> None:
    code = await outlet(callers)
    done, waits = await proposed(operator, code, "11"), await proposed(operator, code, "-3")
    assert (await checker.post(f"{done}/reject", reason="不行")).status_code == 303
    listed = (await checker.get(f"/ops/adjustments?q={code}")).text
    assert listed.index(waits) < listed.index(done)
    assert all(text in listed for text in ("+11", "-3", "等复核", "已驳回", "运营小何", code))
    only = (await checker.get(f"/ops/adjustments?q={code}&state=rejected")).text
    assert (done in only, waits in only) == (True, False)
    for state in ("nonsense", "%00", "'"):
        odd = await checker.get(f"/ops/adjustments?q={code}&state={state}")
        assert (odd.status_code, done in odd.text) == (200, True)
    assert f"/ops/adjustments/{staffing.foreign_adjustment}" not in (await checker.get("/ops/adjustments")).text
    assert "提出调整" not in (await checker.get("/ops/adjustments")).text
    assert "提出调整" in (await operator.get("/ops/adjustments")).text
    exported = await checker.get(f"/ops/adjustments?q={code}&export=csv")
    assert exported.headers["content-type"].startswith("text/csv")
    assert [line.split(",")[1] for line in exported.text.strip().splitlines()] == ["编号", code, code]


@pytest.mark.parametrize("number", ["0", "x", "999999999999", "9" * 30, "%00", "-1"])
async def test_an_adjustment_that_there_is_not(checker: Browser, number: str) -> None:
    assert (await checker.get(f"/ops/adjustments/{number}")).status_code == 404
    assert (await checker.post(f"/ops/adjustments/{number}/approve", reason="好")).status_code == 404


async def test_an_outlet_is_led_to_whatever_signs_its_code_has(operator: Browser) -> None:
    path = await proposed(operator, ODD_CODE, "1")
    href = re.search(r'href="(/outlets/[^"]+/points)"', (await operator.get(path)).text)
    assert href is not None
    page = await operator.get(href[1])
    assert (page.status_code, "怪编号小店" in page.text) == (200, True)
    lead_back = re.search(r'href="(/ops/adjustments/new\?outlet=[^"]+)"', page.text)
    assert lead_back is not None
    assert "怪编号小店，现在有" in (await operator.get(lead_back[1])).text
