"""The raw SQL of the proofs of orders: each finds what is wrong, of one outlet or of all."""

import asyncpg

from loyalty.transactions import reading

_OF = "($2::bigint IS NULL OR o.outlet_id = $2)"
_LINE = """
    least(l.cases_due - l.cases_returned, l.special_cases) * coalesce(l.special_price_fen, 0)
    + greatest(l.cases_due - l.cases_returned - l.special_cases, 0) * l.price_fen
"""


async def wrong_money(limit: int, outlet_id: int | None) -> list[asyncpg.Record]:
    """Find orders whose due sum is not what their lines come to."""
    return await reading().fetch(
        f"""
        SELECT * FROM (
            SELECT o.number, o.status, o.due_fen,
                   CASE WHEN o.status IN ('cancelled', 'rejected') THEN 0
                        ELSE greatest(sum({_LINE}) - o.discount_fen, 0)
                             + sum(l.deposit_fen / l.cases * (l.cases_due - l.cases_returned)) END AS found
              FROM orders o JOIN order_lines l ON l.order_id = o.id
             WHERE {_OF} GROUP BY o.id) f
         WHERE due_fen <> found LIMIT $1
        """,
        limit,
        outlet_id,
    )


async def wrong_holds(limit: int, outlet_id: int | None) -> list[asyncpg.Record]:
    """Find entitlements that an order names and that do not stand as it does."""
    return await reading().fetch(
        f"""
        WITH named AS (
            SELECT o.id AS order_id, o.number, o.status, o.confirmed_at, o.coupon_id AS id FROM orders o
             WHERE {_OF} AND o.coupon_id IS NOT NULL
             UNION ALL
            SELECT o.id, o.number, o.status, o.confirmed_at, l.entitlement_id
              FROM orders o JOIN order_lines l ON l.order_id = o.id WHERE {_OF} AND l.entitlement_id IS NOT NULL
             UNION ALL
            SELECT o.id, o.number, o.status, o.confirmed_at, (g ->> 'entitlement_id')::bigint
              FROM orders o, jsonb_array_elements(o.gifts) g WHERE {_OF}
        )
        SELECT n.number, n.status, n.id, e.state, e.held_by FROM named n LEFT JOIN entitlements e ON e.id = n.id
         WHERE CASE WHEN n.status IN ('cancelled', 'rejected') THEN e.held_by IS NOT DISTINCT FROM 'order:' || n.number
                    ELSE (e.state, e.held_by) IS DISTINCT FROM
                         (CASE WHEN n.confirmed_at IS NULL THEN 'held' ELSE 'redeemed' END, 'order:' || n.number) END
         LIMIT $1
        """,
        limit,
        outlet_id,
    )


async def wrong_points(limit: int, outlet_id: int | None) -> list[asyncpg.Record]:
    """Find orders for which something is promised that should not be."""
    return await reading().fetch(
        f"""
        SELECT o.number, o.status, sum(p.pending) AS pending
          FROM orders o JOIN order_lines l ON l.order_id = o.id
         CROSS JOIN LATERAL (
               SELECT b.pending_change + coalesce((SELECT sum(e.pending_change) FROM ledger_entries e
                                                    WHERE e.of_entry_id = b.id), 0) AS pending
                 FROM ledger_entries b
                WHERE b.source_id = o.number || '.' || l.line_number AND b.source_kind = 'order_line'
                  AND b.kind = 'pending') p
         WHERE {_OF} AND (o.confirmed_at IS NULL OR o.ended_at IS NOT NULL OR o.released_at IS NOT NULL)
         GROUP BY o.id HAVING sum(p.pending) <> 0 LIMIT $1
        """,
        limit,
        outlet_id,
    )


async def wrong_shortages(limit: int, outlet_id: int | None) -> list[asyncpg.Record]:
    """Find shortages without the order that makes them good, and with one that none should."""
    return await reading().fetch(
        f"""
        SELECT s.id, s.state, o.number FROM order_shortages s JOIN orders o ON o.id = s.order_id
          LEFT JOIN orders f ON f.follows_shortage_id = s.id
         WHERE {_OF} AND (s.state IN ('substituted', 'waiting')) <> (f.id IS NOT NULL) LIMIT $1
        """,
        limit,
        outlet_id,
    )
