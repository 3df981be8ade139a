"""The doors: who comes in where, pinned route by route, and what becomes of tokens and keys that are not right."""

import re
import secrets
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio
from sanic import Sanic

from app.http.principals import SESSION_LIFE, MemberTokens
from app.http.systems.endpoints import SYSTEMS
from app.server import AREAS, create_app
from loyalty import clock
from loyalty.customers.standings import MemberRef
from loyalty.organisation import rules
from tests.conftest import House, command
from tests.http.conftest import Caller, Callers

Route = tuple[str, str]

PUBLIC: set[Route] = {("POST", "/mp/v1/session"), ("GET", "/mp/v1/texts/{name}")}
OPTIONAL: set[Route] = {("GET", "/mp/v1/home")}
OUTSIDE: set[Route] = {
    ("GET", "/health/live"),
    ("GET", "/health/ready"),
    ("GET", "/openapi.json"),
    ("GET", "/docs"),
    ("GET", "/pictures/{digest}"),
    ("GET", "/docs/page.css"),
    ("GET", "/docs/page.js"),
    ("GET", "/docs/swagger-ui-bundle.js"),
    ("GET", "/docs/swagger-ui.css"),
    ("GET", "/static/console/{digest}/{name}"),
    ("GET", "/wechat/callback"),
    ("POST", "/wechat/callback"),
}
SCOPES: dict[Route, str] = {
    ("PUT", "/systems/v1/outlets"): "outlets",
    ("PUT", "/systems/v1/plants"): "plants",
    ("PUT", "/systems/v1/staff"): "staff",
    ("PUT", "/systems/v1/assignments"): "assignments",
    ("PUT", "/systems/v1/classes"): "classes",
    ("PUT", "/systems/v1/tags"): "tags",
    ("PUT", "/systems/v1/products"): "products",
    ("PUT", "/systems/v1/prices"): "prices",
    ("PUT", "/systems/v1/assortments"): "assortments",
    ("POST", "/systems/v1/binding-codes"): "bindings",
    ("POST", "/systems/v1/orders/{number}/progress"): "orders",
    ("GET", "/systems/v1/feeds/{feed}"): "feeds",
}


@pytest.fixture(scope="module")
def routes(house: House) -> Iterator[set[Route]]:
    app: Sanic[Any, Any] = create_app(house.settings)
    yield {
        (method, "/" + re.sub(r"<(\w+):\w+>", r"{\1}", route.path))
        for route in app.router.routes
        for method in route.methods
    }
    Sanic.unregister_app(app)


@pytest_asyncio.fixture(scope="module")
async def owner(callers: Callers) -> AsyncIterator[Caller]:
    yield await callers.owner()


async def ask(client: httpx.AsyncClient, route: Route, authorization: str | bytes | None = None) -> httpx.Response:
    method, path = route
    headers = {} if authorization is None else {"authorization": authorization}
    return await client.request(method, re.sub(r"{\w+}", "x", path), headers=headers)  # type: ignore[arg-type]


def pages() -> set[Route]:
    """Give the routes of staff pages, which tests/http/test_matrix.py looks at."""
    return {(page.method, (area.prefix + page.path) or "/") for area in AREAS for page in area.pages} | {
        ("GET", "/login"),
        ("POST", "/login"),
    }


