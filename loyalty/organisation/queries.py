"""The only raw SQL of the organisation module."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from loyalty.rowsets import rowset
from loyalty.transactions import reading, writing


def below(ids: str) -> str:
    """Give the SQL that lists the nodes at and below ``ids``, of type bigint[], to stand inside another statement."""
    return f"SELECT descendant_id FROM organisation_closure WHERE ancestor_id = ANY ({ids})"


async def find_root() -> int | None:
    """Find the one node that has no parent."""
    found = await reading().fetchval("SELECT id FROM organisation_nodes WHERE parent_id IS NULL")
    return None if found is None else int(found)


async def insert_root(code: str, name: str, at: datetime) -> None:
    """Make the root; no error when it is there."""
    await writing().execute(
        """
        WITH made AS (
            INSERT INTO organisation_nodes (kind, code, name, confirmed_at, created_at)
            VALUES ('group', $1, $2, $3, $3) ON CONFLICT DO NOTHING RETURNING id
        ) INSERT INTO organisation_closure (ancestor_id, descendant_id, depth) SELECT id, id, 0 FROM made
        """,
        code,
        name,
        at,
    )


async def insert_nodes(
    kind: str, nodes: Sequence[tuple[int, str, str]], confirmed_at: datetime | None, at: datetime, by: str
) -> list[asyncpg.Record]:
    """Make nodes, each (parent id, code, name), with their place in the tree; rows (id, parent_id, code) of the new.

    Their parents are locked before, in a statement of its own, so that the closure read here is the closure now.
    """
    return await writing().fetch(
        """
        WITH made AS (
            INSERT INTO organisation_nodes (kind, code, name, parent_id, parent_kind, confirmed_at, created_at)
            SELECT $1, g.code, g.name, g.parent_id, p.kind, $5, $6
              FROM unnest($2::bigint[], $3::text[], $4::text[]) AS g(parent_id, code, name)
              JOIN organisation_nodes p ON p.id = g.parent_id
             ORDER BY g.parent_id, g.code
            ON CONFLICT DO NOTHING RETURNING id, parent_id, code
        ), closed AS (
            INSERT INTO organisation_closure (ancestor_id, descendant_id, depth)
            SELECT c.ancestor_id, m.id, c.depth + 1
              FROM made m JOIN organisation_closure c ON c.descendant_id = m.parent_id
            UNION ALL SELECT id, id, 0 FROM made
        ), placed AS (
            INSERT INTO organisation_placements (node_id, parent_id, from_at, placed_by)
            SELECT id, parent_id, $6, $7 FROM made
        )
        SELECT id, parent_id, code FROM made
        """,
        kind,
        [parent_id for parent_id, _, _ in nodes],
        [code for _, code, _ in nodes],
        [name for _, _, name in nodes],
        confirmed_at,
        at,
        by,
    )


async def find_named(kind: str, codes: Sequence[str]) -> dict[str, int]:
    """Find groups or plants, whose codes are unique everywhere; return code → node id."""
    rows = await reading().fetch(
        "SELECT id, code FROM organisation_nodes WHERE kind = $1 AND code = ANY ($2::text[])", kind, codes
    )
    return {row["code"]: row["id"] for row in rows}


async def find_children(kind: str, places: Sequence[tuple[int, str]]) -> dict[tuple[int, str], int]:
    """Find offices or routes by (parent id, code); return place → node id.

    All of their parents' children are read: pairs have no statistics, and a join on them looks at each pair each time.
    """
    rows = await reading().fetch(
        """
        SELECT id, parent_id, code FROM organisation_nodes
         WHERE kind = $1 AND kind IN ('office', 'route') AND parent_id = ANY ($2::bigint[])
        """,
        kind,
        sorted({parent_id for parent_id, _ in places}),
    )
    wanted = set(places)
    found = {(row["parent_id"], row["code"]): row["id"] for row in rows}
    return {place: node_id for place, node_id in found.items() if place in wanted}


_NODE = """
    SELECT n.id, n.kind, n.code, n.name, n.parent_id, p.name AS parent_name, n.confirmed_at, n.created_at,
           (SELECT count(*) FROM organisation_nodes k WHERE k.parent_id = n.id) AS children
      FROM organisation_nodes n LEFT JOIN organisation_nodes p ON p.id = n.parent_id
