"""The catalogue's pure rules: periods of prices against a calendar, and what a search finds."""

import itertools
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.catalogue.rules import Item, Period, Product, Search, found, with_price

FIRST = date(2026, 1, 1)
DAYS = 12
WATER = Product(
    7, "SP500", "气泡水 青柠味", "qpsqnw", "清泉", "青柠", "500ml×24", "气泡水", 24, "6901234567892", 0, 1
)  # fmt: skip
OFFERED = Item(WATER, 1, must_have=False, regular_price_fen=500, deal_price_fen=None)


def day(n: int) -> date:
    return FIRST + timedelta(days=n)


def period(first: int, last: int | None, price: int) -> Period:
    return Period(day(first), None if last is None else day(last), price)


@pytest.mark.parametrize(
    ("before", "one", "after"),
    [
        ([], period(2, None, 5), [period(2, None, 5)]),
        ([period(0, None, 5)], period(4, None, 6), [period(0, 4, 5), period(4, None, 6)]),
        ([period(0, None, 5)], period(4, 6, 6), [period(0, 4, 5), period(4, 6, 6), period(6, None, 5)]),
        ([period(0, 4, 5), period(4, 8, 6)], period(2, 6, 7), [period(0, 2, 5), period(2, 6, 7), period(6, 8, 6)]),
        ([period(2, 4, 5), period(5, 6, 6)], period(0, 9, 7), [period(0, 9, 7)]),
        ([period(0, 4, 5)], period(4, None, 5), [period(0, None, 5)]),
        ([period(0, None, 5)], period(3, 4, 5), [period(0, None, 5)]),
        ([period(3, 4, 5)], period(0, 3, 5), [period(0, 4, 5)]),
    ],
)  # fmt: skip
def test_a_price_takes_the_place_of_what_stood_in_its_span(
    before: list[Period], one: Period, after: list[Period]
) -> None:
    assert with_price(before, one, one.from_on, one.until_on) == after


def test_a_price_is_ended() -> None:
    assert with_price([period(0, None, 5)], None, day(4), None) == [period(0, 4, 5)]
    assert with_price([period(0, None, 5)], None, day(4), day(6)) == [period(0, 4, 5), period(6, None, 5)]
    assert with_price([period(4, 6, 5)], None, day(0), None) == []


SPANS = st.tuples(
    st.integers(0, DAYS - 1), st.one_of(st.none(), st.integers(1, DAYS)), st.one_of(st.none(), st.integers(1, 3))
).filter(lambda one: one[1] is None or one[1] > one[0])


@given(st.lists(SPANS, max_size=12))
def test_each_day_has_the_price_that_was_said_last(said: list[tuple[int, int | None, int | None]]) -> None:
    periods: list[Period] = []
    calendar: list[int | None] = [None] * (DAYS + 3)
    for first, last, price in said:
        one = None if price is None else period(first, last, price)
        periods = with_price(periods, one, day(first), None if last is None else day(last))
        for n in range(first, len(calendar) if last is None else last):
            calendar[n] = price
    for n, price in enumerate(calendar):
        held = [p for p in periods if p.from_on <= day(n) and (p.until_on is None or p.until_on > day(n))]
        assert [p.price_fen for p in held] == ([] if price is None else [price])
    assert all(a.until_on is not None and a.until_on <= b.from_on for a, b in itertools.pairwise(periods))
    assert all(a.until_on != b.from_on or a.price_fen != b.price_fen for a, b in itertools.pairwise(periods))


@pytest.mark.parametrize(
    ("regular", "deal", "price", "on_deal"),
    [
        (500, None, 500, False),
        (500, 450, 450, True),
        (500, 500, 500, False),
        (500, 600, 500, False),
        (None, 450, 450, True),
    ],
)
def test_the_lower_price_holds(regular: int | None, deal: int | None, price: int, on_deal: bool) -> None:
    item = Item(WATER, 1, must_have=False, regular_price_fen=regular, deal_price_fen=deal)
    assert (item.price_fen, item.on_deal) == (price, on_deal)
    assert found(item, Search(on_deal=True)) == on_deal


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ("", True),
        ("  ", True),
        ("青柠", True),
        ("气泡水青柠", True),
        ("气 泡 水", True),
        ("qps", True),
        ("QPSQN", True),
        ("sqn", True),
        ("sp5", True),
        ("清泉", True),
        ("6901234567892", True),
        ("690123456789", False),
        ("500", False),
        ("可乐", False),
        ("kl", False),
    ],
)
def test_a_search_finds_by_name_initials_code_and_whole_barcode(text: str, is_found: bool) -> None:
    assert found(OFFERED, Search(text)) == is_found


@pytest.mark.parametrize(
    ("search", "is_found"),
    [
        (Search(category="气泡水"), True),
        (Search(category="果汁"), False),
        (Search(brand="清泉"), True),
        (Search(brand="别家"), False),
        (Search(must_have=True), False),
        (Search("青柠", category="果汁"), False),
    ],
)
def test_a_search_narrows(search: Search, is_found: bool) -> None:
    assert found(OFFERED, search) == is_found
