"""The only raw SQL of the check-in game."""

from collections.abc import Sequence
from datetime import date, datetime

import asyncpg
import msgspec

from games.checkin.rules import BOOK, Ladder, Streak
from loyalty.customers.queries import standings_of
from loyalty.events.queries import OUTBOX_COLUMNS, PUT_INTO_OUTBOX, OutboxRow
from loyalty.points.queries import ACCRUAL_COLUMNS, ENTER_ACCRUALS, AccrualRow
from loyalty.points.rules import EXPIRY, ExpiryTerms
from loyalty.rowsets import rowset
from loyalty.rulebooks.books import Version
from loyalty.rulebooks.queries import IN_FORCE
from loyalty.transactions import committing, reading


class Asked(msgspec.Struct, frozen=True, gc=False):
    """What is asked for a play, the n-th of its call."""

    n: int
    member_id: int
    key: str
    on_date: date


class CheckinRow(msgspec.Struct, frozen=True, gc=False):
    """A check-in on its way into its table, the n-th of its call."""

    n: int
    outlet_id: int
    binding_id: int
    checkins: int
    """The how-manieth of its outlet it is."""
    business_date: date
    member_id: int
    at: datetime
    streak_days: int
    points: int
    ladder_id: int | None
    idempotency_key: str
    input_hash: bytes


_PLAY_STATES = f"""
    WITH standing AS MATERIALIZED (
        {standings_of("$2::bigint[]")}
    ), wanted AS MATERIALIZED (
        SELECT * FROM json_to_recordset($1) AS w(n int, member_id bigint, key text, on_date date)
    ), days AS MATERIALIZED (
        -- A batch has one business date, or two at midnight: rules are looked up for each date, not for each play.
        SELECT d.on_date, l.id AS ladder_id, l.body AS ladder, t.id AS terms_id, t.body AS terms
          FROM (SELECT DISTINCT on_date FROM wanted) d
          {IN_FORCE.format(book=BOOK.code, on="d.on_date", alias="l")}
          {IN_FORCE.format(book=EXPIRY.code, on="d.on_date", alias="t")}
    )
    SELECT m.*, s.last_on, s.streak_days, s.checkins, k.*, days.ladder_id, days.ladder, days.terms_id, days.terms
      FROM wanted w JOIN days USING (on_date)
      LEFT JOIN standing m ON m.member_id = w.member_id
      LEFT JOIN checkin_streaks s ON s.outlet_id = m.outlet_id
      -- A look-up for each row, whatever the planner believes of a table that is still new.
      LEFT JOIN LATERAL (SELECT input_hash, outlet_id AS key_outlet_id, streak_days AS key_streak_days,
                                points AS key_points
                           FROM checkins WHERE member_id = w.member_id AND idempotency_key = w.key LIMIT 1) k ON true
     ORDER BY w.n
"""


async def play_states(asked: Sequence[Asked]) -> list[asyncpg.Record]:
    """Read, for each play in order: the member's standing, the outlet's streak, what the key made, the ladder."""
    return await reading().fetch(_PLAY_STATES, rowset(asked), [one.member_id for one in asked])


async def states(outlet_ids: Sequence[int], on: date) -> dict[int, asyncpg.Record]:
    """Read streaks and the ladder of a day: outlet id → row."""
    rows = await reading().fetch(
        f"""
        SELECT w.outlet_id, s.last_on, s.streak_days, l.id AS ladder_id, l.body AS ladder
          FROM unnest($1::bigint[]) AS w(outlet_id)
          LEFT JOIN checkin_streaks s ON s.outlet_id = w.outlet_id
          {IN_FORCE.format(book=BOOK.code, on="$2::date", alias="l")}
        """,
        outlet_ids,
        on,
    )
    return {row["outlet_id"]: row for row in rows}


def streak_of(state: asyncpg.Record) -> Streak:
    """Give the streak that a row of ``states`` tells."""
    return Streak() if state["last_on"] is None else Streak(state["last_on"], state["streak_days"])


def ladder_of(state: asyncpg.Record) -> Version[Ladder]:
    """Give the version of the ladder that a row of ``states`` tells."""
    return BOOK.version(state["ladder_id"], state["ladder"])


def terms_of(state: asyncpg.Record) -> Version[ExpiryTerms]:
    """Give the version of the expiry terms that a row of ``play_states`` tells."""
    return EXPIRY.version(state["terms_id"], state["terms"])


