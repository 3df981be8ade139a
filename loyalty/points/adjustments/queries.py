"""The raw SQL of manual adjustments."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from loyalty.customers.care.queries import asked, in_reach
from loyalty.staff.people import Reach
from loyalty.transactions import reading, writing

ADJUSTMENT = """a.id, a.outlet_id, o.code AS outlet_code, o.name AS outlet_name, o.place_id, a.points, a.reason,
       a.state, a.made_by, m.name AS made_by_name, a.made_at, a.checked_by, c.name AS checked_by_name, a.checked_at,
       a.checked_reason"""
FROM = """points_adjustments a
          JOIN outlets o ON o.id = a.outlet_id
          JOIN staff m ON m.id = a.made_by
          LEFT JOIN staff c ON c.id = a.checked_by"""


async def search(
    reach: Reach, state: str, outlet_code: str, skip: int, limit: int, at: datetime
) -> list[asyncpg.Record]:
    """Find adjustments of outlets in reach, open ones first and of these the oldest first."""
    return await reading().fetch(
        f"""
        SELECT {ADJUSTMENT} FROM {FROM}
         WHERE ($5 = '' OR a.state = $5) AND ($6 = '' OR o.code = $6) AND {in_reach(reach)}
         ORDER BY a.state <> 'proposed', CASE WHEN a.state = 'proposed' THEN a.made_at END, a.made_at DESC, a.id DESC
        OFFSET $7 LIMIT $8
        """,
        *asked(reach, at),
        state,
        outlet_code,
        skip,
        limit,
    )


async def read(adjustment_id: int, reach: Reach, at: datetime) -> asyncpg.Record | None:
    """Read an adjustment of an outlet in reach."""
    return await reading().fetchrow(
        f"SELECT {ADJUSTMENT} FROM {FROM} WHERE a.id = $5 AND {in_reach(reach)}", *asked(reach, at), adjustment_id
    )


async def insert(values: Sequence[object]) -> int:
    """Store a proposal."""
    made: int = await writing().fetchval(
        """
        INSERT INTO points_adjustments (outlet_id, points, reason, state, made_by, made_role, made_at, limit_version)
        VALUES ($1, $2, $3, 'proposed', $4, $5, $6, $7) RETURNING id
        """,
        *values,
    )
    return made


async def lock(adjustment_id: int) -> asyncpg.Record | None:
    """Lock an adjustment and give it."""
    return await writing().fetchrow(
        f"SELECT {ADJUSTMENT} FROM {FROM} WHERE a.id = $1 FOR NO KEY UPDATE OF a", adjustment_id
    )


async def settle(adjustment_id: int, state: str, by: int, reason: str, at: datetime) -> None:
    """Put a locked proposal into its last state."""
    await writing().execute(
        """
        UPDATE points_adjustments SET state = $2, checked_by = $3, checked_reason = $4, checked_at = $5 WHERE id = $1
        """,
        adjustment_id,
        state,
        by,
        reason,
        at,
    )


async def moved_today(staff_id: int, act: str, from_at: datetime, until_at: datetime) -> int:
    """Lock a person, and sum what they have proposed, or approved, within a span; what came to nothing counts not."""
    await writing().execute("SELECT FROM staff WHERE id = $1 FOR NO KEY UPDATE", staff_id)
    statement = {
        "propose": """
            SELECT coalesce(sum(abs(points)), 0)::bigint FROM points_adjustments
             WHERE made_by = $1 AND made_at >= $2 AND made_at < $3 AND state IN ('proposed', 'approved')
        """,
        "approve": """
            SELECT coalesce(sum(abs(points)), 0)::bigint FROM points_adjustments
             WHERE checked_by = $1 AND checked_at >= $2 AND checked_at < $3 AND state = 'approved'
        """,
    }[act]
    moved: int = await writing().fetchval(statement, staff_id, from_at, until_at)
    return moved
