"""The field types of subscribe messages, and how a text is made to fit them.

A template names its fields type and number: thing1, time3. WeChat refuses the whole message when one value does not
fit (47003), so it is found before sending.
"""

import re
import string
import unicodedata
from collections.abc import Callable
from datetime import date
from typing import Final

from wechat.errors import Unsendable

THING_LENGTH_MAX: Final = 20
NUMBER_DIGITS_MAX: Final = 32
SYMBOL_LENGTH_MAX: Final = 5
ENUM_LENGTH_MAX: Final = 20
NAME_HAN_MAX: Final = 10
NAME_LATIN_MAX: Final = 20

_SYMBOLS = frozenset(string.punctuation + "，。！？、；：“”‘’（）【】《》…—·￥")
"""WeChat says "symbols" and lists none: every keyboard has these. Unicode knows thousands, flags' letters too."""
_KEY = re.compile(r"([a-z_]+?)([0-9]{1,4})", re.ASCII)
_HAN = r"\u3400-\u4dbf\u4e00-\u9fff"
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?", re.ASCII)
_LETTER = re.compile(r"[A-Za-z]{1,32}", re.ASCII)
_CHARACTERS = re.compile(r"[\x21-\x7e]{1,32}")
_CLOCK = r"(?:[01]?[0-9]|2[0-3]):[0-5][0-9]"
_DAY = r"([0-9]{4})年(1[0-2]|0?[1-9])月(3[01]|[12][0-9]|0?[1-9])日"
_TIME = re.compile(rf"(?:{_DAY} )?{_CLOCK}", re.ASCII)
_DATE = re.compile(rf"{_DAY}(?: {_CLOCK})?", re.ASCII)
_AMOUNT = re.compile(r"[¥￥$€£]?[0-9]{1,10}(\.[0-9]{1,2})?元?", re.ASCII)
_PHONE = re.compile(r"(?=.*[0-9])[0-9+\-()]{1,17}", re.ASCII)
_CAR = re.compile(rf"[A-Za-z0-9{_HAN}](?:[A-Za-z0-9]{{0,6}}[A-Za-z0-9{_HAN}])?", re.ASCII)
_PHRASE = re.compile(rf"[{_HAN}]{{1,5}}")


def field_value(key: str, text: str) -> str:
    """Return `text` as WeChat takes it for the field `key`, or raise Unsendable naming the field.

    A `thing` is put on one line and cut to 20 characters, the last one then being …. Nothing else is changed: half
    of a number, a date or a name would be a wrong one.
    """
    match = _KEY.fullmatch(key)
    rule = _RULES.get(match.group(1)) if match else None
    if rule is None:
        raise Unsendable(key, "named by a known type and a number, as thing1")
    fits, expected, fit = rule
    value = fit(text)
    if not value or any(unicodedata.category(char) in {"Cc", "Zl", "Zp", "Cs"} for char in value) or not fits(value):
        raise Unsendable(key, expected)
    return value


def _one_short_line(text: str) -> str:
    line = " ".join("".join(" " if unicodedata.category(c) == "Cc" else c for c in text).split())
    return line if len(line) <= THING_LENGTH_MAX else line[: THING_LENGTH_MAX - 1].rstrip() + "…"


def _is_number(value: str) -> bool:
    return bool(_NUMBER.fullmatch(value)) and sum(char.isdigit() for char in value) <= NUMBER_DIGITS_MAX


def _is_symbol(value: str) -> bool:
    return len(value) <= SYMBOL_LENGTH_MAX and _SYMBOLS.issuperset(value)


def _is_name(value: str) -> bool:
    if re.search(f"[{_HAN}]", value):
        return len(value) <= NAME_HAN_MAX and not any(char.isdigit() for char in value)
    return len(value) <= NAME_LATIN_MAX and value.isascii() and not any(char.isdigit() for char in value)


def _is_moment(pattern: re.Pattern[str], value: str) -> bool:
    """Tell whether the value is one moment, or two joined by ~, whose days exist."""
    ends = value.split("~")
    return len(ends) <= 2 and all(_exists(pattern.fullmatch(end)) for end in ends)  # noqa: PLR2004 - from and until


def _exists(match: re.Match[str] | None) -> bool:
    if match is None:
        return False
    year, month, day = match.group(1), match.group(2), match.group(3)
    if year is None:
        return True
    try:
        date(int(year), int(month), int(day))
    except ValueError:
        return False
    return True


def _as_is(value: str) -> str:
    return value


def _matches(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda value: bool(pattern.fullmatch(value))


_Rule = tuple[Callable[[str], bool], str, Callable[[str], str]]
_RULES: Final[dict[str, _Rule]] = {
    "thing": (bool, "some text", _one_short_line),
    "number": (_is_number, f"a number of at most {NUMBER_DIGITS_MAX} digits", _as_is),
    "letter": (_matches(_LETTER), "1 to 32 letters", _as_is),
    "symbol": (_is_symbol, f"1 to {SYMBOL_LENGTH_MAX} signs of a keyboard", _as_is),
    "character_string": (_matches(_CHARACTERS), "1 to 32 digits, letters or ASCII signs", _as_is),
    "time": (lambda value: _is_moment(_TIME, value), "a time as 15:01 or 2019年10月1日 15:01", _as_is),
    "date": (lambda value: _is_moment(_DATE, value), "a date as 2019年10月1日 or 2019年10月1日 15:01", _as_is),
    "amount": (_matches(_AMOUNT), "an amount as ¥12.50 or 12.5元, at most 10 digits before the point", _as_is),
    "phone_number": (_matches(_PHONE), "at most 17 digits and signs of a phone number", _as_is),
    "car_number": (_matches(_CAR), "at most 8 characters of a number plate", _as_is),
    "name": (_is_name, f"at most {NAME_HAN_MAX} Chinese characters or {NAME_LATIN_MAX} letters", _as_is),
    "phrase": (_matches(_PHRASE), "1 to 5 Chinese characters", _as_is),
    "enum": (lambda value: len(value) <= ENUM_LENGTH_MAX, "one value of the template's list", _as_is),
}
