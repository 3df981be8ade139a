"""The raw SQL of what staff see of the catalogue. Prices and assortments are asked with the nodes in reach."""

from collections.abc import Collection
from datetime import date, datetime

import asyncpg

from loyalty.catalogue.queries import PRODUCT_COLUMNS
from loyalty.transactions import reading, writing

_IN_REACH = """
    EXISTS (SELECT FROM organisation_closure c
             WHERE (c.ancestor_id = ANY ($1::bigint[]) AND c.descendant_id = {plant})
                OR (c.descendant_id = ANY ($1::bigint[]) AND c.ancestor_id = {plant}))
"""
"""A plant at, below or above one of the nodes."""
_LISTS_IN_REACH = f"""
    CASE WHEN l.plant_id IS NOT NULL THEN {_IN_REACH.format(plant="l.plant_id")}
         ELSE EXISTS (SELECT FROM organisation_nodes r WHERE r.parent_id IS NULL AND r.id = ANY ($1::bigint[])) END
"""
"""A list of such a plant; one of no plant is for who reaches the root."""


def _contains(text: str) -> str:
    return "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"


_ORDERS = {
    "code": "code",
    "-code": "code DESC",
    "name": "name_initials, name, code",
    "-name": "name_initials DESC, name DESC, code",
    "category": "category, code",
    "-category": "category DESC, code",
}


async def find(text: str, category: str, status: str, order: str, skip: int, limit: int) -> list[asyncpg.Record]:
    """Read products by part of their code, name, initials or brand, or by their whole barcode."""
    return await reading().fetch(
        f"""
        SELECT id, {PRODUCT_COLUMNS} FROM products
         WHERE ($1 = '%%' OR code ILIKE $1 OR name LIKE $1 OR name_initials LIKE lower($1) OR brand LIKE $1
                OR barcode = $2)
           AND ($3 = '' OR category = $3) AND ($4 = '' OR status = $4)
         ORDER BY {_ORDERS[order]} LIMIT $6 OFFSET $5
        """,
        _contains(text),
        text,
        category,
        status,
        skip,
        limit,
    )


async def categories(limit: int) -> list[str]:
    """Read the categories that there are."""
    rows = await reading().fetch("SELECT DISTINCT category FROM products ORDER BY 1 LIMIT $1", limit)
    return [row["category"] for row in rows]


async def product(code: str) -> asyncpg.Record | None:
    """Read one product."""
    return await reading().fetchrow(f"SELECT id, {PRODUCT_COLUMNS} FROM products WHERE code = $1", code)


async def prices(node_ids: Collection[int], product_id: int, since: date, limit: int) -> list[asyncpg.Record]:
    """Read a product's prices from a day on, by list."""
    return await reading().fetch(
        f"""
        SELECT l.code AS price_list, n.name AS plant_name, l.value_class, p.price_fen, p.from_on, p.until_on
          FROM prices p
          JOIN price_lists l ON l.id = p.price_list_id
          LEFT JOIN organisation_nodes n ON n.id = l.plant_id
         WHERE p.product_id = $2 AND (p.until_on IS NULL OR p.until_on > $3)
           AND {_LISTS_IN_REACH}
         ORDER BY n.code NULLS LAST, l.value_class NULLS FIRST, l.code, p.from_on LIMIT $4
        """,
        list(node_ids),
        product_id,
        since,
        limit,
    )


async def deals(node_ids: Collection[int], product_id: int, since: date, limit: int) -> list[asyncpg.Record]:
    """Read a product's deals from a day on, by list: days in a row at one price as one span, half open."""
    return await reading().fetch(
        f"""
        SELECT l.code AS price_list, n.name AS plant_name, l.value_class, d.price_fen,
               min(d.on_date) AS from_on, max(d.on_date) + 1 AS until_on
          FROM (SELECT price_list_id, price_fen, on_date,
                       on_date - row_number() OVER (PARTITION BY price_list_id, price_fen ORDER BY on_date)::int AS run
                  FROM deal_prices WHERE product_id = $2 AND on_date >= $3) d
          JOIN price_lists l ON l.id = d.price_list_id
          LEFT JOIN organisation_nodes n ON n.id = l.plant_id
         WHERE {_LISTS_IN_REACH}
         GROUP BY l.code, n.code, n.name, l.value_class, d.price_fen, d.run
         ORDER BY n.code NULLS LAST, l.value_class NULLS FIRST, l.code, from_on LIMIT $4
        """,
        list(node_ids),
        product_id,
        since,
        limit,
    )


async def assortments(node_ids: Collection[int], product_id: int) -> list[asyncpg.Record]:
    """Read which assortments have a product."""
    return await reading().fetch(
        f"""
        SELECT a.code, n.name AS plant_name, a.value_class, ap.must_have
          FROM assortment_products ap
          JOIN assortments a ON a.id = ap.assortment_id
          JOIN organisation_nodes n ON n.id = a.plant_id
         WHERE ap.product_id = $2 AND {_IN_REACH.format(plant="a.plant_id")}
         ORDER BY n.code, a.value_class NULLS FIRST
        """,
        list(node_ids),
        product_id,
    )


async def set_picture(product_id: int, digest: str, at: datetime) -> None:
    """Give a product its picture."""
    await writing().execute(
        "UPDATE products SET picture_id = $2, updated_at = $3 WHERE id = $1", product_id, digest, at
    )
