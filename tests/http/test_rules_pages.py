"""Rule books over HTTP: every book's page and form, limits by role, what is planned, kept and withdrawn."""

import json
import re
from collections.abc import Callable
from datetime import date, timedelta
from html import unescape

import pytest
import pytest_asyncio

from app.rule_books import BY_CODE, RULE_BOOKS
from loyalty import clock
from tests.conftest import House
from tests.http.colleagues import colleague
from tests.http.conftest import Browser, Database
from tests.http.staffing import Person, Staffing

BrowserOf = Callable[[Person], Browser]
ROOT = "/marketing/rules"
LATER = clock.business_date(clock.now()) + timedelta(days=40)
SEEN = re.compile(r'name="seen" value="([0-9a-f]{64})"')
NEVER = "0" * 64


@pytest_asyncio.fixture(scope="module")
async def root(house: House, staffing: Staffing, browser_of: BrowserOf) -> Browser:
    """Give a marketer of the whole."""
    return browser_of(await colleague(house, "ruling", "规则小郑", "marketer"))


async def form_of(browser: Browser, book: str, **changes: str) -> dict[str, str]:
    """Give a book's form as a browser would send it, with some changes."""
    page = (await browser.get(f"{ROOT}/{book}/new")).text
    form = dict(re.findall(r'<input[^>]* name="([^"]+)"[^>]* value="([^"]*)"', page))
    form |= dict(re.findall(r'<textarea[^>]* name="([^"]+)"[^>]*>([^<]*)</textarea>', page))
    for name, options in re.findall(r'<select[^>]* name="([^"]+)"[^>]*>(.*?)</select>', page, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)" selected', options)
        assert chosen is not None, options
        form[name] = chosen[1]
    form = {name: unescape(value) for name, value in form.items() if name not in {"csrf", "q"}}
    return form | {"effective_on": LATER.isoformat(), "reason": "年末调整"} | changes


async def planned(browser: Browser, book: str, form: dict[str, str]) -> str:
    """Compare and save; give the page of the comparison."""
    compared = await browser.post(f"{ROOT}/{book}/new", **form)
    seen = SEEN.search(compared.text)
    assert (compared.status_code, seen is not None) == (200, True), compared.text
    assert seen is not None
    saved = await browser.post(f"{ROOT}/{book}/new", **form | {"seen": seen[1]})
    assert saved.status_code == 303, saved.text
    assert saved.headers["location"] == f"{ROOT}/{book}?done=rule_planned"
    return compared.text


async def latest(stored: Database, book: str) -> tuple[int, str, date]:
    """Give a book's latest version that is not withdrawn."""
    row = await stored.connection.fetchrow(
        "SELECT id, body::text AS body, effective_on FROM rule_versions"
        " WHERE book = $1 AND withdrawn_at IS NULL ORDER BY id DESC LIMIT 1",
        book,
    )
    assert row is not None
    return row["id"], row["body"], row["effective_on"]


async def withdrawn(browser: Browser, stored: Database, book: str) -> None:
    """Withdraw a book's latest version, so that other tests meet the built-in one."""
    number, _, _ = await latest(stored, book)
    answer = await browser.post(f"{ROOT}/{book}/versions/{number}/withdraw", reason="收回")
    assert answer.headers["location"] == f"{ROOT}/{book}?done=rule_withdrawn"


async def test_every_book_is_listed_and_shown_with_examples_by_its_own_rules(root: Browser) -> None:
    listed = (await root.get(ROOT)).text
    assert len(RULE_BOOKS) == len(BY_CODE) == 6
    for book in RULE_BOOKS:
        assert all(text in listed for text in (book.title, book.sentence, f'href="{ROOT}/{book.code}"'))
        page = unescape((await root.get(f"{ROOT}/{book.code}")).text)
        for example in book.examples(book.built_in):
            assert example.case in page
            assert example.result in page


@pytest.mark.parametrize("book", sorted(BY_CODE))
async def test_a_form_sent_back_as_it_came_changes_nothing(root: Browser, stored: Database, book: str) -> None:
    before = await stored.picture()
    form = await form_of(root, book)
    compared = await root.post(f"{ROOT}/{book}/new", **form)
    assert (compared.status_code, "和现在的规则一样" in compared.text) == (409, True), compared.text
    assert "保存新版本" not in compared.text
    assert await stored.picture() == before


