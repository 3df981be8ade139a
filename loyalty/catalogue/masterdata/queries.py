"""The raw SQL of master data of the catalogue."""

from collections.abc import Collection, Sequence
from datetime import date, datetime

import asyncpg
import msgspec

from loyalty.catalogue.queries import PRODUCT_COLUMNS
from loyalty.rowsets import rowset
from loyalty.transactions import reading, writing

_PRODUCT_TYPES = """code text, name text, name_initials text, brand text, flavour text, pack text, category text,
           units_per_case int, barcode text, deposit_fen bigint, multiple_cases int, status text, picture_id text"""


class ProductValues(msgspec.Struct, frozen=True):
    """A product on its way into its table."""

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
    picture_id: str | None = None


class AudienceValues(msgspec.Struct, frozen=True):
    """A price list or an assortment on its way into its table: its code and whom it is for."""

    code: str
    plant_id: int | None
    value_class: str | None


class PriceValues(msgspec.Struct, frozen=True):
    """A price on its way into its table; a deal's day stands in ``from_on``."""

    price_list_id: int
    product_id: int
    price_fen: int | None
    from_on: date
    until_on: date | None = None


class PlaceValues(msgspec.Struct, frozen=True):
    """A product's place in an assortment on its way into its table."""

    assortment_id: int
    product_id: int
    place: int
    must_have: bool


async def lock() -> None:
    """Let one change of the catalogue at a time, the first lock that any of them takes."""
    await writing().execute(
        """
        INSERT INTO catalogue_version AS v (id, version) VALUES (1, 0)
        ON CONFLICT (id) DO UPDATE SET version = v.version
        """
    )


async def count_change() -> None:
    """Note that the catalogue has changed. It is locked."""
    await writing().execute("UPDATE catalogue_version SET version = version + 1 WHERE id = 1")


async def products(codes: Collection[str]) -> list[asyncpg.Record]:
    """Read products by code."""
    return await reading().fetch(
        f"SELECT id, {PRODUCT_COLUMNS} FROM products WHERE code = ANY ($1::text[])", list(codes)
    )


async def insert_products(rows: Sequence[ProductValues], at: datetime) -> None:
    """Store new products."""
    await writing().execute(
        f"""
        INSERT INTO products ({PRODUCT_COLUMNS}, created_at, updated_at)
        SELECT {PRODUCT_COLUMNS}, $2, $2 FROM json_to_recordset($1) AS w({_PRODUCT_TYPES})
        """,
        rowset(rows),
        at,
    )


async def update_products(rows: Sequence[ProductValues], at: datetime) -> None:
    """Store what products have become."""
    await writing().execute(
        f"""
        UPDATE products p
           SET name = w.name, name_initials = w.name_initials, brand = w.brand, flavour = w.flavour, pack = w.pack,
               category = w.category, units_per_case = w.units_per_case, barcode = w.barcode,
               deposit_fen = w.deposit_fen, multiple_cases = w.multiple_cases, status = w.status, updated_at = $2
          FROM json_to_recordset($1) AS w({_PRODUCT_TYPES})
         WHERE p.code = w.code
        """,
        rowset(rows),
        at,
    )


async def price_lists() -> list[asyncpg.Record]:
    """Read all price lists with their plants' codes."""
    return await reading().fetch(
        """
        SELECT l.id, l.code, l.value_class, n.code AS plant_code
          FROM price_lists l LEFT JOIN organisation_nodes n ON n.id = l.plant_id
        """
    )


async def put_price_lists(rows: Sequence[AudienceValues], at: datetime) -> dict[str, int]:
    """Make price lists, or say anew whom they are for; return code → id."""
    return await _put_audiences("price_lists", rows, at)


async def _put_audiences(table: str, rows: Sequence[AudienceValues], at: datetime) -> dict[str, int]:
    made = await writing().fetch(
        f"""
        INSERT INTO {table} AS t (code, plant_id, value_class, created_at)
        SELECT code, plant_id, value_class, $2
          FROM json_to_recordset($1) AS w(code text, plant_id bigint, value_class text)
        ON CONFLICT (code) DO UPDATE SET plant_id = excluded.plant_id, value_class = excluded.value_class
        RETURNING id, code
        """,
        rowset(rows),
        at,
    )
    return {row["code"]: row["id"] for row in made}


