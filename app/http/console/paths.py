"""Reading what addresses and fields of forms carry as text."""

from datetime import date, datetime

from app.http.errors import PathUnknown
from loyalty.clock import SHANGHAI
from loyalty.errors import Invalid

YEARS = range(2000, 2200)
"""Further off, an instant is a slip of the keyboard, and calculating with it fails at the ends of the calendar."""
ID_DIGITS_MAX = 18
"""A bigint."""


class DayInvalid(Invalid):
    """A day that is not in the calendar."""

    code = "day_invalid"
    title = "日期不对"
    sentence = "请选 2000 到 2199 年之间的日期，比如 2026-12-31。"


def int_id(text: str) -> int:
    """Read an id. Raises PathUnknown for what is none: nothing is there."""
    if not (text.isascii() and text.isdigit() and len(text) <= ID_DIGITS_MAX):
        raise PathUnknown
    return int(text)


class ChoiceInvalid(Invalid):
    """A field of choices brings what is not among them."""

    code = "choice_invalid"
    title = "请重新选择"
    sentence = "请从列出的里面选一项。"


def chosen_id(text: str, field: str) -> int:
    """Read the id that a field of choices brings. Raises ChoiceInvalid, which is said at the field."""
    if not (text.isascii() and text.isdigit() and len(text) <= ID_DIGITS_MAX):
        raise ChoiceInvalid(field=field)
    return int(text)


def local_instant(text: str, field: str) -> datetime | None:
    """Read what a field of date and time holds, Shanghai's clock; None for an empty one. Raises DayInvalid."""
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)
    except ValueError:
        raise DayInvalid(field=field) from None
    if at.year not in YEARS:
        raise DayInvalid(field=field)
    return at


def day_start(text: str) -> datetime:
    """Give the first instant of a business date that a date field names. Raises DayInvalid."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise DayInvalid(field="until_on") from None
    if day.year not in YEARS:
        raise DayInvalid(field="until_on")
    return datetime(day.year, day.month, day.day, tzinfo=SHANGHAI)
