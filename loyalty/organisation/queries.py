"""The only raw SQL of the organisation module."""

from collections.abc import Sequence
from datetime import datetime

from loyalty.transactions import writing


async def ensure_plants(codes: Sequence[str], at: datetime) -> dict[str, int]:
    """Find plants by code, making unconfirmed ones where missing; return code → node id."""
    await writing().execute(
        """
        INSERT INTO organisation_nodes (kind, code, name, created_at)
        SELECT 'plant', code, code, $2 FROM unnest($1::text[]) AS g(code) ORDER BY code
        ON CONFLICT (code) WHERE kind = 'plant' DO NOTHING
        """,
        codes,
        at,
    )
    rows = await writing().fetch(
        "SELECT id, code FROM organisation_nodes WHERE kind = 'plant' AND code = ANY ($1::text[])", codes
    )
    return {row["code"]: row["id"] for row in rows}


async def ensure_children(kind: str, places: Sequence[tuple[int, str]], at: datetime) -> dict[tuple[int, str], int]:
    """Find offices or routes by (parent id, code), making unconfirmed ones where missing; return place → node id."""
    parents = [parent_id for parent_id, _ in places]
    codes = [code for _, code in places]
    await writing().execute(
        """
        INSERT INTO organisation_nodes (kind, code, name, parent_id, created_at)
        SELECT $1, code, code, parent_id, $4
          FROM unnest($2::bigint[], $3::text[]) AS g(parent_id, code) ORDER BY parent_id, code
        ON CONFLICT (parent_id, kind, code) WHERE kind <> 'plant' DO NOTHING
        """,
        kind,
        parents,
        codes,
        at,
    )
    rows = await writing().fetch(
        """
        SELECT n.id, n.parent_id, n.code FROM organisation_nodes n
          JOIN unnest($2::bigint[], $3::text[]) AS g(parent_id, code)
            ON n.kind = $1 AND n.kind <> 'plant' AND n.parent_id = g.parent_id AND n.code = g.code
        """,
        kind,
        parents,
        codes,
    )
    return {(row["parent_id"], row["code"]): row["id"] for row in rows}
