"""Reading what addresses and fields of forms carry as text."""

from datetime import date, datetime

from app.http.errors import PathUnknown
from loyalty.clock import SHANGHAI
from loyalty.errors import Invalid

ID_DIGITS_MAX = 18
"""A bigint."""


class DayInvalid(Invalid):
    """A day that is not in the calendar."""

    code = "day_invalid"
    title = "日期不对"
    sentence = "请选一个日期，比如 2026-12-31。"


def int_id(text: str) -> int:
    """Read an id. Raises PathUnknown for what is none: nothing is there."""
    if not (text.isascii() and text.isdigit() and len(text) <= ID_DIGITS_MAX):
        raise PathUnknown
    return int(text)


def local_instant(text: str, field: str) -> datetime | None:
    """Read what a field of date and time holds, Shanghai's clock; None for an empty one. Raises DayInvalid."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI) if text else None
    except ValueError:
        raise DayInvalid(field=field) from None


def day_start(text: str) -> datetime:
    """Give the first instant of a business date that a date field names. Raises DayInvalid."""
    try:
        day = date.fromisoformat(text)
        return datetime(day.year, day.month, day.day, tzinfo=SHANGHAI)
    except ValueError:
        raise DayInvalid(field="until_on") from None
