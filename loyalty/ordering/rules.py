"""The pure rules of ordering: when a plant delivers, what an order costs, and what still stands against it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from loyalty.catalogue.rules import Item
from loyalty.clock import SHANGHAI, business_date
from loyalty.errors import Refusal
from loyalty.ordering.errors import (
    CasesInvalid,
    CouponMinimum,
    EntitlementUnfit,
    OrderMaximum,
    OrderMinimum,
    PaymentNotAllowed,
)
from loyalty.rewards.types.coupon import CouponTerms
from loyalty.rewards.types.gift import GiftTerms
from loyalty.rewards.types.price import PriceTerms
from loyalty.rulebooks.books import Example, RuleBook
from loyalty.units import yuan

Payment = Literal["cash", "account"]
"""Cash on delivery, or on the outlet's account with the bottler."""
PAYMENT_WORDS: dict[Payment, str] = {"cash": "货到付款", "account": "账期"}
ACCOUNT_TAG = "账期"
"""The tag of outlets that may order on account."""
LINES_MAX = 200
CASES_MAX = 10_000
ENTITLEMENTS_MAX = 50
DATES_SHOWN = 5
Fen = Annotated[int, Meta(ge=0, le=1_000_000_00)]


class OrderTerms(msgspec.Struct, frozen=True):
    """Until when of a day the next day's truck is loaded, how far ahead it is planned, and how much an order may be."""

    cut_off_hour: Annotated[int, Meta(ge=1, le=24)] = 16
    days_ahead: Annotated[int, Meta(ge=1, le=60)] = 14
    quote_minutes: Annotated[int, Meta(ge=1, le=120)] = 15
    cash_minimum_fen: Fen = 100_00
    cash_maximum_fen: Annotated[int, Meta(ge=1, le=1_000_000_00)] = 20_000_00
    account_minimum_fen: Fen = 100_00
    account_maximum_fen: Annotated[int, Meta(ge=1, le=1_000_000_00)] = 50_000_00
    complete_days: Annotated[int, Meta(ge=0, le=30)] = 3
    return_days: Annotated[int, Meta(ge=0, le=60)] = 7

    def span(self, payment: Payment) -> tuple[int, int]:
        """Give the least and the most that the goods of an order may come to, in fen."""
        if payment == "cash":
            return self.cash_minimum_fen, self.cash_maximum_fen
        return self.account_minimum_fen, self.account_maximum_fen


def _terms_fault(terms: OrderTerms) -> tuple[str, str] | None:
    for payment in ("cash", "account"):
        least, most = terms.span(payment)
        if least > most:
            return f"{payment}_maximum_fen", "最多不能小过起订"
    return None


def _terms_examples(terms: OrderTerms) -> list[Example]:
    before = datetime(2026, 11, 4, terms.cut_off_hour - 1, 59, tzinfo=SHANGHAI)
    found = [
        Example(
            f"每天送货的门店，11 月 4 日 {at:%H:%M} 下单", f"最早 {delivery_dates(at, terms, None)[0]:%Y-%m-%d} 送到"
        )
        for at in (before, before + timedelta(minutes=1))
        if at.date() == before.date()
    ]
    for payment, word in PAYMENT_WORDS.items():
        least, most = terms.span(payment)
        found.append(Example(f"{word}的订单", f"{yuan(least)} 元起订，最多 {yuan(most)} 元"))
    return found


ORDER_TERMS: RuleBook[OrderTerms] = RuleBook(
    "order_terms",
    "订货条件",
    "几点截单、最远订到哪天、报价保留多久，各种付款方式起订和最多多少钱。门店主数据里有自己的起订额，就按门店的。",
    OrderTerms,
    OrderTerms(),
    _terms_examples,
    _terms_fault,
    {
        "cut_off_hour": "几点截单（24 小时制）",
        "days_ahead": "最远提前几天",
        "quote_minutes": "报价保留几分钟",
        "cash_minimum_fen": "货到付款起订（元）",
        "cash_maximum_fen": "货到付款最多（元）",
        "account_minimum_fen": "账期起订（元）",
        "account_maximum_fen": "账期最多（元）",
        "complete_days": "送达几天后自动收货",
        "return_days": "收货后几天内可退，过后积分到账",
    },
)


def delivery_dates(at: datetime, terms: OrderTerms, weekdays: Collection[int] | None) -> list[date]:
    """Tell on which days what is ordered now can come, soonest first, at most DATES_SHOWN.

    Before the cut-off hour of Shanghai's day that is from tomorrow on, after it from the day after. ``weekdays`` are
    those on which the outlet is delivered to, 1 is Monday; None for every day.
    """
    is_late = at.astimezone(SHANGHAI).hour >= terms.cut_off_hour
    days = (business_date(at) + timedelta(days=n) for n in range(1 + is_late, terms.days_ahead + 1 + is_late))
    return [day for day in days if weekdays is None or day.isoweekday() in weekdays][:DATES_SHOWN]


def cut_off_of(deliver_on: date, terms: OrderTerms) -> datetime:
    """Tell until when a day can be ordered for: the cut-off hour of the day before, Shanghai's."""
    midnight = datetime.combine(deliver_on - timedelta(days=1), time.min, SHANGHAI)
    return (midnight + timedelta(hours=terms.cut_off_hour)).astimezone(UTC)


class Wish(msgspec.Struct, frozen=True, gc=False):
    """So many cases of a product, some of them maybe at the price of an entitlement."""

    product_id: int
    cases: int
    entitlement_id: int | None = None


