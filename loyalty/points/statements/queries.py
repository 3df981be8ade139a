"""The raw SQL that reads the ledger."""

from collections.abc import Sequence
from datetime import date, datetime

import asyncpg

from loyalty.transactions import reading

ENTRY = """id, kind, points, owed_change, pending_change, expires_on, lot_dates, lot_points, source_kind, source_id,
               rule, why, at, of_entry_id, campaign_id"""


async def accounts(outlet_ids: Sequence[int]) -> list[asyncpg.Record]:
    """Read the accounts of outlets; an outlet that never had points has no row."""
    return await reading().fetch(
        "SELECT outlet_id, balance, pending, owed FROM points_accounts WHERE outlet_id = ANY ($1::bigint[])",
        outlet_ids,
    )


async def expiring(outlet_id: int, on: date) -> list[asyncpg.Record]:
    """Read how many points of an outlet end on which day, from a day on, soonest first."""
    return await reading().fetch(
        """
        SELECT expires_on, points_left AS points FROM points_lots
         WHERE outlet_id = $1 AND points_left > 0 AND expires_on >= $2 ORDER BY expires_on
        """,
        outlet_id,
        on,
    )


async def entries(outlet_id: int, before_id: int | None, limit: int) -> list[asyncpg.Record]:
    """Read entries of an outlet, the latest first, below ``before_id``."""
    return await reading().fetch(
        f"""
        SELECT {ENTRY} FROM ledger_entries
         WHERE outlet_id = $1 AND ($2::bigint IS NULL OR id < $2) ORDER BY id DESC LIMIT $3
        """,
        outlet_id,
        before_id,
        limit,
    )


async def story(outlet_code: str, limit: int) -> list[asyncpg.Record]:
    """Read an outlet by its code with its account and its last entries, oldest first, each with the sum up to it.

    One row without an entry for an outlet that has none; no row for an unknown outlet.
    """
    return await reading().fetch(
        f"""
        SELECT o.id AS outlet_id, o.name AS outlet_name, a.balance, a.pending, a.owed, e.*
          FROM outlets o
          LEFT JOIN points_accounts a ON a.outlet_id = o.id
          LEFT JOIN LATERAL (
              SELECT {ENTRY}, (sum(points + owed_change) OVER (ORDER BY id))::bigint AS balance_after
                FROM ledger_entries WHERE outlet_id = o.id ORDER BY id DESC LIMIT $2) e ON true
         WHERE o.code = $1 ORDER BY e.id
        """,
        outlet_code,
        limit,
    )


async def opening(outlet_id: int, before: datetime) -> asyncpg.Record | None:
    """Sum what an outlet's entries before an instant come to: balance, pending, owed."""
    return await reading().fetchrow(
        """
        SELECT coalesce(sum(points + owed_change), 0)::bigint AS balance,
               coalesce(sum(pending_change), 0)::bigint AS pending, coalesce(sum(owed_change), 0)::bigint AS owed
          FROM ledger_entries WHERE outlet_id = $1 AND at < $2
        """,
        outlet_id,
        before,
    )


async def entries_between(outlet_id: int, from_at: datetime, until_at: datetime, limit: int) -> list[asyncpg.Record]:
    """Read the entries of an outlet of a span, half open, oldest first."""
    return await reading().fetch(
        f"""
        SELECT {ENTRY} FROM ledger_entries WHERE outlet_id = $1 AND at >= $2 AND at < $3 ORDER BY at, id LIMIT $4
        """,
        outlet_id,
        from_at,
        until_at,
        limit,
    )


async def net(sources: Sequence[tuple[str, str]]) -> list[asyncpg.Record]:
    """Read what documents have promised and paid, less what was taken back since."""
    return await reading().fetch(
        """
        WITH base AS MATERIALIZED (
            SELECT e.id, e.source_kind, e.source_id, e.points + e.pending_change AS points
              FROM unnest($1::text[], $2::text[]) AS w(source_kind, source_id)
             CROSS JOIN LATERAL (SELECT * FROM ledger_entries
                                  WHERE source_id = w.source_id AND source_kind = w.source_kind
                                    AND of_entry_id IS NULL LIMIT 4) e
        )
        SELECT b.source_kind, b.source_id, b.points + coalesce(r.points, 0) AS points
          FROM base b
          LEFT JOIN LATERAL (SELECT sum(e.points + e.pending_change) AS points FROM ledger_entries e
                              WHERE e.of_entry_id = b.id) r ON true
        """,
        [kind for kind, _ in sources],
        [source_id for _, source_id in sources],
    )


async def ending_on(on: date, after_outlet_id: int, limit: int) -> list[asyncpg.Record]:
    """Read outlets whose unspent points have a day as their last, in id order above one."""
    return await reading().fetch(
        """
        SELECT outlet_id, sum(points_left) AS points FROM points_lots
         WHERE expires_on = $1 AND points_left > 0 AND outlet_id > $2
         GROUP BY outlet_id ORDER BY outlet_id LIMIT $3
        """,
        on,
        after_outlet_id,
        limit,
    )
