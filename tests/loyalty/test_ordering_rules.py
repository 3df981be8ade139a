"""Ordering's pure rules: delivery days, what an order costs to the fen, and what stands against it."""

from datetime import date, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.catalogue.rules import Item, Product
from loyalty.clock import SHANGHAI
from loyalty.errors import Refusal
from loyalty.ordering.rules import (
    CASES_MAX,
    ORDER_TERMS,
    OrderTerms,
    Payer,
    Priced,
    Terms,
    Wish,
    delivery_dates,
    priced,
    stands_against,
)
from loyalty.rewards.types.coupon import CouponTerms
from loyalty.rewards.types.gift import GiftTerms
from loyalty.rewards.types.price import PriceTerms

WEDNESDAY = date(2026, 11, 4)
TERMS = OrderTerms()


def item(product_id: int, price_fen: int = 4_800, deal_fen: int | None = None, **changes: Any) -> Item:
    """Give a product that costs so much."""
    sound = Product(product_id, f"S{product_id}", "汽水", "qs", None, None, None, "汽水", 24, None, 0, 1)
    product = msgspec.structs.replace(sound, **changes)
    return Item(product, product_id, must_have=False, regular_price_fen=price_fen, deal_price_fen=deal_fen)


ITEMS = {1: item(1), 2: item(2, 3_000, 2_500), 3: item(3, 1_500, deposit_fen=3_000, multiple_cases=5)}


def at(hour: int, minute: int = 0, day: int = 4) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=SHANGHAI)


def told(answer: Priced | Refusal) -> tuple[Any, ...]:
    """Give an order's sums, or its refusal by code and data."""
    if isinstance(answer, Refusal):
        return answer.code, answer.data
    return answer.goods_fen, answer.discount_fen, answer.deposit_fen, answer.total_fen


@pytest.mark.parametrize(
    ("now", "weekdays", "days"),
    [
        (at(9), None, [5, 6, 7, 8, 9]),
        (at(15, 59), None, [5, 6, 7, 8, 9]),
        (at(16), None, [6, 7, 8, 9, 10]),
        (at(23, 59), None, [6, 7, 8, 9, 10]),
        (at(0, day=5), None, [6, 7, 8, 9, 10]),
        (at(9), {4}, [5, 12]),
        (at(16), {4}, [12, 19]),
        (at(9), {2, 5}, [6, 10, 13, 17]),
        (at(9), set(), []),
    ],
)
def test_days_of_delivery(now: datetime, weekdays: set[int] | None, days: list[int]) -> None:
    assert delivery_dates(now, TERMS, weekdays) == [date(2026, 11, day) for day in days]


def test_a_cut_off_at_midnight_is_never_late() -> None:
    terms = OrderTerms(cut_off_hour=24, days_ahead=1)
    assert delivery_dates(at(23, 59), terms, None) == [date(2026, 11, 5)]


@pytest.mark.parametrize(
    ("wishes", "others", "held", "sums"),
    [
        ([Wish(1, 2)], [], {}, (9_600, 0, 0, 9_600)),
        ([Wish(1, 1), Wish(2, 3), Wish(3, 5)], [], {}, (19_800, 0, 15_000, 34_800)),
        ([Wish(1, 3, 9)], [], {9: PriceTerms("S1", "汽水", 4_000, 2)}, (12_800, 0, 0, 12_800)),
        ([Wish(1, 1, 9)], [], {9: PriceTerms("S1", "汽水", 4_000, 2)}, (4_000, 0, 0, 4_000)),
        ([Wish(1, 3)], [8], {8: CouponTerms(1_000, 14_400)}, (14_400, 1_000, 0, 13_400)),
        ([Wish(2, 1)], [8], {8: CouponTerms(9_000)}, (2_500, 2_500, 0, 0)),
        ([Wish(3, 5)], [8], {8: CouponTerms(9_000)}, (7_500, 7_500, 15_000, 15_000)),
        ([Wish(1, 1)], [7, 6], {7: GiftTerms("U", "伞"), 6: GiftTerms("M", "杯")}, (4_800, 0, 0, 4_800)),
    ],
)
def test_what_an_order_costs(
    wishes: list[Wish], others: list[int], held: dict[int, Terms], sums: tuple[int, ...]
) -> None:
    answer = priced(wishes, ITEMS, others, held)
    assert told(answer) == sums
    assert isinstance(answer, Priced)
    assert [line.line_number for line in answer.lines] == list(range(1, len(wishes) + 1))


