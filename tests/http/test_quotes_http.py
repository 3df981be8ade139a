"""Quotes over HTTP: made once for a key, shaped for a client, refused by name with nothing kept."""

from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.conftest import House
from tests.http import offering
from tests.http.conftest import Caller, Callers, Database, refused
from tests.http.offering import Offered

QUOTES = "/mp/v1/quotes"


@pytest_asyncio.fixture(scope="module")
async def offered(house: House, callers: Callers) -> Offered:
    """Bring a plant's catalogue."""
    return await offering.offer(offering.calling(house, callers, "tests-quotes"))


async def ask(
    offered: Offered, body: dict[str, Any], caller: Caller | None = None, key: str | None = None
) -> httpx.Response:
    """Ask for a quote, with a key of its own unless one is given."""
    headers = (caller or offered.owner).keyed | ({} if key is None else {"idempotency-key": key})
    return await offered.callers.client.post(QUOTES, json=body, headers=headers)


@pytest_asyncio.fixture
async def products(offered: Offered) -> dict[str, str]:
    """Give the products' ids by the last sign of their code."""
    items = (await offered.get()).json()["items"]
    return {one["code"].removeprefix(offered.mark): one["id"] for one in items}


async def test_a_quote_is_made_once_for_a_key(offered: Offered, products: dict[str, str], stored: Database) -> None:
    lines = [{"product_id": products["1"], "cases": 2}, {"product_id": products["2"], "cases": 1}]
    key = "a-quote-for-1-and-2"
    first = await ask(offered, {"lines": lines}, key=key)
    assert first.status_code == 201, first.text
    told = first.json()
    assert {name: told[name] for name in told if not name.endswith(("_at", "_id", "_on", "_dates"))} == {
        "payment": "cash",
        "lines": [
            {
                "line_number": 1, "product_id": products["1"], "code": f"{offered.mark}1", "name": "清泉气泡水 青柠",
                "cases": 2, "price_fen": 4_800, "special_cases": 0, "special_price_fen": None, "entitlement_id": None,
                "amount_fen": 9_600, "deposit_fen": 480,
            },
            {
                "line_number": 2, "product_id": products["2"], "code": f"{offered.mark}2", "name": "清泉橙汁",
                "cases": 1, "price_fen": 3_900, "special_cases": 0, "special_price_fen": None, "entitlement_id": None,
                "amount_fen": 3_900, "deposit_fen": 0,
            },
        ],
        "gift_ids": [],
        "goods_fen": 13_500,
        "discount_fen": 0,
        "deposit_fen": 480,
        "total_fen": 13_980,
        "can_place": True,
        "stands_against": None,
        "repeated": False,
    }  # fmt: skip
    assert told["deliver_on"] == told["delivery_dates"][0]
    again = await ask(offered, {"lines": lines}, key=key)
    assert (again.status_code, again.json()) == (200, told | {"repeated": True})
    before = await stored.picture()
    refused(await ask(offered, {"lines": lines[:1]}, key=key), 409, "idempotency_key_reused")
    assert await stored.picture() == before


async def test_what_stands_against_an_order_is_said_with_its_quote(offered: Offered, products: dict[str, str]) -> None:
    told = (await ask(offered, {"lines": [{"product_id": products["1"], "cases": 1}]})).json()
    assert (told["can_place"], told["stands_against"]) == (
        False,
        {"code": "order_minimum", "hint": "还没到起订金额", "data": {"minimum_fen": 10_000, "missing_fen": 5_200}},
    )
    body = {"lines": [{"product_id": products["1"], "cases": 3}], "payment": "account"}
    told = (await ask(offered, body)).json()
    assert told["stands_against"]["code"] == "payment_not_allowed"


@pytest.mark.parametrize(
    ("change", "status", "code", "names"),
    [
        ({"lines": []}, 422, "out_of_range", "lines"),
        ({"lines": None}, 422, "wrong_type", "lines"),
        ({"lines": [{"product_id": "{1}", "cases": 0}]}, 422, "out_of_range", "lines[0].cases"),
        ({"lines": [{"product_id": "{1}", "cases": 1.5}]}, 422, "wrong_type", "lines[0].cases"),
        ({"lines": [{"product_id": "{1}", "cases": 10_001}]}, 422, "out_of_range", "lines[0].cases"),
        ({"lines": [{"product_id": "x", "cases": 1}]}, 404, "product_unknown", "lines[0].product_id"),
        ({"lines": [{"product_id": "9" * 18, "cases": 1}]}, 404, "product_unknown", "lines[0].product_id"),
        ({"lines": [{"product_id": "{1}", "cases": 1}] * 2}, 422, "lines_invalid", "lines"),
        ({"lines": [{"product_id": "{1}", "cases": 1, "price_fen": 1}]}, 422, "unknown_field", "lines[0].price_fen"),
        ({"payment": "card"}, 422, "out_of_range", "payment"),
        ({"deliver_on": "2020-01-01"}, 422, "delivery_day_invalid", "deliver_on"),
        ({"deliver_on": "soon"}, 422, "out_of_range", "deliver_on"),
        ({"entitlement_ids": ["x"]}, 422, "entitlement_unfit", "entitlement_ids"),
        ({"entitlement_ids": ["1"] * 51}, 422, "out_of_range", "entitlement_ids"),
        (
            {"lines": [{"product_id": "{1}", "cases": 1, "entitlement_id": "7" * 12}]},
            422, "entitlement_unfit", "lines[0].entitlement_id",
        ),
    ],
)  # fmt: skip
async def test_what_cannot_be_quoted_is_refused_by_name(
    offered: Offered,
    products: dict[str, str],
    stored: Database,
    change: dict[str, Any],
    status: int,
    code: str,
    names: str,
) -> None:
    body: dict[str, Any] = {"lines": [{"product_id": products["1"], "cases": 3}]} | change
    for line in body["lines"] or ():
        line["product_id"] = line["product_id"].replace("{1}", products["1"])
    before = await stored.picture()
    answer = await ask(offered, body)
    refused(answer, status, code)
    assert answer.json()["field"] == names, answer.text
    assert await stored.picture() == before


async def test_a_quote_needs_a_key_a_token_and_a_binding(
    offered: Offered, products: dict[str, str], callers: Callers, stored: Database
) -> None:
    body = {"lines": [{"product_id": products["1"], "cases": 3}]}
    stranger = await callers.member()
    before = await stored.picture()
    client = offered.callers.client
    refused(await client.post(QUOTES, json=body), 401, "token_missing")
    answer = await client.post(QUOTES, json=body, headers=offered.owner.headers)
    refused(answer, 400, "idempotency_key_missing")
    refused(await ask(offered, body, stranger), 403, "binding_required")
    assert await stored.picture() == before
    # Another plant's outlet is offered something else.
    refused(await ask(offered, body, await callers.owner()), 404, "product_unknown")
