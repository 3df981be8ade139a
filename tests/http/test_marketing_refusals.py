"""What marketing's pages refuse: told where it was typed, nothing typed lost, and nothing moved in the database."""

import re
from collections.abc import Awaitable, Callable

import httpx
import pytest
import pytest_asyncio

from app.demo_rewards import picture
from app.http.console import cookies
from tests import rows
from tests.conftest import House
from tests.http.colleagues import colleague
from tests.http.conftest import Browser, Callers, Database
from tests.http.staffing import Person, Staffing
from tests.http.test_marketing import campaign, coupon

BrowserOf = Callable[[Person], Browser]
Send = Callable[..., Awaitable[httpx.Response]]
PNG = picture((9, 8, 7))
NO_ROLE = "这个页面您暂时看不了"
UNITS = "SELECT units_total, units_free, units_returned FROM allotments WHERE purpose = $1"
OF_TYPE = {
    "gift": {"item_code": "G-1", "item_name": "遮阳伞", "quantity": "2", "unit": "把"},
    "price": {"product_code": "P-1", "product_name": "橙味汽水", "price_fen": "36.5", "cases_max": "3"},
    "points": {"points": "88", "cost_points": "", "units": "", "outlet_month_max": ""},
}


@pytest_asyncio.fixture(scope="module")
async def marketing(house: House, staffing: Staffing) -> Person:
    return await colleague(house, "refusing", "总部市场", "marketer")


@pytest.fixture
def root(marketing: Person, browser_of: Callable[[Person], Browser]) -> Browser:
    return browser_of(marketing)


@pytest.fixture
def send(callers: Callers, marketing: Person, root: Browser) -> Send:
    """Give what sends the form of a picture as a browser does, with a reason."""

    async def send(path: str, content: bytes, reason: str = "换季", csrf: str | None = None) -> httpx.Response:
        return await callers.client.post(
            f"{path}/picture",
            data={"csrf": root.csrf if csrf is None else csrf, "reason": reason},
            files={"picture": ("a file", content)},
            headers={"cookie": f"{cookies.SESSION}={marketing.token}"},
        )

    return send


async def made(root: Browser, **changes: str) -> str:
    """Make a reward; give the path of its page."""
    answer = await root.post("/marketing/rewards/new", **coupon(**changes))
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].partition("?")[0]


async def version_of(root: Browser, path: str) -> str:
    """Give the version that a reward's form carries."""
    found = re.search(r'name="version" value="(\d+)"', (await root.get(f"{path}/edit")).text)
    assert found is not None
    return found[1]


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("gift", "遮阳伞 2 把，随下一趟送货车送到"),
        ("price", "橙味汽水 每箱 36.50 元，最多 3 箱"),
        ("points", "88 积分，马上到账"),
    ],
)
async def test_each_type_has_its_own_fields(
    root: Browser, stored: Database, staffing: Staffing, kind: str, said: str
) -> None:
    named = {"campaign_id": str(staffing.campaign)} if kind == "points" else {}
    path = await made(root, type=kind, name=f"{kind} 一份", **OF_TYPE[kind], **named)
    page = (await root.get(path)).text
    assert said in page
    assert ("测试活动" in page) == (kind == "points")
    before = await stored.picture()
    for field in OF_TYPE[kind]:
        if field in {"cost_points", "units", "outlet_month_max"}:
            continue
        bad = await root.post("/marketing/rewards/new", **coupon(type=kind, **OF_TYPE[kind] | {field: "1e9" * 20}))
        assert (bad.status_code, f'id="reward-{field}-error"' in bad.text) == (422, True), field
    assert await stored.picture() == before


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"campaign_id": "x"}, "campaign_id"),
        ({"campaign_id": "999999"}, "campaign_id"),
        ({"points": "0"}, "points"),
        ({"points": "1000001"}, "points"),
    ],
)
async def test_bad_points_as_a_reward_are_told(
    root: Browser, stored: Database, changes: dict[str, str], field: str
) -> None:
    before = await stored.picture()
    answer = await root.post("/marketing/rewards/new", **coupon(type="points", **OF_TYPE["points"] | changes))
    assert (answer.status_code, f'id="reward-{field}-error"' in answer.text) == (422, True), answer.text
    assert await stored.picture() == before


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({"name": ""}, 422, "名称请填 1 到 30 个字"),
        ({"units": ""}, 422, "限量的奖品不能改成不限量"),
        ({"units": "99999999"}, 422, "份数不对"),
        ({"cost_fen": "1e999999"}, 422, "请填金额"),
        ({"plants": "NOWHERE"}, 422, "请从列出的里面选一项"),
        ({"reason": ""}, 422, "原因"),
        ({"version": "99"}, 409, "有人刚改过这个奖品"),
        ({"version": "x"}, 409, "有人刚改过这个奖品"),
        ({"version": "9" * 40}, 409, "有人刚改过这个奖品"),
    ],
)
async def test_a_bad_change_of_a_reward_is_told_and_keeps_what_was_typed(
    root: Browser, stored: Database, changes: dict[str, str], status: int, said: str
) -> None:
    path = await made(root, name="要改的券")
    form = coupon(description="打了很久的说明", version=await version_of(root, path)) | changes
    before = await stored.picture()
    answer = await root.post(f"{path}/edit", **form)
    assert (answer.status_code, said in answer.text, "打了很久的说明" in answer.text) == (status, True, True)
    assert await stored.picture() == before


