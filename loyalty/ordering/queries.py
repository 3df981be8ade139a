"""The only raw SQL of the ordering module."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any

import asyncpg
import msgspec

from loyalty.customers.queries import standings_of
from loyalty.events.queries import OUTBOX_COLUMNS, PUT_INTO_OUTBOX, OutboxRow
from loyalty.ordering.rules import Payment
from loyalty.rowsets import rowset
from loyalty.transactions import reading, writing


class KeyValues(msgspec.Struct, frozen=True):
    """Whose key the n-th item of a call brings."""

    n: int
    member_id: int
    idempotency_key: str


class QuoteValues(msgspec.Struct, frozen=True):
    """A quote on its way into its table, the n-th of its call."""

    n: int
    member_id: int
    binding_id: int
    payment: Payment
    deliver_on: date
    body: msgspec.Raw
    total_fen: int
    quoted_at: datetime
    expires_at: datetime
    idempotency_key: str
    input_hash: bytes


async def states(rows: Sequence[KeyValues]) -> list[asyncpg.Record]:
    """Read of each item, in order, who asks (columns of ``standings_of``) and what their key has got before."""
    return await reading().fetch(
        f"""
        WITH wanted AS MATERIALIZED (
            SELECT * FROM json_to_recordset($1) AS w(n int, member_id bigint, idempotency_key text)
        )
        SELECT s.*, q.id AS quote_id, q.outlet_id AS quoted_outlet_id, q.input_hash, q.body::text AS body, q.payment,
               q.deliver_on, q.expires_at
          FROM wanted w
          LEFT JOIN ({standings_of("ARRAY(SELECT member_id FROM wanted)")}) s USING (member_id)
          LEFT JOIN quotes q ON q.member_id = w.member_id AND q.idempotency_key = w.idempotency_key
         ORDER BY w.n
        """,
        rowset(rows),
    )


async def payers(outlet_ids: Collection[int], at: datetime) -> list[asyncpg.Record]:
    """Read what of outlets says how they are delivered to and may pay, with orders whose truck is not loaded yet."""
    return await reading().fetch(
        """
        SELECT o.id, o.delivery_days, o.minimum_order_fen,
               coalesce((SELECT array_agg(DISTINCT t.tag) FROM outlet_tags t WHERE t.outlet_id = o.id), '{}') AS tags,
               coalesce((SELECT json_agg(json_build_object('id', x.id, 'number', x.number, 'payment', x.payment,
                                                           'deliver_on', x.deliver_on, 'goods_fen', x.goods_fen)
                                         ORDER BY x.id)
                           FROM orders x
                          WHERE x.outlet_id = o.id AND x.status IN ('placed', 'confirmed') AND x.cut_off_at > $2
                        ), '[]')::text AS open_orders
          FROM outlets o WHERE o.id = ANY ($1::bigint[])
        """,
        list(outlet_ids),
        at,
    )


async def store(rows: Sequence[QuoteValues]) -> list[asyncpg.Record]:
    """Store quotes of members whose binding is still live and whose key is still new; return n and id of those."""
    return await writing().fetch(
        """
        WITH wanted AS MATERIALIZED (
            SELECT w.*, b.outlet_id
              FROM json_to_recordset($1)
                AS w(n int, member_id bigint, binding_id bigint, payment text, deliver_on date, body jsonb,
                     total_fen bigint, quoted_at timestamptz, expires_at timestamptz, idempotency_key text,
                     input_hash text)
              JOIN bindings b ON b.id = w.binding_id AND b.ended_at IS NULL
        ), stored AS (
            INSERT INTO quotes (outlet_id, member_id, payment, deliver_on, body, total_fen, quoted_at, expires_at,
                                idempotency_key, input_hash)
            SELECT outlet_id, member_id, payment, deliver_on, body, total_fen, quoted_at, expires_at, idempotency_key,
                   decode(input_hash, 'base64')
              FROM wanted ORDER BY n
            ON CONFLICT (member_id, idempotency_key) DO NOTHING
            RETURNING id, member_id, idempotency_key
        )
        SELECT w.n, s.id FROM wanted w JOIN stored s USING (member_id, idempotency_key)
        """,
        rowset(rows),
    )


async def forget(before: datetime, limit: int) -> int:
    """Delete quotes that ended before an instant, the oldest first; return how many."""
    done = await writing().fetch(
        """
        DELETE FROM quotes WHERE id = ANY (ARRAY(
            SELECT id FROM quotes WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)) RETURNING id
        """,
        before,
        limit,
    )
    return len(done)


class PlaceKey(msgspec.Struct, frozen=True, gc=False):
    """The key and the quote that the n-th item of a call brings."""

    n: int
    member_id: int
    idempotency_key: str
    quote_id: int


class OrderValues(msgspec.Struct, frozen=True, gc=False):
    """An order on its way into its table, the n-th of its call."""

    n: int
    id: int
    number: str
    outlet_id: int
    member_id: int
    quote_id: int | None
    joins_id: int | None
    follows_shortage_id: int | None
    payment: Payment
    deliver_on: date
    cut_off_at: datetime
    invoice: Any
    note: str
    coupon_id: int | None
    gifts: Sequence[Any]
    goods_fen: int
    discount_fen: int
    deposit_fen: int
    total_fen: int
    idempotency_key: str
    input_hash: bytes
    placed_at: datetime


class LineValues(msgspec.Struct, frozen=True, gc=False):
    """A line on its way into its table."""

    order_id: int
    line_number: int
    product_id: int
    code: str
    name: str
    category: str
    units_per_case: int
    cases: int
    price_fen: int
    special_cases: int
    special_price_fen: int | None
    entitlement_id: int | None
    amount_fen: int
    deposit_fen: int


async def place_states(rows: Sequence[PlaceKey]) -> list[asyncpg.Record]:
    """Read of each item, in order: its quote, what its key and its quote have made before, and an id for its order.

    Outlets are locked, so what their members have made before is all there.
    """
    return await writing().fetch(
        """
        SELECT nextval('orders_id_seq') AS next_id, q.outlet_id AS quoted_outlet_id, q.body::text AS body, q.payment,
               q.deliver_on, q.expires_at, k.number AS key_number, k.outlet_id AS key_outlet_id, k.input_hash,
               k.status AS key_status, k.deliver_on AS key_deliver_on, k.payment AS key_payment,
               k.total_fen AS key_total_fen, k.cut_off_at AS key_cut_off_at, k.placed_at AS key_placed_at,
               j.number AS key_joins, u.number AS quote_number,
               EXISTS (SELECT FROM orders x WHERE x.id = (q.body -> 'joins' ->> 'id')::bigint
                                              AND x.status IN ('placed', 'confirmed')) AS joins_is_open
          FROM json_to_recordset($1) AS w(n int, member_id bigint, idempotency_key text, quote_id bigint)
          LEFT JOIN quotes q ON q.id = w.quote_id
          LEFT JOIN orders k ON k.member_id = w.member_id AND k.idempotency_key = w.idempotency_key
          LEFT JOIN orders j ON j.id = k.joins_id
          LEFT JOIN orders u ON u.quote_id = w.quote_id
         ORDER BY w.n
        """,
        rowset(rows),
    )


_PLACE = f"""
    WITH made AS (
        INSERT INTO orders (id, number, outlet_id, member_id, quote_id, joins_id, follows_shortage_id, status, payment,
                            deliver_on, cut_off_at, invoice, note, coupon_id, gifts, goods_fen, discount_fen,
                            deposit_fen, total_fen, due_fen, idempotency_key, input_hash, placed_at)
        SELECT id, number, outlet_id, member_id, quote_id, joins_id, follows_shortage_id, 'placed', payment, deliver_on,
               cut_off_at, invoice, note, coupon_id, gifts, goods_fen, discount_fen, deposit_fen, total_fen, total_fen,
               idempotency_key, decode(input_hash, 'base64'), placed_at
          FROM json_to_recordset($1)
            AS w(n int, id bigint, number text, outlet_id bigint, member_id bigint, quote_id bigint, joins_id bigint,
                 follows_shortage_id bigint, payment text, deliver_on date, cut_off_at timestamptz, invoice jsonb,
                 note text, coupon_id bigint, gifts jsonb, goods_fen bigint, discount_fen bigint, deposit_fen bigint,
                 total_fen bigint, idempotency_key text, input_hash text, placed_at timestamptz)
         ORDER BY n
        RETURNING id
    ), lined AS (
        INSERT INTO order_lines (order_id, line_number, product_id, code, name, category, units_per_case, cases,
                                 price_fen, special_cases, special_price_fen, entitlement_id, amount_fen, deposit_fen,
                                 cases_due)
        SELECT order_id, line_number, product_id, code, name, category, units_per_case, cases, price_fen, special_cases,
               special_price_fen, entitlement_id, amount_fen, deposit_fen, cases
          FROM json_to_recordset($2)
            AS l(order_id bigint, line_number int, product_id bigint, code text, name text, category text,
                 units_per_case int, cases int, price_fen bigint, special_cases int, special_price_fen bigint,
                 entitlement_id bigint, amount_fen bigint, deposit_fen bigint)
    ), happened AS (
        SELECT * FROM json_to_recordset($3) AS e({OUTBOX_COLUMNS})
    ), told AS (
        {PUT_INTO_OUTBOX}
    )
    SELECT count(*) FROM made
"""


async def place(orders: Sequence[OrderValues], lines: Sequence[LineValues], events: Sequence[OutboxRow]) -> None:
    """Store orders with their lines and events. UniqueViolationError when a key or quote was used meanwhile."""
    await writing().execute(_PLACE, rowset(orders), rowset(lines), rowset(events))