"""


async def node(node_id: int, node_ids: Sequence[int]) -> asyncpg.Record | None:
    """Read a node at or below ``node_ids``."""
    return await reading().fetchrow(f"{_NODE} WHERE n.id = $1 AND n.id IN ({below('$2::bigint[]')})", node_id, node_ids)


async def nodes(node_ids: Sequence[int], kinds: Sequence[str], text: str, limit: int) -> list[asyncpg.Record]:
    """List nodes of some kinds at or below ``node_ids`` whose code or name begins with or contains ``text``."""
    return await reading().fetch(
        f"""
        {_NODE} WHERE n.id IN ({below("$1::bigint[]")}) AND n.kind = ANY ($2::text[])
           AND (strpos(n.name, $3) > 0 OR strpos(lower(n.code), lower($3)) > 0)
         ORDER BY array_position(ARRAY['group', 'plant', 'office', 'route'], n.kind), n.code, n.id LIMIT $4
        """,
        node_ids,
        kinds,
        text,
        limit,
    )


async def names(ids: Sequence[int]) -> list[asyncpg.Record]:
    """Read the names of nodes by id."""
    return await reading().fetch("SELECT id, name FROM organisation_nodes WHERE id = ANY ($1::bigint[])", ids)


async def children(node_id: int, limit: int) -> list[asyncpg.Record]:
    """List what hangs directly under a node."""
    return await reading().fetch(f"{_NODE} WHERE n.parent_id = $1 ORDER BY n.kind, n.code LIMIT $2", node_id, limit)


async def ancestors(node_id: int) -> list[asyncpg.Record]:
    """List a node and what it hangs under, from the root down."""
    return await reading().fetch(
        """
        SELECT n.id, n.kind, n.code, n.name
          FROM organisation_closure c JOIN organisation_nodes n ON n.id = c.ancestor_id
         WHERE c.descendant_id = $1 ORDER BY c.depth DESC
        """,
        node_id,
    )


async def unconfirmed(node_ids: Sequence[int], limit: int) -> list[asyncpg.Record]:
    """List nodes in reach that only an outlet row has named, the highest kind first."""
    return await reading().fetch(
        f"""
        {_NODE} WHERE n.confirmed_at IS NULL AND n.id IN ({below("$1::bigint[]")})
         ORDER BY array_position(ARRAY['group', 'plant', 'office', 'route'], n.kind), n.created_at, n.id LIMIT $2
        """,
        node_ids,
        limit,
    )


async def placements(node_id: int) -> list[asyncpg.Record]:
    """List where a node has hung, the latest first."""
    return await reading().fetch(
        """
        SELECT l.parent_id, p.name AS parent_name, l.from_at, l.until_at, l.placed_by
          FROM organisation_placements l JOIN organisation_nodes p ON p.id = l.parent_id
         WHERE l.node_id = $1 ORDER BY l.from_at DESC, l.id DESC LIMIT 100
        """,
        node_id,
    )


async def is_below(node_id: int, ancestor_ids: Sequence[int]) -> bool:
    """Tell whether a node is one of ``ancestor_ids`` or below one."""
    return bool(await reading().fetchval(f"SELECT $1::bigint IN ({below('$2::bigint[]')})", node_id, ancestor_ids))


async def move(node_id: int, parent_id: int, at: datetime, by: str) -> None:
    """Hang a locked node, with all below it, under another parent that is not below it."""
    await writing().execute(
        """
        WITH cut AS (
            DELETE FROM organisation_closure c
             USING organisation_closure s, organisation_closure a
             WHERE s.ancestor_id = $1 AND a.descendant_id = $1 AND a.depth > 0
               AND c.descendant_id = s.descendant_id AND c.ancestor_id = a.ancestor_id
        ), ended AS (
            UPDATE organisation_placements SET until_at = greatest($3, from_at) WHERE node_id = $1 AND until_at IS NULL
        )
        UPDATE organisation_nodes n SET parent_id = p.id, parent_kind = p.kind
          FROM organisation_nodes p WHERE n.id = $1 AND p.id = $2
        """,
        node_id,
        parent_id,
        at,
    )
    await writing().execute(
        """
        WITH hung AS (
            INSERT INTO organisation_closure (ancestor_id, descendant_id, depth)
            SELECT a.ancestor_id, s.descendant_id, a.depth + s.depth + 1
              FROM organisation_closure a, organisation_closure s
             WHERE a.descendant_id = $2 AND s.ancestor_id = $1
        )
        INSERT INTO organisation_placements (node_id, parent_id, from_at, placed_by)
        SELECT $1, $2, greatest($3, max(until_at)), $4 FROM organisation_placements WHERE node_id = $1
        """,
        node_id,
        parent_id,
        at,
        by,
    )


async def tree_differences(limit: int) -> list[asyncpg.Record]:
    """Find nodes whose rows in the closure, or whose open placement, are not what their parents say."""
    return await reading().fetch(
        """
        WITH RECURSIVE said AS (
            SELECT id AS ancestor_id, id AS descendant_id, 0 AS depth FROM organisation_nodes
            UNION ALL
            SELECT s.ancestor_id, n.id, s.depth + 1
              FROM said s JOIN organisation_nodes n ON n.parent_id = s.descendant_id WHERE s.depth < 100
        ), odd AS (
            (SELECT * FROM said EXCEPT SELECT * FROM organisation_closure)
            UNION ALL (SELECT * FROM organisation_closure EXCEPT SELECT * FROM said)
        )
        SELECT descendant_id AS node_id, 'closure' AS what FROM odd
        UNION
        SELECT n.id, 'placement' FROM organisation_nodes n
         WHERE n.parent_id IS DISTINCT FROM (SELECT l.parent_id FROM organisation_placements l
                                              WHERE l.node_id = n.id AND l.until_at IS NULL)
         ORDER BY 1, 2 LIMIT $1
        """,
        limit,
    )


class AuditLine(msgspec.Struct, frozen=True):
    """An audit entry on its way into its table, the n-th of its call."""

    n: int
    at: datetime
    actor_kind: str
    actor_id: str
    actor_name: str
    action: str
    subject_kind: str
    subject_id: str
    node_id: int | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    reason: str


async def insert_audit(lines: Sequence[AuditLine]) -> None:
    """Insert audit entries in the given order."""
    columns = "at, actor_kind, actor_id, actor_name, action, subject_kind, subject_id, node_id, before, after, reason"
    await writing().execute(
        f"""
        INSERT INTO audit_entries ({columns})
        SELECT {columns} FROM json_to_recordset($1) AS e(
               n int, at timestamptz, actor_kind text, actor_id text, actor_name text, action text, subject_kind text,
               subject_id text, node_id bigint, before jsonb, after jsonb, reason text) ORDER BY n
        """,
        rowset(lines),
    )


async def search_audit(node_ids: Sequence[int], wanted: dict[str, Any], skip: int, limit: int) -> list[asyncpg.Record]:
    """Read entries of nodes at or below ``node_ids``, and those of no node for whoever reaches the root."""
    return await reading().fetch(
        f"""
        SELECT id, at, actor_kind, actor_id, actor_name, action, subject_kind, subject_id, before, after, reason
          FROM audit_entries
         WHERE (node_id IN ({below("$1::bigint[]")})
                OR node_id IS NULL AND EXISTS (SELECT FROM organisation_nodes
                                                WHERE id = ANY ($1::bigint[]) AND parent_id IS NULL))
           AND ($2 = '' OR starts_with(action, $2)) AND ($3 = '' OR subject_kind = $3) AND ($4 = '' OR subject_id = $4)
           AND ($5::timestamptz IS NULL OR at >= $5) AND ($6::timestamptz IS NULL OR at < $6)
           AND ($7 = '' OR strpos(lower(concat_ws(' ', actor_name, actor_id, subject_id, reason, before, after)),
                                  lower($7)) > 0)
         ORDER BY id DESC OFFSET $8 LIMIT $9
        """,
        node_ids,
        wanted["action"],
        wanted["subject_kind"],
        wanted["subject_id"],
        wanted["from_at"],
        wanted["until_at"],
        wanted["text"],
        skip,
        limit,
    )
