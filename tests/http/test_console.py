"""The console's door: logging in and out, storms, stolen tokens, grants that ended, sessions, and what headers say."""

import asyncio
import re
from collections.abc import Callable

import httpx
import pytest

from app.http.console import cookies, login
from app.http.console.pages import SECURITY_HEADERS
from tests.conftest import House, command
from tests.http.conftest import Browser, Callers, Database
from tests.http.staffing import Person, Staffing

BrowserOf = Callable[[Person], Browser]
PASSWORD = re.compile(r"[a-z0-9]{4}-[a-z0-9]{4}-[a-z0-9]{4}")


class Visitor:
    """A browser with a cookie jar, before and after the log-in."""

    def __init__(self, house: House) -> None:
        self.client = httpx.AsyncClient(base_url=house.base_url, timeout=20)

    async def token(self, path: str = "/login") -> str:
        """Give the form token of a page."""
        page = await self.client.get(path)
        found = re.search(r'name="csrf" value="(\w+)"', page.text)
        assert found is not None
        return found[1]

    async def log_in(self, code: str, password: str, next_path: str = "/") -> httpx.Response:
        """Send the log-in form as the page has it."""
        fields = {"csrf": await self.token(), "code": code, "password": password, "next": next_path}
        return await self.client.post("/login", data=fields)


def newcomer(house: House, code: str) -> str:
    """Take somebody in by command; give the temporary password."""
    return command(house.database_url, "staff", "add", code, "--name", "新同事", "--role", "operator").splitlines()[-1]


async def test_a_first_log_in_leads_to_a_password_of_ones_own(house: House, stored: Database) -> None:
    password = newcomer(house, "fresh")
    assert PASSWORD.fullmatch(password)
    visitor = Visitor(house)
    async with visitor.client:
        answer = await visitor.log_in("FRESH ", password)
        assert (answer.status_code, answer.headers["location"]) == (303, "/password")
        cookie = answer.headers.get_list("set-cookie")
        assert any("HttpOnly" in one and "SameSite=Lax" in one and cookies.SESSION in one for one in cookie)
        for path in ("/", "/outlets", "/me"):
            sent = await visitor.client.get(path)
            assert (sent.status_code, sent.headers["location"]) == (303, "/password"), path
        fields = {"csrf": await visitor.token("/password"), "current": password, "again": "x"}
        for new, said in (("short", "两次输入的不一样"), ("short", "至少 10 个字符"), ("fresh-fresh-fresh", "工号")):
            again = "x" if said.startswith("两次") else new
            told = await visitor.client.post("/password", data={**fields, "new": new, "again": again})
            assert (told.status_code, said in told.text) == (422, True), said
        good = "一句只有我知道的话呀"
        done = await visitor.client.post("/password", data={**fields, "new": good, "again": good})
        assert (done.status_code, done.headers["location"]) == (303, "/?done=password_changed")
        home = await visitor.client.get("/?done=password_changed")
        assert home.status_code == 200
        assert "密码改好了" in home.text
        out = await visitor.client.post("/logout", data={"csrf": await visitor.token("/me")})
        assert out.headers["location"] == "/login?done=logged_out"
        assert (await visitor.client.get("/")).headers["location"] == "/login?next=%2F"
    kept = await stored.connection.fetchval("SELECT password_hash FROM staff WHERE login = 'fresh'")
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    done_things = await stored.connection.fetch(
        "SELECT action FROM audit_entries WHERE subject_kind = 'staff' AND subject_id ="
        " (SELECT id::text FROM staff WHERE login = 'fresh') ORDER BY id"
    )
    assert [row["action"] for row in done_things] == [
        "staff.added", "grant.added", "password.reset", "login.made", "password.changed", "session.ended",
    ]  # fmt: skip


async def test_a_storm_of_wrong_passwords_locks_and_an_administrator_unlocks(
    house: House, staffing: Staffing, browser_of: BrowserOf, stored: Database
) -> None:
    password = newcomer(house, "stormy")
    storm = [Visitor(house) for _ in range(12)]
    try:
        answers = await asyncio.gather(*(one.log_in("stormy", f"wrong-{n}") for n, one in enumerate(storm)))
        said = [answer.status_code for answer in answers]
        assert set(said) == {403}
        looked_at = await stored.connection.fetchval(
            "SELECT count(*) FROM audit_entries WHERE action = 'login.refused' AND after->>'code' = 'stormy'"
        )
        assert looked_at == 5
        locked = await storm[0].log_in("stormy", password)
        assert locked.status_code == 403
        assert "分钟后再试" in locked.text
        assert password not in locked.text
        staff_id = await stored.connection.fetchval("SELECT id FROM staff WHERE login = 'stormy'")
        root = browser_of(staffing.root)
        assert "已锁定" in (await root.get(f"/admin/staff/{staff_id}")).text
        assert (await root.post(f"/admin/staff/{staff_id}/unlock")).headers["location"].endswith("?done=unlocked")
        assert (await storm[0].log_in("stormy", password)).headers["location"] == "/password"
    finally:
        for one in storm:
            await one.client.aclose()


