"""The only raw SQL of customer care. Every look is asked with a reach, and finds nothing outside of it."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import asyncpg

from loyalty.organisation.queries import below
from loyalty.staff.people import Reach
from loyalty.transactions import reading, writing

_LOOKED_AFTER = """
    SELECT a.outlet_id FROM outlet_assignments a
     WHERE a.staff_id = $2 AND a.from_at <= $4 AND (a.until_at IS NULL OR a.until_at > $4)
"""
_ALL = f"o.place_id IN ({below('$1::bigint[]')})"
_OWN = f"(o.place_id IN ({below('$3::bigint[]')}) AND o.id IN ({_LOOKED_AFTER}))"
_TYPED = "(true OR ($1::bigint[], $2::bigint, $3::bigint[], $4::timestamptz) IS NULL)"
"""Always true: a parameter that a statement does not name would have no type."""


def in_reach(reach: Reach) -> str:
    """Give the condition on outlets ``o`` for the parameters of ``asked``; the smaller ones plan better."""
    shape = {(True, False): _ALL, (False, True): _OWN, (True, True): f"({_ALL} OR {_OWN})"}
    condition = shape.get((bool(reach.node_ids), bool(reach.rep_node_ids)), "false")
    return f"{_TYPED} AND {condition}"


def asked(reach: Reach, at: datetime) -> tuple[object, ...]:
    """Give the first four parameters of a statement whose condition is ``in_reach``."""
    return (list(reach.node_ids), reach.rep_id, list(reach.rep_node_ids), at)


def prefix(text: str) -> str:
    """Give the LIKE pattern of what begins with a text."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"


_ORDERS = {
    "code": "o.code",
    "-code": "o.code DESC",
    # By pinyin, as people expect, and by its bytes, as the index has them: a page is read, not the whole list sorted.
    "name": "o.name_initials USING ~<~, o.name, o.code",
    "-name": "o.name_initials USING ~>~, o.name, o.code",
}


async def find(
    reach: Reach,
    text: str,
    initials: str,
    phone_indexes: Sequence[bytes],
    status: str,
    bound: str,
    value_class: str,
    order: str,
    skip: int,
    limit: int,
    at: datetime,
) -> list[asyncpg.Record]:
    """List outlets in reach whose code, name or initials begin with ``text``, or that a phone belongs to."""
    named = """
        (o.code LIKE $5 OR o.name LIKE $5 OR o.name_initials LIKE $6 OR o.contact_phone_index = ANY ($7::bytea[])
         OR o.id = ANY (ARRAY(SELECT b.outlet_id FROM bindings b JOIN members m ON m.id = b.member_id
                               WHERE m.phone_index = ANY ($7::bytea[]) AND b.ended_at IS NULL)))
    """
    return await reading().fetch(
        f"""
        WITH found AS (
            SELECT o.* FROM outlets o
             WHERE {in_reach(reach)} AND {named if text else "($5 = '%' AND $6 = '%' AND $7::bytea[] IS NOT NULL)"}
               AND ($8 = '' OR o.status = $8) AND ($9 = '' OR o.value_class = $9)
               AND ($10 = '' OR ($10 = 'yes') = EXISTS (SELECT FROM bindings b
                                                         WHERE b.outlet_id = o.id AND b.ended_at IS NULL))
             ORDER BY {_ORDERS[order]} OFFSET $11 LIMIT $12
        )
        SELECT o.id, o.code, o.name, o.status, o.value_class, o.created_at, p.name AS plant_name, n.name AS place_name,
               (SELECT count(*) FROM bindings b WHERE b.outlet_id = o.id AND b.ended_at IS NULL) AS people,
               (SELECT s.name FROM outlet_assignments a JOIN staff s ON s.id = a.staff_id
                 WHERE a.outlet_id = o.id AND a.from_at <= $4 AND (a.until_at IS NULL OR a.until_at > $4)) AS rep_name
          FROM found o JOIN organisation_nodes p ON p.id = o.plant_id JOIN organisation_nodes n ON n.id = o.place_id
         ORDER BY {_ORDERS[order]}
        """,
        *asked(reach, at),
        prefix(text),
        prefix(initials),
        phone_indexes,
        status,
        value_class,
        bound,
        skip,
        limit,
    )


async def outlet(reach: Reach, code: str, at: datetime) -> asyncpg.Record | None:
    """Read an outlet in reach, with the names of where it is and of who looks after it."""
    return await reading().fetchrow(
        f"""
        SELECT o.*, p.name AS plant_name, f.name AS office_name, r.name AS route_name, s.name AS rep_name,
               s.code AS rep_code
          FROM outlets o
          JOIN organisation_nodes p ON p.id = o.plant_id
          LEFT JOIN organisation_nodes f ON f.id = o.office_id
          LEFT JOIN organisation_nodes r ON r.id = o.route_id
          LEFT JOIN outlet_assignments a
                 ON a.outlet_id = o.id AND a.from_at <= $4 AND (a.until_at IS NULL OR a.until_at > $4)
          LEFT JOIN staff s ON s.id = a.staff_id
         WHERE o.code = $5 AND {in_reach(reach)}
        """,
        *asked(reach, at),
        code,
    )