async def periods(pairs: Collection[tuple[int, int]]) -> list[asyncpg.Record]:
    """Read the prices of (price list, product), by their first day."""
    return await reading().fetch(
        """
        SELECT p.price_list_id, p.product_id, p.from_on, p.until_on, p.price_fen
          FROM unnest($1::bigint[], $2::bigint[]) AS w(price_list_id, product_id)
          JOIN prices p USING (price_list_id, product_id)
         ORDER BY p.from_on
        """,
        [price_list_id for price_list_id, _ in pairs],
        [product_id for _, product_id in pairs],
    )


async def replace_prices(pairs: Collection[tuple[int, int]], rows: Sequence[PriceValues]) -> None:
    """Store all prices of (price list, product) anew."""
    await writing().execute(
        """
        DELETE FROM prices p USING unnest($1::bigint[], $2::bigint[]) AS w(price_list_id, product_id)
         WHERE p.price_list_id = w.price_list_id AND p.product_id = w.product_id
        """,
        [price_list_id for price_list_id, _ in pairs],
        [product_id for _, product_id in pairs],
    )
    await writing().execute(
        """
        INSERT INTO prices (price_list_id, product_id, price_fen, from_on, until_on)
        SELECT price_list_id, product_id, price_fen, from_on, until_on
          FROM json_to_recordset($1)
            AS w(price_list_id bigint, product_id bigint, price_fen bigint, from_on date, until_on date)
        """,
        rowset(rows),
    )


async def deals(pairs: Collection[tuple[int, int]], from_on: date, until_on: date) -> list[asyncpg.Record]:
    """Read the deals of (price list, product) on the days of a span."""
    return await reading().fetch(
        """
        SELECT d.price_list_id, d.product_id, d.on_date, d.price_fen
          FROM unnest($1::bigint[], $2::bigint[]) AS w(price_list_id, product_id)
          JOIN deal_prices d USING (price_list_id, product_id)
         WHERE d.on_date >= $3 AND d.on_date < $4
        """,
        [price_list_id for price_list_id, _ in pairs],
        [product_id for _, product_id in pairs],
        from_on,
        until_on,
    )


async def put_deals(rows: Sequence[PriceValues]) -> None:
    """Store the deal of each day, or take it away where it has no price."""
    await writing().execute(
        """
        WITH wanted AS MATERIALIZED (
            SELECT * FROM json_to_recordset($1)
              AS w(price_list_id bigint, product_id bigint, price_fen bigint, from_on date)
        ), ended AS (
            DELETE FROM deal_prices d USING wanted w
             WHERE d.price_list_id = w.price_list_id AND d.product_id = w.product_id AND d.on_date = w.from_on
               AND w.price_fen IS NULL
        )
        INSERT INTO deal_prices (price_list_id, product_id, on_date, price_fen)
        SELECT price_list_id, product_id, from_on, price_fen FROM wanted WHERE price_fen IS NOT NULL
        ON CONFLICT (price_list_id, on_date, product_id) DO UPDATE SET price_fen = excluded.price_fen
        """,
        rowset(rows),
    )


async def assortments() -> list[asyncpg.Record]:
    """Read all assortments with their plants' codes."""
    return await reading().fetch(
        """
        SELECT a.id, a.code, a.value_class, n.code AS plant_code
          FROM assortments a JOIN organisation_nodes n ON n.id = a.plant_id
        """
    )


async def put_assortments(rows: Sequence[AudienceValues], at: datetime) -> dict[str, int]:
    """Make assortments, or say anew whom they are for; return code → id."""
    return await _put_audiences("assortments", rows, at)


async def places(assortment_ids: Collection[int]) -> list[asyncpg.Record]:
    """Read what assortments have, in order."""
    return await reading().fetch(
        """
        SELECT assortment_id, product_id, must_have FROM assortment_products
         WHERE assortment_id = ANY ($1::bigint[]) ORDER BY assortment_id, place
        """,
        list(assortment_ids),
    )


async def replace_places(assortment_ids: Collection[int], rows: Sequence[PlaceValues]) -> None:
    """Store all of what assortments have anew."""
    await writing().execute(
        "DELETE FROM assortment_products WHERE assortment_id = ANY ($1::bigint[])", list(assortment_ids)
    )
    await writing().execute(
        """
        INSERT INTO assortment_products (assortment_id, product_id, place, must_have)
        SELECT assortment_id, product_id, place, must_have
          FROM json_to_recordset($1) AS w(assortment_id bigint, product_id bigint, place int, must_have boolean)
        """,
        rowset(rows),
    )
