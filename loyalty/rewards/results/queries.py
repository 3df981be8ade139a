"""The raw SQL that counts what rewards came to."""

from collections.abc import Sequence
from datetime import date

import asyncpg

from loyalty.transactions import reading, writing


async def totals(reward_ids: Sequence[int]) -> list[asyncpg.Record]:
    """Count entitlements of rewards by state, and the points that live redemptions cost."""
    return await reading().fetch(
        """
        SELECT w.id AS reward_id,
               coalesce(e.free, 0) AS free, coalesce(e.held, 0) AS held, coalesce(e.redeemed, 0) AS redeemed,
               coalesce(e.lapsed, 0) AS lapsed, coalesce(e.cancelled, 0) AS cancelled,
               coalesce(r.redemptions, 0) AS redemptions, coalesce(r.outlets, 0) AS outlets,
               coalesce(r.points, 0)::bigint AS points
          FROM unnest($1::bigint[]) AS w(id)
          LEFT JOIN LATERAL (
              SELECT count(*) FILTER (WHERE state = 'free') AS free, count(*) FILTER (WHERE state = 'held') AS held,
                     count(*) FILTER (WHERE state = 'redeemed') AS redeemed,
                     count(*) FILTER (WHERE state = 'lapsed') AS lapsed,
                     count(*) FILTER (WHERE state = 'cancelled') AS cancelled
                FROM entitlements WHERE reward_id = w.id) e ON true
          LEFT JOIN LATERAL (
              SELECT count(*) AS redemptions, count(DISTINCT outlet_id) AS outlets, sum(cost_points) AS points
                FROM redemptions WHERE reward_id = w.id AND cancelled_at IS NULL) r ON true
        """,
        reward_ids,
    )


async def per_day(reward_id: int, since: date) -> list[asyncpg.Record]:
    """Count a reward's redemptions by business date."""
    return await reading().fetch(
        """
        SELECT (at AT TIME ZONE 'Asia/Shanghai')::date AS on_date, count(*) AS redemptions
          FROM redemptions
         WHERE reward_id = $1 AND cancelled_at IS NULL AND at >= ($2::date::timestamp AT TIME ZONE 'Asia/Shanghai')
         GROUP BY 1 ORDER BY 1
        """,
        reward_id,
        since,
    )


async def redeemed_by(outlet_id: int, limit: int) -> list[asyncpg.Record]:
    """Read an outlet's redemptions, the latest first, with what became of them."""
    return await reading().fetch(
        """
        SELECT r.id, r.at, r.cost_points, r.cancelled_at, e.id AS entitlement_id, e.name, e.type, e.state, e.expires_at
          FROM redemptions r
          JOIN entitlements e ON e.source_kind = 'redemption' AND e.source_id = r.id::text
         WHERE r.outlet_id = $1 ORDER BY r.id DESC LIMIT $2
        """,
        outlet_id,
        limit,
    )


async def wrong_units(limit: int) -> list[asyncpg.Record]:
    """Find allotments of which more or fewer units are out than entitlements stand on them."""
    return await reading().fetch(
        """
        SELECT a.id, a.purpose, a.units_total - a.units_free - a.units_returned AS taken, coalesce(e.held, 0) AS held
          FROM allotments a
          LEFT JOIN (SELECT allotment_id, count(*) AS held FROM entitlements
                      WHERE allotment_id IS NOT NULL AND state IN ('free', 'held', 'redeemed') GROUP BY allotment_id) e
            ON e.allotment_id = a.id
         WHERE a.units_total - a.units_free - a.units_returned <> coalesce(e.held, 0)
         ORDER BY a.id LIMIT $1
        """,
        limit,
    )


async def wrong_redemptions(limit: int, outlet_id: int | None) -> list[asyncpg.Record]:
    """Find redemptions that do not agree with the ledger or with their entitlement, of one outlet or all."""
    return await reading().fetch(
        """
        SELECT coalesce(r.id::text, p.source_id) AS id, r.cost_points, -p.points AS paid, b.points AS refunded, e.state
          FROM (SELECT * FROM redemptions WHERE $2::bigint IS NULL OR outlet_id = $2) r
          FULL JOIN (SELECT * FROM ledger_entries WHERE kind = 'redemption' AND source_kind = 'redemption'
                        AND ($2::bigint IS NULL OR outlet_id = $2)) p
            ON p.source_id = r.id::text AND p.outlet_id = r.outlet_id
          LEFT JOIN ledger_entries b
            ON b.kind = 'reversal' AND b.source_kind = 'redemption_cancelled' AND b.source_id = r.id::text
          LEFT JOIN entitlements e ON e.source_kind = 'redemption' AND e.source_id = r.id::text
         WHERE r.cost_points IS DISTINCT FROM -p.points OR e.id IS NULL
            OR (r.cancelled_at IS NULL) <> (b.id IS NULL) OR (r.cancelled_at IS NULL) = (e.state = 'cancelled')
            OR b.points <> r.cost_points
         ORDER BY 1 LIMIT $1
        """,
        limit,
        outlet_id,
    )


async def rebuild_units() -> int:
    """Set the free units of allotments to what entitlements leave; return how many were wrong."""
    await writing().execute("SELECT FROM allotments ORDER BY id FOR NO KEY UPDATE")
    mended: int = await writing().fetchval(
        """
        WITH said AS (
            SELECT a.id, a.units_total - a.units_returned - count(e.id) AS free
              FROM allotments a
              LEFT JOIN entitlements e ON e.allotment_id = a.id AND e.state IN ('free', 'held', 'redeemed')
             GROUP BY a.id
        ), mended AS (
            UPDATE allotments a SET units_free = s.free FROM said s
             WHERE a.id = s.id AND a.units_free <> s.free AND s.free >= 0
            RETURNING 1
        ) SELECT count(*) FROM mended
        """
    )
    return mended