async def test_expiry_by_days_of_the_calendar_is_planned_shown_and_withdrawn(root: Browser, stored: Database) -> None:
    form = await form_of(root, "expiry", kind="fixed", dates="06-30，12-31", months="3")
    compared = unescape(await planned(root, "expiry", form))
    for text in ("<s>从得到那天起算</s> → <b>固定日历日</b>", "<s>无</s> → <b>06-30，12-31</b>", "可用到 2026-06-30"):
        assert text in compared, text
    number, body, on = await latest(stored, "expiry")
    assert on == LATER
    assert json.loads(body) == {
        "kind": "fixed", "dates": ["06-30", "12-31"], "months": 3, "period": "month", "grace_days": 30,
    }  # fmt: skip
    page = unescape((await root.get(f"{ROOT}/expiry")).text)
    assert all(text in page for text in (f"{LATER} 起", "月数：12 → 3", "原因：年末调整", "规则小郑"))
    assert f"{LATER}" in (await root.get(ROOT)).text
    taken = await root.post(f"{ROOT}/expiry/new", **form | {"months": "4", "seen": NEVER})
    seen = SEEN.search(taken.text)
    assert seen is not None
    refused = await root.post(f"{ROOT}/expiry/new", **form | {"months": "4", "seen": seen[1]})
    assert (refused.status_code, "这一天已经有一个版本" in refused.text) == (409, True)
    assert 'value="4"' in refused.text
    for reason in ("", "长" * 501):
        assert (await root.post(f"{ROOT}/expiry/versions/{number}/withdraw", reason=reason)).status_code == 422
    # A version of one book is none of another one.
    assert (await root.post(f"{ROOT}/day_cap/versions/{number}/withdraw", reason="串了")).status_code == 404
    assert (await latest(stored, "expiry"))[0] == number
    await withdrawn(root, stored, "expiry")
    assert "已撤回" in (await root.get(f"{ROOT}/expiry")).text


async def test_what_an_order_earns_is_typed_in_percent_and_by_lines(root: Browser, stored: Database) -> None:
    form = await form_of(
        root, "order_points", multiplier_bps="112.5", category_points=" 果汁 = 3 \n\n水＝1\n",
        outlet_day_points_max="",
    )  # fmt: skip
    compared = unescape(await planned(root, "order_points", form))
    for text in ("倍数（%）", "<s>100</s> → <b>112.5</b>", "<s>2000</s> → <b>无</b>", "10 箱“果汁”", "33 分"):
        assert text in compared, text
    assert json.loads((await latest(stored, "order_points"))[1]) == {
        "points_per_case": 2, "category_points": {"果汁": 3, "水": 1}, "multiplier_bps": 11_250,
        "first_order_points": 50, "outlet_day_points_max": None,
    }  # fmt: skip
    await withdrawn(root, stored, "order_points")


async def test_a_role_without_numbers_may_not_and_bounds_are_said(root: Browser, stored: Database) -> None:
    book = "adjustment_limits"
    form = await form_of(root, book)
    form |= {"propose.marketer.once_points_max": "", "propose.marketer.day_points_max": ""}
    compared = unescape(await planned(root, book, form))
    assert "<s>500</s> → <b>无</b>" in compared
    body = (await latest(stored, book))[1]
    assert '"marketer"' not in body
    assert '"operator"' in body
    await withdrawn(root, stored, book)


ADMIN = "propose.admin.once_points_max", "propose.admin.day_points_max"


@pytest.mark.parametrize(
    ("book", "changes", "field", "said"),
    [
        ("adjustment_limits", {ADMIN[0]: "10000001", ADMIN[1]: "10000001"}, ADMIN[0], "不能大于 10000000"),
        ("adjustment_limits", {ADMIN[1]: "999999999"}, ADMIN[1], "不能大于 10000000"),
        ("adjustment_limits", {ADMIN[1]: ""}, ADMIN[1], "请填 0 或正整数"),
        ("adjustment_limits", {ADMIN[0]: ""}, ADMIN[0], "请填 0 或正整数"),
        ("adjustment_limits", {ADMIN[0]: "-1"}, ADMIN[0], "请填 0 或正整数"),
        ("adjustment_limits", {ADMIN[0]: "50001"}, ADMIN[1], "一天的上限不能小过一次的上限"),
        ("checkin_ladder", {"extra_points": "0，" * 400}, "extra_points", "最多 366"),
        ("checkin_ladder", {"extra_points": "10001"}, "extra_points", "不能大于 10000"),
        ("checkin_ladder", {"extra_points": "1e3"}, "extra_points", "请填 0 或正整数"),
        ("checkin_ladder", {"base_points": "9" * 40}, "base_points", "请填 0 或正整数"),
        ("checkin_ladder", {"base_points": "NaN"}, "base_points", "请填 0 或正整数"),
        ("checkin_ladder", {"base_points": "-5"}, "base_points", "请填 0 或正整数"),
        ("checkin_ladder", {"base_points": ""}, "base_points", "请填 0 或正整数"),
        ("expiry", {"period": "week"}, "period", "请检查填的内容"),
        ("expiry", {"months": "0"}, "months", "请至少填 1 个月"),
        ("expiry", {"dates": "6-30"}, "dates", "日期请写成 06-30 这样"),
        ("expiry", {"dates": "02-30"}, "dates", "日历上没有 02-30"),
        ("expiry", {"dates": "00-10"}, "dates", "日历上没有 00-10"),
        ("expiry", {"dates": "01-01 " * 13}, "dates", "最多 12"),
        ("expiry", {"grace_days": "367"}, "grace_days", "不能大于 366"),
        ("order_points", {"multiplier_bps": "-1"}, "multiplier_bps", "请填百分比"),
        ("order_points", {"multiplier_bps": "1000.01"}, "multiplier_bps", "不能大于 1000"),
        ("order_points", {"category_points": "果汁=3\n果汁=4"}, "category_points", "不要重复"),
        ("order_points", {"category_points": "果汁=x"}, "category_points", "请填 0 或正整数"),
        ("order_points", {"category_points": "长" * 33 + "=1"}, "category_points", "最多 32"),
        ("order_points", {"category_points": "果汁=1001"}, "category_points", "不能大于 1000"),
        ("order_points", {"outlet_day_points_max": "0"}, "outlet_day_points_max", "不能小于 1"),
        ("day_cap", {"outlet_day_points_max": "1000001"}, "outlet_day_points_max", "不能大于 1000000"),
        ("day_cap", {"effective_on": ""}, "effective_on", "日期不对"),
        ("day_cap", {"effective_on": "9999-12-31"}, "effective_on", "日期不对"),
        ("day_cap", {"effective_on": "0001-01-01"}, "effective_on", "日期不对"),
    ],
)
async def test_a_bound_that_is_broken_is_said_where_it_was_typed(
    root: Browser, stored: Database, book: str, changes: dict[str, str], field: str, said: str
) -> None:
    form = await form_of(root, book, **changes)
    before = await stored.picture()
    answer = await root.post(f"{ROOT}/{book}/new", **form)
    assert (answer.status_code, said in answer.text) == (422, True), answer.text
    assert re.search(rf'<(input|textarea|select)[^>]*name="{re.escape(field)}"[^>]*aria-invalid="true"', answer.text)
    assert "年末调整" in answer.text
    assert SEEN.search(answer.text) is None
    assert await stored.picture() == before


