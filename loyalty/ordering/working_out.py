"""Working orders out: what is asked for, against the prices, terms and days that hold for the outlet at that moment.

For quotes, and again where a quote has run out before its order came.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import asyncpg
import msgspec

from loyalty.catalogue.errors import ProductUnknown
from loyalty.catalogue.rules import Item
from loyalty.catalogue.shelves import Shelves
from loyalty.clock import business_date
from loyalty.customers.standings import MemberRef, Standing
from loyalty.errors import Refusal
from loyalty.ordering import queries, rules
from loyalty.ordering.errors import DeliveryDayInvalid, EntitlementUnfit, NoDelivery
from loyalty.ordering.rules import ORDER_TERMS, OrderTerms, Payer, Payment, Priced, Terms, Wish
from loyalty.rewards.entitlements import entitlements
from loyalty.rewards.types import registry
from loyalty.rulebooks import rulebooks


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


class OpenOrder(msgspec.Struct, frozen=True):
    """An order of the outlet whose truck is not loaded yet."""

    id: int
    number: str
    payment: Payment
    deliver_on: date
    goods_fen: int


class QuoteBody(msgspec.Struct, frozen=True):
    """What a quote keeps beside its columns."""

    priced: Priced
    dates: tuple[date, ...]
    against: Against | None
    cut_off_at: datetime
    """Until then its day can be ordered for; it never holds longer."""
    joins: OpenOrder | None = None
    """The first order on the same truck, paid for the same way, that it would add to."""


class Ask(msgspec.Struct, frozen=True):
    """A request of somebody who may make it, the n-th of its call."""

    n: int
    asked: QuoteRequest
    standing: Standing


class Worked(msgspec.Struct, frozen=True):
    """What came of one: its day, its body, and the instant until which it holds."""

    deliver_on: date
    body: QuoteBody
    expires_at: datetime


NO_ORDERS = "[]"


async def worked_out(shelves: Shelves, asks: Sequence[Ask]) -> dict[int, Worked | Refusal]:
    """Work requests out, n → what came of it: four statements, one more for each shelf not kept. Needs a transaction.

    Refusal: ProductUnknown, CasesInvalid, EntitlementUnfit, CouponMinimum, NoDelivery, DeliveryDayInvalid.
    """
    terms = await rulebooks.in_force(ORDER_TERMS, (business_date(one.asked.at) for one in asks))
    outlet_ids = {one.standing.outlet_id for one in asks}
    payers = {row["id"]: row for row in await queries.payers(outlet_ids, min(one.asked.at for one in asks))}
    offered = await shelves.of_outlets({(one.standing.outlet_id, business_date(one.asked.at)) for one in asks})
    held = await _held(asks)
    answers: dict[int, Worked | Refusal] = {}
    for one in asks:
        on, outlet_id = business_date(one.asked.at), one.standing.outlet_id
        items = offered[outlet_id, on].by_product
        answers[one.n] = _judged(one.asked, terms[on].body, payers[outlet_id], items, held[one.n])
    return answers


async def _held(asks: Sequence[Ask]) -> dict[int, dict[int, Terms]]:
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
    asked: QuoteRequest, terms: OrderTerms, payer: asyncpg.Record, items: Mapping[int, Item], held: Mapping[int, Terms]
) -> Worked | Refusal:
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
    return _with_terms(asked, order, dates, deliver_on, payer, terms)


def _with_terms(
    asked: QuoteRequest,
    order: Priced,
    dates: tuple[date, ...],
    deliver_on: date,
    payer: asyncpg.Record,
    terms: OrderTerms,
) -> Worked:
    """Tell what an order joins, what stands against it, and until when it holds: never past its day's cut-off."""
    on_truck = _on_truck(payer["open_orders"], asked.payment, deliver_on)
    joined_fen = sum(one.goods_fen for one in on_truck) if on_truck else None
    who = Payer(payer["minimum_order_fen"], tuple(payer["tags"]))
    against = rules.stands_against(order, asked.payment, who, terms, joined_fen)
    cut_off_at = rules.cut_off_of(deliver_on, terms)
    body = QuoteBody(
        order,
        dates,
        None if against is None else Against(against.code, against.title, against.data),
        cut_off_at,
        on_truck[0] if on_truck else None,
    )
    return Worked(deliver_on, body, min(asked.at + timedelta(minutes=terms.quote_minutes), cut_off_at))


def _on_truck(kept: str, payment: Payment, deliver_on: date) -> list[OpenOrder]:
    if kept == NO_ORDERS:
        return []
    found = msgspec.json.decode(kept, type=list[OpenOrder])
    return [one for one in found if (one.payment, one.deliver_on) == (payment, deliver_on)]
