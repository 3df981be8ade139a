"""A catalogue for tests, made through the real verbs."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from loyalty.catalogue.masterdata import assortment_rows, price_rows, product_rows
from loyalty.catalogue.masterdata.assortment_rows import AssortmentPart, AssortmentRow
from loyalty.catalogue.masterdata.price_rows import PriceRow
from loyalty.catalogue.masterdata.product_rows import ProductRow
from loyalty.rows import Applied

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)
TODAY = date(2026, 11, 4)


def product(code: str, **fields: Any) -> ProductRow:
    """Give a row of a sound product."""
    values: dict[str, Any] = {"code": code, "name": f"汽水{code}", "category": "汽水", "units_per_case": 24}
    return ProductRow(**values | fields)


def price(code: str, price_fen: int | None, **fields: Any) -> PriceRow:
    """Give a row of a regular price from today on."""
    values: dict[str, Any] = {"price_list": "L1", "product_code": code, "price_fen": price_fen, "from_on": TODAY}
    return PriceRow(**values | fields)


def assortment(code: str, products: Sequence[str] | None = None, **fields: Any) -> AssortmentRow:
    """Give a row of an assortment; a product marked with ! is one that every outlet should have."""
    values: dict[str, Any] = {"code": code}
    if products is not None:
        values["products"] = [
            AssortmentPart(product_code=one.rstrip("!"), must_have=one.endswith("!")) for one in products
        ]
    return AssortmentRow(**values | fields)


async def put_products(*rows: ProductRow, at: datetime = AT) -> Applied:
    """Put products."""
    return await product_rows.put(list(enumerate(rows)), at)


async def put_prices(*rows: PriceRow, at: datetime = AT) -> Applied:
    """Put prices."""
    return await price_rows.put(list(enumerate(rows)), "tests", at)


async def put_assortments(*rows: AssortmentRow, at: datetime = AT) -> Applied:
    """Put assortments."""
    return await assortment_rows.put(list(enumerate(rows)), "tests", at)


async def stocked(*codes: str, price_fen: int = 4_800) -> None:
    """Offer products to the outlets of plant P1, all at one price."""
    assert (await put_products(*(product(code) for code in codes))).rejected == []
    assert (await put_prices(*(price(code, price_fen, plant_code="P1") for code in codes))).rejected == []
    assert (await put_assortments(assortment("A1", codes, plant_code="P1"))).rejected == []
