"""Orders: placing what was quoted, looking at it, taking it back, receiving it, and answering what is short."""

from datetime import date
from typing import Annotated, Literal, cast

import msgspec
from msgspec import Meta

from app.http import payloads
from app.http.endpoints import Call, Reply
from app.http.mini import switching
from app.http.mini.ids import Id, number_of
from app.http.mini.paging import PageQuery
from app.http.orders import Orders, OrderView, placed_view, summary_view, view_of
from loyalty.catalogue.rules import Item
from loyalty.ordering.documents import NOTE_LENGTH_MAX, Invoice
from loyalty.ordering.errors import QuoteUnknown, SubstituteUnfit
from loyalty.ordering.fulfilment import shortages, wishes
from loyalty.ordering.fulfilment.rules import STATUS_WORDS
from loyalty.ordering.fulfilment.shortages import Decision
from loyalty.ordering.fulfilment.wishes import REASON_LENGTH_MAX, OrderWish
from loyalty.ordering.history import orders
from loyalty.ordering.history.orders import Again
from loyalty.ordering.orders import Placing

FEATURE = "ordering"


class NewInvoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the 发票 is made out to: a company's tax number, or a person's name without one."""

    title: Annotated[str, Meta(min_length=1, max_length=60, pattern=r"\S")]
    kind: Literal["normal", "special"] = "normal"
    tax_number: Annotated[str, Meta(pattern=r"^([0-9A-Z]{15,20})?$")] = ""


class NewOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The quote to order by."""

    quote_id: Id
    invoice: NewInvoice | None = None
    note: Annotated[str, Meta(max_length=NOTE_LENGTH_MAX)] = ""


class OrderReason(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why, in the member's words, if they like."""

    reason: Annotated[str, Meta(max_length=REASON_LENGTH_MAX)] = ""


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing needs to be said."""


class OrderDone(msgspec.Struct, frozen=True):
    """Where the order stands now."""

    number: str
    status: str
    status_text: str
    repeated: bool


class ShortageAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to do about a line that is short: ``substitute`` names the product to send instead."""

    line_number: Annotated[int, Meta(ge=1, le=1_000)]
    choice: Literal["substitute", "wait", "cancel"]
    product_id: Id | None = None


class ShortageAnswered(msgspec.Struct, frozen=True):
    """What was made of it; ``follow_number`` is the order that brings it."""

    number: str
    choice: str
    follow_number: str | None
    deliver_on: date | None
    repeated: bool


class AgainLine(msgspec.Struct, frozen=True):
    """A line for a new quote."""

    product_id: str
    name: str
    cases: int
    price_fen: int


class AgainView(msgspec.Struct, frozen=True):
    """What can be ordered again today, and the names of what cannot."""

    lines: list[AgainLine]
    missing: list[str]


class AgainQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which order; without a number the last one."""

    number: Annotated[str, Meta(max_length=32)] = ""


async def place_order(call: Call) -> Reply:
    """Order what was quoted."""
    await switching.require(call, FEATURE)
    body = cast(NewOrder, call.body)
    try:
        quote_id = number_of(body.quote_id)
    except ValueError:
        raise QuoteUnknown from None
    given = body.invoice
    placed = await call.resources.orders.submit(
        Placing(
            call.principal,
            call.key,
            payloads.input_hash("order", (body,)),
            quote_id,
            None if given is None else Invoice(given.kind, given.title.strip(), given.tax_number),
            body.note.strip(),
            call.at,
        )
    )
    if not placed.repeated:
        switching.used(call, FEATURE)
    return Reply(placed_view(placed), 200 if placed.repeated else 201)


async def list_orders(call: Call) -> Orders:
    """Show the outlet's orders."""
    query = cast(PageQuery, call.query)
    found = await orders.of_member(call.principal, query.before_id, query.wanted)
    shown, cursor = query.page(found)
    return Orders([summary_view(one) for one in shown], cursor)


async def show_order(call: Call) -> OrderView:
    """Show an order."""
    whole = await orders.read(call.resources.kept_shelves, call.principal, call.params["number"], call.at)
    return view_of(whole, call.at)


async def cancel_order(call: Call) -> OrderDone:
    """Take an order back."""
    return await _wish(call, "cancelled", cast(OrderReason, call.body).reason.strip())


async def receive_order(call: Call) -> OrderDone:
    """Say that an order has come."""
    return await _wish(call, "received", "")


async def _wish(call: Call, wish: Literal["cancelled", "received"], reason: str) -> OrderDone:
    number = call.params["number"]
    hashed = payloads.input_hash(wish, (number, call.body))
    done = await wishes.wish(OrderWish(call.principal, call.key, hashed, number, wish, reason, call.at))
    return OrderDone(done.number, done.status, STATUS_WORDS[done.status], done.repeated)


async def answer_shortage(call: Call) -> ShortageAnswered:
    """Say what to do about what is short."""
    body, number = cast(ShortageAnswer, call.body), call.params["number"]
    if (body.product_id is not None) != (body.choice == "substitute"):
        raise SubstituteUnfit(field="product_id")
    try:
        product_id = None if body.product_id is None else number_of(body.product_id)
    except ValueError:
        raise SubstituteUnfit(field="product_id") from None
    done = await shortages.decide(
        call.resources.kept_shelves,
        Decision(
            call.principal,
            call.key,
            payloads.input_hash("shortage", (number, body)),
            number,
            body.line_number,
            body.choice,
            product_id,
            call.at,
        ),
    )
    return ShortageAnswered(done.number, done.choice, done.follow_number, done.deliver_on, done.repeated)


async def order_again(call: Call) -> AgainView:
    """Show what of an earlier order can be ordered again today."""
    await switching.require(call, FEATURE)
    wanted = cast(AgainQuery, call.query).number or None
    return _again_view(await orders.again(call.resources.kept_shelves, call.principal, wanted, call.at))


def _again_view(again: Again) -> AgainView:
    return AgainView([_again_line(item, cases) for item, cases in again.offered], list(again.missing))


def _again_line(item: Item, cases: int) -> AgainLine:
    return AgainLine(str(item.product.id), item.product.name, cases, item.price_fen)