@pytest.mark.parametrize(
    ("wishes", "others", "held", "refusal"),
    [
        ([Wish(1, 0)], [], {}, ("cases_invalid", {"field": "lines[0].cases", "multiple_cases": 1})),
        ([Wish(1, CASES_MAX + 1)], [], {}, ("cases_invalid", {"field": "lines[0].cases", "multiple_cases": 1})),
        ([Wish(1, 1), Wish(3, 6)], [], {}, ("cases_invalid", {"field": "lines[1].cases", "multiple_cases": 5})),
        ([Wish(1, 1, 9)], [], {}, ("entitlement_unfit", {"field": "lines[0].entitlement_id"})),
        ([Wish(1, 1, 9)], [], {9: CouponTerms(1)}, ("entitlement_unfit", {"field": "lines[0].entitlement_id"})),
        (
            [Wish(1, 1, 9)], [], {9: PriceTerms("S2", "别的", 1)},
            ("entitlement_unfit", {"field": "lines[0].entitlement_id"}),
        ),
        (
            [Wish(2, 1, 9)], [], {9: PriceTerms("S2", "不便宜", 2_500)},
            ("entitlement_unfit", {"field": "lines[0].entitlement_id"}),
        ),
        ([Wish(1, 1)], [9], {9: PriceTerms("S1", "汽水", 1)}, ("entitlement_unfit", {"field": "entitlement_ids"})),
        ([Wish(1, 1)], [9], {}, ("entitlement_unfit", {"field": "entitlement_ids"})),
        (
            [Wish(1, 1)], [8, 9], {8: CouponTerms(1), 9: CouponTerms(2)},
            ("entitlement_unfit", {"field": "entitlement_ids"}),
        ),
        (
            [Wish(1, 1)], [8], {8: CouponTerms(1_000, 5_000)},
            ("coupon_minimum", {"field": "entitlement_ids", "minimum_fen": 5_000, "missing_fen": 200}),
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_priced(
    wishes: list[Wish], others: list[int], held: dict[int, Terms], refusal: tuple[str, dict[str, object]]
) -> None:
    code, data = told(priced(wishes, ITEMS, others, held))
    assert (code, data | refusal[1]) == (refusal[0], data)


@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(1, 200)), min_size=1, max_size=3, unique_by=lambda one: one[0]),
    st.integers(1, 10_000_000),
    st.integers(1, 50),
)
def test_an_order_never_costs_less_than_its_deposits(
    chosen: list[tuple[int, int]], off_fen: int, cases_max: int
) -> None:
    held: dict[int, Terms] = {8: CouponTerms(off_fen), 9: PriceTerms("S1", "汽水", 4_799, cases_max)}
    wishes = [Wish(one, cases * 5, 9 if one == 1 else None) for one, cases in chosen]
    order = priced(wishes, ITEMS, [8], held)
    assert isinstance(order, Priced)
    assert order.total_fen == order.goods_fen - order.discount_fen + order.deposit_fen
    assert order.deposit_fen <= order.total_fen <= order.goods_fen + order.deposit_fen
    plain = priced([msgspec.structs.replace(one, entitlement_id=None) for one in wishes], ITEMS, [], {})
    assert isinstance(plain, Priced)
    saved = min(dict(chosen).get(1, 0) * 5, cases_max)
    assert plain.goods_fen - order.goods_fen == saved


@pytest.mark.parametrize(
    ("goods_fen", "payment", "payer", "refusal"),
    [
        (9_999, "cash", Payer(None), ("order_minimum", {"minimum_fen": 10_000, "missing_fen": 1})),
        (10_000, "cash", Payer(None), None),
        (4_999, "cash", Payer(5_000), ("order_minimum", {"minimum_fen": 5_000, "missing_fen": 1})),
        (1, "cash", Payer(0), None),
        (2_000_000, "cash", Payer(None), None),
        (2_000_001, "cash", Payer(None), ("order_maximum", {"maximum_fen": 2_000_000})),
        (2_000_001, "account", Payer(None, ("账期", "近学校")), None),
        (5_000_001, "account", Payer(None, ("账期",)), ("order_maximum", {"maximum_fen": 5_000_000})),
        (20_000, "account", Payer(None, ("近学校",)), ("payment_not_allowed", {"field": "payment"})),
    ],
)
def test_what_stands_against_an_order(
    goods_fen: int, payment: Any, payer: Payer, refusal: tuple[str, dict[str, object]] | None
) -> None:
    order = priced([Wish(1, 1)], {1: item(1, goods_fen, deposit_fen=99)}, [], {})
    assert isinstance(order, Priced)
    found = stands_against(order, payment, payer, TERMS)
    assert (None if found is None else (found.code, found.data)) == refusal


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        (OrderTerms(), None),
        (OrderTerms(cash_minimum_fen=20_000_01), "cash_maximum_fen"),
        (OrderTerms(account_maximum_fen=1), "account_maximum_fen"),
    ],
)
def test_the_most_is_no_less_than_the_least(terms: OrderTerms, field: str | None) -> None:
    fault = ORDER_TERMS.fault(terms)
    assert (None if fault is None else fault[0]) == field
    assert all(example.result for example in ORDER_TERMS.examples(terms))
