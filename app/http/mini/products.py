"""Products: what the outlet is offered today, at its prices; searching it; keeping favourites at hand."""

from typing import Annotated, Literal, cast

import msgspec
from msgspec import Meta

from app.http.endpoints import Call, Reply
from app.http.errors import OutOfRange
from app.http.mini import switching
from app.http.mini.ids import number_of
from app.http.pictures import path_of
from loyalty.catalogue import favourites
from loyalty.catalogue.errors import ProductUnknown
from loyalty.catalogue.rules import Item, Search
from loyalty.catalogue.shelves import PageRequest

FEATURE = "ordering"
TEXT_LENGTH_MAX = 30
PLACES_MAX = 2**31 - 1

Text = Annotated[str, Meta(max_length=TEXT_LENGTH_MAX, pattern=r"^[^\x00]*$")]


class ProductView(msgspec.Struct, frozen=True, gc=False):
    """A product at the outlet's price; prices and deposit are of a case."""

    id: str
    code: str
    name: str
    brand: str | None
    flavour: str | None
    pack: str | None
    category: str
    units_per_case: int
    multiple_cases: int
    """It is ordered in multiples of so many cases."""
    barcode: str | None
    price_fen: int
    regular_price_fen: int | None
    """What it costs without the deal; null when only the deal has a price."""
    on_deal: bool
    deposit_fen: int
    must_have: bool
    favourite: bool
    picture_url: str | None


class Products(msgspec.Struct, frozen=True):
    """Products in the order of the assortment, and the categories of all of it."""

    items: list[ProductView]
    categories: tuple[str, ...]
    next_cursor: str | None


class ProductsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is looked for: ``q`` in names, pinyin initials, codes and barcodes; where to go on, how many at most."""

    q: Text = ""
    category: Text = ""
    brand: Text = ""
    only: Literal["all", "favourites", "must_have", "deals"] = "all"
    cursor: Annotated[str, Meta(min_length=1, max_length=10)] | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 20


async def list_products(call: Call) -> Products:
    """Show what the outlet is offered."""
    await switching.require(call, FEATURE)
    query = cast(ProductsQuery, call.query)
    page = await call.resources.shelves.submit(
        PageRequest(
            call.principal,
            Search(query.q, query.category, query.brand, query.only == "must_have", query.only == "deals"),
            _place(query.cursor),
            query.limit,
            call.at,
            query.only == "favourites",
        )
    )
    switching.used(call, FEATURE)
    return Products(
        [_product_view(item, favourite=item.product.id in page.favourite_ids) for item in page.items],
        page.categories,
        None if page.next_after is None else str(page.next_after),
    )


def _place(cursor: str | None) -> int:
    try:
        place = 0 if cursor is None else number_of(cursor)
    except ValueError:
        place = PLACES_MAX + 1
    if place > PLACES_MAX:
        raise OutOfRange(field="cursor", expected="上一页给出的 next_cursor")
    return place


def _product_view(item: Item, *, favourite: bool) -> ProductView:
    product = item.product
    return ProductView(
        str(product.id),
        product.code,
        product.name,
        product.brand,
        product.flavour,
        product.pack,
        product.category,
        product.units_per_case,
        product.multiple_cases,
        product.barcode,
        item.price_fen,
        item.regular_price_fen,
        item.on_deal,
        product.deposit_fen,
        item.must_have,
        favourite,
        None if product.picture_id is None else path_of(product.picture_id),
    )


def _product_id(call: Call) -> int:
    try:
        return number_of(call.params["id"])
    except ValueError:
        raise ProductUnknown from None


async def put_favourite(call: Call) -> Reply:
    """Keep a product at hand."""
    await switching.require(call, FEATURE)
    await favourites.put(call.principal, _product_id(call), call.at)
    return Reply(None, 204)


async def remove_favourite(call: Call) -> Reply:
    """Keep a product at hand no longer."""
    await favourites.remove(call.principal, _product_id(call))
    return Reply(None, 204)
