"""The only raw SQL of the points module."""

from collections.abc import Sequence
from datetime import date, datetime

import asyncpg
import msgspec

from loyalty.rowsets import rowset
from loyalty.transactions import reading, writing

ACCRUAL_COLUMNS = """n int, outlet_id bigint, member_id bigint, points bigint, expires_on date, source_kind text,
           source_id text, rule text, why text, at timestamptz"""
"""The columns of AccrualRow as a rowset brings them."""

ENTER_ACCRUALS = """
    locked AS MATERIALIZED (
        SELECT outlet_id, balance, owed FROM points_accounts
         WHERE outlet_id = ANY (ARRAY(SELECT outlet_id FROM wanted)) ORDER BY outlet_id FOR UPDATE
    ), fresh AS (
        SELECT w.*, coalesce(l.owed, 0) AS owed,
               coalesce(sum(w.points) OVER (PARTITION BY w.outlet_id ORDER BY w.n
                                            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS points_before
          FROM wanted w LEFT JOIN locked l USING (outlet_id)
               -- A look-up for each row, whatever the planner believes of a table that is still new.
               LEFT JOIN LATERAL (SELECT id FROM ledger_entries
                                   WHERE source_id = w.source_id AND source_kind = w.source_kind AND kind = 'accrual'
                                   LIMIT 1) e ON true
         WHERE e.id IS NULL
    ), entered AS (
        INSERT INTO ledger_entries
               (outlet_id, member_id, kind, points, owed_repaid, expires_on, source_kind, source_id, rule, why, at)
        SELECT outlet_id, member_id, 'accrual', points, least(points, greatest(owed - points_before, 0)), expires_on,
               source_kind, source_id, rule, why, at
          FROM fresh ORDER BY n
        ON CONFLICT (source_id, source_kind, kind) DO NOTHING
        RETURNING outlet_id, points, owed_repaid, expires_on, source_kind, source_id
    ), filled AS (
        INSERT INTO points_lots AS l (outlet_id, expires_on, points_left)
        SELECT outlet_id, expires_on, sum(points - owed_repaid) FROM entered
         GROUP BY outlet_id, expires_on HAVING sum(points - owed_repaid) > 0 ORDER BY outlet_id, expires_on
        ON CONFLICT (outlet_id, expires_on) DO UPDATE SET points_left = l.points_left + excluded.points_left
    ), credited AS (
        -- A new account owes nothing, so its repaid sum is 0 and may stand in the column owed; an old one owes less.
        INSERT INTO points_accounts AS a (outlet_id, balance, owed)
        SELECT outlet_id, sum(points - owed_repaid), sum(owed_repaid) FROM entered GROUP BY outlet_id ORDER BY outlet_id
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


class AccrualRow(msgspec.Struct, frozen=True):
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


async def accrue(rows: Sequence[AccrualRow]) -> list[asyncpg.Record]:
    """Enter accruals, fill lots, repay what is owed, move balances. Rows (repeated, balance) in the order given.

    Accounts are locked in outlet order first. An entry whose source was paid before is not entered again.
    """
    return await writing().fetch(_ACCRUE, rowset(rows))


async def accounts(outlet_ids: Sequence[int]) -> list[asyncpg.Record]:
    """Read the accounts of outlets; an outlet that never had points has no row."""
    return await reading().fetch(
        "SELECT outlet_id, balance, pending, owed FROM points_accounts WHERE outlet_id = ANY ($1::bigint[])",
        outlet_ids,
    )


async def expiring(outlet_id: int) -> list[asyncpg.Record]:
    """Read how many points of an outlet end on which day, soonest first."""
    return await reading().fetch(
        """
        SELECT expires_on, points_left AS points FROM points_lots
         WHERE outlet_id = $1 AND points_left > 0 ORDER BY expires_on
        """,
        outlet_id,
    )


async def entries(outlet_id: int, before_id: int | None, limit: int) -> list[asyncpg.Record]:
    """Read entries of an outlet, the latest first, below ``before_id``."""
    return await reading().fetch(
        """
        SELECT id, kind, points, owed_repaid, expires_on, source_kind, source_id, rule, why, at FROM ledger_entries
         WHERE outlet_id = $1 AND ($2::bigint IS NULL OR id < $2) ORDER BY id DESC LIMIT $3
        """,
        outlet_id,
        before_id,
        limit,
    )


async def differences(limit: int, outlet_id: int | None = None) -> list[asyncpg.Record]:
    """Find accounts, of one outlet or all, whose balance or lots are not what their entries say, at most ``limit``."""
    return await reading().fetch(
        """
        WITH said AS (
            SELECT outlet_id, sum(points - owed_repaid) AS balance FROM ledger_entries
             WHERE $2::bigint IS NULL OR outlet_id = $2 GROUP BY outlet_id
        ), kept AS (
            SELECT outlet_id, sum(points_left) AS points_left FROM points_lots
             WHERE $2::bigint IS NULL OR outlet_id = $2 GROUP BY outlet_id
        )
        SELECT coalesce(a.outlet_id, s.outlet_id, k.outlet_id) AS outlet_id,
               a.balance AS account, s.balance AS entries, k.points_left AS lots
          FROM (SELECT outlet_id, balance FROM points_accounts WHERE $2::bigint IS NULL OR outlet_id = $2) a
          FULL JOIN said s ON s.outlet_id = a.outlet_id
          FULL JOIN kept k ON k.outlet_id = coalesce(a.outlet_id, s.outlet_id)
         WHERE coalesce(a.balance, 0) <> coalesce(s.balance, 0) OR coalesce(a.balance, 0) <> coalesce(k.points_left, 0)
         ORDER BY 1 LIMIT $1
        """,
        limit,
        outlet_id,
    )


async def orphans(limit: int, outlet_id: int | None = None) -> list[asyncpg.Record]:
    """Find accounts, of one outlet or all, of outlets that do not exist, at most ``limit``."""
    return await reading().fetch(
        """
        SELECT a.outlet_id FROM points_accounts a
         WHERE NOT EXISTS (SELECT FROM outlets o WHERE o.id = a.outlet_id)
           AND ($2::bigint IS NULL OR a.outlet_id = $2)
         ORDER BY 1 LIMIT $1
        """,
        limit,
        outlet_id,
    )


async def story(outlet_code: str, limit: int) -> list[asyncpg.Record]:
    """Read an outlet by its code with its account and its last entries, oldest first, each with the sum up to it.

    One row without an entry for an outlet that has none; no row for an unknown outlet.
    """
    return await reading().fetch(
        """
        SELECT o.id AS outlet_id, o.name, a.balance, a.pending, a.owed, e.*
          FROM outlets o
          LEFT JOIN points_accounts a ON a.outlet_id = o.id
          LEFT JOIN LATERAL (
              SELECT id AS entry_id, at, kind, points, owed_repaid, expires_on, source_kind, source_id, rule, why,
                     sum(points - owed_repaid) OVER (ORDER BY id) AS balance_after
                FROM ledger_entries WHERE outlet_id = o.id ORDER BY id DESC LIMIT $2) e ON true
         WHERE o.code = $1 ORDER BY e.entry_id
        """,
        outlet_code,
        limit,
    )
