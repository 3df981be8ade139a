"""Pure rules of check-in: streaks and what a day pays."""

from datetime import date, timedelta

import msgspec

ONE_DAY = timedelta(days=1)


class Ladder(msgspec.Struct, frozen=True):
    """What each day of a run pays. After the last day it starts again, while the streak counts on."""

    id: int | None
    """Its version; None for the built-in one."""
    base_points: int
    extra_points: tuple[int, ...]


BUILT_IN = Ladder(None, 5, (0, 0, 5, 0, 5, 0, 20))
"""Used while nobody has configured another, so that an empty table is no fault."""


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
