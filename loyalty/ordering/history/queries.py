"""The raw SQL of looking at orders. Each look names an outlet, or a reach, and finds nothing outside of it."""

from datetime import date, datetime

import asyncpg

from loyalty.customers.care.queries import asked, in_reach, prefix
from loyalty.ordering.fulfilment.queries import LINE_COLUMNS
from loyalty.staff.people import Reach
from loyalty.transactions import reading

SUMMARY = """o.id, o.number, o.status, o.payment, o.deliver_on, o.eta_on, o.total_fen, o.due_fen, o.placed_at,
       o.cut_off_at, o.odd_at IS NOT NULL AND (o.seen_at IS NULL OR o.seen_at < o.odd_at) AS is_odd,
       x.code AS outlet_code, x.name AS outlet_name,
       (SELECT count(*) FROM order_lines l WHERE l.order_id = o.id) AS lines,
       (SELECT sum(l.cases) FROM order_lines l WHERE l.order_id = o.id) AS cases,
       (SELECT l.name FROM order_lines l WHERE l.order_id = o.id ORDER BY l.line_number LIMIT 1) AS first_name,
       (SELECT count(*) FROM order_shortages s WHERE s.order_id = o.id AND s.state = 'open') AS open_shortages"""
_JOINED = "orders o JOIN outlets x ON x.id = o.outlet_id"


async def of_outlet(outlet_id: int, before_id: int | None, limit: int) -> list[asyncpg.Record]:
    """Read an outlet's orders, the latest first, below ``before_id``."""
    return await reading().fetch(
        f"""
        SELECT {SUMMARY} FROM {_JOINED}
         WHERE o.outlet_id = $1 AND ($2::bigint IS NULL OR o.id < $2) ORDER BY o.id DESC LIMIT $3
        """,
        outlet_id,
        before_id,
        limit,
    )


async def one(number: str) -> asyncpg.Record | None:
    """Read an order with what it was placed with."""
    return await reading().fetchrow(
        f"""
        SELECT {SUMMARY}, o.outlet_id, o.member_id, o.goods_fen, o.discount_fen, o.deposit_fen,
               o.invoice::text AS invoice, o.note, o.gifts::text AS gifts, o.confirmed_at, o.shipped_at, o.delivered_at,
               o.completed_at, o.ended_at, o.release_on, o.released_at, j.number AS joins, f.number AS follows,
               (SELECT coalesce(array_agg(a.number ORDER BY a.id), '{{}}') FROM orders a
                 WHERE a.outlet_id = o.outlet_id AND a.joins_id = o.id) AS added
          FROM {_JOINED}
          LEFT JOIN orders j ON j.id = o.joins_id
          LEFT JOIN order_shortages s ON s.id = o.follows_shortage_id
          LEFT JOIN orders f ON f.id = s.order_id
         WHERE o.number = $1
        """,
        number,
    )


async def lines(order_id: int) -> list[asyncpg.Record]:
    """Read the lines of an order."""
    return await reading().fetch(
        f"SELECT {LINE_COLUMNS}, amount_fen FROM order_lines WHERE order_id = $1 ORDER BY line_number", order_id
    )


async def steps(order_id: int, limit: int) -> list[asyncpg.Record]:
    """Read the timeline of an order, the earliest first; its latest steps where there are too many."""
    return await reading().fetch(
        """
        SELECT * FROM (
            SELECT id, kind, made_by, at, recorded_at, applied, body::text AS body FROM order_steps
             WHERE order_id = $1 ORDER BY id DESC LIMIT $2) s
         ORDER BY at, id
        """,
        order_id,
        limit,
    )


async def shortages(order_id: int) -> list[asyncpg.Record]:
    """Read what was short of an order, with the order that made it good."""
    return await reading().fetch(
        """
        SELECT s.id, s.line_number, s.cases_short, s.reason, s.told_at, s.state, s.decided_at, f.number AS follow_number
          FROM order_shortages s LEFT JOIN orders f ON f.follows_shortage_id = s.id
         WHERE s.order_id = $1 ORDER BY s.id
        """,
        order_id,
    )