class PricedLine(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a line costs: ``special_cases`` of its cases at the entitlement's price, the others at ``price_fen``.

    Kept as a JSON array: with the names of its fields a long quote would pass what a page of a table keeps as it is.
    """

    line_number: int
    product_id: int
    code: str
    name: str
    category: str
    units_per_case: int
    cases: int
    price_fen: int
    special_cases: int
    special_price_fen: int | None
    entitlement_id: int | None
    amount_fen: int
    """What all its cases cost, without deposit."""
    deposit_fen: int
    """Of all its cases."""


class Priced(msgspec.Struct, frozen=True):
    """What a whole order costs."""

    lines: tuple[PricedLine, ...]
    goods_fen: int
    """The sum of its lines."""
    deposit_fen: int
    """The sum of their deposits."""
    gift_ids: tuple[int, ...]
    coupon_id: int | None = None
    discount_fen: int = 0

    @property
    def total_fen(self) -> int:
        """Give what is to be paid."""
        return self.goods_fen - self.discount_fen + self.deposit_fen


Terms = CouponTerms | GiftTerms | PriceTerms


def priced(
    wishes: Sequence[Wish], items: Mapping[int, Item], others: Sequence[int], held: Mapping[int, Terms]
) -> Priced | Refusal:
    """Work out what wishes cost, or what is wrong with one of them.

    ``items`` are what the outlet is offered, by product, and have all products of the wishes. ``held`` are the terms of
    its free entitlements, by id; ``others`` names those for the whole order: at most one coupon, and gifts. A price of
    an entitlement that is not lower than the outlet's own is refused, since it would be used up for nothing.
    """
    lines = []
    for number, wish in enumerate(wishes, start=1):
        line = _line(number, wish, items[wish.product_id], held)
        if isinstance(line, Refusal):
            return line
        lines.append(line)
    coupons = [one for one in others if isinstance(held.get(one), CouponTerms)]
    gifts = [one for one in others if isinstance(held.get(one), GiftTerms)]
    if len(coupons) + len(gifts) != len(others):
        return EntitlementUnfit(field="entitlement_ids", expected="优惠券或礼品")
    if len(coupons) > 1:
        return EntitlementUnfit(field="entitlement_ids", expected="最多一张优惠券")
    goods_fen, deposit_fen = sum(line.amount_fen for line in lines), sum(line.deposit_fen for line in lines)
    whole = Priced(tuple(lines), goods_fen, deposit_fen, tuple(gifts))
    for coupon_id in coupons:
        terms = held[coupon_id]
        if isinstance(terms, CouponTerms):
            if whole.goods_fen < terms.minimum_fen:
                return CouponMinimum(
                    field="entitlement_ids",
                    minimum_fen=terms.minimum_fen,
                    missing_fen=terms.minimum_fen - whole.goods_fen,
                )
            discount = min(terms.off_fen, whole.goods_fen)
            whole = msgspec.structs.replace(whole, coupon_id=coupon_id, discount_fen=discount)
    return whole


def _line(number: int, wish: Wish, item: Item, held: Mapping[int, Terms]) -> PricedLine | Refusal:
    product, place = item.product, f"lines[{number - 1}]"
    if not 1 <= wish.cases <= CASES_MAX or wish.cases % product.multiple_cases:
        return CasesInvalid(field=f"{place}.cases", multiple_cases=product.multiple_cases, cases_max=CASES_MAX)
    price, special_cases, special_price = item.price_fen, 0, None
    if wish.entitlement_id is not None:
        terms = held.get(wish.entitlement_id)
        if not isinstance(terms, PriceTerms) or terms.product_code != product.code or terms.price_fen >= price:
            return EntitlementUnfit(field=f"{place}.entitlement_id", expected="这个商品的特价，并且比现价低")
        special_cases, special_price = min(wish.cases, terms.cases_max), terms.price_fen
    return PricedLine(
        number,
        product.id,
        product.code,
        product.name,
        product.category,
        product.units_per_case,
        wish.cases,
        price,
        special_cases,
        special_price,
        wish.entitlement_id,
        (wish.cases - special_cases) * price + special_cases * (special_price or 0),
        product.deposit_fen * wish.cases,
    )


class Payer(msgspec.Struct, frozen=True):
    """What of an outlet says how it may pay, and how much it has to order."""

    minimum_order_fen: int | None
    """Its own least order, which takes the place of the house's."""
    tags: tuple[str, ...] = ()


def stands_against(
    order: Priced, payment: Payment, payer: Payer, terms: OrderTerms, joined_fen: int | None = None
) -> Refusal | None:
    """Tell why an order cannot be placed as it is; None when it can. Deposits and coupons do not count.

    ``joined_fen`` are the goods of what the outlet has on the same truck already: what joins them has no minimum, and
    neither have cases that were all won at a special price. The maximum is of the truck's goods together.
    """
    if payment == "account" and ACCOUNT_TAG not in payer.tags:
        return PaymentNotAllowed(field="payment")
    least, most = terms.span(payment)
    if payer.minimum_order_fen is not None:
        least = payer.minimum_order_fen
    is_won = all(line.special_cases == line.cases for line in order.lines)
    if joined_fen is None and not is_won and order.goods_fen < least:
        return OrderMinimum(minimum_fen=least, missing_fen=least - order.goods_fen)
    if order.goods_fen + (joined_fen or 0) > most:
        return OrderMaximum(maximum_fen=most)
    return None
