"""What an outlet holds, in memory, and the rules by which points move in it: pure, and the same for every verb.

Whoever changes points locks the account, reads it into a Holding, moves it, and stores the movements. A day is given as
``on``: lots whose last day is before it count as gone, whether or not the nightly sweep has been there, so that no
answer depends on when it runs.
"""

from collections.abc import Sequence
from datetime import date

import msgspec

Lots = tuple[tuple[date, int], ...]


class Movement(msgspec.Struct, frozen=True, gc=False):
    """How one entry moves an account: its signed points, what is owed and pending by it, and lots, soonest first.

    ``points + owed_change`` is the sum of ``lots``.
    """

    points: int
    owed_change: int = 0
    pending_change: int = 0
    lots: Lots = ()


class Holding:
    """An account with its lots."""

    __slots__ = ("lots", "owed", "pending")

    def __init__(self, owed: int = 0, pending: int = 0, lots: Sequence[tuple[date, int]] = ()) -> None:
        self.owed = owed
        self.pending = pending
        self.lots = dict(lots)

    def spendable(self, on: date) -> int:
        """Tell how many points can be spent on a day."""
        return sum(points for day, points in self.lots.items() if day >= on)

    def give(self, points: int, expires_on: date, pending_change: int = 0) -> Movement:
        """Give points: repay what is owed, fill one lot with the rest."""
        return self.fill(((expires_on, points),), pending_change)

    def fill(self, wanted: Sequence[tuple[date, int]], pending_change: int = 0) -> Movement:
        """Give points to several lots: what is owed is repaid out of those that end soonest."""
        points = sum(one for _, one in wanted)
        left = repaid = min(points, self.owed)
        filled: dict[date, int] = {}
        for day, one in sorted(wanted):
            kept = max(one - left, 0)
            left -= one - kept
            if kept:
                filled[day] = filled.get(day, 0) + kept
        self.owed -= repaid
        self.pending += pending_change
        self._move(filled)
        return Movement(points, -repaid, pending_change, tuple(sorted(filled.items())))

    def promise(self, points: int) -> Movement:
        """Note points that are to come."""
        self.pending += points
        return Movement(0, 0, points)

    def take(self, points: int, on: date) -> Movement | None:
        """Take points from lots that are not gone, soonest first; None when there are not as many."""
        taken = self._soonest(points, on)
        if sum(taken.values()) < points:
            return None
        self._move({day: -one for day, one in taken.items()})
        return Movement(-points, 0, 0, tuple((day, -one) for day, one in sorted(taken.items())))

    def take_back(self, points: int, pending: int, filled: date | None, on: date) -> Movement:
        """Take back points that were given for something.

        First ``pending`` of them that are still to come, then from the lot that they filled, then from the others
        soonest first; what is missing is owed from now on.
        """
        from_pending = min(points, pending)
        rest = points - from_pending
        own = {} if filled is None or filled < on else {filled: min(rest, self.lots.get(filled, 0))}
        self._move({day: -one for day, one in own.items()})
        others = self._soonest(rest - sum(own.values()), on)
        self._move({day: -one for day, one in others.items()})
        taken = {day: own.get(day, 0) + others.get(day, 0) for day in {*own, *others}}
        owed = rest - sum(taken.values())
        self.pending -= from_pending
        self.owed += owed
        return Movement(-rest, owed, -from_pending, tuple((day, -one) for day, one in sorted(taken.items()) if one))

    def _soonest(self, points: int, on: date) -> dict[date, int]:
        taken: dict[date, int] = {}
        for day in sorted(self.lots):
            if points and day >= on and self.lots[day]:
                taken[day] = min(points, self.lots[day])
                points -= taken[day]
        return taken

    def _move(self, changes: dict[date, int]) -> None:
        for day, one in changes.items():
            self.lots[day] = self.lots.get(day, 0) + one


def lots_of(
    moved: int, expires_on: date | None, lot_dates: Sequence[date] | None, lot_points: Sequence[int] | None
) -> Lots:
    """Tell which lots an entry moved that moved the balance by ``moved``, signed, as it keeps them: one or several."""
    if lot_dates is not None and lot_points is not None:
        return tuple(zip(lot_dates, lot_points, strict=True))
    return () if expires_on is None or not moved else ((expires_on, moved),)


def unspent(lots: Lots, already: int, points: int) -> Lots:
    """Tell to which lots the next ``points`` of a refund go back, of a spending that took ``lots`` (signed, negative).

    The lot that ends last is refilled first, which is best for the member; ``already`` were given back before.
    """
    back: list[tuple[date, int]] = []
    for day, taken in sorted(lots, reverse=True):
        skipped = min(already, -taken)
        already -= skipped
        one = min(-taken - skipped, points)
        points -= one
        if one:
            back.append((day, one))
    return tuple(reversed(back))
