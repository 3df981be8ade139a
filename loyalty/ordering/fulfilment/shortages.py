"""Shortages: what will not come, and what the member wants instead, with one tap, while the truck is still here.

A substitute or a later delivery is an order of its own, which the hub is told of like any other; the short line keeps
what comes of it. It follows the shortage and so has no minimum.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal

import msgspec

from loyalty import transactions
from loyalty.catalogue.rules import Item
from loyalty.catalogue.shelves import Shelf, Shelves
from loyalty.clock import business_date
from loyalty.customers.standings import MemberRef, Standing
from loyalty.events import outbox
from loyalty.events.outbox import Event
from loyalty.ordering import documents, rules
from loyalty.ordering import queries as quoting
from loyalty.ordering.documents import Cause, NewOrder
from loyalty.ordering.errors import NoDelivery, ShortageUnknown, SubstituteUnfit
from loyalty.ordering.fulfilment import queries, wishes
from loyalty.ordering.fulfilment.orders import OrderState
from loyalty.ordering.fulfilment.queries import StepRow
from loyalty.ordering.fulfilment.rules import Line
from loyalty.ordering.rules import ORDER_TERMS, Priced, PricedLine
from loyalty.rulebooks import rulebooks

Choice = Literal["substitute", "wait", "cancel"]
STATES: dict[Choice, str] = {"substitute": "substituted", "wait": "waiting", "cancel": "dropped"}
SUBSTITUTES_SHOWN = 3


class Decision(msgspec.Struct, frozen=True):
    """What a member wants instead of what is short."""

    member: MemberRef
    key: str
    input_hash: bytes
    number: str
    line_number: int
    choice: Choice
    product_id: int | None
    """What to send instead; only for a substitute."""
    at: datetime


class Decided(msgspec.Struct, frozen=True):
    """What was made of it: the order that brings a substitute or the same later, none for neither."""

    number: str
    choice: Choice
    follow_number: str | None
    deliver_on: date | None
    repeated: bool


async def decide(shelves: Shelves, one: Decision) -> Decided:
    """Answer a shortage. Entry verb; locks the outlet.

    Raises SessionEnded, BindingRequired, OrderUnknown, IdempotencyKeyReused, ShortageUnknown when it is answered or the
    truck has left, SubstituteUnfit, NoDelivery; nothing is changed then.
    """
    async with transactions.begin():
        standing, state = await wishes.entered(one.member, one.number)
        known = await wishes.known_step(one.member, one.key, one.input_hash, state)
        if known is not None:
            return _repeat(one, known["body"])
        short = await queries.open_shortage(state.id, one.line_number)
        if short is None:
            raise ShortageUnknown
        await queries.decide_shortage(short["id"], STATES[one.choice], standing.member_id, one.at)
        follow = None
        if one.choice != "cancel":
            cause = Cause(short["id"], state.number, one.line_number)
            follow = await _follow(shelves, one, standing, state, cause, short["cases_short"], short["special_cases"])
            await documents.store([follow])
        decided = Decided(
            state.number,
            one.choice,
            None if follow is None else follow.number,
            None if follow is None else follow.deliver_on,
            repeated=False,
        )
        await queries.add_steps([_step(one, standing, state, decided)])
        await outbox.record([_event(one, state, decided)])
        return decided


def _repeat(one: Decision, body: str) -> Decided:
    kept = msgspec.json.decode(body, type=Decided)
    return msgspec.structs.replace(kept, choice=one.choice, repeated=True)


def _step(one: Decision, standing: Standing, state: OrderState, decided: Decided) -> StepRow:
    return StepRow(
        state.id,
        "shortage_decided",
        f"member:{standing.member_id}",
        one.at,
        one.at,
        applied=True,
        body=msgspec.Raw(msgspec.json.encode(decided)),
        member_id=standing.member_id,
        idempotency_key=one.key,
        input_hash=one.input_hash,
    )


def _event(one: Decision, state: OrderState, decided: Decided) -> Event:
    return Event(
        "order.shortage_decided",
        state.outlet_code,
        one.at,
        {
            "number": state.number,
            "member_id": str(state.member_id),
            "line_number": one.line_number,
            "choice": one.choice,
            "follow_number": decided.follow_number,
        },
    )


async def _follow(
    shelves: Shelves, one: Decision, standing: Standing, state: OrderState, cause: Cause, cases: int, special: int
) -> NewOrder:
    """Give the order that makes a shortage good: the same with a later truck, or something else with the soonest."""
    line, on = state.lines[one.line_number], business_date(one.at)
    terms = (await rulebooks.in_force(ORDER_TERMS, [on]))[on].body
    ((payer),) = await quoting.payers([standing.outlet_id], one.at)
    weekdays = None if payer["delivery_days"] is None else set(payer["delivery_days"])
    days = rules.delivery_dates(one.at, terms, weekdays)
    if one.choice == "wait":
        # What is short for a truck is not there for that truck.
        days = [day for day in days if day > state.deliver_on]
        priced_line = _same(line, cases, special)
    else:
        shelf = (await shelves.of_outlets([(standing.outlet_id, on)]))[standing.outlet_id, on]
        item = shelf.by_product.get(one.product_id or 0)
        if item is None or item.product.id == line.product_id:
            raise SubstituteUnfit(field="product_id")
        priced_line = _other(item, cases)
        if state.deliver_on in days:
            days = [state.deliver_on]
    if not days:
        raise NoDelivery
    order_id = await queries.next_order_id()
    return NewOrder(
        order_id,
        documents.number_of(order_id, one.at),
        standing,
        None,
        None,
        cause,
        state.payment,
        days[0],
        rules.cut_off_of(days[0], terms),
        None,
        "",
        Priced((priced_line,), priced_line.amount_fen, priced_line.deposit_fen, ()),
        (),
        one.key,
        one.input_hash,
        one.at,
    )


def _same(line: Line, cases: int, special: int) -> PricedLine:
    """Give the missing cases at what they were promised for."""
    special_price = line.special_price_fen if special else None
    return PricedLine(
        1,
        line.product_id,
        line.code,
        line.name,
        line.category,
        line.units_per_case,
        cases,
        line.price_fen,
        special,
        special_price,
        None,
        (cases - special) * line.price_fen + special * (special_price or 0),
        line.deposit_fen // line.cases * cases,
    )


def _other(item: Item, cases: int) -> PricedLine:
    """Give as many cases of something else, at its own price, rounded up to how it is sold."""
    product = item.product
    multiple = product.multiple_cases
    cases = -(-cases // multiple) * multiple
    return PricedLine(
        1,
        product.id,
        product.code,
        product.name,
        product.category,
        product.units_per_case,
        cases,
        item.price_fen,
        0,
        None,
        None,
        cases * item.price_fen,
        cases * product.deposit_fen,
    )


def substitutes(line: Line, shelf: Shelf, taken: Sequence[int]) -> list[Item]:
    """Name what could come instead: of the same category, the nearest in price first. ``taken`` are in the order."""
    fit = [
        item
        for item in shelf.items
        if item.product.category == line.category
        and item.product.id != line.product_id
        and item.product.id not in taken
    ]
    return sorted(fit, key=lambda item: (abs(item.price_fen - line.price_fen), item.place))[:SUBSTITUTES_SHOWN]
