"""Products and prices over HTTP, as staff see them: found, and priced within one's reach alone."""

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from loyalty import clock
from tests.conftest import House
from tests.http import offering
from tests.http.colleagues import colleague
from tests.http.conftest import Browser, Callers, Database
from tests.http.offering import Offered
from tests.http.staffing import Person, Staffing

BrowserOf = Callable[[Person], Browser]
ROOT = "/ops/products"
TODAY = clock.business_date(clock.now())


@pytest_asyncio.fixture(scope="module")
async def operator(house: House, staffing: Staffing, browser_of: BrowserOf) -> Browser:
    """Give an operator of OWN."""
    return browser_of(await colleague(house, "pricing-operator", "运营小何", "operator", staffing.own_plant))


@pytest_asyncio.fixture(scope="module")
async def marketer(house: House, browser_of: BrowserOf) -> Browser:
    """Give a marketer of the whole house."""
    return browser_of(await colleague(house, "pricing-marketer", "市场小郑", "marketer"))


@pytest_asyncio.fixture(scope="module")
async def offered(house: House, callers: Callers) -> Offered:
    """Bring a plant's catalogue."""
    return await offering.offer(offering.calling(house, callers, "tests-pictures"))


@pytest.fixture
async def code(callers: Callers) -> str:
    """Bring a product with prices of two plants and of none, a deal, and two assortments."""
    code = f"SP{secrets.token_hex(4)}"
    (first, last) = (TODAY + timedelta(days=1)).isoformat(), (TODAY + timedelta(days=4)).isoformat()
    own: dict[str, Any] = {
        "price_list": f"{code}-OWN",
        "product_code": code,
        "price_fen": 4_812,
        "from_on": "2026-01-01",
    }
    prices = [
        own | {"plant_code": "OWN", "value_class": code},
        own | {"price_list": f"{code}-ELSE", "plant_code": "ELSE", "value_class": code, "price_fen": 7_777},
        own | {"price_list": f"{code}-NAMED", "price_fen": 8_888},
        own | {"kind": "deal", "price_fen": 3_900, "from_on": first, "until_on": last},
    ]
    product = {
        "code": code,
        "name": "<b>气泡水</b>",
        "category": "气泡水",
        "units_per_case": 24,
        "barcode": "6901234567892",
    }
    products = [{"product_code": code, "must_have": True}]
    assortments = [
        {"code": f"{code}-{plant}", "plant_code": plant, "value_class": code, "products": products}
        for plant in ("OWN", "ELSE")
    ]
    for name, rows in (("products", [product]), ("prices", prices), ("assortments", assortments)):
        answer = await callers.client.put(f"/systems/v1/{name}", json={name: rows}, headers=callers.system)
        assert (answer.status_code, answer.json()["rejected"]) == (200, []), answer.text
    return code


async def test_a_product_is_found(operator: Browser, code: str) -> None:
    for query in (code, code[2:].upper(), "6901234567892", "qps", "气泡水", f"{code}&state=active&category=气泡水"):
        page = await operator.get(f"{ROOT}?q={query}")
        assert (page.status_code, f'href="{ROOT}/{code}"' in page.text) == (200, True), query
        assert "<b>气泡水</b>" not in page.text
    for query in (f"{code}x", f"{code}&state=ended", "690123456789", "%25", "_" * 3):
        assert f'href="{ROOT}/{code}"' not in (await operator.get(f"{ROOT}?q={query}")).text, query
    for sort in ("name", "code", "category"):
        for way in ("asc", "desc"):
            assert (await operator.get(f"{ROOT}?q={code}&sort={sort}&dir={way}")).status_code == 200
    exported = await operator.get(f"{ROOT}?q={code}&export=csv")
    assert (exported.status_code, code in exported.content.decode("utf-8-sig")) == (200, True)


async def test_prices_are_shown_within_reach(operator: Browser, marketer: Browser, code: str) -> None:
    own = (await operator.get(f"{ROOT}/{code}")).text
    first, last = TODAY + timedelta(days=1), TODAY + timedelta(days=3)
    for text in (
        f"{code}-OWN",
        "48.12 元",
        "2026-01-01 起",
        "39 元",
        f"{first} 到 {last}",
        "必备",
        f"的 {code} 级门店",
    ):
        assert text in own, text
    for text in (f"{code}-ELSE", "77.77 元", f"{code}-NAMED", "88.88 元", "<b>气泡水</b>"):
        assert text not in own, text
    whole = (await marketer.get(f"{ROOT}/{code}")).text
    for text in (f"{code}-OWN", f"{code}-ELSE", "77.77 元", f"{code}-NAMED", "88.88 元", "点名用这张价目表的门店"):
        assert text in whole, text


async def test_what_is_not_there_is_not_found(operator: Browser) -> None:
    for code in ("nothing", "%00", "a'--", "长" * 100):
        assert (await operator.get(f"{ROOT}/{code}")).status_code == 404, code


async def test_a_picture_is_given_and_members_see_it_at_once(
    offered: Offered, staffing: Staffing, browser_of: BrowserOf, stored: Database
) -> None:
    chief, path = browser_of(staffing.root), f"/ops/products/{offered.mark}1"
    png = b"\x89PNG\r\n\x1a\n" + offered.mark.encode()
    before = await stored.picture()
    for content, reason in ((b"GIF89a", "换图"), (b"", "换图"), (png + b"0" * 512 * 1024, "换图"), (png, " ")):
        refused = await chief.upload(f"{path}/picture", "picture", content, reason=reason)
        assert refused.status_code == 422, (content[:8], reason)
    assert await stored.picture() == before
    done = await chief.upload(f"{path}/picture", "picture", png, reason="新包装")
    assert (done.status_code, done.headers["location"]) == (303, f"{path}?done=product_saved")
    (shown,) = [one for one in (await offered.get()).json()["items"] if one["code"] == f"{offered.mark}1"]
    answer = await offered.callers.client.get(shown["picture_url"])
    assert (answer.content, answer.headers["content-type"]) == (png, "image/png")
    assert "immutable" in answer.headers["cache-control"]
    assert shown["picture_url"] in (await chief.get(path)).text
    assert "新包装" in (await chief.get(f"/admin/audit?q={offered.mark}1")).text
    own = browser_of(staffing.people["marketer"])
    assert (await own.upload(f"{path}/picture", "picture", png, reason="换图")).status_code == 403
