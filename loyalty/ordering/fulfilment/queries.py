"""The raw SQL of fulfilment. Whoever changes an order has locked its outlet first, so nothing else of it moves."""

from collections.abc import Sequence
from datetime import date, datetime

import asyncpg
import msgspec

from loyalty.customers.care.queries import asked, in_reach
from loyalty.rowsets import rowset
from loyalty.staff.people import Reach
from loyalty.transactions import reading, writing

ORDER_COLUMNS = """o.id, o.number, o.outlet_id, x.code AS outlet_code, o.member_id, o.status, o.payment, o.deliver_on,
       o.cut_off_at, o.eta_on, o.discount_fen, o.total_fen, o.coupon_id, o.gifts::text AS gifts, o.placed_at,
       o.confirmed_at, o.shipped_at, o.delivered_at, o.completed_at, o.ended_at, o.release_on, o.released_at,
       o.odd_at"""
LINE_COLUMNS = """line_number, product_id, code, name, category, units_per_case, cases, price_fen, special_cases,
       special_price_fen, entitlement_id, deposit_fen, cases_due, cases_returned"""


class StateRow(msgspec.Struct, frozen=True):
    """Where an order stands now."""

    id: int
    status: str
    eta_on: date | None
    due_fen: int
    confirmed_at: datetime | None
    shipped_at: datetime | None
    delivered_at: datetime | None
    completed_at: datetime | None
    ended_at: datetime | None
    release_on: date | None
    odd_at: datetime | None


class StepRow(msgspec.Struct, frozen=True):
    """A step on its way into a timeline."""

    order_id: int
    kind: str
    made_by: str
    at: datetime
    recorded_at: datetime
    applied: bool
    body: msgspec.Raw
    progress_id: str | None = None
    member_id: int | None = None
    idempotency_key: str | None = None
    input_hash: bytes | None = None


async def lock_outlet_of(number: str) -> int | None:
    """Lock the outlet of an order; give its id, None for no such order."""
    outlet_id: int | None = await writing().fetchval(
        """
        SELECT id FROM outlets WHERE id = (SELECT outlet_id FROM orders WHERE number = $1) FOR NO KEY UPDATE
        """,
        number,
    )
    return outlet_id


async def lock_outlets_of(order_ids: Sequence[int]) -> None:
    """Lock the outlets of orders, in id order."""
    await writing().execute(
        """
        SELECT FROM outlets WHERE id = ANY (ARRAY(SELECT outlet_id FROM orders WHERE id = ANY ($1::bigint[])))
         ORDER BY id FOR NO KEY UPDATE
        """,
        order_ids,
    )


async def order(number: str) -> asyncpg.Record | None:
    """Read an order."""
    return await reading().fetchrow(
        f"SELECT {ORDER_COLUMNS} FROM orders o JOIN outlets x ON x.id = o.outlet_id WHERE o.number = $1", number
    )


async def orders(order_ids: Sequence[int]) -> list[asyncpg.Record]:
    """Read orders."""
    return await reading().fetch(
        f"""
        SELECT {ORDER_COLUMNS} FROM orders o JOIN outlets x ON x.id = o.outlet_id
         WHERE o.id = ANY ($1::bigint[]) ORDER BY o.id
        """,
        order_ids,
    )


async def lines(order_ids: Sequence[int]) -> list[asyncpg.Record]:
    """Read the lines of orders."""
    return await reading().fetch(
        f"""
        SELECT order_id, {LINE_COLUMNS} FROM order_lines WHERE order_id = ANY ($1::bigint[])
         ORDER BY order_id, line_number
        """,
        order_ids,
    )


async def save(row: StateRow) -> None:
    """Store where an order stands."""
    await writing().execute(
        """
        UPDATE orders SET status = $2, eta_on = $3, due_fen = $4, confirmed_at = $5, shipped_at = $6, delivered_at = $7,
               completed_at = $8, ended_at = $9, release_on = $10, odd_at = $11
         WHERE id = $1
        """,
        *msgspec.structs.astuple(row),
    )


async def save_lines(order_id: int, rows: Sequence[tuple[int, int, int]]) -> None:
    """Store how many cases of lines come and have gone back: (line_number, due, returned)."""
    await writing().execute(
        """
        UPDATE order_lines l SET cases_due = w.due, cases_returned = w.returned
          FROM unnest($2::int[], $3::int[], $4::int[]) AS w(line_number, due, returned)
         WHERE l.order_id = $1 AND l.line_number = w.line_number
        """,
        order_id,
        [row[0] for row in rows],
        [row[1] for row in rows],
        [row[2] for row in rows],
    )


async def add_steps(rows: Sequence[StepRow]) -> None:
    """Add steps to timelines. UniqueViolationError when a progress id or key was used meanwhile."""
    await writing().execute(
        """
        INSERT INTO order_steps (order_id, kind, made_by, at, recorded_at, applied, body, progress_id, member_id,
                                 idempotency_key, input_hash)
        SELECT order_id, kind, made_by, at, recorded_at, applied, body, progress_id, member_id, idempotency_key,
               decode(input_hash, 'base64')
          FROM json_to_recordset($1)
            AS w(order_id bigint, kind text, made_by text, at timestamptz, recorded_at timestamptz, applied boolean,
                 body jsonb, progress_id text, member_id bigint, idempotency_key text, input_hash text)
        """,
        rowset(rows),
    )


