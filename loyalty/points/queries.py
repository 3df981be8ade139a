"""The raw SQL that moves points."""

from collections.abc import Sequence
from datetime import date, datetime

import asyncpg
import msgspec

from loyalty.rowsets import rowset
from loyalty.transactions import reading, writing

ACCRUAL_COLUMNS = """n int, outlet_id bigint, member_id bigint, points bigint, expires_on date, source_kind text,
           source_id text, rule text, why text, at timestamptz, terms_id bigint, campaign_id bigint"""
"""The columns of AccrualRow as a rowset brings them."""

ENTER_ACCRUALS = """
    locked AS MATERIALIZED (
        SELECT outlet_id, balance, owed FROM points_accounts
         WHERE outlet_id = ANY (ARRAY(SELECT outlet_id FROM wanted)) ORDER BY outlet_id FOR UPDATE
    ), fresh AS (
        SELECT w.*, coalesce(l.owed, 0) AS owed,
               coalesce(sum(w.points) OVER (PARTITION BY w.outlet_id ORDER BY w.n
                                            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS points_before
          FROM (SELECT *, row_number() OVER (PARTITION BY source_id, source_kind ORDER BY n) AS nth FROM wanted) w
               LEFT JOIN locked l USING (outlet_id)
               -- A look-up for each row, whatever the planner believes of a table that is still new.
               LEFT JOIN LATERAL (SELECT id FROM ledger_entries
                                   WHERE source_id = w.source_id AND source_kind = w.source_kind AND kind = 'accrual'
                                   LIMIT 1) e ON true
         WHERE e.id IS NULL AND w.nth = 1
    ), entered AS (
        INSERT INTO ledger_entries
               (outlet_id, member_id, kind, points, owed_change, expires_on, source_kind, source_id, rule, why, at,
                terms_id, campaign_id)
        SELECT outlet_id, member_id, 'accrual', points, -least(points, greatest(owed - points_before, 0)), expires_on,
               source_kind, source_id, rule, why, at, terms_id, campaign_id
          FROM fresh ORDER BY n
        ON CONFLICT (source_id, source_kind, kind) DO NOTHING
        RETURNING outlet_id, points, owed_change, expires_on, source_kind, source_id
    ), filled AS (
        INSERT INTO points_lots AS l (outlet_id, expires_on, points_left)
        SELECT outlet_id, expires_on, sum(points + owed_change) FROM entered
         GROUP BY outlet_id, expires_on HAVING sum(points + owed_change) > 0 ORDER BY outlet_id, expires_on
        ON CONFLICT (outlet_id, expires_on) DO UPDATE SET points_left = l.points_left + excluded.points_left
    ), credited AS (
        -- A new account owes nothing, so its repaid sum is 0 and may stand in the column owed; an old one owes less.
        INSERT INTO points_accounts AS a (outlet_id, balance, owed)
        SELECT outlet_id, sum(points + owed_change), -sum(owed_change) FROM entered
         GROUP BY outlet_id ORDER BY outlet_id
        ON CONFLICT (outlet_id) DO UPDATE SET balance = a.balance + excluded.balance, owed = a.owed - excluded.owed
        RETURNING outlet_id, balance
    )
"""
"""Parts of a statement that enter the accruals of the relation ``wanted``, with ACCRUAL_COLUMNS, and move accounts.

They lock the accounts in outlet order and give ``locked`` (outlet_id, balance, owed), ``entered`` (outlet_id,
source_kind, source_id, …: not what was paid before) and ``credited`` (outlet_id, balance). For the one statement of a
hot verb; everybody else calls ``ledger.accrue``.
"""

_ACCRUE = f"""
    WITH wanted AS MATERIALIZED (
        SELECT * FROM json_to_recordset($1) AS w({ACCRUAL_COLUMNS})
    ), {ENTER_ACCRUALS}
    SELECT e.source_id IS NULL
               OR row_number() OVER (PARTITION BY w.source_id, w.source_kind ORDER BY w.n) > 1 AS repeated,
           coalesce(c.balance, l.balance, 0) AS balance
      FROM wanted w
      LEFT JOIN entered e ON e.source_id = w.source_id AND e.source_kind = w.source_kind
      LEFT JOIN credited c ON c.outlet_id = w.outlet_id
      LEFT JOIN locked l ON l.outlet_id = w.outlet_id
     ORDER BY w.n
"""

