"""The only raw SQL of the ordering module."""

from collections.abc import Collection, Sequence
from datetime import date, datetime

import asyncpg
import msgspec

from loyalty.customers.queries import standings_of
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


async def payers(outlet_ids: Collection[int]) -> list[asyncpg.Record]:
    """Read what of outlets says how they are delivered to and may pay."""
    return await reading().fetch(
        """
        SELECT o.id, o.delivery_days, o.minimum_order_fen,
               coalesce((SELECT array_agg(DISTINCT t.tag) FROM outlet_tags t WHERE t.outlet_id = o.id), '{}') AS tags
          FROM outlets o WHERE o.id = ANY ($1::bigint[])
        """,
        list(outlet_ids),
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