async def step_of_progress(order_id: int, progress_id: str) -> asyncpg.Record | None:
    """Read the step that a report has made before."""
    return await reading().fetchrow(
        "SELECT applied, input_hash FROM order_steps WHERE order_id = $1 AND progress_id = $2", order_id, progress_id
    )


async def step_of_key(member_id: int, key: str) -> asyncpg.Record | None:
    """Read the step that a member's key has made before, with its order."""
    return await reading().fetchrow(
        """
        SELECT s.kind, s.input_hash, s.body::text AS body, o.number, o.outlet_id
          FROM order_steps s JOIN orders o ON o.id = s.order_id
         WHERE s.member_id = $1 AND s.idempotency_key = $2
        """,
        member_id,
        key,
    )


async def has_confirmed(outlet_id: int, but_order_id: int) -> bool:
    """Tell whether another order of the outlet was confirmed and has not come to nothing."""
    found: bool = await reading().fetchval(
        """
        SELECT EXISTS (SELECT FROM orders WHERE outlet_id = $1 AND id <> $2 AND confirmed_at IS NOT NULL
                                            AND ended_at IS NULL)
        """,
        outlet_id,
        but_order_id,
    )
    return found


async def add_shortages(order_id: int, rows: Sequence[tuple[int, int, int, str]], state: str, at: datetime) -> None:
    """Note missing cases: (line_number, cases, of those at a special price, reason). An open one of the line grows."""
    await writing().execute(
        """
        INSERT INTO order_shortages AS s (order_id, line_number, cases_short, special_cases, reason, told_at, state,
                                          decided_at)
        SELECT $1, line_number, cases_short, special_cases, reason, $6::timestamptz, $7::text,
               CASE WHEN $7::text <> 'open' THEN $6::timestamptz END
          FROM unnest($2::int[], $3::int[], $4::int[], $5::text[])
            AS w(line_number, cases_short, special_cases, reason)
        ON CONFLICT (order_id, line_number) WHERE state = 'open' DO UPDATE
           SET cases_short = s.cases_short + excluded.cases_short,
               special_cases = s.special_cases + excluded.special_cases, reason = excluded.reason
        """,
        order_id,
        [row[0] for row in rows],
        [row[1] for row in rows],
        [row[2] for row in rows],
        [row[3] for row in rows],
        at,
        state,
    )


async def end_shortages(order_id: int, at: datetime) -> None:
    """End the open shortages of an order: nothing can be chosen any more."""
    await writing().execute(
        "UPDATE order_shortages SET state = 'passed', decided_at = $2 WHERE order_id = $1 AND state = 'open'",
        order_id,
        at,
    )


async def open_shortage(order_id: int, line_number: int) -> asyncpg.Record | None:
    """Read the open shortage of a line."""
    return await reading().fetchrow(
        """
        SELECT id, cases_short, special_cases FROM order_shortages
         WHERE order_id = $1 AND line_number = $2 AND state = 'open'
        """,
        order_id,
        line_number,
    )


async def decide_shortage(shortage_id: int, state: str, member_id: int, at: datetime) -> None:
    """Note what the member wants instead."""
    await writing().execute(
        "UPDATE order_shortages SET state = $2, decided_at = $4, decided_by = $3 WHERE id = $1",
        shortage_id,
        state,
        member_id,
        at,
    )


async def next_order_id() -> int:
    """Give an id for an order that is about to be stored."""
    order_id: int = await writing().fetchval("SELECT nextval('orders_id_seq')")
    return order_id


async def delivered_before(at: datetime, limit: int) -> list[int]:
    """Find orders that were delivered before an instant and not received, the oldest first."""
    rows = await reading().fetch(
        "SELECT id FROM orders WHERE status = 'delivered' AND delivered_at < $1 ORDER BY placed_at, id LIMIT $2",
        at,
        limit,
    )
    return [row["id"] for row in rows]


async def due_for_release(on: date, limit: int) -> list[int]:
    """Find completed orders whose points arrive by a day, the oldest first."""
    rows = await reading().fetch(
        """
        SELECT id FROM orders WHERE completed_at IS NOT NULL AND released_at IS NULL AND release_on <= $1
         ORDER BY release_on, id LIMIT $2
        """,
        on,
        limit,
    )
    return [row["id"] for row in rows]


async def released(order_ids: Sequence[int], at: datetime) -> None:
    """Note that the points of orders have arrived."""
    await writing().execute("UPDATE orders SET released_at = $2 WHERE id = ANY ($1::bigint[])", order_ids, at)


async def seen(order_id: int, at: datetime) -> None:
    """Note that staff have seen to what was odd about an order."""
    await writing().execute("UPDATE orders SET seen_at = $2 WHERE id = $1", order_id, at)


async def is_in_reach(outlet_id: int, reach: Reach, at: datetime) -> bool:
    """Tell whether somebody reaches an outlet."""
    found: bool = await reading().fetchval(
        f"SELECT EXISTS (SELECT FROM outlets o WHERE o.id = $5 AND {in_reach(reach)})", *asked(reach, at), outlet_id
    )
    return found