ENTRY_COLUMNS = """n int, outlet_id bigint, member_id bigint, kind text, points bigint, owed_change bigint,
           pending_change bigint, expires_on date, lot_dates date[], lot_points bigint[], source_kind text,
           source_id text, rule text, why text, at timestamptz, of_entry_id bigint, campaign_id bigint,
           terms_id bigint"""
"""The columns of EntryRow as a rowset brings them."""

ENTER = """
    entered AS (
        INSERT INTO ledger_entries
               (outlet_id, member_id, kind, points, owed_change, pending_change, expires_on, lot_dates, lot_points,
                source_kind, source_id, rule, why, at, of_entry_id, campaign_id, terms_id)
        SELECT outlet_id, member_id, kind, points, owed_change, pending_change, expires_on, lot_dates, lot_points,
               source_kind, source_id, rule, why, at, of_entry_id, campaign_id, terms_id
          FROM moves ORDER BY n
        RETURNING id, kind, source_kind, source_id
    ), moved AS MATERIALIZED (
        SELECT outlet_id, expires_on, sum(points)::bigint AS points FROM (
            SELECT outlet_id, expires_on, points + owed_change AS points FROM moves WHERE expires_on IS NOT NULL
             UNION ALL
            SELECT outlet_id, l.expires_on, l.points FROM moves, unnest(lot_dates, lot_points) AS l(expires_on, points)
        ) every GROUP BY outlet_id, expires_on
    ), filled AS (
        INSERT INTO points_lots AS l (outlet_id, expires_on, points_left)
        SELECT outlet_id, expires_on, points FROM moved WHERE points > 0
        ON CONFLICT (outlet_id, expires_on) DO UPDATE SET points_left = l.points_left + excluded.points_left
    ), emptied AS (
        UPDATE points_lots l SET points_left = l.points_left + m.points
          FROM moved m
         -- The array makes it a look-up of these outlets whatever the planner believes of a table that is still new.
         WHERE l.outlet_id = ANY (ARRAY(SELECT outlet_id FROM moved WHERE points < 0))
           AND m.points < 0 AND l.outlet_id = m.outlet_id AND l.expires_on = m.expires_on
    ), moved_accounts AS (
        UPDATE points_accounts a
           SET balance = a.balance + m.balance, pending = a.pending + m.pending, owed = a.owed + m.owed
          FROM (SELECT outlet_id, sum(points + owed_change) AS balance, sum(pending_change) AS pending,
                       sum(owed_change) AS owed
                  FROM moves GROUP BY outlet_id) m
         WHERE a.outlet_id = ANY (ARRAY(SELECT outlet_id FROM moves)) AND a.outlet_id = m.outlet_id
    )
"""
"""Parts of a statement that enter the relation ``moves``, with ENTRY_COLUMNS, and move its lots and accounts.

The accounts are there and locked, and the lots were read after that. Gives ``entered`` (id, kind, source_kind,
source_id).
"""

_ENTER = f"""
    WITH moves AS MATERIALIZED (
        SELECT * FROM json_to_recordset($1) AS m({ENTRY_COLUMNS})
    ), {ENTER}
    SELECT count(*) FROM entered
"""

_EXPIRE = """
    WITH due AS MATERIALIZED (
        SELECT id, outlet_id FROM points_lots
         WHERE expires_on < $1 ORDER BY expires_on LIMIT $2
    ), locked AS MATERIALIZED (
        SELECT outlet_id FROM points_accounts
         WHERE outlet_id = ANY (ARRAY(SELECT outlet_id FROM due)) ORDER BY outlet_id FOR UPDATE
    ), gone AS (
        -- By arrays, once all accounts are locked. A join of due and locked, of which the planner knows no sizes, may
        -- become a loop of one in the other: seconds become minutes.
        DELETE FROM points_lots WHERE id = ANY (ARRAY(SELECT id FROM due)) AND (SELECT count(*) FROM locked) > 0
        RETURNING id, outlet_id, expires_on, points_left
    ), entered AS (
        INSERT INTO ledger_entries (outlet_id, kind, points, expires_on, source_kind, source_id, rule, why, at)
        SELECT outlet_id, 'expiry', -points_left, expires_on, 'lot', id::text, 'expiry:lot',
               to_char(expires_on, '"有效期到 "YYYY"年"FMMM"月"FMDD"日，没用完的 "') || points_left || ' 分过期了', $3
          FROM gone WHERE points_left > 0
    ), debited AS (
        -- Not by an UPDATE: it would first take the balance of when the statement began from what is locked now and,
        -- where others have paid meanwhile, refuse the difference as negative before it looks at the row again.
        INSERT INTO points_accounts AS a (outlet_id, balance)
        SELECT outlet_id, sum(points_left) FROM gone WHERE points_left > 0 GROUP BY outlet_id ORDER BY outlet_id
        ON CONFLICT (outlet_id) DO UPDATE SET balance = a.balance - excluded.balance
    )
    SELECT count(*) AS lots, coalesce(sum(points_left), 0)::bigint AS points FROM gone
"""


