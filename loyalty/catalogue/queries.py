"""The raw SQL of what outlets are offered; that of master data is in ``masterdata``."""

from collections.abc import Collection
from datetime import date, datetime

import asyncpg

from loyalty.transactions import reading, writing

PRODUCT_COLUMNS = (
    "code, name, name_initials, brand, flavour, pack, category, units_per_case, barcode, deposit_fen, multiple_cases,"
    " status, picture_id"
)


async def shelves_of(outlet_ids: Collection[int]) -> list[asyncpg.Record]:
    """Read which assortment and price list hold for outlets, null for none, and how often the catalogue has changed.

    An outlet's assortment is that of its plant and value class, else that of its plant. Its list is the one that it
    names, else as with assortments.
    """
    return await reading().fetch(
        """
        SELECT o.id AS outlet_id, a.id AS assortment_id,
               coalesce((SELECT id FROM price_lists WHERE code = o.price_list), l.id) AS price_list_id,
               coalesce((SELECT version FROM catalogue_version WHERE id = 1), 0) AS version
          FROM outlets o
          LEFT JOIN LATERAL (SELECT id FROM assortments WHERE plant_id = o.plant_id
                                AND (value_class IS NULL OR value_class = o.value_class)
                              ORDER BY value_class IS NULL LIMIT 1) a ON true
          LEFT JOIN LATERAL (SELECT id FROM price_lists WHERE plant_id = o.plant_id
                                AND (value_class IS NULL OR value_class = o.value_class)
                              ORDER BY value_class IS NULL LIMIT 1) l ON true
         WHERE o.id = ANY ($1::bigint[])
        """,
        list(outlet_ids),
    )


async def items(assortment_id: int, price_list_id: int, on: date) -> list[asyncpg.Record]:
    """Read what an assortment offers under a price list on a day, in order: active products that have a price then."""
    return await reading().fetch(
        f"""
        SELECT p.id, {", ".join(f"p.{name.strip()}" for name in PRODUCT_COLUMNS.split(","))}, ap.place, ap.must_have,
               r.price_fen AS regular_price_fen, d.price_fen AS deal_price_fen
          FROM assortment_products ap
          JOIN products p ON p.id = ap.product_id AND p.status = 'active'
          LEFT JOIN prices r ON r.price_list_id = $2 AND r.product_id = p.id AND r.from_on <= $3
                            AND (r.until_on IS NULL OR r.until_on > $3)
          LEFT JOIN deal_prices d ON d.price_list_id = $2 AND d.product_id = p.id AND d.on_date = $3
         WHERE ap.assortment_id = $1 AND (r.price_fen IS NOT NULL OR d.price_fen IS NOT NULL)
         ORDER BY ap.place
        """,
        assortment_id,
        price_list_id,
        on,
    )


async def favourites(outlet_ids: Collection[int]) -> list[asyncpg.Record]:
    """Read the products that outlets want at hand."""
    return await reading().fetch(
        "SELECT outlet_id, product_id FROM favourite_products WHERE outlet_id = ANY ($1::bigint[])", list(outlet_ids)
    )


async def is_active(product_id: int) -> bool:
    """Tell whether a product is there and not ended."""
    found = await reading().fetchval("SELECT true FROM products WHERE id = $1 AND status = 'active'", product_id)
    return found is not None


async def add_favourite(outlet_id: int, product_id: int, member_id: int, at: datetime) -> None:
    """Note that a locked outlet wants a product at hand."""
    await writing().execute(
        "INSERT INTO favourite_products (outlet_id, product_id, member_id, at) VALUES ($1, $2, $3, $4)",
        outlet_id,
        product_id,
        member_id,
        at,
    )


async def remove_favourite(outlet_id: int, product_id: int) -> None:
    """Note that a locked outlet no longer wants a product at hand."""
    await writing().execute(
        "DELETE FROM favourite_products WHERE outlet_id = $1 AND product_id = $2", outlet_id, product_id
    )
