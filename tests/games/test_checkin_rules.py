"""Streaks and what a day pays, as tables."""

from datetime import UTC, date, datetime

import pytest

from games.checkin import rules
from games.checkin.rules import BOOK, Ladder, Streak
from loyalty.clock import business_date
from loyalty.points.rules import ExpiryTerms, expires_on


@pytest.mark.parametrize(
    ("day", "points"),
    [(1, 5), (2, 5), (3, 10), (4, 5), (5, 10), (6, 5), (7, 25), (8, 5), (10, 10), (14, 25), (15, 5), (365, 5)],
)
def test_the_ladder_pays_base_and_extra_and_starts_again_on_day_eight(day: int, points: int) -> None:
    assert rules.points_of(BOOK.built_in, day) == points


def test_a_ladder_of_its_own_length_goes_round() -> None:
    ladder = Ladder(2, (0, 3))
    assert [rules.points_of(ladder, day) for day in range(1, 6)] == [2, 5, 2, 5, 2]


@pytest.mark.parametrize(
    ("last_on", "days", "on", "after", "now"),
    [
        (None, 0, date(2026, 11, 4), 1, 0),
        (date(2026, 11, 3), 4, date(2026, 11, 4), 5, 4),
        (date(2026, 11, 4), 5, date(2026, 11, 4), 1, 5),
        (date(2026, 11, 2), 4, date(2026, 11, 4), 1, 0),
        (date(2026, 2, 28), 9, date(2026, 3, 1), 10, 9),
        (date(2028, 2, 28), 9, date(2028, 2, 29), 10, 9),
        (date(2026, 12, 31), 364, date(2027, 1, 1), 365, 364),
        (date(2026, 11, 8), 3, date(2026, 11, 9), 4, 3),
        (date(2026, 11, 5), 3, date(2026, 11, 4), 1, 3),
    ],
    ids=[
        "never before",
        "yesterday",
        "today already",
        "a day missed",
        "over the end of a month",
        "into a leap day",
        "over the end of a year",
        "from Sunday to Monday",
        "a clock set back",
    ],
)
def test_streaks(last_on: date | None, days: int, on: date, after: int, now: int) -> None:
    streak = Streak(last_on, days)
    assert (rules.days_after(streak, on), rules.days_now(streak, on)) == (after, now)


@pytest.mark.parametrize(
    ("at", "on"),
    [
        (datetime(2026, 11, 3, 15, 59, 59, 999999, tzinfo=UTC), date(2026, 11, 3)),
        (datetime(2026, 11, 3, 16, 0, tzinfo=UTC), date(2026, 11, 4)),
        (datetime(2026, 11, 4, 0, 0, tzinfo=UTC), date(2026, 11, 4)),
        (datetime(2026, 12, 31, 16, 0, tzinfo=UTC), date(2027, 1, 1)),
    ],
)
def test_a_day_begins_at_midnight_in_shanghai(at: datetime, on: date) -> None:
    assert business_date(at) == on


def test_an_instant_without_a_zone_belongs_to_no_day() -> None:
    with pytest.raises(ValueError, match="time zone"):
        business_date(datetime(2026, 11, 4))  # noqa: DTZ001 - that is the point


@pytest.mark.parametrize(
    ("earned_on", "end"),
    [
        (date(2026, 11, 4), date(2027, 11, 30)),
        (date(2026, 12, 31), date(2027, 12, 31)),
        (date(2027, 2, 1), date(2028, 2, 29)),
        (date(2028, 2, 29), date(2029, 2, 28)),
        (date(2026, 1, 1), date(2027, 1, 31)),
    ],
)
def test_points_live_twelve_months_to_the_end_of_the_month(earned_on: date, end: date) -> None:
    assert expires_on(ExpiryTerms(), earned_on) == end
