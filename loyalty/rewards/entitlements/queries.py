"""The raw SQL of entitlements."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from loyalty.transactions import reading, writing

ENTITLEMENT = """id, outlet_id, member_id, reward_id, type, name, terms::text AS terms, allotment_id, source_kind,
       source_id, state, granted_at, expires_at, held_by, held_at, ended_at"""


async def of_outlet(outlet_id: int, before_id: int | None, limit: int) -> list[asyncpg.Record]:
    """Read an outlet's entitlements, the latest first, below ``before_id``."""
    return await reading().fetch(
        f"""
        SELECT {ENTITLEMENT} FROM entitlements
         WHERE outlet_id = $1 AND ($2::bigint IS NULL OR id < $2) ORDER BY id DESC LIMIT $3
        """,
        outlet_id,
        before_id,
        limit,
    )


async def by_id(entitlement_ids: Sequence[int]) -> list[asyncpg.Record]:
    """Read entitlements."""
    return await reading().fetch(
        f"SELECT {ENTITLEMENT} FROM entitlements WHERE id = ANY ($1::bigint[])", entitlement_ids
    )


async def allotments_of(entitlement_ids: Sequence[int]) -> list[int]:
    """Give the allotments of entitlements; that never changes."""
    rows = await reading().fetch(
        "SELECT DISTINCT allotment_id FROM entitlements WHERE id = ANY ($1::bigint[]) AND allotment_id IS NOT NULL",
        entitlement_ids,
    )
    return [row["allotment_id"] for row in rows]


async def lock(entitlement_ids: Sequence[int]) -> list[asyncpg.Record]:
    """Lock entitlements in id order and give them with their outlets' codes."""
    return await writing().fetch(
        f"""
        WITH locked AS (
            SELECT * FROM entitlements WHERE id = ANY ($1::bigint[]) ORDER BY id FOR NO KEY UPDATE
        )
        SELECT {ENTITLEMENT}, (SELECT code FROM outlets o WHERE o.id = outlet_id) AS outlet_code
          FROM locked ORDER BY id
        """,
        entitlement_ids,
    )


async def due(at: datetime, limit: int) -> list[int]:
    """Find free entitlements whose time is over, the oldest first."""
    rows = await reading().fetch(
        "SELECT id FROM entitlements WHERE state = 'free' AND expires_at <= $1 ORDER BY expires_at, id LIMIT $2",
        at,
        limit,
    )
    return [row["id"] for row in rows]


async def move(changes: Sequence[tuple[int, str, str | None, datetime]]) -> None:
    """Put locked entitlements into a state: (id, state, who holds it, at)."""
    await writing().execute(
        """
        UPDATE entitlements e
           SET state = w.state, held_by = w.held_by,
               held_at = CASE WHEN w.held_by IS NULL THEN NULL ELSE coalesce(e.held_at, w.at) END,
               ended_at = CASE WHEN w.state IN ('redeemed', 'lapsed', 'cancelled') THEN w.at END
          FROM unnest($1::bigint[], $2::text[], $3::text[], $4::timestamptz[]) AS w(id, state, held_by, at)
         WHERE e.id = w.id
        """,
        [one[0] for one in changes],
        [one[1] for one in changes],
        [one[2] for one in changes],
        [one[3] for one in changes],
    )


async def known_sources(sources: Sequence[tuple[str, str]]) -> list[asyncpg.Record]:
    """Read the entitlements that were granted for sources (kind, id)."""
    return await reading().fetch(
        f"""
        SELECT {ENTITLEMENT} FROM entitlements
         WHERE (source_kind, source_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
        """,
        [kind for kind, _ in sources],
        [source_id for _, source_id in sources],
    )


async def grant(rows: Sequence[tuple[object, ...]]) -> list[asyncpg.Record]:
    """Store granted entitlements; one whose source has one already is left out."""
    columns = [[row[place] for row in rows] for place in range(11)]
    return await writing().fetch(
        f"""
        INSERT INTO entitlements (outlet_id, member_id, reward_id, type, name, terms, allotment_id, source_kind,
                                  source_id, state, granted_at, expires_at)
        SELECT outlet_id, member_id, reward_id, type, name, terms::jsonb, allotment_id, source_kind, source_id, 'free',
               granted_at, expires_at
          FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::bigint[],
                      $8::text[], $9::text[], $10::timestamptz[], $11::timestamptz[])
            AS w(outlet_id, member_id, reward_id, type, name, terms, allotment_id, source_kind, source_id, granted_at,
                 expires_at)
        ON CONFLICT (source_id, source_kind) DO NOTHING
        RETURNING {ENTITLEMENT}
        """,
        *columns,
    )


async def redemption(redemption_id: int) -> asyncpg.Record | None:
    """Read a redemption with its outlet and entitlement; none of that changes."""
    return await reading().fetchrow(
        """
        SELECT r.id, r.outlet_id, o.code AS outlet_code, coalesce(o.route_id, o.office_id, o.plant_id) AS place_id,
               r.cost_points, r.at, e.id AS entitlement_id, e.name
          FROM redemptions r JOIN outlets o ON o.id = r.outlet_id
          JOIN entitlements e ON e.source_kind = 'redemption' AND e.source_id = r.id::text
         WHERE r.id = $1
        """,
        redemption_id,
    )


async def cancel_redemption(redemption_id: int, at: datetime) -> None:
    """Note that a redemption was undone."""
    await writing().execute("UPDATE redemptions SET cancelled_at = $2 WHERE id = $1", redemption_id, at)
