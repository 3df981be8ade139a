"""An outlet's points and entitlements as staff see them: a month with its why, the file of it, undoing a redemption."""

import asyncio
import csv
import io
import re
from collections.abc import Callable

import pytest
import pytest_asyncio

from loyalty import clock
from loyalty.points.rules import ExpiryTerms, expires_on, months_after
from tests.conftest import House
from tests.http.colleagues import colleague
from tests.http.conftest import Browser, Caller, Callers, Database
from tests.http.staffing import ODD_CODE, Person, Staffing
from tests.http.storefront import Storefront
from tests.http.test_switched_features import SEEN_SECONDS_MAX, switch

BrowserOf = Callable[[Person], Browser]
TODAY = clock.business_date(clock.now())
MONTH = TODAY.replace(day=1)
HELD = "state = 'held', held_by = 'order:1', held_at = now()"
USED = "state = 'redeemed', ended_at = now()"
OVER = (
    "state = 'free', held_by = NULL, held_at = NULL, ended_at = NULL,"
    " granted_at = now() - interval '9 days', expires_at = now() - interval '1 day'"
)
BUILT_IN = "手工调整额度（内置版）"
LAST_MONTH = months_after(MONTH, -1)


@pytest_asyncio.fixture(scope="module")
async def operator(house: House, staffing: Staffing, browser_of: BrowserOf) -> Browser:
    """Give an operator of OWN."""
    return browser_of(await colleague(house, "telling-operator", "运营小何", "operator", staffing.own_plant))


@pytest_asyncio.fixture(scope="module")
async def checker(house: House, staffing: Staffing, browser_of: BrowserOf) -> Browser:
    """Give a checker of OWN."""
    return browser_of(await colleague(house, "telling-checker", "复核老金", "checker", staffing.own_plant))


@pytest.fixture
def shop(callers: Callers, stored: Database) -> Storefront:
    """Give a shop for outlets of OWN."""
    made = Storefront(callers, stored)
    made.plant = "OWN"
    return made


async def adjusted(operator: Browser, checker: Browser, code: str, points: str, reason: str) -> str:
    """Give or take points by hand; give the adjustment's number."""
    made = await operator.post("/ops/adjustments/new", outlet=code, points=points, reason=reason)
    path = made.headers["location"].partition("?")[0]
    assert (await checker.post(f"{path}/approve", reason="好")).status_code == 303
    return path.rpartition("/")[2]


async def test_a_month_tells_each_entry_with_its_why_and_its_lots(
    callers: Callers,
    stored: Database,
    staffing: Staffing,
    browser_of: BrowserOf,
    operator: Browser,
    checker: Browser,
) -> None:
    (code,) = await callers.outlets(plant_code="OWN")
    given = await adjusted(operator, checker, code, "100", "=开业补分")
    taken = await adjusted(operator, checker, code, "-20", "多记了")
    path = f"/outlets/{code}/points"
    page = (await operator.get(path)).text
    end = f"{expires_on(ExpiryTerms(), TODAY):%Y-%m-%d}"
    assert all(
        text in page
        for text in (
            f"{MONTH:%Y} 年 {MONTH.month} 月", "补给您 100 分：=开业补分", "扣回 20 分：多记了", f"{end} 的 +100",
            f"{end} 的 -20", f"{end} 到期", "80 分", f"手工调整额度（内置版） · 调整 {given}",
            f"/ops/adjustments/new?outlet={code}", f"month={LAST_MONTH:%Y-%m}", "上个月", "下载月账单",
        )
    )  # fmt: skip
    assert "下个月" not in page
    earlier = (await operator.get(f"{path}?month={LAST_MONTH:%Y-%m}")).text
    assert all(text in earlier for text in ("这个月没有积分变动", "下个月", f"month={MONTH:%Y-%m}"))
    rep = browser_of(staffing.people["supervisor"])
    assert "调整积分" not in (await rep.get(path)).text
    exported = await operator.get(f"{path}?month={MONTH:%Y-%m}&export=csv")
    assert exported.headers["content-type"].startswith("text/csv")
    head, first, *lines, last = csv.reader(io.StringIO(exported.content.decode("utf-8-sig")))
    assert ",".join(head) == "时间,类型,为什么,积分,待入账,欠分,之后余额,动了哪些有效期,规则,来源"
    assert first == ["月初", "", "", "", "0", "0", "0", "", "", ""]
    assert last == ["月末", "", "", "", "0", "0", "80", "", "", ""]
    assert [line[1:] for line in lines] == [
        ["调整", "补给您 100 分：=开业补分", "100", "0", "0", "100", f"{end} 的 +100", BUILT_IN, f"调整 {given}"],
        ["调整", "扣回 20 分：多记了", "-20", "0", "0", "80", f"{end} 的 -20", BUILT_IN, f"调整 {taken}"],
    ]
    noted = await stored.connection.fetchrow(
        "SELECT actor_name, after->>'q' AS q, after->>'rows' AS rows FROM audit_entries"
        " WHERE action = 'list.exported' AND subject_id = 'statement' ORDER BY id DESC LIMIT 1"
    )
    assert noted is not None
    assert tuple(noted) == ("运营小何", f"{code} {MONTH:%Y-%m}", "2")


