"""What an outlet's points stand in, in plain integers, and how they are given, taken and entered."""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field
from datetime import date
from typing import Self

from loyalty.points.rules import DayCap, ExpiryTerms
from tests.loyalty.ledger_facts import Base, Campaign, Entry, Key, Lots


@dataclass(slots=True)
class Books:
    """All outlets' points. Each verb takes what the real one takes, and answers what that must answer."""

    lots: dict[tuple[int, date], int] = field(default_factory=dict)
    owed: dict[int, int] = field(default_factory=dict)
    pending: dict[int, int] = field(default_factory=dict)
    entries: dict[Key, Entry] = field(default_factory=dict)
    swept: dict[tuple[int, date], int] = field(default_factory=dict)
    """Outlet and lot → what expiry has taken of it in all."""
    bases: dict[Key, Base] = field(default_factory=dict)
    earned: dict[tuple[int, str, date], int] = field(default_factory=dict)
    campaigns: dict[int, Campaign] = field(default_factory=dict)
    terms: list[tuple[date, int | None, ExpiryTerms]] = field(default_factory=lambda: [(date.min, None, ExpiryTerms())])
    day_caps: list[tuple[date, DayCap]] = field(default_factory=lambda: [(date.min, DayCap())])

    def copy(self) -> Self:
        """Give a model that goes its own way from here."""
        other = copy(self)
        for name in ("lots", "owed", "pending", "entries", "swept", "earned"):
            setattr(other, name, getattr(self, name).copy())
        other.bases = {key: copy(base) for key, base in self.bases.items()}
        other.campaigns = {key: copy(campaign) for key, campaign in self.campaigns.items()}
        return other

    def balance(self, outlet: int) -> int:
        """Tell the sum of an outlet's lots, those too that have ended and were not swept."""
        return sum(points for (owner, _), points in self.lots.items() if owner == outlet)

    def spendable(self, outlet: int, on: date) -> int:
        """Tell what an outlet can spend on a day."""
        return sum(points for (owner, day), points in self.lots.items() if owner == outlet and day >= on)

    def _give(self, outlet: int, wanted: Sequence[tuple[date, int]]) -> tuple[int, Lots]:
        """Repay what is owed out of what ends soonest, keep the rest; tell the change of what is owed, and the lots."""
        change, lots = 0, []
        for day, points in sorted(wanted):
            repaid = min(points, self.owed.get(outlet, 0))
            if repaid:
                self.owed[outlet] -= repaid
                change -= repaid
            if points > repaid:
                self.lots[outlet, day] = self.lots.get((outlet, day), 0) + points - repaid
                lots.append((day, points - repaid))
        return change, tuple(lots)

    def _take(self, outlet: int, points: int, on: date) -> Lots:
        """Take points that are there, soonest first; tell the lots, negative."""
        lots = []
        for owner, day in sorted(self.lots):
            part = min(points, self.lots[owner, day]) if owner == outlet and day >= on else 0
            if part:
                self.lots[owner, day] -= part
                points -= part
                lots.append((day, -part))
        return tuple(lots)

    def _enter(self, entry: Entry, filled: date | None = None) -> Entry:
        key = (entry.kind, entry.source)
        self.entries[key] = entry
        if entry.kind in {"accrual", "pending", "redemption"}:
            self.bases[key] = Base(entry, entry.pending, filled=filled)
        return entry
