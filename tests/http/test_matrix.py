"""Who may open what, for every page that the router knows: each role, and things of the own and of another plant."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sanic import Sanic

from app.http.console.pages import Page
from app.server import AREAS, create_app
from loyalty.staff.rules import ROLES
from tests.conftest import House
from tests.http.conftest import Browser, Callers
from tests.http.staffing import Person, Staffing

Route = tuple[str, str]
BrowserOf = Callable[[Person], Browser]

PAGES: dict[Route, Page] = {
    (page.method, (area.prefix + page.path) or "/"): page for area in AREAS for page in area.pages
}
OPEN: set[Route] = {("GET", "/login"), ("POST", "/login")}
WHOLE_HOUSE = ("/admin/keys", "/admin/switches", "/admin/webhooks", "/marketing", "/ops/products/sheets")
"""Only who reaches the root: a plant's administrator is turned away."""
NAMED = ("/admin/keys/{", "/admin/webhooks/{")
"""Pages of one thing that these tests have not made."""
NO_ROLE = "这个页面您暂时看不了"
STALE = "页面放太久了"


@pytest.fixture(scope="module")
def routes(house: House) -> Iterator[set[Route]]:
    app: Sanic[Any, Any] = create_app(house.settings)
    yield {
        (method, "/" + re.sub(r"<(\w+):\w+>", r"{\1}", route.path))
        for route in app.router.routes
        for method in route.methods
    }
    Sanic.unregister_app(app)


def own(path: str, staffing: Staffing) -> str:
    """Fill an address with things of the plant OWN that a test may change."""
    person = staffing.spare[0].id
    node = staffing.own_office if path.endswith(("/parent", "/name")) else staffing.own_plant
    ids = {
        "/admin/staff": person,
        "/ops/reps": person,
        "/ops/adjustments": staffing.own_adjustment,
        "/marketing/rewards": staffing.reward,
        "/marketing/campaigns": staffing.campaign,
        "/admin/organisation": node,
    }
    number = next((str(one) for prefix, one in ids.items() if path.startswith(prefix)), "1")
    filled = (
        path.replace("{code}", "OWN1")
        .replace("{feature}", "checkin")
        .replace("{grant_id}", "999999")
        .replace("{book}", "expiry")
        .replace("{number}", staffing.own_order)
        .replace("{kind}", "prices")
    )
    return filled.replace("{id}", number if not re.search("/(bindings|redemptions|versions)/", path) else "999999")


def foreign(path: str, staffing: Staffing) -> str | None:
    """Fill an address with things of the plant FOREIGN; None for one that names nothing of a plant."""
    ids = {
        "/admin/staff": staffing.foreign.id,
        "/ops/reps": staffing.foreign.id,
        "/ops/adjustments": staffing.foreign_adjustment,
        "/admin/organisation": staffing.foreign_plant,
    }
    if "{number}" in path:
        return path.replace("{number}", staffing.foreign_order)
    if "{code}" in path and not path.startswith(("/ops/products", "/admin/webhooks")):
        return path.replace("{code}", "FOREIGN1").replace("{id}", "1")
    number = next((str(one) for prefix, one in ids.items() if path.startswith(prefix)), None)
    return None if "{id}" not in path or number is None else path.replace("{id}", number).replace("{grant_id}", "1")


def test_every_route_of_a_page_is_in_an_area(routes: set[Route]) -> None:
    apart = ("/mp/", "/systems/", "/sfa/v1/", "/health", "/docs", "/openapi", "/wechat", "/static", "/pictures")
    assert {route for route in routes if not route[1].startswith(apart)} == set(PAGES) | OPEN
    for (_, path), page in PAGES.items():
        assert page.method in {"GET", "POST"}
        assert set(page.roles) <= set(ROLES)
        if path.startswith("/admin"):
            assert set(page.roles) <= {"admin", "plant_lead"}, path
            assert page.roles


async def test_without_a_session_every_page_leads_to_the_log_in(callers: Callers, staffing: Staffing) -> None:
    for method, path in sorted(PAGES):
        answer = await callers.client.request(method, own(path, staffing))
        assert answer.status_code == 303, (method, path)
        assert answer.headers["location"].startswith("/login"), (method, path)


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_opens_what_it_may_and_nothing_else(role: str, staffing: Staffing, browser_of: BrowserOf) -> None:
    browser = browser_of(staffing.people[role])
    for (method, path), page in sorted(PAGES.items(), key=lambda item: item[0]):
        if path == "/logout":
            continue
        may = not page.roles or role in page.roles
        address = own(path, staffing)
        # A form of another browser: who may send it is told to do so again, and nothing is done.
        answer = await browser.get(address) if method == "GET" else await browser.post(address, csrf="forged")
        if not may or (method == "GET" and path.startswith(WHOLE_HOUSE)):
            assert (answer.status_code, NO_ROLE in answer.text) == (403, True), (role, method, path)
        elif method == "POST":
            assert (answer.status_code, STALE in answer.text) == (403, True), (role, method, path)
        else:
            assert answer.status_code == 200, (role, method, path)


