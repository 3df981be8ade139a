"""Until when points live: tables of the pure rules, and what holds for every rule and day."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.points.rules import EXPIRY, ExpiryTerms, expires_on, months_after, refund_on
from loyalty.rulebooks import rulebooks
from loyalty.rulebooks.errors import RuleInvalid
from tests.loyalty.ledger_facts import last_day
from tests.loyalty.ledger_items import ACTOR, AT

D = date.fromisoformat


@pytest.mark.parametrize(
    ("day", "months", "after"),
    [
        ("2026-01-15", 0, "2026-01-15"), ("2026-01-31", 1, "2026-02-28"), ("2028-01-31", 1, "2028-02-29"),
        ("2026-12-31", 2, "2027-02-28"), ("2026-11-30", 13, "2027-12-30"), ("2028-02-29", 12, "2029-02-28"),
        ("2026-03-31", 60, "2031-03-31"),
    ],
)  # fmt: skip
def test_months_are_counted_to_the_same_day_or_the_last(day: str, months: int, after: str) -> None:
    assert months_after(D(day), months) == D(after)


ROLLING = [
    (12, "month", "2026-11-04", "2027-11-30"),
    (12, "month", "2026-11-30", "2027-11-30"),
    (12, "month", "2026-12-01", "2027-12-31"),
    (1, "month", "2026-01-31", "2026-02-28"),
    (1, "month", "2028-01-01", "2028-02-29"),
    (12, "month", "2027-02-28", "2028-02-29"),
    (3, "quarter", "2026-01-01", "2026-06-30"),
    (3, "quarter", "2026-12-31", "2027-03-31"),
    (0, "quarter", "2026-09-30", "2026-09-30"),
    (0, "quarter", "2026-10-01", "2026-12-31"),
    (12, "year", "2026-01-01", "2027-12-31"),
    (12, "year", "2026-12-31", "2027-12-31"),
    (0, "year", "2026-12-31", "2026-12-31"),
    (0, "year", "2027-01-01", "2027-12-31"),
]


@pytest.mark.parametrize(("months", "period", "earned", "last"), ROLLING)
def test_rolling_months_end_with_the_period(months: int, period: str, earned: str, last: str) -> None:
    terms = ExpiryTerms("rolling", months, period)  # type: ignore[arg-type]
    assert expires_on(terms, D(earned)) == D(last)


FIXED = [
    (("06-30", "12-31"), 0, "2026-06-30", "2026-06-30"),
    (("06-30", "12-31"), 0, "2026-07-01", "2026-12-31"),
    (("12-31", "06-30"), 6, "2026-06-30", "2026-12-31"),
    (("06-30", "12-31"), 6, "2026-07-01", "2027-06-30"),
    (("06-30",), 12, "2026-07-01", "2028-06-30"),
    (("02-29",), 0, "2026-03-01", "2027-02-28"),
    (("02-29",), 0, "2027-03-01", "2028-02-29"),
    (("02-29",), 0, "2028-02-28", "2028-02-29"),
    (("01-01",), 0, "2026-12-31", "2027-01-01"),
    (("01-31",), 1, "2026-12-31", "2027-01-31"),
]


@pytest.mark.parametrize(("dates", "months", "earned", "last"), FIXED)
def test_fixed_days_leave_at_least_so_many_months(dates: tuple[str, ...], months: int, earned: str, last: str) -> None:
    assert expires_on(ExpiryTerms("fixed", months, dates=dates), D(earned)) == D(last)


TERMS = st.one_of(
    st.builds(ExpiryTerms, st.just("rolling"), st.integers(0, 60), st.sampled_from(["month", "quarter", "year"])),
    st.builds(
        ExpiryTerms,
        st.just("fixed"),
        st.integers(0, 60),
        dates=st.lists(st.sampled_from(["01-01", "02-28", "02-29", "06-30", "11-11", "12-31"]), min_size=1, max_size=3)
        .map(tuple),
    ),
)  # fmt: skip
DAYS = st.dates(date(2020, 1, 1), date(2060, 12, 31))


@given(TERMS, DAYS, st.integers(0, 800))
def test_points_live_as_long_as_promised_and_later_ones_never_end_sooner(
    terms: ExpiryTerms, earned_on: date, days: int
) -> None:
    last = expires_on(terms, earned_on)
    assert last >= months_after(earned_on, terms.months) >= earned_on
    assert expires_on(terms, earned_on + timedelta(days=days)) >= last
    # At most a period more than promised: whole periods, not years that nobody meant.
    assert last - months_after(earned_on, terms.months) <= timedelta(days=366)


@given(TERMS, DAYS)
def test_going_through_the_calendar_day_by_day_ends_on_the_same_day(terms: ExpiryTerms, earned_on: date) -> None:
    assert expires_on(terms, earned_on) == last_day(terms, earned_on)


@pytest.mark.parametrize(
    ("lot", "on", "grace", "last"),
    [
        ("2026-06-30", "2026-06-30", 30, "2026-06-30"), ("2026-06-30", "2026-07-01", 30, "2026-07-31"),
        ("2026-06-30", "2026-07-01", 0, "2026-07-01"), ("2026-06-30", "2026-01-01", 0, "2026-06-30"),
        ("2026-06-30", "2028-02-28", 1, "2028-02-29"),
    ],
)  # fmt: skip
def test_what_comes_back_keeps_its_day_or_lives_for_the_days_of_grace(lot: str, on: str, grace: int, last: str) -> None:
    assert refund_on(D(lot), D(on), grace) == D(last)


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        (ExpiryTerms("fixed"), "dates"),
        (ExpiryTerms("fixed", dates=("02-30",)), "dates"),
        (ExpiryTerms("fixed", dates=("13-01",)), "dates"),
        (ExpiryTerms("fixed", dates=("00-10",)), "dates"),
        (ExpiryTerms("rolling", 0, "month"), "months"),
    ],
)
async def test_terms_that_make_no_sense_are_not_planned(db: str, terms: ExpiryTerms, field: str) -> None:
    with pytest.raises(RuleInvalid) as refused:
        await rulebooks.plan(EXPIRY, terms, D("2027-01-01"), ACTOR, "测试", AT)
    assert refused.value.data["field"] == field


def test_examples_are_worked_by_the_rule_itself() -> None:
    told = [(one.case, one.result) for one in EXPIRY.examples(ExpiryTerms())]
    assert told[1] == ("2026-01-31 得到的积分", "可用到 2027-01-31")
    assert told[-1] == ("退回时原来的积分已经过期", "再给 30 天")
