"""Products, their prices and where they are offered, as staff see them: what is of a plant only within reach."""

from datetime import date
from typing import Literal

import msgspec

from loyalty.catalogue.desk import queries
from loyalty.catalogue.errors import ProductUnknown
from loyalty.staff.people import Reach

SPANS_MAX = 500
CATEGORIES_MAX = 100
Order = Literal["code", "-code", "name", "-name", "category", "-category"]


class FoundProduct(msgspec.Struct, frozen=True):
    """A product as staff see it."""

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
    status: str
    picture_id: str | None


class Span(msgspec.Struct, frozen=True):
    """What a case costs under a list over a span of days, half open; without an end it goes on."""

    price_list: str
    plant_name: str | None
    value_class: str | None
    price_fen: int
    from_on: date
    until_on: date | None


class Offering(msgspec.Struct, frozen=True):
    """An assortment that has the product."""

    code: str
    plant_name: str
    value_class: str | None
    must_have: bool


class ProductCard(msgspec.Struct, frozen=True):
    """A product with its prices and deals from a day on, and where it is offered."""

    product: FoundProduct
    prices: list[Span]
    deals: list[Span]
    offerings: list[Offering]


async def find(text: str, category: str, status: str, order: Order, skip: int, limit: int) -> list[FoundProduct]:
    """List products whose code, name, pinyin initials or brand has ``text``, or whose barcode it is. Needs a reader."""
    rows = await queries.find(text, category, status, order, skip, limit)
    return [FoundProduct(**row) for row in rows]


async def categories() -> list[str]:
    """List the categories that there are. Needs a reader."""
    return await queries.categories(CATEGORIES_MAX)


async def read(code: str, reach: Reach, on: date) -> ProductCard:
    """Read a product with what holds from a day on, of plants in reach. Needs a reader. Raises ProductUnknown."""
    row = await queries.product(code)
    if row is None:
        raise ProductUnknown
    node_ids, product_id = (*reach.node_ids, *reach.rep_node_ids), row["id"]
    return ProductCard(
        FoundProduct(**row),
        [Span(**one) for one in await queries.prices(node_ids, product_id, on, SPANS_MAX)],
        [Span(**one) for one in await queries.deals(node_ids, product_id, on, SPANS_MAX)],
        [Offering(**one) for one in await queries.assortments(node_ids, product_id)],
    )
