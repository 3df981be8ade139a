"""Orders over HTTP: from quote to delivered case, through a shortage and a return, the ledger exact to the point."""

import asyncio
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.conftest import House
from tests.http import offering
from tests.http.conftest import Caller, Callers, Database, refused
from tests.http.offering import Offered

ORDERS = "/mp/v1/orders"
FIRST_POINTS, POINTS_A_CASE = 50, 2


@pytest_asyncio.fixture(scope="module")
async def offered(house: House, callers: Callers) -> Offered:
    """Bring a plant's catalogue."""
    return await offering.offer(offering.calling(house, callers, "tests-orders"))


class Shop:
    """A shop that orders, and the hub that it orders from."""

    def __init__(self, offered: Offered, owner: Caller, products: dict[str, str]) -> None:
        self.offered, self.owner, self.products = offered, owner, products
        self.client = offered.callers.client

    async def post(self, path: str, body: dict[str, Any], key: str | None = None) -> httpx.Response:
        """Post as the owner, with a key of its own unless one is given."""
        headers = self.owner.keyed | ({} if key is None else {"idempotency-key": key})
        return await self.client.post(path, json=body, headers=headers)

    async def get(self, path: str, caller: Caller | None = None) -> httpx.Response:
        """Look as the owner, or somebody else."""
        return await self.client.get(path, headers=(caller or self.owner).headers)

    async def quote(self, *lines: tuple[str, int]) -> str:
        """Quote lines, each a product and its cases; give the quote's id."""
        wanted = [{"product_id": self.products[code], "cases": cases} for code, cases in lines]
        answer = await self.post("/mp/v1/quotes", {"lines": wanted})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["quote_id"])

    async def order(self, *lines: tuple[str, int]) -> str:
        """Order lines; give the number."""
        answer = await self.post(ORDERS, {"quote_id": await self.quote(*lines)})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["number"])

    async def report(self, number: str, status: str, *lines: tuple[int, int], **more: Any) -> httpx.Response:
        """Report as the hub."""
        told = [{"line_number": line, "quantity": quantity} for line, quantity in lines]
        body = {
            "progress_id": secrets.token_hex(8),
            "status": status,
            "at": datetime.now(UTC).isoformat(),
            "lines": told,
        }
        path = f"/systems/v1/orders/{number}/progress"
        return await self.client.post(path, json=body | more, headers=self.offered.callers.system)

    async def points(self) -> tuple[int, int]:
        """Give what can be spent and what is promised."""
        told = (await self.get("/mp/v1/points")).json()
        return told["balance"], told["pending"]


@pytest_asyncio.fixture
async def shop(offered: Offered) -> Shop:
    """Give a shop of its own."""
    (code,) = await offered.callers.outlets(plant_code=f"P{offered.mark}")
    owner = await offered.callers.bind(await offered.callers.member(), code)
    items = (await offered.get(caller=owner)).json()["items"]
    return Shop(offered, owner, {one["code"].removeprefix(offered.mark): one["id"] for one in items})


async def test_from_quote_to_delivered_case_through_shortage_and_return(shop: Shop) -> None:
    key, quote_id = secrets.token_hex(12), await shop.quote(("1", 5), ("3", 4))
    body = {
        "quote_id": quote_id,
        "invoice": {"title": "向阳便利店", "tax_number": "91310000MA1FL0000X"},
        "note": "放后门",
    }
    first = await shop.post(ORDERS, body, key)
    assert first.status_code == 201, first.text
    told = first.json()
    again = await shop.post(ORDERS, body, key)
    assert (again.status_code, again.json()) == (200, told | {"repeated": True})
    number = told["number"]
    assert (told["status"], told["joins"], told["total_fen"]) == ("placed", None, 9 * 4_800 + 5 * 240)
    for status, lines in (("confirmed", ()), ("shorted", ((1, 3),))):
        answer = await shop.report(number, status, *lines)
        assert answer.json() == {"number": number, "status": "confirmed", "applied": True, "repeated": False}
    assert await shop.points() == (0, FIRST_POINTS + 7 * POINTS_A_CASE)
    seen = (await shop.get(f"{ORDERS}/{number}")).json()
    assert (seen["due_fen"], seen["points"], seen["can_cancel"]) == (7 * 4_800 + 3 * 240, 64, True)
    (short,) = seen["shortages"]
    assert (short["state"], short["cases_short"], short["line_number"]) == ("open", 2, 1)
    assert [one["kind"] for one in seen["timeline"]] == ["placed", "confirmed", "shorted"]
    listed = (await shop.get(ORDERS)).json()["items"]
    assert [(one["number"], one["asks"], one["summary"]) for one in listed] == [
        (number, True, "清泉气泡水 青柠等 2 种，共 9 箱")
    ]
    answered = await shop.post(f"{ORDERS}/{number}/shortages", {"line_number": 1, "choice": "wait"})
    assert answered.status_code == 200, answered.text
    follow = (await shop.get(f"{ORDERS}/{answered.json()['follow_number']}")).json()
    assert (follow["follows"], follow["goods_fen"], follow["status"]) == (number, 2 * 4_800, "placed")
    for status in ("shipped", "delivered"):
        assert (await shop.report(number, status)).json()["status"] == status
    received = await shop.post(f"{ORDERS}/{number}/receive", {})
    assert received.json() == {"number": number, "status": "completed", "status_text": "已完成", "repeated": False}
    assert (await shop.report(number, "returned", (2, 1))).json()["applied"]
    assert await shop.points() == (0, FIRST_POINTS + 6 * POINTS_A_CASE)
    done = (await shop.get(f"{ORDERS}/{number}")).json()
    assert (done["points"], done["due_fen"], done["lines"][1]["cases_returned"]) == (62, 6 * 4_800 + 3 * 240, 1)
    assert done["points_arrive_on"] is not None
    again_lines = (await shop.get(f"{ORDERS}/again?number={number}")).json()
    assert [(one["name"], one["cases"]) for one in again_lines["lines"]] == [("清泉气泡水 青柠", 5), ("清泉乌龙茶", 4)]
    entries = (await shop.get("/mp/v1/points/entries")).json()["items"]
    assert {one["why"] for one in entries} == {
        "订货 清泉气泡水 青柠 5 箱",
        "订货 清泉乌龙茶 4 箱",
        "第一次订货",
        "清泉气泡水 青柠 少收 2 箱",
        "清泉乌龙茶 少收 1 箱",
    }


