"""What an outlet is offered today: which assortment and list hold, paging, what a worker keeps, favourites."""

from datetime import timedelta
from typing import Any

import pytest

from loyalty.catalogue import favourites
from loyalty.catalogue.errors import FavouritesFull, ProductUnknown
from loyalty.catalogue.rules import Search
from loyalty.catalogue.shelves import PageRequest, Shelves, ShownPage
from loyalty.customers.errors import BindingRequired, SessionEnded
from loyalty.customers.personal import DataKeys
from loyalty.customers.standings import MemberRef
from loyalty.errors import Refusal
from tests import factories, rows
from tests.catalogue import AT, TODAY, assortment, price, product, put_assortments, put_prices, put_products, stocked


def asked(member: MemberRef, **changes: Any) -> PageRequest:
    """Give a wish to see the first page."""
    values: dict[str, Any] = {"member": member, "search": Search(), "after_place": 0, "limit": 20, "at": AT}
    return PageRequest(**values | changes)


def shown(page: ShownPage | Refusal) -> list[tuple[str, int]]:
    """Give what is on a page: code and price."""
    assert isinstance(page, ShownPage), page
    return [(item.product.code, item.price_fen) for item in page.items]


async def seen(member: MemberRef, shelves: Shelves | None = None, **changes: Any) -> list[tuple[str, int]]:
    """Show one page."""
    (page,) = await (shelves or Shelves()).pages([asked(member, **changes)])
    return shown(page)


async def owner(data_keys: DataKeys, **fields: Any) -> MemberRef:
    """Make an outlet of plant P1 and its owner."""
    return await factories.bound(await factories.outlet(AT, data_keys, **fields), AT, data_keys)


async def ids_by_code(db: str) -> dict[str, int]:
    """Give the products' ids."""
    return {str(code): int(str(found)) for code, found in await rows.fetch(db, "SELECT code, id FROM products")}


async def test_the_closest_assortment_and_list_hold(db: str, data_keys: DataKeys) -> None:
    await stocked("A", "B", price_fen=500)
    await put_prices(
        price("A", 400, price_list="CLASS", plant_code="P1", value_class="A"),
        price("A", 300, price_list="VIP"),
        price("B", 300, price_list="ELSEWHERE", plant_code="P2"),
    )
    await put_assortments(
        assortment("A2", ["B", "A!"], plant_code="P1", value_class="B"), assortment("A3", ["B"], plant_code="P2")
    )
    people = [
        await owner(data_keys),
        await owner(data_keys, value_class="A"),
        await owner(data_keys, value_class="B"),
        await owner(data_keys, value_class="A", price_list="VIP"),
        await owner(data_keys, price_list="NOT-THERE"),
        await owner(data_keys, plant_code="P2"),
        await owner(data_keys, plant_code="P3"),
    ]
    pages = await Shelves().pages([asked(one) for one in people])
    assert [shown(page) for page in pages] == [
        [("A", 500), ("B", 500)],
        [("A", 400)],
        [("B", 500), ("A", 500)],
        [("A", 300)],
        [("A", 500), ("B", 500)],
        [("B", 300)],
        [],
    ]


async def test_prices_hold_on_their_days(db: str, data_keys: DataKeys) -> None:
    await stocked("A", "B", "C", price_fen=500)
    tomorrow, later = TODAY + timedelta(days=1), TODAY + timedelta(days=2)
    await put_prices(
        price("A", 450, kind="deal", from_on=tomorrow, until_on=later),
        price("B", 600, from_on=tomorrow),
        price("C", None, from_on=tomorrow),
    )
    member, shelves = await owner(data_keys), Shelves()
    # Midnight in Shanghai is 16:00 UTC.
    midnight = AT.replace(hour=16)
    assert await seen(member, shelves, at=midnight - timedelta(seconds=1)) == [("A", 500), ("B", 500), ("C", 500)]
    assert await seen(member, shelves, at=midnight) == [("A", 450), ("B", 600)]
    assert await seen(member, shelves, at=midnight + timedelta(days=1)) == [("A", 500), ("B", 600)]


async def test_what_ended_is_not_offered(db: str, data_keys: DataKeys) -> None:
    await stocked("A", "B")
    member, shelves = await owner(data_keys), Shelves()
    assert await seen(member, shelves) == [("A", 4_800), ("B", 4_800)]
    await put_products(product("A", status="ended"))
    assert await seen(member, shelves) == [("B", 4_800)]


@pytest.mark.parametrize("change", ["product", "price", "assortment"])
async def test_a_change_is_seen_at_once_though_shelves_are_kept(db: str, data_keys: DataKeys, change: str) -> None:
    await stocked("A", "B")
    member, shelves = await owner(data_keys), Shelves()
    assert await seen(member, shelves) == [("A", 4_800), ("B", 4_800)]
    if change == "product":
        await put_products(product("A", name="改了名"))
        assert await seen(member, shelves, search=Search("改了名")) == [("A", 4_800)]
    elif change == "price":
        await put_prices(price("A", 1))
        assert await seen(member, shelves) == [("A", 1), ("B", 4_800)]
    else:
        await put_assortments(assortment("A1", ["B", "A"]))
        assert await seen(member, shelves) == [("B", 4_800), ("A", 4_800)]


