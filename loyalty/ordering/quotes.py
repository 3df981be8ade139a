"""Quotes: what an order would cost an outlet, worked out from today's prices and honoured for some minutes."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import asyncpg
import msgspec

from loyalty import transactions
from loyalty.catalogue.errors import ProductUnknown
from loyalty.catalogue.rules import Item
from loyalty.catalogue.shelves import Shelves
from loyalty.clock import business_date
from loyalty.customers import standings
from loyalty.customers.standings import MemberRef, Standing
from loyalty.errors import IdempotencyKeyReused, Refusal, TryAgain
from loyalty.ordering import queries, rules
from loyalty.ordering.errors import DeliveryDayInvalid, EntitlementUnfit, LinesInvalid, NoDelivery
from loyalty.ordering.queries import KeyValues, QuoteValues
from loyalty.ordering.rules import ORDER_TERMS, OrderTerms, Payer, Payment, Priced, Terms, Wish
from loyalty.rewards.entitlements import entitlements
from loyalty.rewards.types import registry
from loyalty.rulebooks import rulebooks

KEPT = timedelta(days=2)
"""So long a quote can still be told again after it has ended."""
FORGOTTEN_MAX = 5_000


class QuoteRequest(msgspec.Struct, frozen=True):
    """What a member wants to know the price of. Without a day it is the soonest that is delivered on."""

    member: MemberRef
    key: str
    input_hash: bytes
    lines: tuple[Wish, ...]
    entitlement_ids: tuple[int, ...]
    payment: Payment
    deliver_on: date | None
    at: datetime


class Against(msgspec.Struct, frozen=True):
    """Why an order cannot be placed as it is quoted, as placing would refuse it."""

    code: str
    title: str
    data: dict[str, Any]


class QuoteBody(msgspec.Struct, frozen=True):
    """What a quote keeps beside its columns."""

    priced: Priced
    dates: tuple[date, ...]
    against: Against | None


class Quoted(msgspec.Struct, frozen=True):
    """A quote."""

    quote_id: int
    body: QuoteBody
    payment: Payment
    deliver_on: date
    expires_at: datetime
    repeated: bool


class _Ask(msgspec.Struct, frozen=True):
    n: int
    asked: QuoteRequest
    standing: Standing


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
) -> list[_Ask]:
    """Settle repeats and who may not ask; give the others. Of one key twice in a call the second tries again."""
    asks: list[_Ask] = []
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
            asks.append(_Ask(n, one, standing))
    return asks


def _repeat(state: asyncpg.Record) -> Quoted:
    body = msgspec.json.decode(state["body"], type=QuoteBody)
    return Quoted(state["quote_id"], body, state["payment"], state["deliver_on"], state["expires_at"], repeated=True)


async def _quote(shelves: Shelves, asks: Sequence[_Ask], settled: dict[int, Quoted | Refusal]) -> None:
    terms = await rulebooks.in_force(ORDER_TERMS, (business_date(one.asked.at) for one in asks))
    payers = {row["id"]: row for row in await queries.payers({one.standing.outlet_id for one in asks})}
    offered = await shelves.of_outlets({(one.standing.outlet_id, business_date(one.asked.at)) for one in asks})
    held = await _held(asks)
    made: dict[int, tuple[QuoteValues, QuoteBody]] = {}
    for one in asks:
        on, payer = business_date(one.asked.at), payers[one.standing.outlet_id]
        answer = _judged(one, terms[on].body, payer, offered[one.standing.outlet_id, on].by_product, held[one.n])
        if isinstance(answer, Refusal):
            settled[one.n] = answer
        else:
            made[one.n] = answer
    stored = {row["n"]: row["id"] for row in await queries.store([row for row, _ in made.values()])} if made else {}
    for n, quote_id in stored.items():
        row, body = made[n]
        settled[n] = Quoted(quote_id, body, row.payment, row.deliver_on, row.expires_at, repeated=False)


async def _held(asks: Sequence[_Ask]) -> dict[int, dict[int, Terms]]:
    """Read the terms of the entitlements that each item names, as far as they are free and its outlet's."""
    ids = {
        one.n: {*one.asked.entitlement_ids, *(line.entitlement_id for line in one.asked.lines if line.entitlement_id)}
        for one in asks
    }
    found = {one.id: one for one in await entitlements.read({each for named in ids.values() for each in named})}
    return {
        one.n: {
            each: registry.terms_of(found[each].type, found[each].terms)
            for each in ids[one.n]
            if each in found
            and found[each].outlet_id == one.standing.outlet_id
            and found[each].state_at(one.asked.at) == "free"
        }
        for one in asks
    }


def _judged(
    one: _Ask, terms: OrderTerms, payer: asyncpg.Record, items: Mapping[int, Item], held: Mapping[int, Terms]
) -> tuple[QuoteValues, QuoteBody] | Refusal:
    """Work one quote out; give its row and body, or why there is none."""
    asked = one.asked
    missing = next((place for place, line in enumerate(asked.lines) if line.product_id not in items), None)
    if missing is not None:
        return ProductUnknown(field=f"lines[{missing}].product_id")
    named = [*asked.entitlement_ids, *(line.entitlement_id for line in asked.lines if line.entitlement_id is not None)]
    if len(set(named)) < len(named) or len(named) > rules.ENTITLEMENTS_MAX:
        return EntitlementUnfit(field="entitlement_ids", expected="没有用在别处的权益")
    order = rules.priced(asked.lines, items, asked.entitlement_ids, held)
    if isinstance(order, Refusal):
        return order
    days = payer["delivery_days"]
    dates = tuple(rules.delivery_dates(asked.at, terms, None if days is None else set(days)))
    if not dates:
        return NoDelivery()
    deliver_on = dates[0] if asked.deliver_on is None else asked.deliver_on
    if deliver_on not in dates:
        return DeliveryDayInvalid(field="deliver_on", dates=[day.isoformat() for day in dates])
    against = rules.stands_against(order, asked.payment, Payer(payer["minimum_order_fen"], tuple(payer["tags"])), terms)
    body = QuoteBody(order, dates, None if against is None else Against(against.code, against.title, against.data))
    row = QuoteValues(
        one.n,
        asked.member.id,
        one.standing.binding_id,
        asked.payment,
        deliver_on,
        msgspec.Raw(msgspec.json.encode(body)),
        order.total_fen,
        asked.at,
        asked.at + timedelta(minutes=terms.quote_minutes),
        asked.key,
        asked.input_hash,
    )
    return row, body


async def forget(at: datetime, limit: int = FORGOTTEN_MAX) -> int:
    """Delete quotes that ended two days ago or before, the oldest first; return how many. Entry verb.

    Called again until it returns less than the limit.
    """
    async with transactions.begin():
        return await queries.forget(at - KEPT, limit)