async def bindings(outlet_id: int, limit: int) -> list[asyncpg.Record]:
    """List the bindings of an outlet, the live ones first, then the latest ended."""
    return await reading().fetch(
        """
        SELECT b.id, b.member_id, b.role, b.way, b.bound_at, b.ended_at, b.ended_by, m.phone_sealed, m.last_login_at
          FROM bindings b JOIN members m ON m.id = b.member_id
         WHERE b.outlet_id = $1
         ORDER BY b.ended_at IS NOT NULL, b.ended_at DESC, b.bound_at, b.id LIMIT $2
        """,
        outlet_id,
        limit,
    )


async def own_totals(reach: Reach, since: datetime, at: datetime) -> asyncpg.Record | None:
    """Count the open outlets that a rep looks after: all, bound ones, new ones since an instant."""
    return await reading().fetchrow(
        f"""
        SELECT count(*) AS outlets,
               count(*) FILTER (WHERE EXISTS (SELECT FROM bindings b
                                               WHERE b.outlet_id = o.id AND b.ended_at IS NULL)) AS bound,
               count(*) FILTER (WHERE o.created_at >= $5) AS new, $4::timestamptz AS counted_at
          FROM outlets o WHERE {in_reach(reach)} AND o.status = 'open'
        """,
        *asked(reach, at),
        since,
    )


async def own_bindings_per_day(reach: Reach, since: datetime, at: datetime, offset: timedelta) -> list[asyncpg.Record]:
    """Count the bindings made since an instant at a rep's outlets, by day of a clock that is ``offset`` from UTC."""
    return await reading().fetch(
        f"""
        SELECT ((b.bound_at AT TIME ZONE 'UTC') + $6::interval)::date AS on_date, count(*) AS made
          FROM bindings b JOIN outlets o ON o.id = b.outlet_id
         WHERE b.bound_at >= $5 AND {in_reach(reach)} GROUP BY 1 ORDER BY 1
        """,
        *asked(reach, at),
        since,
        offset,
    )


async def place_totals(node_ids: Sequence[int]) -> asyncpg.Record | None:
    """Add up what was counted of the places at or below ``node_ids``; nulls where nothing was counted yet."""
    return await reading().fetchrow(
        f"""
        SELECT coalesce(sum(outlets), 0)::int AS outlets, coalesce(sum(bound), 0)::int AS bound,
               coalesce(sum(new), 0)::int AS new, min(counted_at) AS counted_at
          FROM place_counts WHERE place_id IN ({below("$1::bigint[]")})
        """,
        node_ids,
    )


async def place_days(node_ids: Sequence[int], since: date) -> list[asyncpg.Record]:
    """Add up the bindings of the places at or below ``node_ids``, by day from a day on."""
    return await reading().fetch(
        f"""
        SELECT on_date, sum(bindings)::int AS made FROM place_days
         WHERE on_date >= $2 AND place_id IN ({below("$1::bigint[]")}) GROUP BY on_date ORDER BY on_date
        """,
        node_ids,
        since,
    )


async def count_places(new_since: datetime, days_since: datetime, offset: timedelta, at: datetime) -> int:
    """Count the outlets of every place and its bindings by day anew; return how many places there are."""
    await writing().execute("DELETE FROM place_counts")
    counted = await writing().fetch(
        """
        INSERT INTO place_counts (place_id, outlets, bound, new, counted_at)
        SELECT o.place_id, count(*), count(b.outlet_id), count(*) FILTER (WHERE o.created_at >= $1), $2
          FROM outlets o
          LEFT JOIN (SELECT DISTINCT outlet_id FROM bindings WHERE ended_at IS NULL) b ON b.outlet_id = o.id
         WHERE o.status = 'open' GROUP BY o.place_id RETURNING 1
        """,
        new_since,
        at,
    )
    await writing().execute("DELETE FROM place_days")
    await writing().execute(
        """
        INSERT INTO place_days (place_id, on_date, bindings)
        SELECT o.place_id, ((b.bound_at AT TIME ZONE 'UTC') + $2::interval)::date, count(*)
          FROM bindings b JOIN outlets o ON o.id = b.outlet_id
         WHERE b.bound_at >= $1 GROUP BY 1, 2
        """,
        days_since,
        offset,
    )
    return len(counted)
