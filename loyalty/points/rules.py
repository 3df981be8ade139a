"""Pure rules of the points module."""

import calendar
from datetime import date
from functools import lru_cache

LIFE_MONTHS = 12


@lru_cache(maxsize=64)
def expires_on(earned_on: date) -> date:
    """Give the last day of points earned on a day: the end of the month that is LIFE_MONTHS later.

    Whole months make few lots and a date that people can remember.
    """
    months = earned_on.year * 12 + earned_on.month - 1 + LIFE_MONTHS
    year, month = divmod(months, 12)
    return date(year, month + 1, calendar.monthrange(year, month + 1)[1])