async def test_a_move_without_a_reason_is_asked_for_it_in_its_dialog(root: Browser, stored: Database) -> None:
    path = await made(root, name="没有原因的券")
    before = await stored.picture()
    for reason in ("", "长" * 201):
        answer = await root.post(f"{path}/live", reason=reason)
        assert answer.status_code == 422
        assert re.search(r'<dialog class="dialog" id="live"[^>]* data-open>', answer.text)
    refused = await root.post(f"{path}/paused", reason="草稿不能暂停")
    assert (refused.status_code, "现在不能这样改" in refused.text) == (409, True)
    assert await stored.picture() == before
    for state in ("live", "paused"):
        assert (await root.post(f"{path}/{state}", reason="调整")).status_code == 303
    assert "继续“没有原因的券”" in (await root.get(path)).text


async def test_returned_units_are_let_go(house: House, root: Browser, stored: Database) -> None:
    path = await made(root, name="有退回的券", units="5")
    purpose = f"reward:{path.rpartition('/')[2]}"
    before = await stored.picture()
    none_waits = await root.post(f"{path}/returned", reason="没有退回的")
    assert (none_waits.status_code, "现在不能这样改" in none_waits.text) == (409, True)
    assert await stored.picture() == before
    # What three that were redeemed and lapsed leave behind.
    await rows.execute(
        house.database_url, "UPDATE allotments SET units_free = 2, units_returned = 3 WHERE purpose = $1", purpose
    )
    page = (await root.get(path)).text
    assert "有 3 份是退回来的" in page
    before = await stored.picture()
    silent = await root.post(f"{path}/returned", reason=" ")
    assert (silent.status_code, 'id="returned-form-reason-error"' in silent.text) == (422, True)
    assert await stored.picture() == before
    assert (await root.post(f"{path}/returned", reason="没人排队")).status_code == 303
    assert await rows.fetch(house.database_url, UNITS, purpose) == [(5, 5, 0)]
    page = (await root.get(path)).text
    assert "数量：3。原因：没人排队" in page
    assert "放开退回的" not in page


async def test_a_picture_is_kept_by_what_it_is(
    house: House, root: Browser, stored: Database, staffing: Staffing, callers: Callers, send: Send
) -> None:
    path = f"/marketing/rewards/{staffing.reward}"
    before = await stored.picture()
    for rubbish in (
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"RIFF1234WAVE",
        b"\x89PNG\r\n\x1a\n" + b"x" * 524_288,
    ):
        refused = await send(path, rubbish, "打好的原因")
        assert (refused.status_code, "图片用不了" in refused.text, "打好的原因" in refused.text) == (422, True, True)
    silent = await send(path, PNG, "")
    assert (silent.status_code, 'id="picture-reason-error"' in silent.text) == (422, True)
    urlencoded = await root.post(f"{path}/picture", reason="没有文件", picture="x")
    assert (urlencoded.status_code, "图片用不了" in urlencoded.text) == (422, True)
    assert (await send(path, b"x" * 700_000)).status_code == 413
    assert (await send("/marketing/rewards/999999", PNG)).status_code == 404
    assert await stored.picture() == before
    for kept in (b"\x89PNG\r\n\x1a\nrubbish, which a browser shows as broken", PNG):
        assert (await send(path, kept)).status_code == 303
    ((digest,),) = await rows.fetch(house.database_url, "SELECT picture_id FROM rewards WHERE id = $1", staffing.reward)
    shown = await callers.client.get(f"/pictures/{digest}")
    assert (shown.status_code, shown.headers["content-type"], shown.content) == (200, "image/png", PNG)
    assert "immutable" in shown.headers["cache-control"]
    assert f"/pictures/{digest}" in (await root.get(path)).text