class AccrualRow(msgspec.Struct, frozen=True, gc=False):
    """An accrual on its way into the ledger, the n-th of its call."""

    n: int
    outlet_id: int
    member_id: int | None
    points: int
    expires_on: date
    source_kind: str
    source_id: str
    rule: str
    why: str
    at: datetime
    terms_id: int | None
    campaign_id: int | None


class EntryRow(msgspec.Struct, frozen=True, gc=False):
    """An entry on its way into the ledger, the n-th of its call; its lots in ``expires_on`` or in both lists."""

    n: int
    outlet_id: int
    member_id: int | None
    kind: str
    points: int
    owed_change: int
    pending_change: int
    expires_on: date | None
    lot_dates: tuple[date, ...] | None
    lot_points: tuple[int, ...] | None
    source_kind: str
    source_id: str
    rule: str
    why: str
    at: datetime
    of_entry_id: int | None
    campaign_id: int | None
    terms_id: int | None


async def accrue(rows: Sequence[AccrualRow]) -> list[asyncpg.Record]:
    """Enter accruals, fill lots, repay what is owed, move balances. Rows (repeated, balance) in the order given.

    Accounts are locked in outlet order first. An entry whose source was paid before is not entered again.
    """
    return await writing().fetch(_ACCRUE, rowset(rows))


async def enter(rows: Sequence[EntryRow]) -> None:
    """Enter what was decided on locked accounts, and move lots and accounts."""
    await writing().execute(_ENTER, rowset(rows))


async def expire(before: date, limit: int, at: datetime) -> tuple[int, int]:
    """Let at most ``limit`` lots expire whose last day is before a day; return how many lots and points are gone.

    Locks the accounts in outlet order. A lot of 0 points goes without an entry.
    """
    (row,) = await writing().fetch(_EXPIRE, before, limit, at)
    return row["lots"], row["points"]


async def lots(outlet_ids: Sequence[int]) -> list[asyncpg.Record]:
    """Read the lots of outlets that hold something."""
    return await reading().fetch(
        """
        SELECT outlet_id, expires_on, points_left FROM points_lots
         WHERE outlet_id = ANY ($1::bigint[]) AND points_left > 0
        """,
        outlet_ids,
    )


async def entered(kinds: Sequence[str], sources: Sequence[tuple[str, str]]) -> list[asyncpg.Record]:
    """Read the entries of some kinds that were made for sources (kind, id). They never change once they are there."""
    return await reading().fetch(
        """
        SELECT e.id, e.outlet_id, e.kind, e.points, e.owed_change, e.pending_change, e.expires_on, e.lot_dates,
               e.lot_points, e.source_kind, e.source_id, e.rule, e.terms_id, e.campaign_id, e.of_entry_id
          FROM unnest($2::text[], $3::text[]) AS w(source_kind, source_id)
         CROSS JOIN LATERAL (SELECT * FROM ledger_entries
                              WHERE source_id = w.source_id AND source_kind = w.source_kind AND kind = ANY ($1::text[])
                             ) e
        """,
        kinds,
        [kind for kind, _ in sources],
        [source_id for _, source_id in sources],
    )


async def settling(entry_ids: Sequence[int]) -> list[asyncpg.Record]:
    """Read what has settled entries so far: of each its released lot, and the sum taken back or given back.

    Exact only while the accounts are locked.
    """
    return await reading().fetch(
        """
        SELECT of_entry_id AS entry_id,
               max(expires_on) FILTER (WHERE kind = 'accrual') AS released_into,
               coalesce(bool_or(kind = 'accrual'), false) AS released,
               coalesce(sum(abs(points + pending_change)) FILTER (WHERE kind = 'reversal'), 0)::bigint AS reversed,
               coalesce(sum(pending_change), 0)::bigint AS pending_change
          FROM ledger_entries WHERE of_entry_id = ANY ($1::bigint[]) GROUP BY of_entry_id
        """,
        entry_ids,
    )