@pytest.mark.parametrize("role", [*ROLES, "nobody"])
async def test_what_is_another_plants_is_not_there(role: str, staffing: Staffing, browser_of: BrowserOf) -> None:
    browser = browser_of(staffing.nobody if role == "nobody" else staffing.people[role])
    for (method, path), page in sorted(PAGES.items(), key=lambda item: item[0]):
        address = foreign(path, staffing)
        if address is None:
            continue
        may = bool(page.roles) and role in page.roles
        if method == "GET":
            answer = await browser.get(address)
        else:
            answer = await browser.post(
                address,
                reason="试试看",
                name="改名",
                kind="office",
                code="X9",
                role="rep",
                node_id=str(staffing.foreign_plant),
                parent_id=str(staffing.own_plant),
                to_id=str(staffing.spare[0].id),
            )
        assert answer.status_code == (404 if may else 403), (role, method, path)
        assert may or NO_ROLE in answer.text


async def test_the_root_reaches_all(staffing: Staffing, browser_of: BrowserOf) -> None:
    browser = browser_of(staffing.root)
    for (method, path), page in sorted(PAGES.items(), key=lambda item: item[0]):
        if method == "GET" and (not page.roles or "admin" in page.roles) and not path.startswith(NAMED):
            assert (await browser.get(own(path, staffing))).status_code == 200, path
            address = foreign(path, staffing)
            if address is not None:
                assert (await browser.get(address)).status_code == 200, path


async def test_a_rep_sees_only_the_own_outlets(staffing: Staffing, browser_of: BrowserOf) -> None:
    rep = browser_of(staffing.people["rep"])
    assert (await rep.get("/outlets/OWN1")).status_code == 200
    assert (await rep.get("/outlets/OWN2")).status_code == 404
    listed = (await rep.get("/outlets")).text
    assert "自家便利店" in listed
    assert "自家超市" not in listed
    lead = (await browser_of(staffing.people["plant_lead"]).get("/outlets")).text
    assert "自家便利店" in lead
    assert "自家超市" in lead
    assert "外厂便利店" not in lead


@pytest.mark.parametrize("role", ["plant_lead", "supervisor", "operator"])
async def test_what_is_looked_for_is_found_only_within_reach(
    role: str, staffing: Staffing, browser_of: BrowserOf
) -> None:
    browser = browser_of(staffing.people[role])
    for text in ("FOREIGN1", "外厂", "wcbld"):
        assert "外厂便利店" not in (await browser.get(f"/outlets?q={text}")).text
    for text in ("OWN1", "自家", "zjbld", "13911110001"):
        assert "自家便利店" in (await browser.get(f"/outlets?q={text}")).text, text
    exported = await browser.get("/outlets?export=csv")
    assert "外厂便利店" not in exported.text
    assert exported.headers["content-type"].startswith("text/csv")


async def test_an_admin_of_a_plant_neither_sees_nor_touches_the_others(
    staffing: Staffing, browser_of: BrowserOf
) -> None:
    admin = browser_of(staffing.people["admin"])
    listed = (await admin.get("/admin/staff")).text
    assert "本厂rep" in listed
    assert "外厂业务员" not in listed
    assert "总部管理员" not in listed
    given = await admin.post(
        f"/admin/staff/{staffing.spare[1].id}/grants", role="admin", node_id=str(staffing.foreign_plant)
    )
    assert given.status_code == 404
    assert "没找到这个组织" in given.text


async def test_an_outlet_is_reached_whatever_signs_its_code_has(staffing: Staffing, browser_of: BrowserOf) -> None:
    operator = browser_of(staffing.people["operator"])
    listed = (await operator.get("/outlets?q=怪编号")).text
    href = re.search(r'href="(/outlets/[^"]+)">怪编号小店', listed)
    assert href is not None
    for path in ("", "/points", "/events", "/changes"):
        page = await operator.get(href[1] + path)
        assert (page.status_code, "怪编号小店" in page.text) == (200, True), path
    refused = await operator.post(f"{href[1]}/bindings/1/end", reason="试试看")
    assert (refused.status_code, "没找到这个绑定" in refused.text) == (404, True)


async def test_an_address_that_is_none_is_not_found(staffing: Staffing, browser_of: BrowserOf) -> None:
    browser = browser_of(staffing.root)
    numbers = ("/admin/staff/x", "/admin/staff/99999999999999999999", "/admin/organisation/0")
    for path in (*numbers, "/outlets/%E5%BA%97", "/outlets/%00"):
        assert (await browser.get(path)).status_code == 404, path
