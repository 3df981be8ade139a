"""The only raw SQL of the campaigns module."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from loyalty.transactions import reading, writing

COLUMNS = """id, code, name, from_at, until_at, budget_points, outlet_points_max, outlet_day_points_max, spent_points,
       warned_at, stopped_at, made_by, made_at"""


async def lock_campaigns(campaign_ids: Sequence[int]) -> list[asyncpg.Record]:
    """Lock campaigns in id order, and give them."""
    return await writing().fetch(
        f"SELECT {COLUMNS} FROM campaigns WHERE id = ANY ($1::bigint[]) ORDER BY id FOR NO KEY UPDATE", campaign_ids
    )


async def spend(changes: Sequence[tuple[int, int]], at: datetime, warn_bps: int, stopped: Sequence[int]) -> None:
    """Move what locked campaigns have spent; note when the warning's share is reached, and who stops."""
    await writing().execute(
        """
        UPDATE campaigns c
           SET spent_points = c.spent_points + w.points,
               warned_at = CASE WHEN c.warned_at IS NULL AND (c.spent_points + w.points) * 10000 >= c.budget_points * $4
                                THEN $3 ELSE c.warned_at END,
               stopped_at = CASE WHEN c.id = ANY ($5::bigint[]) THEN coalesce(c.stopped_at, $3) ELSE c.stopped_at END
          FROM unnest($1::bigint[], $2::bigint[]) AS w(id, points)
         WHERE c.id = w.id
        """,
        [campaign_id for campaign_id, _ in changes],
        [points for _, points in changes],
        at,
        warn_bps,
        stopped,
    )


async def give_back(changes: Sequence[tuple[int, int]]) -> None:
    """Lower what locked campaigns have spent."""
    await writing().execute(
        """
        UPDATE campaigns c SET spent_points = c.spent_points - w.points
          FROM unnest($1::bigint[], $2::bigint[]) AS w(id, points) WHERE c.id = w.id
        """,
        [campaign_id for campaign_id, _ in changes],
        [points for _, points in changes],
    )


async def add(values: Sequence[object]) -> int | None:
    """Store a campaign; None when its code is taken."""
    found: int | None = await writing().fetchval(
        """
        INSERT INTO campaigns (code, name, from_at, until_at, budget_points, outlet_points_max, outlet_day_points_max,
                               made_by, made_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (code) DO NOTHING RETURNING id
        """,
        *values,
    )
    return found


async def change(campaign_id: int, values: Sequence[object]) -> None:
    """Change a locked campaign."""
    await writing().execute(
        """
        UPDATE campaigns SET name = $2, from_at = $3, until_at = $4, budget_points = $5, outlet_points_max = $6,
               outlet_day_points_max = $7, stopped_at = $8,
               warned_at = CASE WHEN spent_points * 10000 >= $5::bigint * $9::bigint THEN warned_at END
         WHERE id = $1
        """,
        campaign_id,
        *values,
    )


async def campaigns(limit: int) -> list[asyncpg.Record]:
    """Read campaigns, the latest first."""
    return await reading().fetch(f"SELECT {COLUMNS} FROM campaigns ORDER BY from_at DESC, id DESC LIMIT $1", limit)


async def by_id(campaign_ids: Sequence[int]) -> list[asyncpg.Record]:
    """Read campaigns by their ids."""
    return await reading().fetch(f"SELECT {COLUMNS} FROM campaigns WHERE id = ANY ($1::bigint[])", campaign_ids)


LOCK_ALLOTMENTS = """
    SELECT id, purpose, units_total, units_free, units_returned FROM allotments
     WHERE id = ANY ($1::bigint[]) ORDER BY id FOR NO KEY UPDATE
"""
MOVE_UNITS = """
    UPDATE allotments a
       SET units_total = a.units_total + w.total, units_free = a.units_free + w.free,
           units_returned = a.units_returned + w.returned
      FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) AS w(id, total, free, returned)
     WHERE a.id = w.id
"""


TAKE_UNITS = """
    taken AS (
        UPDATE allotments a SET units_free = a.units_free - t.units
          FROM (SELECT allotment_id, count(*) AS units FROM won WHERE allotment_id IS NOT NULL GROUP BY allotment_id) t
         WHERE a.id = ANY (ARRAY(SELECT allotment_id FROM won)) AND a.id = t.allotment_id
    )
"""
"""Part of a statement that takes a unit of a locked allotment for each row of the relation ``won`` (allotment_id)."""


async def lock_allotments(allotment_ids: Sequence[int]) -> list[asyncpg.Record]:
    """Lock allotments in id order, and give them."""
    return await writing().fetch(LOCK_ALLOTMENTS, sorted(set(allotment_ids)))


async def allotments(allotment_ids: Sequence[int]) -> list[asyncpg.Record]:
    """Read allotments."""
    return await reading().fetch(
        "SELECT id, purpose, units_total, units_free, units_returned FROM allotments WHERE id = ANY ($1::bigint[])",
        allotment_ids,
    )


async def move_units(changes: Sequence[tuple[int, int, int, int]]) -> None:
    """Move units of locked allotments: (id, total, free, returned), each by so many."""
    columns: list[list[int]] = [[one[place] for one in changes] for place in range(4)]
    await writing().execute(MOVE_UNITS, *columns)


async def add_allotment(purpose: str, units: int) -> int:
    """Make an allotment, all of it free."""
    made: int = await writing().fetchval(
        "INSERT INTO allotments (purpose, units_total, units_free) VALUES ($1, $2, $2) RETURNING id", purpose, units
    )
    return made
