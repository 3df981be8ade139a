"""The raw SQL that recomputes what is derived from entries."""

from collections.abc import Sequence

import asyncpg

from loyalty.transactions import reading, writing

LOTS_SAID = """
    SELECT outlet_id, expires_on, sum(points) AS points FROM (
        SELECT outlet_id, expires_on, points + owed_change AS points FROM ledger_entries
         WHERE expires_on IS NOT NULL AND {mine}
         UNION ALL
        SELECT outlet_id, l.expires_on, l.points
          FROM ledger_entries, unnest(lot_dates, lot_points) AS l(expires_on, points)
         WHERE lot_dates IS NOT NULL AND {mine}
    ) every GROUP BY outlet_id, expires_on
"""
ACCOUNTS_SAID = """
    SELECT outlet_id, sum(points + owed_change) AS balance, sum(pending_change) AS pending, sum(owed_change) AS owed
      FROM ledger_entries WHERE {mine} GROUP BY outlet_id
"""
MINE = "($2::bigint IS NULL OR outlet_id = $2)"
MEMORY = "SET work_mem = '512MB'"
"""A proof counts millions of groups; with less they are sorted on disk, several times slower."""


async def _found(statement: str, limit: int, outlet_id: int | None) -> list[asyncpg.Record]:
    if outlet_id is not None:
        return await reading().fetch(statement, limit, outlet_id)
    await reading().execute(MEMORY)
    try:
        return await reading().fetch(statement, limit, outlet_id)
    finally:
        await reading().execute("RESET work_mem")


async def wrong_accounts(limit: int, outlet_id: int | None) -> list[asyncpg.Record]:
    """Find accounts that are not what their entries say, or whose balance is not what their lots hold."""
    return await _found(
        f"""
        WITH said AS ({ACCOUNTS_SAID.format(mine=MINE)}), kept AS (
            SELECT outlet_id, sum(points_left) AS points_left FROM points_lots WHERE {MINE} GROUP BY outlet_id
        )
        SELECT coalesce(a.outlet_id, s.outlet_id, k.outlet_id) AS outlet_id, a.balance, a.pending, a.owed,
               s.balance AS said_balance, s.pending AS said_pending, s.owed AS said_owed, k.points_left AS lots
          FROM (SELECT * FROM points_accounts WHERE {MINE}) a
          FULL JOIN said s ON s.outlet_id = a.outlet_id
          FULL JOIN kept k ON k.outlet_id = coalesce(a.outlet_id, s.outlet_id)
         WHERE (coalesce(a.balance, 0), coalesce(a.pending, 0), coalesce(a.owed, 0))
               <> (coalesce(s.balance, 0), coalesce(s.pending, 0), coalesce(s.owed, 0))
            OR coalesce(a.balance, 0) <> coalesce(k.points_left, 0)
         ORDER BY 1 LIMIT $1
        """,
        limit,
        outlet_id,
    )


async def wrong_lots(limit: int, outlet_id: int | None) -> list[asyncpg.Record]:
    """Find lots that do not hold what the entries that touched them come to."""
    return await _found(
        f"""
        WITH said AS ({LOTS_SAID.format(mine=MINE)})
        SELECT coalesce(l.outlet_id, s.outlet_id) AS outlet_id, coalesce(l.expires_on, s.expires_on) AS expires_on,
               l.points_left, s.points
          FROM (SELECT * FROM points_lots WHERE {MINE}) l
          FULL JOIN said s ON s.outlet_id = l.outlet_id AND s.expires_on = l.expires_on
         WHERE coalesce(l.points_left, 0) <> coalesce(s.points, 0)
         ORDER BY 1, 2 LIMIT $1
        """,
        limit,
        outlet_id,
    )


async def wrong_entries(limit: int, outlet_id: int | None) -> list[asyncpg.Record]:
    """Find entries whose lots do not add up to what they move, or that settle an entry of another outlet."""
    return await _found(
        """
        SELECT e.id, e.outlet_id, 'lots' AS what FROM ledger_entries e
         WHERE e.lot_dates IS NOT NULL AND ($2::bigint IS NULL OR e.outlet_id = $2)
           AND e.points + e.owed_change <> (SELECT sum(p) FROM unnest(e.lot_points) p)
         UNION ALL
        SELECT e.id, e.outlet_id, 'settles' FROM ledger_entries e LEFT JOIN ledger_entries b ON b.id = e.of_entry_id
         WHERE e.of_entry_id IS NOT NULL AND ($2::bigint IS NULL OR e.outlet_id = $2)
           AND (b.outlet_id IS DISTINCT FROM e.outlet_id OR b.of_entry_id IS NOT NULL)
         ORDER BY 1 LIMIT $1
        """,
        limit,
        outlet_id,
    )


async def over_settled(limit: int, outlet_id: int | None) -> list[asyncpg.Record]:
    """Find entries of which more was released or went back than they had."""
    return await _found(
        """
        SELECT b.id, b.outlet_id, b.points, b.pending_change, s.pending, s.reversed
          FROM (SELECT of_entry_id, sum(pending_change) AS pending,
                       coalesce(sum(abs(points + pending_change)) FILTER (WHERE kind = 'reversal'), 0) AS reversed
                  FROM ledger_entries WHERE of_entry_id IS NOT NULL AND ($2::bigint IS NULL OR outlet_id = $2)
                 GROUP BY of_entry_id) s
          JOIN ledger_entries b ON b.id = s.of_entry_id
         WHERE b.pending_change + s.pending < 0 OR s.reversed > abs(b.points) + b.pending_change
         ORDER BY 1 LIMIT $1
        """,
        limit,
        outlet_id,
    )