@pytest.mark.parametrize(
    "month",
    ["2019-12", "9999-12", "0000-01", "2026-13", "2026-1", "2026", "202611", "2026-11-01", "2026-W05", "２０２６-11",
     "x" * 300, "NaN", "%00%00x", f"{months_after(MONTH, 1):%Y-%m}"],
)  # fmt: skip
async def test_a_month_that_is_none_is_refused(operator: Browser, staffing: Staffing, month: str) -> None:
    for more in ("", "&export=csv"):
        answer = await operator.get(f"/outlets/OWN1/points?month={month}{more}")
        assert (answer.status_code, "日期不对" in answer.text) == (422, True)


async def test_a_statement_is_kept_by_nobody_who_may_not(
    staffing: Staffing, browser_of: BrowserOf, operator: Browser
) -> None:
    for path in ("/points", "/points?export=csv", "/entitlements"):
        assert (await operator.get(f"/outlets/FOREIGN1{path}")).status_code == 404
        assert (await browser_of(staffing.nobody).get(f"/outlets/OWN1{path}")).status_code == 403


async def test_a_file_of_an_odd_code_is_named_by_it(operator: Browser, staffing: Staffing) -> None:
    href = re.search(r'href="(/outlets/[^"]+)">怪编号小店', (await operator.get("/outlets?q=怪编号")).text)
    assert href is not None
    answer = await operator.get(f"{href[1]}/points?export=csv")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith("attachment; filename*=UTF-8''OWN")
    assert ODD_CODE not in answer.headers["content-disposition"]


async def test_switched_off_nothing_is_exported(operator: Browser, stored: Database, staffing: Staffing) -> None:
    path = "/outlets/OWN1/points"
    await switch(stored, "console_export", enabled=False)
    try:
        async with asyncio.timeout(SEEN_SECONDS_MAX):
            while (answer := await operator.get(f"{path}?export=csv")).status_code == 200:
                await asyncio.sleep(0.1)
        assert answer.status_code == 409
        page = await operator.get(path)
        assert (page.status_code, "下载月账单" in page.text) == (200, False)
    finally:
        await stored.connection.execute("DELETE FROM switches WHERE feature = 'console_export'")
    async with asyncio.timeout(SEEN_SECONDS_MAX):
        while "下载月账单" not in (await operator.get(path)).text:
            await asyncio.sleep(0.1)


async def bought(shop: Storefront, units: int = 3) -> tuple[Caller, str, str]:
    """Give an owner of an outlet of OWN who has bought a coupon, its id and the redemption's."""
    owner, coupon = await shop.rich(250), await shop.reward(units)
    answer = await shop.redeem(owner, coupon)
    assert answer.status_code == 201, answer.text
    number = await shop.connection.fetchval(
        "SELECT id FROM redemptions WHERE outlet_id = (SELECT id FROM outlets WHERE code = $1)", owner.outlet_code
    )
    return owner, coupon, str(number)


