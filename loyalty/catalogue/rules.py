"""The pure rules of the catalogue: periods of prices, what is shown of an assortment, and what a search finds."""

from collections.abc import Sequence
from datetime import date

import msgspec

BARCODE_DIGITS_MIN = 6
"""Fewer digits than this are looked for in names and codes alone."""


class Period(msgspec.Struct, frozen=True, order=True):
    """A price from a business date on, until another one, half open; without an end it goes on."""

    from_on: date
    until_on: date | None
    price_fen: int


def with_price(periods: Sequence[Period], one: Period | None, from_on: date, until_on: date | None) -> list[Period]:
    """Give the periods of a product when from now on one of them holds over a span, or none does.

    What stood in the span makes way; what reaches out of it stays outside. Neighbours of one price become one period.
    """
    kept: list[Period] = []
    for old in periods:
        if old.from_on < from_on:
            kept.append(msgspec.structs.replace(old, until_on=_earlier(old.until_on, from_on)))
        if until_on is not None and (old.until_on is None or old.until_on > until_on):
            kept.append(msgspec.structs.replace(old, from_on=max(old.from_on, until_on)))
    if one is not None:
        kept.append(one)
    joined: list[Period] = []
    for period in sorted(kept, key=lambda one: one.from_on):
        if joined and joined[-1].until_on == period.from_on and joined[-1].price_fen == period.price_fen:
            joined[-1] = msgspec.structs.replace(joined[-1], until_on=period.until_on)
        else:
            joined.append(period)
    return joined


def _earlier(one: date | None, other: date) -> date:
    return other if one is None else min(one, other)


class Product(msgspec.Struct, frozen=True, gc=False):
    """Something that is ordered by the case, in multiples of ``multiple_cases``; the deposit is of a case."""

    id: int
    code: str
    name: str
    name_initials: str
    brand: str | None
    flavour: str | None
    pack: str | None
    category: str
    units_per_case: int
    barcode: str | None
    deposit_fen: int
    multiple_cases: int
    picture_id: str | None = None


class Item(msgspec.Struct, frozen=True, gc=False):
    """A product as an outlet is offered it on a day, at its place; prices are of a case, and one of them is there."""

    product: Product
    place: int
    must_have: bool
    regular_price_fen: int | None
    deal_price_fen: int | None

    @property
    def price_fen(self) -> int:
        """Give what it costs: the lower one of the regular price and the deal."""
        return min(price for price in (self.regular_price_fen, self.deal_price_fen) if price is not None)

    @property
    def on_deal(self) -> bool:
        """Tell whether a deal makes it cheaper than it is otherwise."""
        return self.deal_price_fen == self.price_fen and self.regular_price_fen != self.price_fen


class Search(msgspec.Struct, frozen=True):
    """What somebody looks for; an empty part leaves everything in."""

    text: str = ""
    category: str = ""
    brand: str = ""
    must_have: bool = False
    on_deal: bool = False


def found(item: Item, search: Search) -> bool:
    """Tell whether a search finds an item: by its name, its pinyin initials, its code, or its whole barcode."""
    product = item.product
    if search.must_have and not item.must_have:
        return False
    if search.on_deal and not item.on_deal:
        return False
    if (search.category and product.category != search.category) or (search.brand and product.brand != search.brand):
        return False
    text = "".join(search.text.split()).casefold()
    if not text:
        return True
    if text.isdigit() and len(text) >= BARCODE_DIGITS_MIN and product.barcode == text:
        return True
    return (
        text in "".join(product.name.split()).casefold()
        or text in product.name_initials
        or product.code.casefold().startswith(text)
        or any(text in (part or "").casefold() for part in (product.brand, product.flavour))
    )
