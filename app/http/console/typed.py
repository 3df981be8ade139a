"""What forms bring as text, read into what verbs take, and written back; faults name the field."""

import re
from datetime import datetime
from decimal import Decimal

from app.http.console.paths import local_instant
from loyalty.clock import SHANGHAI
from loyalty.errors import Invalid

NUMBER_DIGITS_MAX = 11
VERSION_DIGITS_MAX = 9
YUAN = re.compile(r"[0-9]{1,8}(?:\.[0-9]{1,2})?", re.ASCII)
"""As people write it. What else Decimal reads, such as 1e999999, is no amount, and calculating with it overflows."""


class TypedInvalid(Invalid):
    """What was typed is not of the kind that its field takes."""

    code = "typed_invalid"
    title = "填得不对"
    sentence = "请改一下：{expected}。"


def number(text: str, field: str) -> int | None:
    """Read a whole number that is not negative; None for an empty field. Raises TypedInvalid."""
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= NUMBER_DIGITS_MAX):
        raise TypedInvalid(field=field, expected="请填 0 或正整数")
    return int(text)


def fen(text: str, field: str) -> int:
    """Read an amount of yuan with at most two places as fen. Raises TypedInvalid."""
    if YUAN.fullmatch(text) is None:
        raise TypedInvalid(field=field, expected="请填金额，比如 12 或 12.50")
    return int(Decimal(text) * 100)


def instant(text: str, field: str) -> datetime:
    """Read an instant of Shanghai's clock that has to be there. Raises TypedInvalid, DayInvalid."""
    at = local_instant(text, field)
    if at is None:
        raise TypedInvalid(field=field, expected="请选日期和时间")
    return at


def listed(text: str) -> tuple[str, ...]:
    """Read words separated by commas, each once."""
    parts = (part.strip() for part in text.replace("，", ",").replace("、", ",").split(","))
    return tuple(dict.fromkeys(part for part in parts if part))


def version(text: str) -> int:
    """Read the version of a row that a form was filled from; -1, which no row has, for what is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= VERSION_DIGITS_MAX else -1


def percent(bps: int) -> str:
    """Write a share in percent: 12.5."""
    return f"{Decimal(bps) / 100:f}".rstrip("0").rstrip(".") if bps % 100 else str(bps // 100)


def local(at: datetime | None) -> str:
    """Write an instant as a field of date and time holds it; nothing for none."""
    return "" if at is None else f"{at.astimezone(SHANGHAI):%Y-%m-%dT%H:%M}"


def shown(at: datetime) -> str:
    """Write an instant for a person."""
    return f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