async def orphans(limit: int, outlet_id: int | None) -> list[asyncpg.Record]:
    """Find accounts, of one outlet or all, of outlets that do not exist."""
    return await _found(
        """
        SELECT a.outlet_id FROM points_accounts a
         WHERE NOT EXISTS (SELECT FROM outlets o WHERE o.id = a.outlet_id)
           AND ($2::bigint IS NULL OR a.outlet_id = $2)
         ORDER BY 1 LIMIT $1
        """,
        limit,
        outlet_id,
    )


async def wrong_budgets(limit: int) -> list[asyncpg.Record]:
    """Find campaigns that have not spent what their entries come to."""
    return await reading().fetch(
        """
        SELECT c.id, c.code, c.spent_points, coalesce(s.points, 0) AS said
          FROM campaigns c
          LEFT JOIN (SELECT campaign_id, sum(points + pending_change) AS points FROM ledger_entries
                      WHERE campaign_id IS NOT NULL GROUP BY campaign_id) s ON s.campaign_id = c.id
         WHERE c.spent_points <> coalesce(s.points, 0)
         ORDER BY 1 LIMIT $1
        """,
        limit,
    )


async def wrong_adjustments(limit: int, outlet_id: int | None) -> list[asyncpg.Record]:
    """Find approved adjustments without their entry, and entries of adjustments that were not approved."""
    return await _found(
        """
        SELECT coalesce(a.id::text, e.source_id) AS id, coalesce(a.outlet_id, e.outlet_id) AS outlet_id, a.points,
               e.points AS entered
          FROM (SELECT * FROM points_adjustments WHERE state = 'approved'
                   AND ($2::bigint IS NULL OR outlet_id = $2)) a
          FULL JOIN (SELECT * FROM ledger_entries WHERE kind = 'adjustment' AND source_kind = 'adjustment'
                        AND ($2::bigint IS NULL OR outlet_id = $2)) e
            ON e.source_id = a.id::text AND e.outlet_id = a.outlet_id
         WHERE a.points IS DISTINCT FROM e.points
         ORDER BY 1 LIMIT $1
        """,
        limit,
        outlet_id,
    )


async def rebuild_budgets() -> int:
    """Set what campaigns have spent to what their entries come to; return how many were wrong."""
    mended: int = await writing().fetchval(
        """
        WITH locked AS MATERIALIZED (
            SELECT id FROM campaigns ORDER BY id FOR NO KEY UPDATE
        ), said AS (
            SELECT campaign_id, sum(points + pending_change) AS points FROM ledger_entries
             WHERE campaign_id IS NOT NULL GROUP BY campaign_id
        ), mended AS (
            UPDATE campaigns c SET spent_points = coalesce(s.points, 0)
              FROM locked k LEFT JOIN said s ON s.campaign_id = k.id
             WHERE c.id = k.id AND c.spent_points <> coalesce(s.points, 0)
            RETURNING 1
        ) SELECT count(*) FROM mended
        """
    )
    return mended


async def outlets_after(outlet_id: int, limit: int) -> list[int]:
    """Give the next outlets, in id order, that have an account or entries."""
    rows = await reading().fetch(
        """
        (SELECT outlet_id FROM points_accounts WHERE outlet_id > $1 ORDER BY outlet_id LIMIT $2)
         UNION
        (SELECT outlet_id FROM points_lots WHERE outlet_id > $1 ORDER BY outlet_id LIMIT $2)
         UNION
        (SELECT DISTINCT outlet_id FROM ledger_entries WHERE outlet_id > $1 ORDER BY outlet_id LIMIT $2)
         ORDER BY 1 LIMIT $2
        """,
        outlet_id,
        limit,
    )
    return [row["outlet_id"] for row in rows]


async def rebuild(outlet_ids: Sequence[int]) -> tuple[int, int]:
    """Set locked accounts and their lots to what the entries say; return how many accounts and lots were wrong."""
    mine = "outlet_id = ANY ($1::bigint[])"
    accounts = await writing().fetchval(
        f"""
        WITH said AS ({ACCOUNTS_SAID.format(mine=mine)}), mended AS (
            UPDATE points_accounts a
               SET balance = coalesce(s.balance, 0), pending = coalesce(s.pending, 0), owed = coalesce(s.owed, 0)
              FROM (SELECT w.outlet_id, s.balance, s.pending, s.owed
                      FROM unnest($1::bigint[]) w(outlet_id) LEFT JOIN said s USING (outlet_id)) s
             WHERE a.outlet_id = s.outlet_id
               AND (a.balance, a.pending, a.owed)
                   <> (coalesce(s.balance, 0), coalesce(s.pending, 0), coalesce(s.owed, 0))
            RETURNING a.outlet_id
        ) SELECT count(*) FROM mended
        """,
        outlet_ids,
    )
    lots = await writing().fetchval(
        f"""
        WITH said AS MATERIALIZED ({LOTS_SAID.format(mine=mine)}), gone AS (
            DELETE FROM points_lots l WHERE {mine} AND points_left <> 0
               AND NOT EXISTS (SELECT FROM said s
                                WHERE s.outlet_id = l.outlet_id AND s.expires_on = l.expires_on AND s.points <> 0)
            RETURNING 1
        ), mended AS (
            INSERT INTO points_lots AS l (outlet_id, expires_on, points_left)
            SELECT outlet_id, expires_on, points FROM said WHERE points > 0
            ON CONFLICT (outlet_id, expires_on) DO UPDATE SET points_left = excluded.points_left
             WHERE l.points_left <> excluded.points_left
            RETURNING 1
        ) SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM mended)
        """,
        outlet_ids,
    )
    return accounts, lots
