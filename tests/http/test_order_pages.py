"""The order desk over HTTP: what is found, what is done once, what is refused; many at once; the rep's view."""

import re
import secrets
from collections.abc import Callable
from typing import Any

import httpx
import pytest_asyncio

from app import sfa_keys
from loyalty import clock
from tests.conftest import House
from tests.http import offering
from tests.http.colleagues import colleague
from tests.http.conftest import Browser, Callers, Database, refused
from tests.http.offering import Offered
from tests.http.staffing import Person, Staffing
from tests.http.test_orders_http import Shop

BrowserOf = Callable[[Person], Browser]


@pytest_asyncio.fixture(scope="module")
async def offered(house: House, callers: Callers) -> Offered:
    """Bring a plant's catalogue."""
    return await offering.offer(offering.calling(house, callers, "tests-order-pages"))


@pytest_asyncio.fixture
async def shop(offered: Offered) -> Shop:
    """Give a shop of its own."""
    (code,) = await offered.callers.outlets(plant_code=f"P{offered.mark}")
    owner = await offered.callers.bind(await offered.callers.member(), code)
    items = (await offered.get(caller=owner)).json()["items"]
    return Shop(offered, owner, {one["code"].removeprefix(offered.mark): one["id"] for one in items})


@pytest_asyncio.fixture(scope="module")
async def chief(staffing: Staffing, browser_of: BrowserOf) -> Browser:
    """Give an administrator of the whole."""
    return browser_of(staffing.root)


async def status_of(stored: Database, number: str) -> Any:
    """Give an order's status."""
    return await stored.connection.fetchval("SELECT status FROM orders WHERE number = $1", number)


async def test_an_order_is_found_and_taken_back_with_a_reason(shop: Shop, chief: Browser, stored: Database) -> None:
    number = await shop.order(("1", 3), ("3", 2))
    for path in (f"/ops/orders?q={number}", f"/ops/orders?q={shop.owner.outlet_code}&status=placed",
                 f"/outlets/{shop.owner.outlet_code}/orders"):  # fmt: skip
        assert number in (await chief.get(path)).text, path
    assert number not in (await chief.get("/ops/orders?only=stuck")).text
    page = (await chief.get(f"/ops/orders/{number}")).text
    assert all(text in page for text in (number, "清泉乌龙茶", "货到付款", "取消订单", "金额"))
    before = await stored.picture()
    answer = await chief.post(f"/ops/orders/{number}/cancel", reason=" ")
    assert answer.status_code == 422
    assert await stored.picture() == before
    done = await chief.post(f"/ops/orders/{number}/cancel", reason="门店来电取消")
    assert (done.status_code, done.headers["location"]) == (303, f"/ops/orders/{number}?done=order_cancelled")
    assert await status_of(stored, number) == "cancelled"
    seen = (await chief.get(f"/ops/orders/{number}")).text
    assert "厂房取消了订单：门店来电取消" in seen
    assert "取消订单，" not in seen
    assert "取消订单" in (await chief.get(f"/admin/audit?q={number}")).text


async def test_what_the_hub_says_wrongly_is_seen_to(shop: Shop, chief: Browser, stored: Database) -> None:
    number = await shop.order(("1", 3))
    assert (await shop.post(f"/mp/v1/orders/{number}/cancel", {})).status_code == 200
    assert (await shop.report(number, "shipped")).json()["applied"] is False
    assert number in (await chief.get("/ops/orders?only=stuck")).text
    assert "仓库说法不一" in (await chief.get(f"/ops/orders/{number}")).text
    done = await chief.post(f"/ops/orders/{number}/seen", reason="已电话核实，没有发货")
    assert done.headers["location"].endswith("done=order_seen")
    assert number not in (await chief.get("/ops/orders?only=stuck")).text


async def test_many_are_done_at_once_after_a_second_look(shop: Shop, chief: Browser, stored: Database) -> None:
    numbers = []
    for _ in range(2):
        number = await shop.order(("1", 3))
        await stored.connection.execute(
            "UPDATE orders SET placed_at = placed_at - interval '3 hours' WHERE number = $1", number
        )
        numbers.append(number)
    await shop.report(numbers[1], "delivered")
    page = (await chief.get("/ops/orders/bulk")).text
    assert numbers[0] in page
    assert numbers[1] not in page
    before = await stored.picture()
    for fields in ({"wish": "cancel", "reason": "x"}, {"numbers": numbers, "wish": "eat", "reason": "x"},
                   {"numbers": numbers, "wish": "cancel", "reason": ""}):  # fmt: skip
        assert (await chief.post("/ops/orders/bulk", **fields)).status_code == 422
    asked = await chief.post("/ops/orders/bulk", numbers=numbers, wish="cancel", reason="停电")
    assert (asked.status_code, "将对 2 个订单取消订单" in asked.text) == (200, True)
    assert await stored.picture() == before
    done = await chief.post("/ops/orders/bulk", numbers=numbers, wish="cancel", reason="停电", confirmed="yes")
    assert re.findall(r'class="note">([^<]+)<', done.text) == ["好了", "已经不能取消了"]
    assert [await status_of(stored, number) for number in numbers] == ["cancelled", "delivered"]


