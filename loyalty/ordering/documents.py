"""Orders as they go into their tables and to the hub: one document of each."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal

import msgspec

from loyalty.clock import SHANGHAI
from loyalty.customers.standings import Standing
from loyalty.events import outbox
from loyalty.events.outbox import Event
from loyalty.ordering import queries
from loyalty.ordering.queries import LineValues, OrderValues
from loyalty.ordering.rules import Payment, Priced, PricedLine
from loyalty.ordering.working_out import OpenOrder

NOTE_LENGTH_MAX = 100


class Invoice(msgspec.Struct, frozen=True):
    """What the 发票 is made out to; the hub writes it."""

    kind: Literal["normal", "special"]
    title: str
    tax_number: str


class Gift(msgspec.Struct, frozen=True):
    """A gift that comes with an order: what the hub has to load."""

    entitlement_id: int
    name: str
    item_code: str
    item_name: str
    quantity: int
    unit: str


class Cause(msgspec.Struct, frozen=True):
    """The shortage that an order makes good."""

    shortage_id: int
    number: str
    line_number: int


class NewOrder(msgspec.Struct, frozen=True):
    """An order that is placed: of a quote, or to make a shortage good."""

    id: int
    number: str
    standing: Standing
    quote_id: int | None
    joins: OpenOrder | None
    because_of: Cause | None
    payment: Payment
    deliver_on: date
    cut_off_at: datetime
    invoice: Invoice | None
    note: str
    priced: Priced
    gifts: Sequence[Gift]
    key: str
    input_hash: bytes
    at: datetime


def holder_of(number: str) -> str:
    """Name an order as what holds entitlements."""
    return f"order:{number}"


def number_of(order_id: int, at: datetime) -> str:
    """Give an order's number: its day in Shanghai, and a number that no other order has."""
    return f"L{at.astimezone(SHANGHAI):%y%m%d}{order_id:06d}"


async def store(many: Sequence[NewOrder]) -> None:
    """Store orders with their lines, and tell the hub: one statement. Set verb; what they need is held already."""
    await queries.place(
        [_order_row(n, one) for n, one in enumerate(many)],
        [_line_row(one.id, line) for one in many for line in one.priced.lines],
        [outbox.row_of(n, _event(one)) for n, one in enumerate(many)],
    )


def _order_row(n: int, one: NewOrder) -> OrderValues:
    return OrderValues(
        n,
        one.id,
        one.number,
        one.standing.outlet_id,
        one.standing.member_id,
        one.quote_id,
        None if one.joins is None else one.joins.id,
        None if one.because_of is None else one.because_of.shortage_id,
        one.payment,
        one.deliver_on,
        one.cut_off_at,
        one.invoice,
        one.note,
        one.priced.coupon_id,
        one.gifts,
        one.priced.goods_fen,
        one.priced.discount_fen,
        one.priced.deposit_fen,
        one.priced.total_fen,
        one.key,
        one.input_hash,
        one.at,
    )


def _line_row(order_id: int, line: PricedLine) -> LineValues:
    return LineValues(
        order_id,
        line.line_number,
        line.product_id,
        line.code,
        line.name,
        line.category,
        line.units_per_case,
        line.cases,
        line.price_fen,
        line.special_cases,
        line.special_price_fen,
        line.entitlement_id,
        line.amount_fen,
        line.deposit_fen,
    )


def _event(one: NewOrder) -> Event:
    cause = one.because_of
    return Event(
        "order.placed",
        one.standing.outlet_code,
        one.at,
        {
            "number": one.number,
            "member_id": str(one.standing.member_id),
            "placed_at": one.at,
            "deliver_on": one.deliver_on,
            "payment": one.payment,
            "joins": None if one.joins is None else one.joins.number,
            "because_of": None if cause is None else {"number": cause.number, "line_number": cause.line_number},
            "invoice": one.invoice,
            "note": one.note,
            "goods_fen": one.priced.goods_fen,
            "discount_fen": one.priced.discount_fen,
            "deposit_fen": one.priced.deposit_fen,
            "total_fen": one.priced.total_fen,
            "lines": [_line_facts(line) for line in one.priced.lines],
            "gifts": [_gift_facts(gift) for gift in one.gifts],
        },
    )


def _line_facts(line: PricedLine) -> dict[str, object]:
    return {
        "line_number": line.line_number,
        "product_code": line.code,
        "name": line.name,
        "cases": line.cases,
        "units_per_case": line.units_per_case,
        "price_fen": line.price_fen,
        "special_cases": line.special_cases,
        "special_price_fen": line.special_price_fen,
        "amount_fen": line.amount_fen,
        "deposit_fen": line.deposit_fen,
    }


def _gift_facts(gift: Gift) -> dict[str, object]:
    return {
        "entitlement_id": str(gift.entitlement_id),
        "name": gift.name,
        "item_code": gift.item_code,
        "item_name": gift.item_name,
        "quantity": gift.quantity,
        "unit": gift.unit,
    }
