"""Orders as their members see them, and the rep of their outlet."""

from datetime import date, datetime
from typing import Literal

import msgspec

from app.http.payloads import Instant
from loyalty.ordering.documents import Gift, Invoice
from loyalty.ordering.fulfilment.rules import STATUS_WORDS, Line
from loyalty.ordering.history.orders import ShortageSeen, Summary, Whole
from loyalty.ordering.history.timeline import moments
from loyalty.ordering.orders import Placed

Payment = Literal["cash", "account"]


class PlacedView(msgspec.Struct, frozen=True):
    """An order that was placed. It can be taken back until ``cancel_until``."""

    number: str
    status: str
    payment: Payment
    deliver_on: date
    total_fen: int
    joins: str | None
    """The order on the same truck that it adds to."""
    placed_at: Instant
    cancel_until: Instant
    repeated: bool


class OrderSummary(msgspec.Struct, frozen=True):
    """An order in the list."""

    number: str
    status: str
    status_text: str
    summary: str
    payment: Payment
    deliver_on: date
    eta_on: date | None
    total_fen: int
    due_fen: int
    placed_at: Instant
    asks: bool
    """Whether something is short and waits for an answer."""


class Orders(msgspec.Struct, frozen=True):
    """Orders of the outlet, the latest first."""

    items: list[OrderSummary]
    next_cursor: str | None


class OrderLineView(msgspec.Struct, frozen=True):
    """A line: so many cases ordered, so many come, so many of those have gone back."""

    line_number: int
    product_id: str
    code: str
    name: str
    cases: int
    cases_due: int
    cases_returned: int
    price_fen: int
    special_cases: int
    special_price_fen: int | None
    amount_fen: int
    """Of what comes and stays."""


class SubstituteView(msgspec.Struct, frozen=True):
    """What could come instead."""

    product_id: str
    name: str
    price_fen: int


class ShortageView(msgspec.Struct, frozen=True):
    """What was short. While ``state`` is ``open`` it waits for an answer."""

    line_number: int
    name: str
    cases_short: int
    reason: str
    state: str
    told_at: Instant
    follow_number: str | None
    """The order that makes it good."""
    substitutes: list[SubstituteView]


class Moment(msgspec.Struct, frozen=True):
    """Something that happened to the order."""

    at: Instant
    kind: str
    text: str


class GiftView(msgspec.Struct, frozen=True):
    """A gift that comes with the order."""

    entitlement_id: str
    name: str


class OrderView(msgspec.Struct, frozen=True):
    """An order with everything about it."""

    number: str
    status: str
    status_text: str
    payment: Payment
    deliver_on: date
    eta_on: date | None
    goods_fen: int
    discount_fen: int
    deposit_fen: int
    total_fen: int
    due_fen: int
    """What is to be paid for what comes and stays."""
    points: int
    """What it earns as it stands."""
    points_arrive_on: date | None
    lines: list[OrderLineView]
    gifts: list[GiftView]
    shortages: list[ShortageView]
    timeline: list[Moment]
    invoice: Invoice | None
    note: str
    joins: str | None
    added: list[str]
    """Orders that add to this one."""
    follows: str | None
    """The order whose shortage this one makes good."""
    can_cancel: bool
    can_receive: bool
    cancel_until: Instant
    placed_at: Instant


class OutletOrder(msgspec.Struct, frozen=True):
    """An order in a list of several outlets."""

    outlet_code: str
    outlet_name: str
    order: OrderSummary


def outlet_order(one: Summary) -> OutletOrder:
    """Give an order of a list of several outlets."""
    return OutletOrder(one.outlet_code, one.outlet_name, summary_view(one))


def placed_view(placed: Placed) -> PlacedView:
    """Give an order that was just placed."""
    return PlacedView(
        placed.number,
        placed.status,
        placed.payment,
        placed.deliver_on,
        placed.total_fen,
        placed.joins,
        placed.placed_at,
        placed.cut_off_at,
        placed.repeated,
    )


def summary_view(one: Summary) -> OrderSummary:
    """Give an order of a list."""
    kinds = f"{one.first_name}等 {one.lines} 种" if one.lines > 1 else one.first_name
    return OrderSummary(
        one.number,
        one.status,
        STATUS_WORDS[one.status],
        f"{kinds}，共 {one.cases} 箱",
        one.payment,
        one.deliver_on,
        one.eta_on,
        one.total_fen,
        one.due_fen,
        one.placed_at,
        one.open_shortages > 0,
    )


def view_of(whole: Whole, at: datetime) -> OrderView:
    """Give an order as its members and their rep see it."""
    one = whole.summary
    names = {line.line_number: line.name for line in whole.lines}
    return OrderView(
        one.number,
        one.status,
        STATUS_WORDS[one.status],
        one.payment,
        one.deliver_on,
        one.eta_on,
        whole.goods_fen,
        whole.discount_fen,
        whole.deposit_fen,
        one.total_fen,
        one.due_fen,
        whole.points,
        whole.release_on,
        [_line_view(line) for line in whole.lines],
        [_gift_view(gift) for gift in whole.gifts],
        [_shortage_view(short, names[short.line_number]) for short in whole.shortages],
        [Moment(moment.at, moment.kind, moment.text) for moment in moments(whole)],
        whole.invoice,
        whole.note,
        whole.joins,
        list(whole.added),
        whole.follows,
        whole.may_cancel(at),
        whole.may_receive,
        one.cut_off_at,
        one.placed_at,
    )


def _line_view(line: Line) -> OrderLineView:
    return OrderLineView(
        line.line_number,
        str(line.product_id),
        line.code,
        line.name,
        line.cases,
        line.cases_due,
        line.cases_returned,
        line.price_fen,
        line.special_cases,
        line.special_price_fen,
        line.amount_fen(line.stays),
    )


def _gift_view(gift: Gift) -> GiftView:
    return GiftView(str(gift.entitlement_id), gift.name)


def _shortage_view(one: ShortageSeen, name: str) -> ShortageView:
    return ShortageView(
        one.line_number,
        name,
        one.cases_short,
        one.reason,
        one.state,
        one.told_at,
        one.follow_number,
        [SubstituteView(str(item.product.id), item.product.name, item.price_fen) for item in one.substitutes],
    )
