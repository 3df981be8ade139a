"""Products over HTTP: brought by systems, seen by one's own outlet at its prices, searched, kept at hand."""

import pytest
import pytest_asyncio

from tests.conftest import House
from tests.http import offering
from tests.http.conftest import Callers, Database, refused
from tests.http.offering import PRODUCTS, Offered, put


@pytest_asyncio.fixture(scope="module")
async def calling(house: House, callers: Callers) -> Callers:
    """Call with a key of one's own."""
    return offering.calling(house, callers, "tests-products")


@pytest_asyncio.fixture
async def offered(calling: Callers) -> Offered:
    """Bring a plant's catalogue."""
    return await offering.offer(calling)


async def test_an_outlet_sees_its_assortment_at_its_prices(offered: Offered) -> None:
    page = (await offered.get()).json()
    assert (page["categories"], page["next_cursor"]) == (["茶", "气泡水", "果汁"], None)
    water = page["items"][1]
    assert water == {
        "id": water["id"],
        "code": f"{offered.mark}1",
        "name": "清泉气泡水 青柠",
        "brand": "清泉",
        "flavour": "青柠",
        "pack": "500ml×24",
        "category": "气泡水",
        "units_per_case": 24,
        "multiple_cases": 1,
        "barcode": "6901234567892",
        "price_fen": 4_800,
        "regular_price_fen": 4_800,
        "on_deal": False,
        "deposit_fen": 240,
        "must_have": False,
        "favourite": False,
        "picture_url": None,
    }
    juice = page["items"][2]
    assert (juice["price_fen"], juice["regular_price_fen"], juice["on_deal"]) == (3_900, 4_800, True)
    other = await offered.callers.owner()
    assert not any(one["code"].startswith(offered.mark) for one in (await offered.get(caller=other)).json()["items"])


@pytest.mark.parametrize(
    ("query", "codes"),
    [
        ("?q=青柠", ["1"]),
        ("?q=qqqps", ["1"]),
        ("?q=6901234567892", ["1"]),
        ("?q=690123", []),
        ("?q=清泉&category=茶", ["3"]),
        ("?brand=清泉", ["3", "1", "2"]),
        ("?only=deals", ["2"]),
        ("?only=must_have", ["3"]),
        ("?only=favourites", []),
        ("?q=%25", []),
        ("?q=%F0%9F%98%80", []),
    ],
)
async def test_products_are_found(offered: Offered, query: str, codes: list[str]) -> None:
    assert await offered.codes(query) == codes


async def test_pages_go_on(offered: Offered) -> None:
    first = (await offered.get("?limit=2")).json()
    assert [one["code"].removeprefix(offered.mark) for one in first["items"]] == ["3", "1"]
    assert await offered.codes(f"?limit=2&cursor={first['next_cursor']}") == ["2"]


async def test_a_change_of_master_data_shows_at_once(offered: Offered) -> None:
    assert await offered.codes() == ["3", "1", "2"]
    await put(offered.callers, "products", [{"code": f"{offered.mark}1", "status": "ended"}])
    assert await offered.codes() == ["3", "2"]


async def test_favourites_are_put_and_taken_away(offered: Offered) -> None:
    (water,) = (await offered.get("?q=青柠")).json()["items"]
    path = f"{PRODUCTS}/{water['id']}/favourite"
    client, headers = offered.callers.client, offered.owner.headers
    for _ in range(2):
        assert (await client.put(path, headers=headers)).status_code == 204
    assert await offered.codes("?only=favourites") == ["1"]
    assert [one["favourite"] for one in (await offered.get()).json()["items"]] == [False, True, False]
    for _ in range(2):
        assert (await client.delete(path, headers=headers)).status_code == 204
    assert await offered.codes("?only=favourites") == []


@pytest.mark.parametrize(
    ("query", "status", "code", "names"),
    [
        ("?cursor=x", 422, "out_of_range", "cursor"),
        ("?cursor=0", 422, "out_of_range", "cursor"),
        ("?cursor=9999999999", 422, "out_of_range", "cursor"),
        ("?limit=0", 422, "out_of_range", "limit"),
        ("?limit=101", 422, "out_of_range", "limit"),
        ("?only=cheap", 422, "out_of_range", "only"),
        ("?only=null", 422, "out_of_range", "only"),
        (f"?q={'长' * 31}", 422, "out_of_range", "q"),
        ("?q=%00", 422, "out_of_range", "q"),
        ("?order=price", 422, "unknown_field", "order"),
    ],
)
async def test_what_cannot_be_asked_is_refused(
    offered: Offered, query: str, status: int, code: str, names: str
) -> None:
    refused(await offered.get(query), status, code, names)


async def test_what_is_not_there_or_not_bound_is_refused(offered: Offered, stored: Database) -> None:
    client = offered.callers.client
    stranger = await offered.callers.member()
    before = await stored.picture()
    refused(await client.get(PRODUCTS), 401, "token_missing")
    refused(await offered.get(caller=stranger), 403, "binding_required")
    for product_id in ("0", "x", "9" * 30, "999999999999"):
        path = f"{PRODUCTS}/{product_id}/favourite"
        refused(await client.put(path, headers=offered.owner.headers), 404, "product_unknown")
    refused(await client.put(f"{PRODUCTS}/1/favourite", headers=stranger.headers), 403, "binding_required")
    assert await stored.picture() == before
