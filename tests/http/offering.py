"""A plant of a test's own that offers three products to its one outlet."""

import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import httpx

from loyalty import clock
from loyalty.organisation import rules
from tests.conftest import House, command
from tests.http.conftest import Caller, Callers

PRODUCTS = "/mp/v1/products"
FIRST = "2026-01-01"
TODAY = clock.business_date(clock.now())


@dataclass(frozen=True)
class Offered:
    """A plant's outlet with three products: names in Chinese, one on deal, one that every outlet should have."""

    callers: Callers
    mark: str
    owner: Caller

    async def get(self, query: str = "", caller: Caller | None = None) -> httpx.Response:
        """Look at products."""
        return await self.callers.client.get(f"{PRODUCTS}{query}", headers=(caller or self.owner).headers)

    async def codes(self, query: str = "", caller: Caller | None = None) -> list[str]:
        """Give the codes of what is shown, without the mark."""
        answer = await self.get(query, caller)
        assert answer.status_code == 200, answer.text
        return [one["code"].removeprefix(self.mark) for one in answer.json()["items"]]


async def put(callers: Callers, name: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Put rows; give the answer."""
    answer = await callers.client.put(f"/systems/v1/{name}", json={name: rows}, headers=callers.system)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def calling(house: House, callers: Callers, name: str) -> Callers:
    """Call with a key of one's own."""
    key = command(house.database_url, "system-key", "add", name, "--scopes", ",".join(rules.SCOPES))
    return Callers(replace(house, system_key=key.splitlines()[-1]), callers.client)


async def offer(calling: Callers) -> Offered:
    """Bring products, prices and an assortment for a plant of this test alone."""
    mark = f"S{secrets.token_hex(4)}-"
    plant = f"P{mark}"
    names = {"1": ("清泉气泡水 青柠", "气泡水"), "2": ("清泉橙汁", "果汁"), "3": ("清泉乌龙茶", "茶")}
    products = [
        {"code": f"{mark}{n}", "name": name, "category": category, "units_per_case": 24, "brand": "清泉"}
        for n, (name, category) in names.items()
    ]
    products[0] |= {"flavour": "青柠", "pack": "500ml×24", "barcode": "6901234567892", "deposit_fen": 240}
    assert (await put(calling, "products", products))["inserted"] == 3
    prices: list[dict[str, Any]] = [
        {"price_list": mark, "plant_code": plant, "product_code": f"{mark}{n}", "price_fen": 4_800, "from_on": FIRST}
        for n in names
    ]
    tomorrow = (TODAY + timedelta(days=2)).isoformat()
    deal = {"kind": "deal", "price_fen": 3_900, "from_on": TODAY.isoformat(), "until_on": tomorrow}
    prices.append(prices[1] | deal)
    assert (await put(calling, "prices", prices))["inserted"] == 4
    places = [{"product_code": f"{mark}3", "must_have": True}, *({"product_code": f"{mark}{n}"} for n in "12")]
    row = {"code": mark, "plant_code": plant, "products": places}
    assert (await put(calling, "assortments", [row]))["inserted"] == 1
    (outlet,) = await calling.outlets(plant_code=plant)
    return Offered(calling, mark, await calling.bind(await calling.member(), outlet))
