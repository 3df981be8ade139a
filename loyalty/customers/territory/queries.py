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


async def lock_classified(codes: Sequence[str], source: str) -> list[asyncpg.Record]:
    """Lock outlets by code, in id order; columns id, code, value_class, value_class_since and what ``source`` tagged.

    ``tags`` are all of that source, in their order, ``tags_since`` when the latest of them was put on, null for none.
    """
    await writing().execute(
        "SELECT FROM outlets WHERE code = ANY ($1::text[]) ORDER BY id FOR NO KEY UPDATE",
        codes,
    )
    return await writing().fetch(
        """
        SELECT o.id, o.code, o.value_class, o.value_class_since, coalesce(t.tags, '{}') AS tags, t.tags_since
          FROM outlets o
          LEFT JOIN LATERAL (SELECT array_agg(t.tag ORDER BY t.tag COLLATE "C") AS tags, max(t.since) AS tags_since
                               FROM outlet_tags t WHERE t.outlet_id = o.id AND t.source = $2) t ON true
         WHERE o.code = ANY ($1::text[]) ORDER BY o.id
        """,
        codes,
        source,
    )


async def lock_outlets_of(staff_ids: Sequence[int]) -> list[asyncpg.Record]:
    """Lock the outlets that reps look after, in id order; columns id, code, place_id, staff_id."""
    return await writing().fetch(
        """
        SELECT o.id, o.code, o.place_id, a.staff_id FROM outlets o
          JOIN outlet_assignments a ON a.outlet_id = o.id AND a.staff_id = ANY ($1::bigint[]) AND a.until_at IS NULL
         ORDER BY o.id FOR NO KEY UPDATE OF o
        """,
        staff_ids,
    )


async def open_reps(outlet_ids: Sequence[int]) -> dict[int, int]:
    """Tell who looks after locked outlets; return outlet id → staff id, nothing for those of nobody."""
    rows = await reading().fetch(
        """
        SELECT outlet_id, staff_id FROM outlet_assignments
         WHERE outlet_id = ANY ($1::bigint[]) AND until_at IS NULL
        """,
        outlet_ids,
    )
    return {row["outlet_id"]: row["staff_id"] for row in rows}


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


async def uncovered(pairs: Sequence[tuple[int, int]], at: datetime) -> bool:
    """Tell whether, of pairs (staff id, place id), some rep has no live role at or above the place."""
    return bool(
        await reading().fetchval(
            """
            SELECT EXISTS (
                SELECT FROM unnest($1::bigint[], $2::bigint[]) AS g(staff_id, place_id)
                 WHERE NOT EXISTS (
                     SELECT FROM staff_grants a
                       JOIN organisation_closure c ON c.ancestor_id = a.node_id AND c.descendant_id = g.place_id
                      WHERE a.staff_id = g.staff_id AND a.role = 'rep'
                        AND a.from_at <= $3 AND (a.until_at IS NULL OR a.until_at > $3)))
            """,
            [staff_id for staff_id, _ in pairs],
            [place_id for _, place_id in pairs],
            at,
        )
    )


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


async def classified(outlet_ids: Sequence[int]) -> list[asyncpg.Record]:
    """Read the classification of outlets; columns id, code, plant_code, value_class, tags."""
    return await reading().fetch(
        """
        SELECT o.id, o.code, p.code AS plant_code, o.value_class,
               ARRAY(SELECT DISTINCT t.tag FROM outlet_tags t WHERE t.outlet_id = o.id ORDER BY t.tag) AS tags
          FROM outlets o JOIN organisation_nodes p ON p.id = o.plant_id WHERE o.id = ANY ($1::bigint[])
        """,
        outlet_ids,
    )


async def put_classes(
    outlet_ids: Sequence[int], classes: Sequence[str | None], sources: Sequence[str], ats: Sequence[datetime]
) -> None:
    """Give locked outlets their value class, unless a fresher one is known."""
    await writing().execute(
        """
        UPDATE outlets o SET value_class = g.value_class, value_class_source = g.source, value_class_since = g.at,
               updated_at = g.at
          FROM unnest($1::bigint[], $2::text[], $3::text[], $4::timestamptz[]) AS g(id, value_class, source, at)
         WHERE o.id = g.id AND o.value_class IS DISTINCT FROM g.value_class
           AND (o.value_class_since IS NULL OR o.value_class_since <= g.at)
        """,
        outlet_ids,
        classes,
        sources,
        ats,
    )


async def put_tags(sets: Sequence[tuple[int, str]], tags: Sequence[tuple[int, str, str, datetime]]) -> None:
    """Make tags, each (outlet id, tag, source, at), all that the sources of ``sets`` say of those locked outlets."""
    kept = ([one[n] for one in tags] for n in range(4))
    outlet_ids, names, sources, ats = kept
    await writing().execute(
        """
        DELETE FROM outlet_tags t USING unnest($1::bigint[], $2::text[]) AS g(outlet_id, source)
         WHERE t.outlet_id = g.outlet_id AND t.source = g.source
           AND NOT EXISTS (SELECT FROM unnest($3::bigint[], $4::text[], $5::text[]) AS k(outlet_id, tag, source)
                            WHERE k.outlet_id = t.outlet_id AND k.tag = t.tag AND k.source = t.source)
        """,
        [outlet_id for outlet_id, _ in sets],
        [source for _, source in sets],
        outlet_ids,
        names,
        sources,
    )
    await writing().execute(
        """
        INSERT INTO outlet_tags (outlet_id, tag, source, since)
        SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::timestamptz[]) ORDER BY 1, 3, 2
        ON CONFLICT (outlet_id, source, tag) DO NOTHING
        """,
        outlet_ids,
        names,
        sources,
        ats,
    )