def refusal(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


def test_every_route_is_behind_a_door_or_on_a_list(routes: set[Route]) -> None:
    for method, path in routes - OUTSIDE - pages():
        assert path.startswith(("/mp/v1/", "/sfa/v1/", "/systems/v1/")), (method, path)
    assert routes >= PUBLIC | OPTIONAL | OUTSIDE | set(SCOPES)
    assert {route for route in routes if route[1].startswith("/systems/v1/")} == set(SCOPES)


async def test_without_a_token_only_the_lists_are_open(routes: set[Route], callers: Callers) -> None:
    for route in sorted(routes - OUTSIDE - pages()):
        answer = await ask(callers.client, route)
        if route in PUBLIC | OPTIONAL:
            assert answer.status_code != 401, route
        else:
            assert refusal(answer) == (401, "token_missing"), route
            assert answer.headers["www-authenticate"] == 'Bearer error="token_missing"'


async def test_public_routes_look_at_no_token(callers: Callers) -> None:
    answer = await callers.client.get("/mp/v1/texts/privacy", headers={"authorization": "Bearer forged"})
    assert answer.status_code == 200


async def test_a_guest_and_a_member_see_home(callers: Callers, owner: Caller) -> None:
    assert (await callers.client.get("/mp/v1/home")).json()["guest"] is True
    assert (await callers.client.get("/mp/v1/home", headers=owner.headers)).json()["guest"] is False


def wrong_tokens(house: House, owner: Caller) -> dict[str, tuple[str | bytes, str]]:
    """Tokens that are not right, by what is wrong with them, with the code that says so."""
    now = clock.now()
    member = MemberRef(int(owner.id), 0)
    head, _, signature = owner.token.rpartition(".")
    return {
        "forged signature": (f"{head}.{'A' * len(signature)}", "token_invalid"),
        "another member, signature kept": (f"1{owner.token}", "token_invalid"),
        "without signature": (head, "token_invalid"),
        "other secret": (MemberTokens((secrets.token_hex(32),)).give(member, now)[0], "token_invalid"),
        "expired": (house.tokens.give(member, now - SESSION_LIFE - timedelta(seconds=1))[0], "token_expired"),
        "system key": (house.system_key, "token_invalid"),
        "far too long": ("x" * 4000, "token_invalid"),
        "not ASCII": (b"\xff\xfe", "token_invalid"),
    }


async def test_wrong_tokens_open_no_door(routes: set[Route], house: House, callers: Callers, owner: Caller) -> None:
    guarded = {route for route in routes if route[1].startswith("/mp/v1/")} - PUBLIC
    assert guarded > OPTIONAL
    for what, (token, code) in wrong_tokens(house, owner).items():
        shown = b"Bearer " + (token if isinstance(token, bytes) else token.encode())
        for route in sorted(guarded):
            assert refusal(await ask(callers.client, route, shown)) == (401, code), (what, route)


@pytest.mark.parametrize(
    "path", ["/mp/v1/home", "/mp/v1/points", "/mp/v1/points/entries", "/mp/v1/members", "/mp/v1/games/checkin"]
)
async def test_an_ended_session_is_over_at_once(path: str, house: House, callers: Callers, owner: Caller) -> None:
    for member in (MemberRef(int(owner.id), 7), MemberRef(2**62, 0)):
        token, _ = house.tokens.give(member, clock.now())
        answer = await callers.client.get(path, headers={"authorization": f"Bearer {token}"})
        assert refusal(answer) == (401, "token_revoked")


async def test_another_scheme_is_no_token(callers: Callers, owner: Caller) -> None:
    for header in (f"Basic {owner.token}", owner.token, "Bearer"):
        answer = await callers.client.get("/mp/v1/points", headers={"authorization": header})
        assert refusal(answer) == (401, "token_missing")


def test_every_call_of_a_system_needs_a_scope() -> None:
    assert {(one.method, f"{SYSTEMS.prefix}{one.path}"): one.scope for one in SYSTEMS.endpoints} == SCOPES


async def test_wrong_keys_open_no_door(callers: Callers, owner: Caller) -> None:
    # Wrong keys are limited by address, so not every kind of them is shown at every call.
    shown = [(b"forged", route) for route in SCOPES]
    shown += [(key, min(SCOPES)) for key in (b"x" * 4000, b"\xff\xfe", owner.token.encode())]
    for key, route in shown:
        assert refusal(await ask(callers.client, route, b"Bearer " + key)) == (401, "key_invalid"), (key, route)


async def test_a_key_opens_only_what_its_scopes_name(house: House, callers: Callers) -> None:
    for route, scope in SCOPES.items():
        others = ",".join(one for one in rules.SCOPES if one != scope)
        key = command(house.database_url, "system-key", "add", f"all-but-{scope}", "--scopes", others).splitlines()[-1]
        answer = await ask(callers.client, route, f"Bearer {key}")
        assert refusal(answer) == (403, "scope_missing")
        assert answer.json()["scope"] == scope
        assert scope in answer.json()["detail"]
