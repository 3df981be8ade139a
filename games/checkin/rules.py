"""Pure rules of check-in: streaks and what a day pays."""

from datetime import date, timedelta
from typing import Annotated

import msgspec
from msgspec import Meta

from loyalty.rulebooks.books import Example, RuleBook

ONE_DAY = timedelta(days=1)
EXAMPLE_DAYS = 7


class Ladder(msgspec.Struct, frozen=True):
    """What each day of a run pays. After the last day it starts again, while the streak counts on."""

    base_points: Annotated[int, Meta(ge=1, le=1_000)]
    extra_points: Annotated[tuple[Annotated[int, Meta(ge=0, le=10_000)], ...], Meta(min_length=1, max_length=366)]


class Streak(msgspec.Struct, frozen=True):
    """An outlet's last check-in and how long its run was then."""

    last_on: date | None = None
    days: int = 0


def points_of(ladder: Ladder, streak_days: int) -> int:
    """Tell what the n-th day of a run pays: base plus the extra of its step."""
    return ladder.base_points + ladder.extra_points[(streak_days - 1) % len(ladder.extra_points)]


def days_after(streak: Streak, on: date) -> int:
    """Tell how long the run is after a check-in on ``on``: one longer after yesterday, else 1.

    A date before the last check-in, from a clock set back, is no longer run than 1 either.
    """
    return streak.days + 1 if streak.last_on is not None and streak.last_on + ONE_DAY == on else 1


def days_now(streak: Streak, on: date) -> int:
    """Tell how long the run is on ``on`` before any check-in of that day: 0 when a day was missed."""
    if streak.last_on is None or streak.last_on < on - ONE_DAY:
        return 0
    return streak.days


def why(streak_days: int, points: int) -> str:
    """Say in one sentence why the points came."""
    return f"连续签到第 {streak_days} 天，得 {points} 分"


def examples(ladder: Ladder) -> list[Example]:
    """Work out the first days of a run, and what a week of it comes to."""
    days = [points_of(ladder, day) for day in range(1, EXAMPLE_DAYS + 1)]
    each = [Example(f"连续第 {day} 天", f"{points} 分") for day, points in enumerate(days, 1)]
    return [*each, Example("连签一周合计", f"{sum(days)} 分")]


BOOK: RuleBook[Ladder] = RuleBook(
    "checkin_ladder",
    "签到阶梯",
    "连续签到每天得多少分；走完一轮从头再来，连续天数继续累计。",
    Ladder,
    Ladder(5, (0, 0, 5, 0, 5, 0, 20)),
    examples,
    lambda _ladder: None,
    {"base_points": "每天基础分", "extra_points": "第 1、2、3… 天的加分"},
)
"""Its built-in body is used while nobody has planned another, so that an empty table is no fault."""
