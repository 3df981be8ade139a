"""What marketing's forms bring as text, read into what verbs take; faults name the field."""

from datetime import datetime
from decimal import Decimal, InvalidOperation

from app.http.console.paths import local_instant
from loyalty.clock import SHANGHAI
from loyalty.rewards.errors import RewardInvalid

NUMBER_DIGITS_MAX = 11


def number(text: str, field: str) -> int | None:
    """Read a whole number that is not negative; None for an empty field. Raises RewardInvalid."""
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= NUMBER_DIGITS_MAX):
        raise RewardInvalid(field=field, expected="请填 0 或正整数")
    return int(text)


def fen(text: str, field: str) -> int:
    """Read an amount of yuan with at most two places as fen. Raises RewardInvalid."""
    try:
        amount = Decimal(text) * 100
    except InvalidOperation:
        raise RewardInvalid(field=field, expected="请填金额，比如 12 或 12.50") from None
    if not amount.is_finite() or amount != amount.to_integral_value() or not 0 <= amount < 10**NUMBER_DIGITS_MAX:
        raise RewardInvalid(field=field, expected="请填金额，比如 12 或 12.50")
    return int(amount)


def instant(text: str, field: str) -> datetime:
    """Read an instant of Shanghai's clock that has to be there. Raises RewardInvalid, DayInvalid."""
    at = local_instant(text, field)
    if at is None:
        raise RewardInvalid(field=field, expected="请选日期和时间")
    return at


def listed(text: str) -> tuple[str, ...]:
    """Read words separated by commas, each once."""
    parts = (part.strip() for part in text.replace("，", ",").replace("、", ",").split(","))
    return tuple(dict.fromkeys(part for part in parts if part))


def local(at: datetime) -> str:
    """Write an instant as a field of date and time holds it."""
    return f"{at.astimezone(SHANGHAI):%Y-%m-%dT%H:%M}"


def shown(at: datetime) -> str:
    """Write an instant for a person."""
    return f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