async def test_who_is_not_known_is_told_the_same_as_who_is_wrong(house: House, staffing: Staffing) -> None:
    visitor = Visitor(house)
    async with visitor.client:
        unknown = await visitor.log_in("nobody-here", "some password")
        wrong = await visitor.log_in("own-operator", "some password")
    texts = [re.search(r'role="alert".*?</div>', answer.text, re.DOTALL) for answer in (unknown, wrong)]
    assert texts[0] is not None
    assert texts[1] is not None
    assert texts[0][0] == texts[1][0]
    assert "工号或密码不对" in texts[0][0]


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("/outlets?q=a", "/outlets?q=a"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("/login", "/"),
        ("", "/"),
        ("/x\nLocation: y", "/"),
        ("/" + "x" * 600, "/"),
    ],
)
def test_the_way_on_after_a_log_in_stays_here(asked: str, given: str) -> None:
    assert login.safe_next(asked) == given


@pytest.mark.parametrize(
    ("headers", "csrf"),
    [
        ({}, ""),
        ({}, "0" * 64),
        ({}, "店"),
        ({"origin": "https://evil.example"}, None),
        ({"sec-fetch-site": "cross-site"}, None),
        ({"sec-fetch-site": "same-site"}, None),
    ],
)
async def test_a_form_from_elsewhere_is_refused_and_audited(
    headers: dict[str, str],
    csrf: str | None,
    house: House,
    staffing: Staffing,
    callers: Callers,
    browser_of: BrowserOf,
    stored: Database,
) -> None:
    person = staffing.spare[2]
    browser = browser_of(person)
    before = await stored.connection.fetchval("SELECT count(*) FROM staff_sessions WHERE ended_at IS NULL")
    noted = "SELECT count(*) FROM audit_entries WHERE action = 'form.refused' AND actor_id = $1"
    seen = await stored.connection.fetchval(noted, str(person.id))
    answer = await callers.client.post(
        "/logout",
        data={"csrf": browser.csrf if csrf is None else csrf},
        headers={"cookie": f"{cookies.SESSION}={person.token}", **headers},
    )
    assert answer.status_code == 403
    assert "页面放太久了" in answer.text
    assert await stored.connection.fetchval("SELECT count(*) FROM staff_sessions WHERE ended_at IS NULL") == before
    assert await stored.connection.fetchval(noted, str(person.id)) == seen + 1


async def test_another_browsers_token_is_worth_nothing(staffing: Staffing, browser_of: BrowserOf) -> None:
    stolen = browser_of(staffing.root).csrf
    answer = await browser_of(staffing.people["operator"]).post("/logout", csrf=stolen)
    assert answer.status_code == 403


async def test_a_grant_that_ended_counts_no_more(staffing: Staffing, browser_of: BrowserOf, stored: Database) -> None:
    person = staffing.spare[3]
    browser, root = browser_of(person), browser_of(staffing.root)
    assert (await browser.get("/outlets")).status_code == 200
    grant_id = await stored.connection.fetchval("SELECT id FROM staff_grants WHERE staff_id = $1", person.id)
    path = f"/admin/staff/{person.id}/grants/{grant_id}/end"
    missing = await root.post(path)
    assert missing.status_code == 422
    assert "请写一句原因" in missing.text
    assert (await browser.get("/outlets")).status_code == 200
    assert (await root.post(path, reason="换岗")).status_code == 303
    refused = await browser.get("/outlets")
    assert refused.status_code == 403
    assert "这个页面您暂时看不了" in refused.text
    assert (await browser.get("/")).status_code == 200
    told = (await root.get("/admin/audit?q=换岗")).text
    assert "结束角色" in told
    assert await stored.connection.fetchval(
        "SELECT count(*) FROM audit_entries WHERE action = 'page.refused' AND actor_id = $1", str(person.id)
    )


async def test_nobody_changes_their_own_rights(staffing: Staffing, browser_of: BrowserOf) -> None:
    root = browser_of(staffing.root)
    path = f"/admin/staff/{staffing.root.id}"
    given = await root.post(f"{path}/grants", role="checker", node_id=str(staffing.own_plant))
    assert (given.status_code, "不能改自己的权限" in given.text) == (409, True)
    for action in ("password", "leave"):
        refused = await root.post(f"{path}/{action}", reason="试试看")
        assert (refused.status_code, "不能改自己的权限" in refused.text) == (409, True), action


