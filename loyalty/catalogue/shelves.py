"""What an outlet is offered today, and searching it: read for many members at once.

A worker keeps what it has read of an assortment under a price list on a day, for as long as nothing in the catalogue
has changed: each look asks how often it has.
"""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Collection, Sequence
from datetime import date, datetime

import asyncpg
import msgspec

from loyalty import transactions
from loyalty.catalogue import queries, rules
from loyalty.catalogue.rules import Item, Product, Search
from loyalty.clock import business_date
from loyalty.customers import standings
from loyalty.customers.standings import MemberRef, Standing
from loyalty.errors import Refusal

KEPT_ITEMS_MAX = 60_000
"""Of all shelves of a worker: some 200 bytes each, the products they share aside."""


class Shelf(msgspec.Struct, frozen=True):
    """An assortment under a price list on a day, in its order."""

    items: tuple[Item, ...]
    categories: tuple[str, ...]
    """Those of its products, in the order in which they first come."""
    by_product: dict[int, Item]


class PageRequest(msgspec.Struct, frozen=True):
    """What a member wants to see of what their outlet is offered."""

    member: MemberRef
    search: Search
    after_place: int
    limit: int
    at: datetime
    favourites: bool = False
    """Whether only what the outlet wants at hand."""


class ShownPage(msgspec.Struct, frozen=True):
    """A part of a shelf, in its order, and where it goes on if it does."""

    items: list[Item]
    favourite_ids: frozenset[int]
    categories: tuple[str, ...]
    next_after: int | None


EMPTY = Shelf((), (), {})
_Key = tuple[int, int, date]
"""Assortment, price list, business date."""


class Shelves:
    """The shelves that a worker keeps."""

    def __init__(self, kept_items_max: int = KEPT_ITEMS_MAX) -> None:
        self._kept_items_max = kept_items_max
        self._kept: OrderedDict[_Key, tuple[int, Shelf]] = OrderedDict()
        self._products: dict[int, Product] = {}
        self._items = 0

    async def pages(self, many: Sequence[PageRequest]) -> list[ShownPage | Refusal]:
        """Show pages: three statements however many, one more for each shelf that is not kept.

        Entry verb. Refusal: SessionEnded, BindingRequired. Without an assortment or a list nothing is offered.
        """
        async with transactions.reader():
            found = await standings.read([one.member for one in many])
            bound = {one.outlet_id for one in found if isinstance(one, Standing)}
            days = {
                (one.outlet_id, business_date(asked.at))
                for asked, one in zip(many, found, strict=True)
                if isinstance(one, Standing)
            }
            shelves = await self.of_outlets(days)
            favourites: dict[int, set[int]] = {}
            for row in await queries.favourites(bound) if bound else ():
                favourites.setdefault(row["outlet_id"], set()).add(row["product_id"])
            answers: list[ShownPage | Refusal] = []
            for one, standing in zip(many, found, strict=True):
                if isinstance(standing, Standing):
                    shelf = shelves[standing.outlet_id, business_date(one.at)]
                    answers.append(_page(shelf, one, frozenset(favourites.get(standing.outlet_id, ()))))
                else:
                    answers.append(standing)
            return answers

    async def of_outlets(self, many: Collection[tuple[int, date]]) -> dict[tuple[int, date], Shelf]:
        """Give what outlets are offered on days, as it is at this moment: one statement, one more for each not kept.

        Needs a reader or a transaction.
        """
        rows = await queries.shelves_of({outlet_id for outlet_id, _ in many}) if many else []
        of = {row["outlet_id"]: row for row in rows}
        return {(outlet_id, on): await self._shelf(of[outlet_id], on) for outlet_id, on in many}

    async def _shelf(self, row: asyncpg.Record, on: date) -> Shelf:
        if row["assortment_id"] is None or row["price_list_id"] is None:
            return EMPTY
        key = (row["assortment_id"], row["price_list_id"], on)
        kept = self._kept.get(key)
        if kept is not None and kept[0] >= row["version"]:
            self._kept.move_to_end(key)
            return kept[1]
        shelf = self._made(await queries.items(*key))
        self._keep(key, row["version"], shelf)
        return shelf

    def _made(self, rows: Sequence[asyncpg.Record]) -> Shelf:
        items = []
        for row in rows:
            product = Product(*(row[name] for name in Product.__struct_fields__))
            if self._products.get(product.id) != product:
                self._products[product.id] = product
            prices = (row["regular_price_fen"], row["deal_price_fen"])
            items.append(Item(self._products[product.id], row["place"], row["must_have"], *prices))
        categories = tuple(dict.fromkeys(item.product.category for item in items))
        return Shelf(tuple(items), categories, {item.product.id: item for item in items})

    def _keep(self, key: _Key, version: int, shelf: Shelf) -> None:
        before = self._kept.pop(key, None)
        self._items += len(shelf.items) - (0 if before is None else len(before[1].items))
        self._kept[key] = (version, shelf)
        while self._items > self._kept_items_max and len(self._kept) > 1:
            _, (_, old) = self._kept.popitem(last=False)
            self._items -= len(old.items)
        if len(self._products) > self._kept_items_max:
            self._products.clear()


def _place_of(item: Item) -> int:
    return item.place


def _page(shelf: Shelf, one: PageRequest, favourite_ids: frozenset[int]) -> ShownPage:
    shown: list[Item] = []
    for item in shelf.items[bisect_right(shelf.items, one.after_place, key=_place_of) :]:
        if (not one.favourites or item.product.id in favourite_ids) and rules.found(item, one.search):
            if len(shown) == one.limit:
                return ShownPage(shown, favourite_ids, shelf.categories, shown[-1].place)
            shown.append(item)
    return ShownPage(shown, favourite_ids, shelf.categories, None)
