"""What the model of the ledger is made of: entries, campaigns, and until when points live."""

import calendar
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache

from loyalty.points.rules import ExpiryTerms

Source = tuple[str, str]
Key = tuple[str, Source]
"""An entry's kind and document: no two entries have both in common."""
Lots = tuple[tuple[date, int], ...]
WARNED_TENTHS = 8


@lru_cache(maxsize=4_096)
def last_day(terms: ExpiryTerms, earned_on: date) -> date:
    """Tell until when points live, by going through the calendar day by day."""
    months = earned_on.year * 12 + earned_on.month - 1 + terms.months
    year, month = months // 12, months % 12 + 1
    day = date(year, month, 1) + timedelta(days=min(earned_on.day, calendar.monthrange(year, month)[1]) - 1)
    while not _ends(terms, day):
        day += timedelta(days=1)
    return day


def _ends(terms: ExpiryTerms, day: date) -> bool:
    """Tell whether lots end with a day."""
    tomorrow = day + timedelta(days=1)
    if terms.kind == "fixed":
        leapless = (day.month, day.day, tomorrow.day) == (2, 28, 1)
        return f"{day:%m-%d}" in terms.dates or (leapless and "02-29" in terms.dates)
    return tomorrow.day == 1 and day.month % {"month": 1, "quarter": 3, "year": 12}[terms.period] == 0


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as far as the model knows it."""

    outlet: int
    kind: str
    source: Source
    points: int
    owed: int = 0
    pending: int = 0
    lots: Lots = ()
    of: Key | None = None
    campaign: int | None = None
    terms: int | None = None


@dataclass(slots=True)
class Campaign:
    """A campaign: its time, its limits, what it has given."""

    from_at: datetime
    until_at: datetime
    budget: int | None
    outlet_max: int | None
    outlet_day_max: int | None
    spent: int = 0
    stopped: bool = False
    warned: bool = False

    def spends(self, points: int, at: datetime) -> bool:
        """Spend points of the budget, or say no; points that do not fit stop the campaign."""
        if self.stopped or not self.from_at <= at < self.until_at:
            return False
        if self.budget is not None:
            self.stopped = self.spent + points > self.budget
            if self.stopped:
                return False
            self.warned = self.warned or (self.spent + points) * 10 >= self.budget * WARNED_TENTHS
        self.spent += points
        return True


@dataclass(slots=True)
class Base:
    """How far an entry is settled."""

    entry: Entry
    pending: int
    gone_back: int = 0
    filled: date | None = None
    released: bool = False
