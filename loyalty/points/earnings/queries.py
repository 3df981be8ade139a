"""The raw SQL of caps."""

from collections.abc import Sequence
from datetime import date

import asyncpg

from loyalty.transactions import reading, writing


async def earned(outlet_ids: Sequence[int], scopes: Sequence[str]) -> list[asyncpg.Record]:
    """Read what outlets have earned under scopes, by business date. Exact while their accounts are locked."""
    return await reading().fetch(
        """
        SELECT outlet_id, scope, on_date, points FROM capped_points
         WHERE outlet_id = ANY ($1::bigint[]) AND scope = ANY ($2::text[])
        """,
        outlet_ids,
        scopes,
    )


async def add(rows: Sequence[tuple[int, str, date, int]]) -> None:
    """Add to what outlets have earned: (outlet, scope, day, points)."""
    await writing().execute(
        """
        INSERT INTO capped_points AS c (outlet_id, scope, on_date, points)
        SELECT * FROM unnest($1::bigint[], $2::text[], $3::date[], $4::bigint[])
        ON CONFLICT (outlet_id, scope, on_date) DO UPDATE SET points = c.points + excluded.points
        """,
        [row[0] for row in rows],
        [row[1] for row in rows],
        [row[2] for row in rows],
        [row[3] for row in rows],
    )
