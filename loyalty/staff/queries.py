"""The only raw SQL of the staff module."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import asyncpg
import msgspec

from loyalty.organisation.queries import below
from loyalty.rowsets import rowset
from loyalty.transactions import reading, writing

_LIVE = "{g}.from_at <= {at} AND ({g}.until_at IS NULL OR {g}.until_at > {at})"

_WITH_GRANTS = f"""
    SELECT m.id, m.code, m.name, m.password_is_temporary, g.id AS grant_id, g.role, g.node_id,
           n.kind AS node_kind, n.name AS node_name, n.parent_id IS NULL AS at_root
      FROM staff m
      LEFT JOIN staff_grants g ON g.staff_id = m.id AND {_LIVE.format(g="g", at="$2")}
      LEFT JOIN organisation_nodes n ON n.id = g.node_id
"""


async def session(token_hash: bytes, at: datetime, idle: timedelta) -> list[asyncpg.Record]:
    """Read who a live session belongs to, a row for each live grant, or one with nulls; none for a dead session."""
    return await reading().fetch(
        f"""
        SELECT s.id AS session_id, s.seen_at, w.* FROM staff_sessions s
          JOIN LATERAL ({_WITH_GRANTS} WHERE m.id = s.staff_id AND m.left_at IS NULL) w ON true
         WHERE s.token_hash = $1 AND s.ended_at IS NULL AND s.expires_at > $2 AND s.seen_at > $2 - $3::interval
         ORDER BY w.grant_id
        """,
        token_hash,
        at,
        idle,
    )


async def by_login(login: str, at: datetime) -> list[asyncpg.Record]:
    """Read a staff member who is here, a row for each live grant, or one with nulls."""
    return await reading().fetch(f"{_WITH_GRANTS} WHERE m.login = $1 AND m.left_at IS NULL ORDER BY g.id", login, at)


async def locked_until(login: str, at: datetime) -> datetime | None:
    """Tell until when a staff member is locked; None when they are not."""
    found: datetime | None = await reading().fetchval(
        "SELECT locked_until FROM staff WHERE login = $1 AND left_at IS NULL AND locked_until > $2", login, at
    )
    return found


async def end_sessions(staff_ids: Sequence[int], at: datetime, by: str, but: int | None = None) -> int:
    """End the live sessions of staff, all or all ``but`` one; return how many."""
    ended = await writing().fetch(
        """
        UPDATE staff_sessions SET ended_at = $2, ended_by = $3
         WHERE staff_id = ANY ($1::bigint[]) AND ended_at IS NULL AND expires_at > $2 AND id IS DISTINCT FROM $4
        RETURNING 1
        """,
        staff_ids,
        at,
        by,
        but,
    )
    return len(ended)


async def forget_sessions(before: datetime) -> int:
    """Delete sessions that ended or expired before an instant; return how many."""
    gone = await writing().fetch(
        """
        DELETE FROM staff_sessions WHERE id IN (
            SELECT id FROM staff_sessions WHERE least(expires_at, ended_at) < $1 LIMIT 10000) RETURNING 1
        """,
        before,
    )
    return len(gone)


_SEEN = f"""
    (EXISTS (SELECT FROM staff_grants x WHERE x.staff_id = m.id AND x.node_id IN ({below("$1::bigint[]")}))
     OR EXISTS (SELECT FROM organisation_nodes WHERE id = ANY ($1::bigint[]) AND parent_id IS NULL))
