"""The raw SQL of caps."""

from collections.abc import Collection, Sequence
from datetime import date

import asyncpg

from loyalty.transactions import reading, writing


async def earned(
    outlet_ids: Collection[int], scopes: Collection[str], days: Collection[date], whole: Collection[str]
) -> list[asyncpg.Record]:
    """Read what outlets have earned by business date: under ``scopes`` on days, under ``whole`` ones on every day.

    Exact while their accounts are locked.
    """
    return await reading().fetch(
        """
        SELECT outlet_id, scope, on_date, points FROM capped_points
         WHERE outlet_id = ANY ($1::bigint[]) AND scope = ANY ($2::text[]) AND on_date = ANY ($3::date[])
         UNION
        SELECT outlet_id, scope, on_date, points FROM capped_points
         WHERE outlet_id = ANY ($1::bigint[]) AND scope = ANY ($4::text[])
        """,
        list(outlet_ids),
        list(scopes),
        list(days),
        list(whole),
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