async def test_what_is_short_is_listed_until_it_is_answered(shop: Shop, chief: Browser) -> None:
    number = await shop.order(("1", 5))
    await shop.report(number, "shorted", (1, 3))
    assert number in (await chief.get("/ops/orders/shortages")).text
    assert number in (await chief.get("/ops/orders?only=short")).text
    answered = await shop.post(f"/mp/v1/orders/{number}/shortages", {"line_number": 1, "choice": "cancel"})
    assert answered.status_code == 200
    assert number not in (await chief.get("/ops/orders/shortages")).text


async def test_a_rep_reaches_orders_of_the_own_outlets_alone(
    house: House, staffing: Staffing, browser_of: BrowserOf, stored: Database
) -> None:
    rep = browser_of(staffing.people["rep"])
    assert (await rep.get(f"/ops/orders/{staffing.own_order}")).status_code == 200
    assert (await rep.get(f"/ops/orders/{staffing.foreign_order}")).status_code == 404
    listed = (await rep.get("/ops/orders")).text
    assert staffing.own_order in listed
    assert staffing.foreign_order not in listed
    assert "批量处理" not in listed
    operator = browser_of(await colleague(house, "desk-operator", "订单小林", "operator", staffing.own_plant))
    before = await stored.picture()
    answer = await operator.post(f"/ops/orders/{staffing.foreign_order}/cancel", reason="试试")
    assert answer.status_code == 404
    bulk = await operator.post(
        "/ops/orders/bulk", numbers=[staffing.foreign_order], wish="cancel", reason="试试", confirmed="yes"
    )
    assert "没有这个订单" in bulk.text
    assert await stored.picture() == before


async def test_a_webhook_is_made_mended_and_told_apart(chief: Browser, stored: Database) -> None:
    code = f"hub-{secrets.token_hex(3)}"
    new: dict[str, Any] = {"code": code, "name": "新订单中心", "url": "https://hub.example.com/in", "feeds": ["orders"]}
    before = await stored.picture()
    wrongs: tuple[dict[str, Any], ...] = (
        {"url": "https://127.0.0.1/in"},
        {"url": "http://hub.example.com/"},
        {"feeds": []},
        {"code": "大"},
    )
    for wrong in wrongs:
        answer = await chief.post("/admin/webhooks/new", **new | wrong)
        assert answer.status_code == 422, wrong
    assert await stored.picture() == before
    made = await chief.post("/admin/webhooks/new", **new)
    (secret,) = set(re.findall(r"whsec_[A-Za-z0-9+/=]+", made.text))
    assert (await chief.post("/admin/webhooks/new", **new)).status_code == 409
    path = f"/admin/webhooks/{code}"
    page = (await chief.get(path)).text
    assert all(text in page for text in ("推送中", "通畅", "hub.example.com"))
    assert secret not in page
    for verb, fields, done in (
        ("pause", {"reason": "对方维护"}, "webhook_paused"), ("resume", {"reason": "好了"}, "webhook_active"),
        ("replay", {"since": "24", "reason": "对方丢了"}, "webhook_replayed"), ("revive", {}, "webhook_revived"),
        ("change", {"name": "改名", "url": new["url"], "feeds": ["orders", "bindings"]}, "webhook_saved"),
    ):  # fmt: skip
        answer = await chief.post(f"{path}/{verb}", **fields)
        assert answer.headers["location"] == f"{path}?done={done}", verb
    rotated = await chief.post(f"{path}/rotate")
    assert set(re.findall(r"whsec_[A-Za-z0-9+/=]+", rotated.text)).isdisjoint({secret})
    assert (await chief.post(f"{path}/revive", delivery="999999")).status_code == 404
    assert (await chief.get("/admin/webhooks/unknown")).status_code == 404
    (kept,) = await stored.connection.fetch("SELECT name, feeds, state FROM webhook_consumers WHERE code = $1", code)
    assert tuple(kept) == ("改名", ["orders", "bindings"], "active")
    await stored.connection.execute("UPDATE webhook_consumers SET state = 'paused' WHERE code = $1", code)


async def test_the_sfa_shows_a_rep_orders_of_the_own_outlets_the_moment_they_are_placed(
    house: House, staffing: Staffing, callers: Callers
) -> None:
    async def ask(path: str, who: str) -> httpx.Response:
        token = sfa_keys.token_for(house.settings.home, who, clock.now())
        return await callers.client.get(f"/sfa/v1/orders{path}", headers={"authorization": f"Bearer {token}"})

    listed = (await ask("", "own-rep")).json()
    assert [one["order"]["number"] for one in listed["items"] if one["outlet_code"] == "OWN1"] == [staffing.own_order]
    assert {one["outlet_code"] for one in listed["items"]} == {"OWN1"}
    assert (await ask("?outlet_code=FOREIGN1", "own-rep")).json()["items"] == []
    one = await ask(f"/{staffing.own_order}", "own-supervisor")
    assert (one.status_code, one.json()["lines"][0]["name"]) == (200, "测试汽水")
    refused(await ask(f"/{staffing.foreign_order}", "own-rep"), 404, "order_unknown")
    refused(await ask("", "own-marketer"), 403, "rep_unknown")
    assert (await ask("?limit=0", "own-rep")).status_code == 422