STUCK = """
    ((o.status = 'placed' AND o.placed_at < $4::timestamptz - interval '2 hours')
     OR (o.status = 'confirmed' AND o.deliver_on < $5::date)
     OR (o.status = 'shipped' AND coalesce(o.eta_on, o.deliver_on) < $5::date)
     OR (o.odd_at IS NOT NULL AND (o.seen_at IS NULL OR o.seen_at < o.odd_at)))
"""
"""What somebody has to look at: not confirmed for two hours, not shipped or not delivered on its day, or odd."""
SHORT = "EXISTS (SELECT FROM order_shortages s WHERE s.order_id = o.id AND s.state = 'open')"
_ONLY = {
    "stuck": STUCK,
    "short": SHORT,
    "trouble": f"({STUCK} OR {SHORT})",
    "calm": f"NOT ({STUCK} OR {SHORT})",
    "tomorrow": "o.deliver_on = $5::date + 1 AND o.status IN ('placed', 'confirmed')",
}
_MIDNIGHT = "($5::date + {days})::timestamp AT TIME ZONE 'Asia/Shanghai'"
_DAYS = {
    "today": f"o.placed_at >= {_MIDNIGHT.format(days=0)}",
    "yesterday": f"o.placed_at >= {_MIDNIGHT.format(days=-1)} AND o.placed_at < {_MIDNIGHT.format(days=0)}",
    "week": f"o.placed_at >= {_MIDNIGHT.format(days=-6)}",
    "comes_today": "coalesce(o.eta_on, o.deliver_on) = $5::date",
    "comes_tomorrow": "coalesce(o.eta_on, o.deliver_on) = $5::date + 1",
}
_ORDERS = {
    "placed": "o.id",
    "-placed": "o.id DESC",
    "deliver": "o.deliver_on, o.id",
    "-deliver": "o.deliver_on DESC, o.id DESC",
    "total": "o.total_fen, o.id",
    "-total": "o.total_fen DESC, o.id DESC",
}


async def find(
    reach: Reach,
    text: str,
    status: str,
    only: str,
    order: str,
    skip: int,
    limit: int,
    at: datetime,
    today: date,
    before_id: int | None,
    day: str,
) -> list[asyncpg.Record]:
    """List orders in reach: by number, or the outlet's code or name; ``only`` and ``day`` name what else must hold."""
    shown = f"{_ONLY.get(only, 'true')} AND {_DAYS.get(day, 'true')}"
    return await reading().fetch(
        f"""
        SELECT {SUMMARY.replace("x.", "c.")}
          FROM orders o JOIN LATERAL (SELECT * FROM outlets WHERE id = o.outlet_id) c ON true
         WHERE EXISTS (SELECT FROM outlets x WHERE x.id = o.outlet_id AND {in_reach(reach).replace("o.", "x.")})
           AND ($6 = '%' OR o.number LIKE $6 OR c.code LIKE $6 OR c.name LIKE $6)
           AND ($7 = '' OR o.status = $7) AND {shown} AND $5::date IS NOT NULL
           AND ($10::bigint IS NULL OR o.id < $10)
         ORDER BY {_ORDERS[order]} OFFSET $8 LIMIT $9
        """,
        *asked(reach, at),
        today,
        prefix(text),
        status,
        skip,
        limit,
        before_id,
    )


async def count_stuck(reach: Reach, at: datetime, today: date, limit: int) -> int:
    """Count orders in reach that somebody has to look at, up to ``limit``."""
    found: int = await reading().fetchval(
        f"""
        SELECT count(*) FROM (
            SELECT FROM orders o
             WHERE EXISTS (SELECT FROM outlets x WHERE x.id = o.outlet_id AND {in_reach(reach).replace("o.", "x.")})
               AND {STUCK} LIMIT $6) s
        """,
        *asked(reach, at),
        today,
        limit,
    )
    return found


async def short(reach: Reach, at: datetime, skip: int, limit: int) -> list[asyncpg.Record]:
    """List open shortages in reach, the oldest first."""
    return await reading().fetch(
        f"""
        SELECT s.id, s.cases_short, s.reason, s.told_at, l.name, l.code, l.cases, o.number, o.deliver_on,
               x.code AS outlet_code, x.name AS outlet_name
          FROM order_shortages s JOIN orders o ON o.id = s.order_id JOIN outlets x ON x.id = o.outlet_id
          JOIN order_lines l ON l.order_id = s.order_id AND l.line_number = s.line_number
         WHERE s.state = 'open' AND {in_reach(reach).replace("o.", "x.")}
         ORDER BY s.told_at, s.id OFFSET $5 LIMIT $6
        """,
        *asked(reach, at),
        skip,
        limit,
    )
