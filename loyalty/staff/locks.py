"""Row locks of the staff module, in id order, and what changes right under them."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import asyncpg

from loyalty.transactions import writing


async def take_try(login: str, at: datetime, tries_max: int, locked_for: timedelta) -> asyncpg.Record | None:
    """Take one of a staff member's tries before their password is looked at; None when they are locked or not there.

    The last one locks at once, so that however many ask at the same time, no more passwords than that are looked at.
    """
    return await writing().fetchrow(
        """
        UPDATE staff SET tries = t.tries, locked_until = CASE WHEN t.tries >= $3 THEN $2 + $4::interval END
          FROM (SELECT id, CASE WHEN locked_until IS NULL THEN tries + 1 ELSE 1 END AS tries FROM staff
                 WHERE login = $1 AND left_at IS NULL AND (locked_until IS NULL OR locked_until <= $2)
                   FOR NO KEY UPDATE) t
         WHERE staff.id = t.id
        RETURNING staff.id, code, name, password_hash, password_is_temporary,
                  password_changed_at, staff.tries, locked_until
        """,
        login,
        at,
        tries_max,
        locked_for,
    )


async def lock_root_admins(at: datetime) -> None:
    """Hold those who administer the whole, in id order: of two who let each other go, the second sees the first's."""
    await writing().execute(
        """
        SELECT FROM staff_grants g JOIN organisation_nodes n ON n.id = g.node_id AND n.parent_id IS NULL
         WHERE g.role = 'admin' AND (g.until_at IS NULL OR g.until_at > $1) ORDER BY g.id FOR UPDATE OF g
        """,
        at,
    )


async def find_codes(logins: Sequence[str]) -> list[asyncpg.Record]:
    """Read staff by login and lock them, in id order; columns id, login, code, name, left_at."""
    return await writing().fetch(
        "SELECT id, login, code, name, left_at FROM staff WHERE login = ANY ($1::text[]) ORDER BY id FOR NO KEY UPDATE",
        logins,
    )


async def set_left(staff_ids: Sequence[int], left_at: datetime | None) -> None:
    """Note when locked staff left, or that they are back: with no password, so that an old one opens nothing."""
    await writing().execute(
        "UPDATE staff SET left_at = $2, password_hash = NULL WHERE id = ANY ($1::bigint[])", staff_ids, left_at
    )


async def drop_temporary_password(staff_id: int, granted_by: str) -> None:
    """Take a temporary password away that somebody else than ``granted_by`` gave, knows, and could open more with."""
    await writing().execute(
        """
        UPDATE staff SET password_hash = NULL
         WHERE id = $1 AND password_is_temporary
           AND $2 <> (SELECT a.actor_kind || ':' || a.actor_id FROM audit_entries a
                       WHERE a.subject_kind = 'staff' AND a.subject_id = $1::text AND a.action = 'password.reset'
                       ORDER BY a.id DESC LIMIT 1)
        """,
        staff_id,
        granted_by,
    )
