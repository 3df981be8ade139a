"""An order's whole way, the hub driven by its own page and the desk looked at, the ledger exact to the point."""

import asyncio
import re
import secrets
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.conftest import Demo, opened

pytestmark = pytest.mark.browser

FIRST_POINTS, POINTS_A_CASE, CASES = 50, 2, 5
TRIES = 100


class Shop:
    """阿芳's shop, by the mini-program's calls."""

    def __init__(self, client: httpx.AsyncClient, token: str) -> None:
        self.client, self._token = client, token

    async def get(self, path: str) -> Any:
        """Look."""
        answer = await self.client.get(f"/mp/v1{path}", headers=self._headers())
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, body: dict[str, Any]) -> Any:
        """Do."""
        answer = await self.client.post(f"/mp/v1{path}", json=body, headers=self._headers())
        assert answer.status_code in {200, 201}, answer.text
        return answer.json()

    def _headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self._token}", "idempotency-key": secrets.token_hex(12)}

    async def until(self, number: str, status: str, short: int = 0, returned: int = 0) -> Any:
        """Look until an order stands so; give it."""
        for _ in range(TRIES):
            order = await self.get(f"/orders/{number}")
            first = order["lines"][0]
            if (order["status"], first["cases"] - first["cases_due"], first["cases_returned"]) == (
                status,
                short,
                returned,
            ):
                return order
            await asyncio.sleep(0.1)
        raise AssertionError(order)


async def press(hub: Page, demo: Demo, number: str, button: str) -> None:
    """Press a button of an order on the hub's page, which shows it once the webhook has brought it."""
    row = hub.locator("tr", has_text=number)
    for _ in range(TRIES):
        await hub.goto(f"{demo.hub}/")
        if await row.count():
            break
    await row.get_by_role("button", name=button, exact=True).click()
    await hub.wait_for_url(f"{demo.hub}/")


async def test_from_cart_to_case_through_a_shortage_and_a_return(demo: Demo, browser: Browser) -> None:
    async with (
        httpx.AsyncClient(base_url=demo.url, timeout=10) as client,
        opened(browser, "desktop", code="operator", url=demo.url) as (desk, seen),
        opened(browser, "phone", url=demo.hub) as (hub, _),
        opened(browser, "phone", code="rep", url=demo.url) as (rep, rep_seen),
    ):
        await client.post(f"{demo.hub}/hub/settings", json={"automatic": False})
        code = (
            await client.post(f"{demo.sandbox}/sandbox/codes", json={"openid": demo.openid, "kind": "login"})
        ).json()
        session = (await client.post("/mp/v1/session", json=code)).json()
        shop = Shop(client, session["token"])
        product = (await shop.get("/products"))["items"][0]
        await rep.goto("/sfa")
        quote = await shop.post("/quotes", {"lines": [{"product_id": product["id"], "cases": CASES}]})
        number = (await shop.post("/orders", {"quote_id": quote["quote_id"]}))["number"]

        # The rep's page has not been touched since before the order was placed.
        await expect(rep.locator(f"#order-{number}")).to_be_visible()

        await press(hub, demo, number, "确认")
        await shop.until(number, "confirmed")
        await press(hub, demo, number, "缺货")
        short = await shop.until(number, "confirmed", short=1)
        assert short["points"] == FIRST_POINTS + POINTS_A_CASE * (CASES - 1)
        await desk.goto(f"/ops/orders/{number}")
        await expect(desk.get_by_text("等门店选")).to_be_visible()
        await desk.goto("/ops/orders/shortages")
        await expect(desk.get_by_role("link", name=number)).to_be_visible()
        follow = await shop.post(f"/orders/{number}/shortages", {"line_number": 1, "choice": "wait"})

        await press(hub, demo, number, "发货")
        await press(hub, demo, number, "送达")
        await shop.until(number, "delivered", short=1)
        await press(hub, demo, number, "退货")
        back = await shop.until(number, "delivered", short=1, returned=1)
        assert back["points"] == FIRST_POINTS + POINTS_A_CASE * (CASES - 2)
        assert back["due_fen"] == product["price_fen"] * (CASES - 2)
        assert (await shop.post(f"/orders/{number}/receive", {}))["status"] == "completed"
        assert (await shop.get("/points"))["pending"] == back["points"]

        await desk.goto(f"/ops/orders/{number}")
        shown = await desk.locator("main").inner_text()
        for text in ("已完成", "退货", f"新订单 {follow['follow_number']}", f"{back['points']} 分"):
            assert text in shown, text
        await desk.goto("/outlets/SH0001/points")
        assert f"待入账 {back['points']}" in await desk.locator("main").inner_text()
        told = [one["title"] for one in (await shop.get("/notices"))["items"] if one["about"]["id"] == number]
        assert told, "the inbox tells of the order"
        assert (seen.complaints, rep_seen.complaints) == ([], [])
        assert re.fullmatch(r"L\d{12,}", number)