async def test_nothing_is_saved_unseen(root: Browser, stored: Database) -> None:
    form = await form_of(root, "day_cap", outlet_day_points_max="4000")
    before = await stored.picture()
    for seen in ("", NEVER, "x" * 500):
        answer = await root.post(f"{ROOT}/day_cap/new", **form | {"seen": seen})
        assert (answer.status_code, "保存新版本" in answer.text) == (200, True)
    assert await stored.picture() == before
    match = SEEN.search((await root.post(f"{ROOT}/day_cap/new", **form)).text)
    assert match is not None
    for reason in ("", " ", "长" * 501):
        answer = await root.post(f"{ROOT}/day_cap/new", **form | {"seen": match[1], "reason": reason})
        assert (answer.status_code, "原因" in answer.text) == (422, True)
    assert await stored.picture() == before


async def test_what_was_compared_with_another_version_is_compared_again(root: Browser, stored: Database) -> None:
    on = (LATER + timedelta(days=200)).isoformat()
    form = await form_of(root, "day_cap", outlet_day_points_max="4100", effective_on=on)
    match = SEEN.search((await root.post(f"{ROOT}/day_cap/new", **form)).text)
    assert match is not None
    await planned(root, "day_cap", form | {"outlet_day_points_max": "3000", "effective_on": LATER.isoformat()})
    before = await stored.picture()
    answer = await root.post(f"{ROOT}/day_cap/new", **form | {"seen": match[1]})
    assert (answer.status_code, "<s>3000</s> → <b>4100</b>" in answer.text) == (200, True), answer.text
    assert await stored.picture() == before
    number, _, _ = await latest(stored, "day_cap")
    assert (await root.post(f"{ROOT}/day_cap/versions/{number}/withdraw", reason="试完了")).status_code == 303


@pytest.mark.parametrize("book", ["nothing", "EXPIRY", "%00", "expiry'--"])
async def test_a_book_that_there_is_not(root: Browser, book: str) -> None:
    for path in (book, f"{book}/new"):
        assert (await root.get(f"{ROOT}/{path}")).status_code == 404
    assert (await root.post(f"{ROOT}/{book}/new", reason="试试")).status_code == 404
    assert (await root.post(f"{ROOT}/{book}/versions/1/withdraw", reason="试试")).status_code == 404


async def test_a_marketer_of_one_plant_plans_nothing(
    stored: Database, staffing: Staffing, browser_of: BrowserOf, root: Browser
) -> None:
    form = await form_of(root, "day_cap", outlet_day_points_max="4000")
    for role in ("marketer", "admin"):
        browser = browser_of(staffing.people[role])
        for path in ("", "/day_cap", "/day_cap/new"):
            assert (await browser.get(ROOT + path)).status_code == 403
        assert (await browser.post(f"{ROOT}/day_cap/new", **form)).status_code == 403
        assert (await browser.post(f"{ROOT}/day_cap/versions/1/withdraw", reason="试试")).status_code == 403
