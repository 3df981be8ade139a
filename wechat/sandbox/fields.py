"""What WeChat takes as the value of a template field, by the field's type. Written from its table, on its own."""

import calendar
import re
from typing import Final

_CHINESE = "\u3400-\u4dbf\u4e00-\u9fff"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SIGNS = r"!-/:-@\[-`{-~" + "，。！？、；：“”‘’（）【】《》…—·￥×÷℃°"
_MOMENT = re.compile(
    r"(?:(?P<year>\d{4})年(?P<month>\d{1,2})月(?P<day>\d{1,2})日)?(?P<gap> )?"
    r"(?:(?P<hour>\d{1,2}):(?P<minute>\d{2}))?",
    re.ASCII,
)

_SHAPES: Final[dict[str, re.Pattern[str]]] = {
    "thing": re.compile(r".{1,20}", re.DOTALL),
    "number": re.compile(r"-?(?=(?:\.?\d){1,32}$)\d+(?:\.\d+)?", re.ASCII),
    "letter": re.compile(r"[a-zA-Z]{1,32}"),
    "symbol": re.compile(rf"[{_SIGNS}]{{1,5}}"),
    "character_string": re.compile(r"[!-~]{1,32}"),
    "amount": re.compile(r"[¥￥$€£]?\d{1,10}(?:\.\d{1,2})?元?", re.ASCII),
    "phone_number": re.compile(r"[-+()\d]{0,16}\d[-+()\d]{0,16}", re.ASCII),
    "car_number": re.compile(rf"[{_CHINESE}A-Za-z0-9](?:[A-Za-z0-9]{{0,6}}[{_CHINESE}A-Za-z0-9])?"),
    "name": re.compile(rf"(?=.*[{_CHINESE}])[^0-9]{{1,10}}|[a-zA-Z {_SIGNS}]{{1,20}}"),
    "phrase": re.compile(rf"[{_CHINESE}]{{1,5}}"),
    "enum": re.compile(r".{1,20}"),
}
_LONGEST: Final = {"phone_number": 17}
_KEY = re.compile(r"(?P<type>[a-z_]*[a-z])\d{1,4}", re.ASCII)


def accepts(key: str, value: str) -> bool:
    """Tell whether the value, which is not empty, may stand in the field."""
    named = _KEY.fullmatch(key)
    if named is None or _CONTROL.search(value):
        return False
    kind = named["type"]
    if kind in {"time", "date"}:
        ends = value.split("~")
        return len(ends) in {1, 2} and all(_is_moment(end, "hour" if kind == "time" else "day") for end in ends)
    shape = _SHAPES.get(kind)
    return shape is not None and bool(shape.fullmatch(value)) and len(value) <= _LONGEST.get(kind, len(value))


def _is_moment(text: str, needed: str) -> bool:
    """Tell whether the text is a day, a time of day or both, and has at least the needed one."""
    moment = _MOMENT.fullmatch(text)
    if moment is None or moment[needed] is None:
        return False
    has_day, has_hour = moment["day"] is not None, moment["hour"] is not None
    if (moment["gap"] is not None) != (has_day and has_hour):
        return False
    if has_hour and not (int(moment["hour"]) < 24 and int(moment["minute"]) < 60):  # noqa: PLR2004 - of a day
        return False
    if not has_day:
        return True
    year, month, day = int(moment["year"]), int(moment["month"]), int(moment["day"])
    return year > 0 and 1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1]  # noqa: PLR2004 - months
