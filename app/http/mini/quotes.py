"""Quotes: what an order would cost the outlet, with what it holds, when it can come, and what stands against it."""

from datetime import date
from typing import Annotated, Any, Literal, cast

import msgspec
from msgspec import Meta

from app.http import payloads
from app.http.endpoints import Call, Reply
from app.http.mini import switching
from app.http.mini.ids import Id, number_of
from app.http.payloads import Instant
from loyalty.catalogue.errors import ProductUnknown
from loyalty.ordering import rules
from loyalty.ordering.errors import EntitlementUnfit
from loyalty.ordering.quotes import Quoted
from loyalty.ordering.rules import PricedLine, Wish
from loyalty.ordering.working_out import Against, QuoteRequest

FEATURE = "ordering"
Cases = Annotated[int, Meta(ge=1, le=rules.CASES_MAX)]


class QuoteLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """So many cases of a product, some of them maybe at the price of an entitlement."""

    product_id: Id
    cases: Cases
    entitlement_id: Id | None = None


class NewQuote(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be ordered: each product once; a coupon and gifts in ``entitlement_ids``."""

    lines: Annotated[list[QuoteLine], Meta(min_length=1, max_length=rules.LINES_MAX)]
    payment: Literal["cash", "account"] = "cash"
    deliver_on: date | None = None
    """One of the days that a quote has named; without it the soonest."""
    entitlement_ids: Annotated[list[Id], Meta(max_length=rules.ENTITLEMENTS_MAX)] = []


class QuotedLine(msgspec.Struct, frozen=True, gc=False):
    """What a line costs: ``special_cases`` of its cases at ``special_price_fen``, the others at ``price_fen``."""

    line_number: int
    product_id: str
    code: str
    name: str
    cases: int
    price_fen: int
    special_cases: int
    special_price_fen: int | None
    entitlement_id: str | None
    amount_fen: int
    deposit_fen: int


class AgainstView(msgspec.Struct, frozen=True):
    """Why the order cannot be placed as it is quoted, as placing would refuse it."""

    code: str
    hint: str
    data: dict[str, Any]


class QuoteView(msgspec.Struct, frozen=True):
    """A quote, honoured until it expires: goods less discount plus deposit is the total."""

    quote_id: str
    expires_at: Instant
    payment: Literal["cash", "account"]
    deliver_on: date
    delivery_dates: tuple[date, ...]
    """Days that can be chosen, soonest first."""
    lines: list[QuotedLine]
    coupon_id: str | None
    gift_ids: list[str]
    goods_fen: int
    discount_fen: int
    deposit_fen: int
    total_fen: int
    can_place: bool
    stands_against: AgainstView | None
    repeated: bool


async def make_quote(call: Call) -> Reply:
    """Tell what an order would cost."""
    await switching.require(call, FEATURE)
    body = cast(NewQuote, call.body)
    quoted = await call.resources.quotes.submit(
        QuoteRequest(
            call.principal,
            call.key,
            payloads.input_hash("quote", (body,)),
            tuple(_wish(place, line) for place, line in enumerate(body.lines)),
            tuple(_entitlement_id(one, "entitlement_ids") for one in body.entitlement_ids),
            body.payment,
            body.deliver_on,
            call.at,
        )
    )
    if not quoted.repeated:
        switching.used(call, FEATURE)
    return Reply(_view(quoted), 200 if quoted.repeated else 201)


def _wish(place: int, line: QuoteLine) -> Wish:
    try:
        product_id = number_of(line.product_id)
    except ValueError:
        raise ProductUnknown(field=f"lines[{place}].product_id") from None
    if line.entitlement_id is None:
        return Wish(product_id, line.cases)
    return Wish(product_id, line.cases, _entitlement_id(line.entitlement_id, f"lines[{place}].entitlement_id"))


def _entitlement_id(text: str, field: str) -> int:
    try:
        return number_of(text)
    except ValueError:
        raise EntitlementUnfit(field=field, expected="我的权益里有的") from None


def _view(quoted: Quoted) -> QuoteView:
    priced, against = quoted.body.priced, quoted.body.against
    return QuoteView(
        str(quoted.quote_id),
        quoted.expires_at,
        quoted.payment,
        quoted.deliver_on,
        quoted.body.dates,
        [_line_view(line) for line in priced.lines],
        None if priced.coupon_id is None else str(priced.coupon_id),
        [str(one) for one in priced.gift_ids],
        priced.goods_fen,
        priced.discount_fen,
        priced.deposit_fen,
        priced.total_fen,
        against is None,
        None if against is None else _against_view(against),
        quoted.repeated,
    )


def _line_view(line: PricedLine) -> QuotedLine:
    return QuotedLine(
        line.line_number,
        str(line.product_id),
        line.code,
        line.name,
        line.cases,
        line.price_fen,
        line.special_cases,
        line.special_price_fen,
        None if line.entitlement_id is None else str(line.entitlement_id),
        line.amount_fen,
        line.deposit_fen,
    )


def _against_view(against: Against) -> AgainstView:
    return AgainstView(against.code, against.title, against.data)