"""
"""Whom an administrator of the nodes $1 sees: who has or had a role there; from the root, everybody."""


async def visible(staff_id: int, reach: Sequence[int]) -> asyncpg.Record | None:
    """Read a staff member that administrators of ``reach`` see."""
    return await reading().fetchrow(f"SELECT m.* FROM staff m WHERE m.id = $2 AND {_SEEN}", reach, staff_id)


async def find(
    reach: Sequence[int], text: str, role: str, state: str, order: str, skip: int, limit: int, at: datetime
) -> list[asyncpg.Record]:
    """List staff that administrators of ``reach`` see, with their live roles as text[] and places.

    ``state``: here, left, locked or empty for all. ``order`` is one of code, name, seen, each also with a minus.
    """
    ordering = {
        "code": "m.login",
        "-code": "m.login DESC",
        "name": "m.name, m.login",
        "-name": "m.name DESC, m.login",
        "seen": "m.last_login_at NULLS FIRST, m.login",
        "-seen": "m.last_login_at DESC NULLS LAST, m.login",
    }[order]
    return await reading().fetch(
        f"""
        SELECT m.id, m.code, m.name, m.left_at, m.locked_until > $7 AS locked, m.last_login_at,
               m.password_hash IS NOT NULL AS may_log_in, g.roles, g.places
          FROM staff m
          LEFT JOIN LATERAL (
              SELECT array_agg(DISTINCT x.role) AS roles, array_agg(DISTINCT n.name) AS places
                FROM staff_grants x JOIN organisation_nodes n ON n.id = x.node_id
               WHERE x.staff_id = m.id AND {_LIVE.format(g="x", at="$7")}) g ON true
         WHERE {_SEEN}
           AND ($2 = '' OR starts_with(m.login, lower($2)) OR strpos(m.name, $2) > 0)
           AND ($3 = '' OR $3 = ANY (g.roles))
           AND CASE $4 WHEN 'here' THEN m.left_at IS NULL WHEN 'left' THEN m.left_at IS NOT NULL
                       WHEN 'locked' THEN m.locked_until > $7 ELSE true END
         ORDER BY {ordering} OFFSET $5 LIMIT $6
        """,
        reach,
        text,
        role,
        state,
        skip,
        limit,
        at,
    )


async def grants(staff_id: int, reach: Sequence[int], limit: int) -> list[asyncpg.Record]:
    """List a staff member's grants at or below ``reach``, present, coming and past, the latest first."""
    return await reading().fetch(
        f"""
        SELECT g.id, g.role, g.node_id, n.kind AS node_kind, n.name AS node_name, g.from_at, g.until_at, g.granted_by
          FROM staff_grants g JOIN organisation_nodes n ON n.id = g.node_id
         WHERE g.staff_id = $1 AND g.node_id IN ({below("$3::bigint[]")})
         ORDER BY g.from_at DESC, g.id DESC LIMIT $2
        """,
        staff_id,
        limit,
        reach,
    )


async def has_grant_outside(staff_id: int, reach: Sequence[int], at: datetime) -> bool:
    """Tell whether a staff member has a live or coming grant that is not at or below ``reach``."""
    return bool(
        await reading().fetchval(
            f"""
            SELECT EXISTS (SELECT FROM staff_grants
                            WHERE staff_id = $2 AND (until_at IS NULL OR until_at > $3)
                              AND node_id NOT IN ({below("$1::bigint[]")}))
            """,
            reach,
            staff_id,
            at,
        )
    )


async def with_role(
    reach: Sequence[int], roles: Sequence[str], text: str, staff_id: int | None, skip: int, limit: int, at: datetime
) -> list[asyncpg.Record]:
    """List staff, or one of them, who are here and hold one of ``roles`` at or below ``reach``: id, code, name."""
    return await reading().fetch(
        f"""
        SELECT m.id, m.code, m.name FROM staff m
         WHERE m.left_at IS NULL AND (starts_with(m.login, lower($3)) OR strpos(m.name, $3) > 0)
           AND EXISTS (SELECT FROM staff_grants g
                        WHERE g.staff_id = m.id AND g.role = ANY ($2::text[]) AND {_LIVE.format(g="g", at="$5")}
                          AND g.node_id IN ({below("$1::bigint[]")}))
           AND ($6::bigint IS NULL OR m.id = $6)
         ORDER BY m.login OFFSET $7 LIMIT $4
        """,
        reach,
        roles,
        text,
        limit,
        at,
        staff_id,
        skip,
    )


async def has_root_admin(at: datetime) -> bool:
    """Tell whether somebody who is here administers the whole."""
    return bool(
        await reading().fetchval(
            f"""
            SELECT EXISTS (SELECT FROM staff_grants g
                             JOIN organisation_nodes n ON n.id = g.node_id AND n.parent_id IS NULL
                             JOIN staff m ON m.id = g.staff_id AND m.left_at IS NULL
                            WHERE g.role = 'admin' AND {_LIVE.format(g="g", at="$1")})
            """,
            at,
        )
    )