async def test_a_cycle_in_the_tree_is_refused_told_and_audited(
    staffing: Staffing, browser_of: BrowserOf, stored: Database
) -> None:
    root = browser_of(staffing.root)
    top = await stored.connection.fetchval("SELECT id FROM organisation_nodes WHERE parent_id IS NULL")
    above = top
    for code in ("G1", "G2"):
        made = await root.post(f"/admin/organisation/{above}/children", kind="group", code=code, name=f"大区{code}")
        assert made.status_code == 303
        above = await stored.connection.fetchval("SELECT id FROM organisation_nodes WHERE code = $1", code)
    ids = {
        row["code"]: row["id"]
        for row in await stored.connection.fetch("SELECT id, code FROM organisation_nodes WHERE code IN ('G1', 'G2')")
    }
    tree = "SELECT md5(string_agg(c::text, ',' ORDER BY c::text)) FROM organisation_closure c"
    before = await stored.connection.fetchval(tree)
    for below in ("G1", "G2"):
        refused = await root.post(f"/admin/organisation/{ids['G1']}/parent", parent_id=str(ids[below]), reason="绕一圈")
        assert (refused.status_code, "不能放到自己下面" in refused.text) == (409, True)
    assert await stored.connection.fetchval(tree) == before
    assert "调整上级没通过" in (await root.get("/admin/audit?q=绕一圈")).text
    moved = await root.post(f"/admin/organisation/{ids['G2']}/parent", parent_id=str(top), reason="调到总部下")
    assert moved.headers["location"].endswith("?done=node_moved")


async def test_every_page_says_how_browsers_shall_treat_it(
    callers: Callers, staffing: Staffing, browser_of: BrowserOf
) -> None:
    browser = browser_of(staffing.root)
    answers = [await callers.client.get("/login"), await browser.get("/"), await browser.get("/admin/staff/0")]
    for answer in answers:
        for name, value in SECURITY_HEADERS.items():
            assert answer.headers[name] == value, name
        assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["trace-id"])
        assert "<script>" not in answer.text
        assert " style=" not in answer.text
        assert " onclick=" not in answer.text


async def test_what_people_type_is_never_markup(staffing: Staffing, browser_of: BrowserOf) -> None:
    answer = await browser_of(staffing.root).get('/outlets?q="><script>alert(1)</script>')
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;" in answer.text


async def test_a_part_is_given_where_a_part_is_asked_for(staffing: Staffing, browser_of: BrowserOf) -> None:
    browser = browser_of(staffing.root)
    part = await browser.get("/outlets?q=OWN1", **{"hx-request": "true", "hx-target": "outlets"})
    assert part.text.lstrip().startswith('<section class="table" id="outlets"')
    assert "<html" not in part.text
    whole = await browser.get("/outlets?q=OWN1", **{"hx-request": "true", "hx-history-restore-request": "true"})
    assert "<html" in whole.text


async def test_the_assets_are_kept_and_only_by_their_content(callers: Callers) -> None:
    page = (await callers.client.get("/login")).text
    urls = sorted(set(re.findall(r'(?:href|src)="(/static/console/[^"#]+)', page)))
    assert len(urls) >= 5
    for url in urls:
        answer = await callers.client.get(url, headers={"accept-encoding": "gzip"})
        assert answer.status_code == 200, url
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.headers["x-content-type-options"] == "nosniff"
    gone = re.sub(r"/static/console/\w+/", "/static/console/0/", urls[0])
    assert (await callers.client.get(gone)).status_code == 404
    assert (await callers.client.get("/static/console/0/../../app/settings.py")).status_code == 404


async def test_forms_that_are_none_are_refused(callers: Callers, staffing: Staffing) -> None:
    headers = {"cookie": f"{cookies.SESSION}={staffing.root.token}"}
    for content, media_type, status in (
        (b"{}", "application/json", 400),
        (b"a=\xff", "application/x-www-form-urlencoded", 400),
        (b"a=%00", "application/x-www-form-urlencoded", 400),
        (b"&".join([b"a=1"] * 600), "application/x-www-form-urlencoded", 400),
        (b"a=" + b"x" * 70_000, "application/x-www-form-urlencoded", 413),
    ):
        answer = await callers.client.post("/logout", content=content, headers={**headers, "content-type": media_type})
        assert answer.status_code == status, content[:20]


async def test_a_key_is_shown_once_rotated_and_revoked(
    staffing: Staffing, browser_of: BrowserOf, callers: Callers
) -> None:
    root = browser_of(staffing.root)
    made = await root.post("/admin/keys/new", name="console-made", scopes=["feeds"])
    key = re.search(r"lkt_[\w-]{43}", made.text)
    assert key is not None
    listed = await root.get("/admin/keys")
    number = re.search(r'href="/admin/keys/(\d+)">console-made', listed.text)
    assert number is not None
    path = f"/admin/keys/{number[1]}"
    assert key[0] not in (await root.get(path)).text

    async def opens(token: str) -> int:
        answer = await callers.client.get("/systems/v1/feeds/engagement", headers={"authorization": f"Bearer {token}"})
        return answer.status_code

    assert await opens(key[0]) == 200
    rotated = re.search(r"lkt_[\w-]{43}", (await root.post(f"{path}/rotate", keep="1")).text)
    assert rotated is not None
    assert [await opens(key[0]), await opens(rotated[0])] == [200, 200]
    assert (await root.post(f"{path}/scopes", scopes=["outlets"])).status_code == 303
    assert [await opens(key[0]), await opens(rotated[0])] == [403, 403]
    assert (await root.post(f"{path}/scopes")).status_code == 422
    assert (await root.post(f"{path}/revoke")).status_code == 422
    assert (await root.post(f"{path}/revoke", reason="不用了")).status_code == 303
    assert [await opens(key[0]), await opens(rotated[0])] == [401, 401]