async def test_a_kept_shelf_is_not_read_again(db: str, data_keys: DataKeys) -> None:
    await stocked("A")
    member, shelves = await owner(data_keys), Shelves()
    assert await seen(member, shelves) == [("A", 4_800)]
    # Behind the module's back, so nobody counts the change.
    await rows.execute(db, "UPDATE prices SET price_fen = 1")
    assert await seen(member, shelves) == [("A", 4_800)]
    assert await seen(member) == [("A", 1)]


async def test_shelves_are_kept_up_to_a_limit_the_latest_longest(db: str, data_keys: DataKeys) -> None:
    await stocked("A", "B")
    await put_prices(price("A", 7, price_list="L2"), price("A", 8, price_list="L3"))
    people = [await owner(data_keys, price_list=name) for name in ("L1", "L2", "L3")]
    shelves = Shelves(kept_items_max=3)
    for member in people:
        await seen(member, shelves)
    await rows.execute(db, "UPDATE prices SET price_fen = price_fen + 1")
    assert [await seen(member, shelves) for member in people[1:]] == [[("A", 7)], [("A", 8)]]
    assert await seen(people[0], shelves) == [("A", 4_801), ("B", 4_801)]
    assert await seen(people[1], shelves) == [("A", 8)]


@pytest.mark.parametrize(("limit", "pages"), [(1, [1, 1, 1, 1, 1]), (2, [2, 2, 1]), (5, [5]), (100, [5])])
async def test_pages_go_on_until_all_is_seen(db: str, data_keys: DataKeys, limit: int, pages: list[int]) -> None:
    codes = ["A", "B", "C", "D", "E"]
    await stocked(*codes)
    member, shelves, found, sizes, after = await owner(data_keys), Shelves(), [], [], 0
    for _ in range(10):
        (page,) = await shelves.pages([asked(member, limit=limit, after_place=after)])
        assert isinstance(page, ShownPage)
        found += [item.product.code for item in page.items]
        sizes.append(len(page.items))
        if page.next_after is None:
            break
        after = page.next_after
    assert (found, sizes) == (codes, pages)


async def test_a_search_pages_over_what_it_finds(db: str, data_keys: DataKeys) -> None:
    await put_products(
        product("A", name="青柠汽水", category="汽水"), product("B", name="橙汁", category="果汁"),
        product("C", name="青柠汁", category="果汁"), product("D", name="青柠茶", category="茶"),
    )  # fmt: skip
    await put_prices(*(price(code, 5, plant_code="P1") for code in "ABCD"))
    await put_assortments(assortment("A1", ["A", "B", "C!", "D"], plant_code="P1"))
    member, shelves = await owner(data_keys), Shelves()
    (first,) = await shelves.pages([asked(member, search=Search("qn"), limit=2)])
    assert isinstance(first, ShownPage)
    assert (shown(first), first.next_after, first.categories) == ([("A", 5), ("C", 5)], 3, ("汽水", "果汁", "茶"))
    assert await seen(member, shelves, search=Search("qn"), limit=2, after_place=3) == [("D", 5)]
    assert await seen(member, shelves, search=Search(must_have=True)) == [("C", 5)]
    assert await seen(member, shelves, search=Search(category="果汁")) == [("B", 5), ("C", 5)]


async def test_who_is_not_bound_is_told_so(db: str, data_keys: DataKeys) -> None:
    member = await factories.member(AT, data_keys)
    answers = await Shelves().pages([asked(member), asked(MemberRef(member.id, member.epoch + 1))])
    assert [type(one) for one in answers] == [BindingRequired, SessionEnded]


async def test_favourites_are_the_outlets_and_come_and_go(db: str, data_keys: DataKeys) -> None:
    await stocked("A", "B")
    ids = await ids_by_code(db)
    code = await factories.outlet(AT, data_keys)
    one, other = await factories.bound(code, AT, data_keys), await factories.bound(code, AT, data_keys)
    stranger = await owner(data_keys)
    for _ in range(2):
        await favourites.put(one, ids["B"], AT)
    assert await seen(other, favourites=True) == [("B", 4_800)]
    assert await seen(stranger, favourites=True) == []
    await favourites.remove(stranger, ids["B"])
    assert await seen(one, favourites=True) == [("B", 4_800)]
    for _ in range(2):
        await favourites.remove(other, ids["B"])
    assert await seen(one, favourites=True) == []


async def test_favourites_have_a_limit_and_need_a_product(
    db: str, data_keys: DataKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(favourites, "FAVOURITES_MAX", 1)
    await stocked("A", "B", "C")
    await put_products(product("C", status="ended"))
    ids = await ids_by_code(db)
    member = await owner(data_keys)
    await favourites.put(member, ids["A"], AT)
    with pytest.raises(FavouritesFull) as full:
        await favourites.put(member, ids["B"], AT)
    assert full.value.data == {"favourites_max": 1}
    for product_id in (ids["C"], 0, 2**62):
        with pytest.raises(ProductUnknown):
            await favourites.put(member, product_id, AT)
    with pytest.raises(BindingRequired):
        await favourites.put(await factories.member(AT, data_keys), ids["A"], AT)
    await favourites.put(member, ids["A"], AT)
    assert await rows.fetch(db, "SELECT product_id FROM favourite_products") == [(ids["A"],)]