async def test_a_redemption_is_undone_from_the_outlets_page(
    shop: Storefront, stored: Database, staffing: Staffing, browser_of: BrowserOf, operator: Browser
) -> None:
    owner, coupon, number = await bought(shop)
    path = f"/outlets/{owner.outlet_code}"
    shown = (await operator.get(f"{path}/entitlements")).text
    cancel = f"{path}/redemptions/{number}/cancel"
    assert all(text in shown for text in ("满 100 减 10", "可用", "用了 100 分", f'action="{cancel}"'))
    for role in ("marketer", "rep", "checker", "supervisor"):
        other = browser_of(staffing.people[role])
        assert cancel not in (await other.get(f"{path}/entitlements")).text
        assert (await other.post(cancel, reason="试试")).status_code == 403
    before = await stored.picture()
    for wrong, status in (
        (f"/outlets/OWN1/redemptions/{number}/cancel", 404),
        (f"/outlets/FOREIGN1/redemptions/{number}/cancel", 404),
        (f"{path}/redemptions/0/cancel", 404),
        (f"{path}/redemptions/{'9' * 30}/cancel", 404),
        (f"{path}/redemptions/x/cancel", 404),
    ):
        assert (await operator.post(wrong, reason="兑错了")).status_code == status, wrong
    for reason in ("", " ", "长" * 501):
        assert (await operator.post(cancel, reason=reason)).status_code == 422
    after = await stored.picture()
    # Who was turned away for a role is in the audit, and nothing else moved.
    assert {name for name in before if before[name] != after[name]} <= {"audit_entries"}
    done = await operator.post(cancel, reason="店主兑错了")
    assert (done.status_code, done.headers["location"]) == (303, f"{path}/entitlements?done=redemption_cancelled")
    shown = (await operator.get(f"{path}/entitlements")).text
    assert ("已取消" in shown, cancel in shown) == (True, False)
    kept = await stored.connection.fetchrow(
        "SELECT a.balance, t.units_free, t.units_returned FROM points_accounts a, rewards r, allotments t"
        " WHERE a.outlet_id = (SELECT id FROM outlets WHERE code = $1) AND r.id = $2 AND t.id = r.allotment_id",
        owner.outlet_code,
        int(coupon),
    )
    assert kept is not None
    assert tuple(kept) == (250, 2, 1)
    again = await operator.post(cancel, reason="再来")
    assert (again.status_code, "已取消" in again.text or "已经" in again.text) == (409, True), again.text
    changes = (await operator.get(f"{path}/changes")).text
    assert all(text in changes for text in ("取消兑换", "店主兑错了", "积分：100"))


async def test_what_is_held_or_over_is_said_and_not_undone(
    shop: Storefront, stored: Database, operator: Browser
) -> None:
    owner, _, number = await bought(shop)
    path = f"/outlets/{owner.outlet_code}"
    for change, word in ((HELD, "订单占用中"), (USED, "已使用"), (OVER, "已过期")):
        await stored.connection.execute(
            f"UPDATE entitlements SET {change} WHERE source_kind = 'redemption' AND source_id = $1", number
        )
        page = (await operator.get(f"{path}/entitlements")).text
        assert (word in page, "/cancel" in page) == (True, False), word
        before = await stored.picture()
        refused = await operator.post(f"{path}/redemptions/{number}/cancel", reason="兑错了")
        assert (refused.status_code, "{" in refused.text.split("<main")[1]) == (409, False)
        assert await stored.picture() == before


async def test_events_say_what_was_bought_and_given_back(shop: Storefront, operator: Browser, callers: Callers) -> None:
    owner, _, number = await bought(shop)
    path = f"/outlets/{owner.outlet_code}"
    assert (await operator.post(f"{path}/redemptions/{number}/cancel", reason="兑错了")).status_code == 303
    async with asyncio.timeout(20):
        while "取消兑换" not in (page := (await operator.get(f"{path}/events")).text):
            await asyncio.sleep(0.5)
    assert all(text in page for text in ("积分兑换", "优惠券，用了 100 分", "退回 100 分"))


async def test_an_outlet_without_anything_says_so(operator: Browser, callers: Callers) -> None:
    (code,) = await callers.outlets(plant_code="OWN")
    assert "还没有权益" in (await operator.get(f"/outlets/{code}/entitlements")).text
    points = (await operator.get(f"/outlets/{code}/points")).text
    assert all(text in points for text in ("没有可用的积分", "这个月没有积分变动"))


async def test_owed_and_pending_points_are_said(operator: Browser, callers: Callers, stored: Database) -> None:
    (code,) = await callers.outlets(plant_code="OWN")
    await stored.connection.execute(
        "INSERT INTO points_accounts (outlet_id, balance, pending, owed)"
        " SELECT id, 0, 1300, 45 FROM outlets WHERE code = $1",
        code,
    )
    try:
        page = (await operator.get(f"/outlets/{code}/points")).text
        assert "待入账 1,300，欠分 45" in page
    finally:
        # Points without entries would be found by the proofs of other tests.
        await stored.connection.execute(
            "DELETE FROM points_accounts WHERE outlet_id = (SELECT id FROM outlets WHERE code = $1)", code
        )