_STORE = f"""
    WITH due AS MATERIALIZED (
        SELECT * FROM json_to_recordset($1)
            AS w(n int, outlet_id bigint, binding_id bigint, checkins int, business_date date, member_id bigint,
                 at timestamptz, streak_days int, points int, ladder_id bigint, idempotency_key text, input_hash text)
    ), moved AS (
        INSERT INTO checkin_streaks AS s (outlet_id, last_on, streak_days, checkins)
        SELECT outlet_id, business_date, streak_days, checkins FROM due
         WHERE EXISTS (SELECT FROM bindings b WHERE b.id = due.binding_id AND b.ended_at IS NULL)
         ORDER BY outlet_id
        ON CONFLICT (outlet_id) DO UPDATE
           SET last_on = excluded.last_on, streak_days = excluded.streak_days, checkins = excluded.checkins
         WHERE s.checkins = excluded.checkins - 1
        RETURNING outlet_id
    ), made AS (
        INSERT INTO checkins (outlet_id, business_date, member_id, at, streak_days, points, ladder_id,
                              idempotency_key, input_hash)
        SELECT outlet_id, business_date, member_id, at, streak_days, points, ladder_id, idempotency_key,
               decode(input_hash, 'base64')
          FROM due JOIN moved USING (outlet_id) ORDER BY outlet_id
        RETURNING id, outlet_id
    ), won AS MATERIALIZED (
        SELECT due.n, made.id, outlet_id FROM made JOIN due USING (outlet_id)
    ), wanted AS MATERIALIZED (
        SELECT a.n, a.outlet_id, a.member_id, a.points, a.expires_on, a.source_kind, won.id::text AS source_id, a.rule,
               a.why, a.at, a.terms_id, a.campaign_id
          FROM json_to_recordset($2) AS a({ACCRUAL_COLUMNS}) JOIN won USING (n)
    ), {ENTER_ACCRUALS}
    , happened AS (
        SELECT e.* FROM json_to_recordset($3) AS e({OUTBOX_COLUMNS}) JOIN won USING (n)
    ), told AS (
        {PUT_INTO_OUTBOX}
    )
    SELECT won.n, credited.balance FROM won JOIN credited USING (outlet_id)
"""


async def store(
    due: Sequence[CheckinRow], accruals: Sequence[AccrualRow], events: Sequence[OutboxRow]
) -> dict[int, int]:
    """Store check-ins with their points and events, at most one an outlet; return n → balance of those stored.

    One statement, which is a transaction of its own. The accruals' sources are filled in. A check-in is left out when
    its outlet has meanwhile made another, or its binding has ended; UniqueViolationError when its key was used for
    another outlet. Streaks are moved in outlet order, accounts last, so two calls wait for each other and never both.
    """
    rows = await committing().fetch(_STORE, rowset(due), rowset(accruals), rowset(events))
    return {row["n"]: row["balance"] for row in rows}


async def unpaid(limit: int, outlet_id: int | None = None) -> list[asyncpg.Record]:
    """Find check-ins, of one outlet or all, without their ledger entry or with other points, at most ``limit``."""
    return await reading().fetch(
        """
        SELECT c.id, c.points, e.points AS paid FROM checkins c
          LEFT JOIN ledger_entries e
            ON e.source_kind = 'checkin' AND e.source_id = c.id::text AND e.kind = 'accrual'
           AND e.outlet_id = c.outlet_id
         WHERE e.points IS DISTINCT FROM c.points AND ($2::bigint IS NULL OR c.outlet_id = $2)
         ORDER BY c.id LIMIT $1
        """,
        limit,
        outlet_id,
    )


async def broken_streaks(limit: int, outlet_id: int | None = None) -> list[asyncpg.Record]:
    """Find streaks, of one outlet or all, that are not what the outlet's check-ins say, at most ``limit``."""
    return await reading().fetch(
        """
        SELECT coalesce(s.outlet_id, c.outlet_id) AS outlet_id, s.last_on, s.streak_days, s.checkins,
               c.last_on AS made_on, l.streak_days AS made_days, c.checkins AS made
          FROM checkin_streaks s
          FULL JOIN (SELECT outlet_id, max(business_date) AS last_on, count(*) AS checkins FROM checkins
                      WHERE $2::bigint IS NULL OR outlet_id = $2 GROUP BY outlet_id) c ON c.outlet_id = s.outlet_id
          LEFT JOIN checkins l ON l.outlet_id = c.outlet_id AND l.business_date = c.last_on
         WHERE (s.last_on, s.streak_days, s.checkins) IS DISTINCT FROM (c.last_on, l.streak_days, c.checkins)
           AND ($2::bigint IS NULL OR coalesce(s.outlet_id, c.outlet_id) = $2)
         ORDER BY 1 LIMIT $1
        """,
        limit,
        outlet_id,
    )
