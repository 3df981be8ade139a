"""The only raw SQL of the check-in game."""

from collections.abc import Sequence
from datetime import date, datetime

import asyncpg
import msgspec

from games.checkin.rules import BUILT_IN, Ladder, Streak
from loyalty.rowsets import rowset
from loyalty.transactions import reading, writing


class Asked(msgspec.Struct, frozen=True):
    """What ``states`` is asked, as the n-th of its call: an outlet on a day, and a member's key."""

    n: int
    outlet_id: int
    on_date: date
    member_id: int
    key: str


class CheckinRow(msgspec.Struct, frozen=True):
    """A check-in on its way into its table."""

    outlet_id: int
    business_date: date
    member_id: int
    at: datetime
    streak_days: int
    points: int
    ladder_id: int | None
    idempotency_key: str
    input_hash: bytes


async def states(asked: Sequence[Asked]) -> list[asyncpg.Record]:
    """Read, for each item in order: the outlet's last check-in, the play made with its key, its day's ladder."""
    return await reading().fetch(
        """
        SELECT c.business_date AS last_on, c.streak_days,
               k.input_hash, k.outlet_id AS key_outlet_id, k.streak_days AS key_streak_days, k.points AS key_points,
               l.id AS ladder_id, l.base_points, l.extra_points
          FROM json_to_recordset($1) AS w(n int, outlet_id bigint, on_date date, member_id bigint, key text)
          LEFT JOIN LATERAL (SELECT business_date, streak_days FROM checkins
                              WHERE outlet_id = w.outlet_id ORDER BY business_date DESC LIMIT 1) c ON true
          -- A look-up for each row, whatever the planner believes of a table that is still new.
          LEFT JOIN LATERAL (SELECT input_hash, outlet_id, streak_days, points FROM checkins
                              WHERE member_id = w.member_id AND idempotency_key = w.key LIMIT 1) k ON true
          LEFT JOIN LATERAL (SELECT * FROM checkin_ladders WHERE effective_on <= w.on_date
                              ORDER BY effective_on DESC LIMIT 1) l ON true
         ORDER BY w.n
        """,
        rowset(asked),
    )


def streak_of(state: asyncpg.Record) -> Streak:
    """Give the streak that a row of ``states`` tells."""
    return Streak() if state["last_on"] is None else Streak(state["last_on"], state["streak_days"])


def ladder_of(state: asyncpg.Record) -> Ladder:
    """Give the ladder that a row of ``states`` tells, the built-in one where none is configured."""
    if state["ladder_id"] is None:
        return BUILT_IN
    return Ladder(state["ladder_id"], state["base_points"], tuple(state["extra_points"]))


async def insert(rows: Sequence[CheckinRow]) -> dict[tuple[int, date], int]:
    """Insert check-ins; return (outlet id, day) → check-in id of those that were not there before."""
    made = await writing().fetch(
        """
        INSERT INTO checkins (outlet_id, business_date, member_id, at, streak_days, points, ladder_id, idempotency_key,
                              input_hash)
        SELECT outlet_id, business_date, member_id, at, streak_days, points, ladder_id, idempotency_key,
               decode(input_hash, 'base64')
          FROM json_to_recordset($1) AS w(outlet_id bigint, business_date date, member_id bigint, at timestamptz,
                                          streak_days int, points int, ladder_id bigint, idempotency_key text,
                                          input_hash text)
        ON CONFLICT DO NOTHING RETURNING id, outlet_id, business_date
        """,
        rowset(rows),
    )
    return {(row["outlet_id"], row["business_date"]): row["id"] for row in made}


async def unpaid(limit: int) -> list[asyncpg.Record]:
    """Find check-ins without their ledger entry, or with another number of points, at most ``limit``."""
    return await reading().fetch(
        """
        SELECT c.id, c.points, e.points AS paid FROM checkins c
          LEFT JOIN ledger_entries e
            ON e.source_kind = 'checkin' AND e.source_id = c.id::text AND e.kind = 'accrual'
           AND e.outlet_id = c.outlet_id
         WHERE e.points IS DISTINCT FROM c.points ORDER BY c.id LIMIT $1
        """,
        limit,
    )
