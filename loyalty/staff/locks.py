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


async def find_codes(logins: Sequence[str]) -> list[asyncpg.Record]:
    """Read staff by login and lock them, in id order; columns id, login, code, name, left_at."""
    return await writing().fetch(
        "SELECT id, login, code, name, left_at FROM staff WHERE login = ANY ($1::text[]) ORDER BY id FOR NO KEY UPDATE",
        logins,
    )
