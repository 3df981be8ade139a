"""Quotes: what an order would cost an outlet, worked out from today's prices and honoured for some minutes."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import asyncpg
import msgspec

from loyalty import transactions
from loyalty.catalogue.shelves import Shelves
from loyalty.customers import standings
from loyalty.customers.standings import Standing
from loyalty.errors import IdempotencyKeyReused, Refusal, TryAgain
from loyalty.ordering import queries, rules
from loyalty.ordering.errors import LinesInvalid
from loyalty.ordering.queries import KeyValues, QuoteValues
from loyalty.ordering.rules import Payment
from loyalty.ordering.working_out import Ask, QuoteBody, QuoteRequest, Worked, worked_out

KEPT = timedelta(days=2)
"""So long a quote can still be told again after it has ended."""
FORGOTTEN_MAX = 5_000


class Quoted(msgspec.Struct, frozen=True):
    """A quote."""

    quote_id: int
    body: QuoteBody
    payment: Payment
    deliver_on: date
    expires_at: datetime
    repeated: bool


async def quote(shelves: Shelves, many: Sequence[QuoteRequest]) -> list[Quoted | Refusal]:
    """Tell what orders would cost. Entry verb for a batch: six statements, one more for each shelf not kept.

    Refusal for an item: SessionEnded, BindingRequired, IdempotencyKeyReused, LinesInvalid, CasesInvalid,
    ProductUnknown, EntitlementUnfit, CouponMinimum, DeliveryDayInvalid, NoDelivery; TryAgain when the binding ended or
    the key was used meanwhile. What is too little or too much for an order is no refusal: the quote says so.
    """
    settled: dict[int, Quoted | Refusal] = {}
    async with transactions.begin():
        keys = [KeyValues(n, one.member.id, one.key) for n, one in enumerate(many)]
        asks = _asks(many, await queries.states(keys), settled)
        if asks:
            await _quote(shelves, asks, settled)
    return [settled[n] if n in settled else TryAgain() for n in range(len(many))]


def _asks(
    many: Sequence[QuoteRequest], states: Sequence[asyncpg.Record], settled: dict[int, Quoted | Refusal]
) -> list[Ask]:
    """Settle repeats and who may not ask; give the others. Of one key twice in a call the second tries again."""
    asks: list[Ask] = []
    seen: set[tuple[int, str]] = set()
    for n, (one, state) in enumerate(zip(many, states, strict=True)):
        standing = standings.told(one.member, state)
        if not isinstance(standing, Standing):
            settled[n] = standing
        elif state["quote_id"] is not None:
            same = (state["quoted_outlet_id"], state["input_hash"]) == (standing.outlet_id, one.input_hash)
            settled[n] = _repeat(state) if same else IdempotencyKeyReused()
        elif not 1 <= len({line.product_id for line in one.lines}) == len(one.lines) <= rules.LINES_MAX:
            settled[n] = LinesInvalid(field="lines", lines_max=rules.LINES_MAX)
        elif (one.member.id, one.key) not in seen:
            seen.add((one.member.id, one.key))
            asks.append(Ask(n, one, standing))
    return asks


def _repeat(state: asyncpg.Record) -> Quoted:
    body = msgspec.json.decode(state["body"], type=QuoteBody)
    return Quoted(state["quote_id"], body, state["payment"], state["deliver_on"], state["expires_at"], repeated=True)


async def _quote(shelves: Shelves, asks: Sequence[Ask], settled: dict[int, Quoted | Refusal]) -> None:
    worked = await worked_out(shelves, asks)
    made: dict[int, tuple[QuoteValues, QuoteBody]] = {}
    for one in asks:
        answer = worked[one.n]
        if isinstance(answer, Refusal):
            settled[one.n] = answer
        else:
            made[one.n] = _row_of(one, answer), answer.body
    stored = {row["n"]: row["id"] for row in await queries.store([row for row, _ in made.values()])} if made else {}
    for n, quote_id in stored.items():
        row, body = made[n]
        settled[n] = Quoted(quote_id, body, row.payment, row.deliver_on, row.expires_at, repeated=False)


def _row_of(one: Ask, worked: Worked) -> QuoteValues:
    return QuoteValues(
        one.n,
        one.asked.member.id,
        one.standing.binding_id,
        one.asked.payment,
        worked.deliver_on,
        msgspec.Raw(msgspec.json.encode(worked.body)),
        worked.body.priced.total_fen,
        one.asked.at,
        worked.expires_at,
        one.asked.key,
        one.asked.input_hash,
    )


async def forget(at: datetime, limit: int = FORGOTTEN_MAX) -> int:
    """Delete quotes that ended two days ago or before, the oldest first; return how many. Entry verb.

    Called again until it returns less than the limit.
    """
    async with transactions.begin():
        return await queries.forget(at - KEPT, limit)