async def home_node(staff_id: int) -> int | None:
    """Tell where a staff member works, for the audit: the node of a role that has not ended, else of the last one."""
    found = await reading().fetchval(
        """
        SELECT node_id FROM staff_grants WHERE staff_id = $1
         ORDER BY until_at IS NULL DESC, until_at DESC, id LIMIT 1
        """,
        staff_id,
    )
    return None if found is None else int(found)


async def names(ids: Sequence[int]) -> list[asyncpg.Record]:
    """Read the names of staff by id."""
    return await reading().fetch("SELECT id, name FROM staff WHERE id = ANY ($1::bigint[])", ids)


async def open_grants(staff_ids: Sequence[int], at: datetime) -> list[asyncpg.Record]:
    """Read the grants of staff that have not ended, whether they have begun or not, with their places by code.

    Columns id, staff_id, role, node_id, node_name, from_at, until_at, granted_by, plant_code, office_code, route_code.
    """
    return await reading().fetch(
        """
        SELECT g.id, g.staff_id, g.role, g.node_id, n.name AS node_name, g.from_at, g.until_at, g.granted_by,
               a.plant_code, a.office_code, a.route_code
          FROM staff_grants g
          JOIN organisation_nodes n ON n.id = g.node_id
          JOIN LATERAL (
              SELECT max(p.code) FILTER (WHERE p.kind = 'plant') AS plant_code,
                     max(p.code) FILTER (WHERE p.kind = 'office') AS office_code,
                     max(p.code) FILTER (WHERE p.kind = 'route') AS route_code
                FROM organisation_closure c JOIN organisation_nodes p ON p.id = c.ancestor_id
               WHERE c.descendant_id = g.node_id) a ON true
         WHERE g.staff_id = ANY ($1::bigint[]) AND (g.until_at IS NULL OR g.until_at > $2) ORDER BY g.id
        """,
        staff_ids,
        at,
    )


class NewGrant(msgspec.Struct, frozen=True):
    """A grant on its way into its table."""

    staff_id: int
    role: str
    node_id: int
    until_at: datetime | None


async def insert_grants(many: Sequence[NewGrant], at: datetime, by: str) -> None:
    """Give grants to locked staff. One that ended a moment later than ``at``, by another's clock, comes first."""
    await writing().execute(
        """
        INSERT INTO staff_grants (staff_id, role, node_id, from_at, until_at, granted_by)
        SELECT w.staff_id, w.role, w.node_id,
               greatest($2, (SELECT max(g.until_at) FROM staff_grants g
                              WHERE g.staff_id = w.staff_id AND g.role = w.role AND g.node_id = w.node_id
                                AND g.from_at <= $2)),
               w.until_at, $3
          FROM json_to_recordset($1) AS w(staff_id bigint, role text, node_id bigint, until_at timestamptz)
         ORDER BY w.staff_id
        """,
        rowset(many),
        at,
        by,
    )


class StaffLine(msgspec.Struct, frozen=True):
    """A staff member on the way into the table."""

    code: str
    name: str
    left_at: datetime | None


async def insert_staff(many: Sequence[StaffLine], at: datetime, source: str) -> list[asyncpg.Record]:
    """Take staff in who cannot log in yet; rows (id, code) of those whose login was free."""
    return await writing().fetch(
        """
        INSERT INTO staff (code, login, name, source, created_at, left_at)
        SELECT w.code, lower(w.code), w.name, $3, $2, w.left_at
          FROM json_to_recordset($1) AS w(code text, name text, left_at timestamptz) ORDER BY w.code
        ON CONFLICT DO NOTHING RETURNING id, code
        """,
        rowset(many),
        at,
        source,
    )


async def rename_staff(names: Sequence[tuple[int, str]]) -> None:
    """Give locked staff their names, each (staff id, name)."""
    await writing().execute(
        "UPDATE staff m SET name = g.name FROM unnest($1::bigint[], $2::text[]) AS g(id, name) WHERE m.id = g.id",
        [staff_id for staff_id, _ in names],
        [name for _, name in names],
    )


async def end_grants(grant_ids: Sequence[int], at: datetime) -> None:
    """End grants; one that has not begun ends as it begins."""
    await writing().execute(
        "UPDATE staff_grants SET until_at = greatest(from_at, $2) WHERE id = ANY ($1::bigint[])", grant_ids, at
    )