async def test_orders_are_the_outlets_own(shop: Shop, offered: Offered, stored: Database) -> None:
    number = await shop.order(("1", 3))
    guest = await offered.callers.member()
    before = await stored.picture()
    assert (await shop.get(f"{ORDERS}/{number}", offered.owner)).status_code == 404
    for path, body in (
        (f"{number}/cancel", {}), (f"{number}/receive", {}),
        (f"{number}/shortages", {"line_number": 1, "choice": "wait"}),
    ):  # fmt: skip
        answer = await offered.callers.client.post(f"{ORDERS}/{path}", json=body, headers=offered.owner.keyed)
        refused(answer, 404, "order_unknown")
    refused(await shop.get(f"{ORDERS}/again?number=L000"), 404, "order_unknown")
    refused(await shop.get(ORDERS, guest), 403, "binding_required")
    assert await stored.picture() == before


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 422, "quote_id"),
        ({"quote_id": "x"}, 404, None),
        ({"quote_id": "1", "note": "长" * 101}, 422, "note"),
        ({"quote_id": "1", "invoice": {"title": " "}}, 422, "invoice.title"),
        ({"quote_id": "1", "invoice": {"title": "店", "tax_number": "不对"}}, 422, "invoice.tax_number"),
        ({"quote_id": "1", "extra": 1}, 422, "extra"),
    ],
)
async def test_what_is_wrong_is_named(shop: Shop, body: dict[str, Any], status: int, field: str | None) -> None:
    answer = await shop.post(ORDERS, body)
    assert answer.status_code == status, answer.text
    if field is not None:
        assert answer.json()["field"] == field


async def test_the_hub_is_told_what_is_wrong_with_a_report(shop: Shop, offered: Offered, stored: Database) -> None:
    number = await shop.order(("1", 3))
    before = await stored.picture()
    refused(await shop.report("L000", "shipped"), 404, "order_unknown")
    refused(await shop.report(number, "shipped", (9, 1)), 422, "line_unknown", "lines[0].line_number")
    ahead = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    refused(await shop.report(number, "shipped", at=ahead), 422, "report_too_early", "at")
    assert (await shop.report(number, "lost")).status_code == 422
    assert (await shop.report(number, "shipped", (1, -1))).status_code == 422
    assert await stored.picture() == before
    same = {"progress_id": "one", "at": datetime.now(UTC).isoformat()}
    assert (await shop.report(number, "shipped", **same)).json()["repeated"] is False
    assert (await shop.report(number, "shipped", **same)).json()["repeated"] is True
    refused(await shop.report(number, "delivered", **same), 409, "progress_reused")


async def test_an_order_is_taken_back_once(shop: Shop) -> None:
    number, key = await shop.order(("1", 3)), secrets.token_hex(12)
    path = f"{ORDERS}/{number}/cancel"
    first, again = [await shop.post(path, {"reason": "下错了"}, key) for _ in range(2)]
    assert (first.json()["status"], first.json()["repeated"], again.json()["repeated"]) == ("cancelled", False, True)
    refused(await shop.post(path, {"reason": "别的"}, key), 409, "idempotency_key_reused")
    refused(await shop.post(path, {}), 409, "order_not_cancellable")
    refused(await shop.post(f"{ORDERS}/{number}/receive", {}), 409, "order_not_receivable")
    late = await shop.report(number, "shipped")
    assert late.json() == {"number": number, "status": "cancelled", "applied": False, "repeated": False}


async def test_a_quote_is_placed_once_however_many_phones_try(shop: Shop) -> None:
    quote_id = await shop.quote(("1", 3))
    answers = await asyncio.gather(*(shop.post(ORDERS, {"quote_id": quote_id}) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
    assert {answer.json().get("code") for answer in answers} == {None, "quote_used"}


async def test_orders_reach_the_feed_for_the_hub(shop: Shop, offered: Offered) -> None:
    number = await shop.order(("1", 3))
    after, found = "0", []
    for _ in range(200):
        page = (
            await offered.callers.client.get(
                f"/systems/v1/feeds/orders?after={after}&limit=1000", headers=offered.callers.system
            )
        ).json()
        found += [one for one in page["events"] if one["data"].get("number") == number]
        after = page["next_cursor"]
        if found:
            break
        await asyncio.sleep(0.02)
    (event,) = found
    assert (event["type"], event["subject"]) == ("leketong.order.placed", shop.owner.outlet_code)
    assert event["data"]["lines"][0]["product_code"] == f"{offered.mark}1"