async def test_a_form_with_a_file_is_held_to_its_browser(stored: Database, staffing: Staffing, send: Send) -> None:
    refused = await send(f"/marketing/rewards/{staffing.reward}", PNG + b"forged", csrf="forged")
    assert (refused.status_code, "页面放太久了" in refused.text) == (403, True)
    kept = await stored.connection.fetchval("SELECT count(*) FROM pictures WHERE content = $1", PNG + b"forged")
    assert kept == 0


async def test_what_is_ended_takes_nothing_more(root: Browser, stored: Database, send: Send) -> None:
    path = await made(root, name="结束的券")
    version = await version_of(root, path)
    assert (await root.post(f"{path}/ended", reason="下架")).status_code == 303
    before = await stored.picture()
    assert (await send(path, PNG + b"late")).status_code == 409
    for answer in (
        await root.post(f"{path}/edit", **coupon(version=str(int(version) + 1))),
        await root.post(f"{path}/returned", reason="晚了"),
        await root.post(f"{path}/ended", reason="再来"),
    ):
        assert (answer.status_code, "现在不能这样改" in answer.text) == (409, True)
    assert await stored.picture() == before
    page = (await root.get(path)).text
    assert "换一张图片" not in page
    assert f'href="{path}/edit"' not in page


async def test_rewards_are_found_and_kept_as_a_file(root: Browser) -> None:
    await made(root, name="找得到的券")
    found = (await root.get("/marketing/rewards?q=找得到&state=draft&type=coupon")).text
    assert "找得到的券" in found
    for query in ("q=找不到", "q=找得到&state=live", "q=找得到&type=gift"):
        assert "找得到的券" not in (await root.get(f"/marketing/rewards?{query}")).text, query
    assert (await root.get("/marketing/rewards?state=nonsense&type=x&page=-1&sort=zzz")).status_code == 200
    kept = await root.get("/marketing/rewards?q=找得到&export=csv")
    assert kept.headers["content-type"].startswith("text/csv")
    assert "找得到的券" in kept.text


async def test_a_marketer_of_one_plant_moves_nothing(
    staffing: Staffing, browser_of: BrowserOf, stored: Database
) -> None:
    marketer = browser_of(staffing.people["marketer"])
    reward, campaign_path = f"/marketing/rewards/{staffing.reward}", f"/marketing/campaigns/{staffing.campaign}"
    count = (
        "SELECT (SELECT count(*) FROM rewards), (SELECT count(*) FROM campaigns), (SELECT sum(version) FROM rewards)"
    )
    before = await stored.connection.fetchrow(count)
    for path, form in (
        ("/marketing/rewards/new", coupon()),
        (f"{reward}/edit", coupon(version="1")),
        *((f"{reward}/{verb}", {"reason": "试试"}) for verb in ("live", "paused", "ended", "returned", "picture")),
        ("/marketing/campaigns/new", campaign(code="sneaked-in")),
        (campaign_path, campaign()),
    ):
        answer = await marketer.post(path, **form)
        assert (answer.status_code, NO_ROLE in answer.text) == (403, True), path
    assert await stored.connection.fetchrow(count) == before


async def test_the_type_is_chosen_before_the_form(root: Browser) -> None:
    assert re.findall(r'href="(/marketing/rewards/new[^"]*)"', (await root.get("/marketing/rewards")).text) == [
        "/marketing/rewards/new"
    ]
    chosen = (await root.get("/marketing/rewards/new")).text
    for kind in ("coupon", "gift", "price", "points"):
        assert f'href="/marketing/rewards/new?type={kind}"' in chosen
        assert (await root.get(f"/marketing/rewards/new?type={kind}")).status_code == 200


async def test_what_is_not_there_is_not_found(root: Browser) -> None:
    for number in ("0", "999999", "x", "9" * 20, "-1"):
        for path in (
            f"/marketing/rewards/{number}",
            f"/marketing/rewards/{number}/edit",
            f"/marketing/campaigns/{number}",
        ):
            assert (await root.get(path)).status_code == 404, path
        for verb in ("live", "paused", "ended", "returned"):
            answer = await root.post(f"/marketing/rewards/{number}/{verb}", reason="试试")
            assert answer.status_code == 404, (number, verb)
