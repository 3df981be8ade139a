"""The only raw SQL of the check-in game."""

from collections.abc import Sequence
from datetime import date, datetime

import asyncpg

from games.checkin.rules import BUILT_IN, Ladder, Streak
from loyalty.transactions import reading, writing


async def states(
    outlet_ids: Sequence[int], days: Sequence[date], member_ids: Sequence[int], keys: Sequence[str]
) -> list[asyncpg.Record]:
    """Read, for each item in order: the outlet's last check-in, the play made with its key, its day's ladder."""
    return await reading().fetch(
        """
        SELECT c.business_date AS last_on, c.streak_days,
               k.input_hash, k.outlet_id AS key_outlet_id, k.streak_days AS key_streak_days, k.points AS key_points,
               l.id AS ladder_id, l.base_points, l.extra_points
          FROM unnest($1::bigint[], $2::date[], $3::bigint[], $4::text[]) WITH ORDINALITY
               AS w(outlet_id, on_date, member_id, key, n)
          LEFT JOIN LATERAL (SELECT business_date, streak_days FROM checkins
                              WHERE outlet_id = w.outlet_id ORDER BY business_date DESC LIMIT 1) c ON true
          -- A look-up for each row, whatever the planner believes of a table that is still new.
          LEFT JOIN LATERAL (SELECT input_hash, outlet_id, streak_days, points FROM checkins
                              WHERE member_id = w.member_id AND idempotency_key = w.key LIMIT 1) k ON true
          LEFT JOIN LATERAL (SELECT * FROM checkin_ladders WHERE effective_on <= w.on_date
                              ORDER BY effective_on DESC LIMIT 1) l ON true
         ORDER BY w.n
        """,
        outlet_ids,
        days,
        member_ids,
        keys,
    )


def streak_of(state: asyncpg.Record) -> Streak:
    """Give the streak that a row of ``states`` tells."""
    return Streak() if state["last_on"] is None else Streak(state["last_on"], state["streak_days"])


def ladder_of(state: asyncpg.Record) -> Ladder:
    """Give the ladder that a row of ``states`` tells, the built-in one where none is configured."""
    if state["ladder_id"] is None:
        return BUILT_IN
    return Ladder(state["ladder_id"], state["base_points"], tuple(state["extra_points"]))


async def insert(
    outlet_ids: Sequence[int],
    days: Sequence[date],
    member_ids: Sequence[int],
    instants: Sequence[datetime],
    streaks: Sequence[int],
    points: Sequence[int],
    ladder_ids: Sequence[int | None],
    keys: Sequence[str],
    input_hashes: Sequence[bytes],
) -> dict[tuple[int, date], int]:
    """Insert check-ins; return (outlet id, day) → check-in id of those that were not there before."""
    rows = await writing().fetch(
        """
        INSERT INTO checkins (outlet_id, business_date, member_id, at, streak_days, points, ladder_id, idempotency_key,
                              input_hash)
        SELECT * FROM unnest($1::bigint[], $2::date[], $3::bigint[], $4::timestamptz[], $5::int[], $6::int[],
                             $7::bigint[], $8::text[], $9::bytea[])
        ON CONFLICT DO NOTHING RETURNING id, outlet_id, business_date
        """,
        outlet_ids,
        days,
        member_ids,
        instants,
        streaks,
        points,
        ladder_ids,
        keys,
        input_hashes,
    )
    return {(row["outlet_id"], row["business_date"]): row["id"] for row in rows}


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
