"""The only raw SQL of the territory: assignments of outlets to reps, and outlets that follow a moved node."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from loyalty.organisation.queries import below
from loyalty.transactions import reading, writing

_LIVE = "a.from_at <= $2 AND (a.until_at IS NULL OR a.until_at > $2)"


async def lock_outlets(codes: Sequence[str]) -> list[asyncpg.Record]:
    """Lock outlets by code, in id order, with the rep of each; columns id, code, staff_id (null for none)."""
    return await writing().fetch(
        """
        SELECT o.id, o.code, a.staff_id FROM outlets o
          LEFT JOIN outlet_assignments a ON a.outlet_id = o.id AND a.until_at IS NULL
         WHERE o.code = ANY ($1::text[]) ORDER BY o.id FOR NO KEY UPDATE OF o
        """,
        codes,
    )


async def lock_outlets_of(staff_id: int) -> list[asyncpg.Record]:
    """Lock the outlets that a rep looks after, in id order; columns id, code, place_id."""
    return await writing().fetch(
        """
        SELECT o.id, o.code, o.place_id FROM outlets o
          JOIN outlet_assignments a ON a.outlet_id = o.id AND a.staff_id = $1 AND a.until_at IS NULL
         ORDER BY o.id FOR NO KEY UPDATE OF o
        """,
        staff_id,
    )


async def end(outlet_ids: Sequence[int], at: datetime) -> None:
    """End the open assignments of locked outlets; one that begins later ends as it begins."""
    await writing().execute(
        """
        UPDATE outlet_assignments SET until_at = greatest(from_at, $2)
         WHERE outlet_id = ANY ($1::bigint[]) AND until_at IS NULL
        """,
        outlet_ids,
        at,
    )


async def start(pairs: Sequence[tuple[int, int]], at: datetime, source: str) -> None:
    """Give locked outlets, whose assignments have ended, each (outlet id, staff id)."""
    await writing().execute(
        """
        INSERT INTO outlet_assignments (outlet_id, staff_id, from_at, source)
        SELECT g.outlet_id, g.staff_id,
               greatest($3, (SELECT max(a.until_at) FROM outlet_assignments a WHERE a.outlet_id = g.outlet_id)), $4
          FROM unnest($1::bigint[], $2::bigint[]) AS g(outlet_id, staff_id) ORDER BY g.outlet_id
        """,
        [outlet_id for outlet_id, _ in pairs],
        [staff_id for _, staff_id in pairs],
        at,
        source,
    )


async def reps_here(staff_ids: Sequence[int], at: datetime) -> set[int]:
    """Tell which of the staff are here and hold the role of a rep."""
    rows = await reading().fetch(
        """
        SELECT m.id FROM staff m
         WHERE m.id = ANY ($1::bigint[]) AND m.left_at IS NULL
           AND EXISTS (SELECT FROM staff_grants a WHERE a.staff_id = m.id AND a.role = 'rep'
                          AND a.from_at <= $2 AND (a.until_at IS NULL OR a.until_at > $2))
        """,
        staff_ids,
        at,
    )
    return {row["id"] for row in rows}


async def counts(staff_ids: Sequence[int], at: datetime) -> list[asyncpg.Record]:
    """Count the outlets that each of the staff looks after; columns staff_id, outlets."""
    return await reading().fetch(
        f"""
        SELECT a.staff_id, count(*) AS outlets FROM outlet_assignments a
         WHERE a.staff_id = ANY ($1::bigint[]) AND {_LIVE} GROUP BY a.staff_id
        """,
        staff_ids,
        at,
    )


async def history(outlet_id: int, limit: int) -> list[asyncpg.Record]:
    """List who has looked after an outlet, the latest first."""
    return await reading().fetch(
        """
        SELECT a.staff_id, s.code AS staff_code, s.name AS staff_name, a.from_at, a.until_at, a.source
          FROM outlet_assignments a JOIN staff s ON s.id = a.staff_id
         WHERE a.outlet_id = $1 ORDER BY a.from_at DESC, a.id DESC LIMIT $2
        """,
        outlet_id,
        limit,
    )


async def are_within(place_ids: Sequence[int], node_ids: Sequence[int]) -> bool:
    """Tell whether all places are at or below ``node_ids``."""
    return bool(
        await reading().fetchval(
            f"""
            SELECT NOT EXISTS (SELECT FROM unnest($1::bigint[]) AS p(id) WHERE p.id NOT IN ({below("$2::bigint[]")}))
            """,
            place_ids,
            node_ids,
        )
    )


async def follow(node_id: int) -> int:
    """Give outlets at or below a moved node the plant and office that it hangs under now; return how many changed."""
    moved = await writing().fetch(
        f"""
        WITH above AS (
            SELECT c.descendant_id AS place_id,
                   max(n.id) FILTER (WHERE n.kind = 'plant') AS plant_id,
                   max(n.id) FILTER (WHERE n.kind = 'office') AS office_id
              FROM organisation_closure c JOIN organisation_nodes n ON n.id = c.ancestor_id
             WHERE c.descendant_id IN ({below("ARRAY[$1::bigint]")}) GROUP BY c.descendant_id
        )
        UPDATE outlets o SET plant_id = a.plant_id, office_id = a.office_id
          FROM above a
         WHERE o.place_id = a.place_id AND (o.plant_id, o.office_id) IS DISTINCT FROM (a.plant_id, a.office_id)
        RETURNING 1
        """,
        node_id,
    )
    return len(moved)
