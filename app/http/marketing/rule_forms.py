"""Rule books as forms: fields made from a book's own type, and what was typed read back into it."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from app.http.console import typed, words
from app.http.console.components import Field
from app.http.console.typed import TypedInvalid
from loyalty.points.rules import AdjustmentLimits, RoleLimit
from loyalty.rulebooks.books import RuleBook
from loyalty.rulebooks.errors import RuleInvalid
from loyalty.staff.rules import Role
from loyalty.units import yuan

CHOICES: dict[str, tuple[tuple[str, str], ...]] = {
    "kind": (("rolling", "从得到那天起算"), ("fixed", "固定日历日")),
    "period": (("month", "月底"), ("quarter", "季末"), ("year", "年底")),
}
HINTS = {
    "extra_points": "用逗号隔开，比如 0，0，5，0，5，0，20。走完一轮从头再来。",
    "dates": "月-日，用逗号隔开，比如 06-30，12-31；按固定日历日时填。",
    "months": "按固定日历日时，是至少留几个月。",
    "grace_days": "退回的积分如果已经过期，再给几天。",
    "multiplier_bps": "百分比，100 就是原样，150 就是一倍半。",
    "category_points": "一行一个，比如 果汁=3；没写的品类按每箱积分。",
    "outlet_day_points_max": "不限就留空。",
    "first_order_points": "没有就填 0。",
}
LENGTH_MAX = 2_000
NUMBER_LENGTH_MAX = 9
PROPOSERS: tuple[Role, ...] = ("operator", "marketer", "plant_lead", "admin")
APPROVERS: tuple[Role, ...] = ("checker", "plant_lead", "admin")
LIMITS: tuple[tuple[str, str, tuple[Role, ...]], ...] = (("propose", "提出", PROPOSERS), ("approve", "复核", APPROVERS))
LIMIT_PARTS = (("once_points_max", "一次"), ("day_points_max", "一天"))


def fields_of(book: RuleBook[Any], body: Any) -> tuple[Field, ...]:
    """Give a body as fields of a form."""
    if isinstance(body, AdjustmentLimits):
        return _limit_fields(body)
    return tuple(_field(book, name, getattr(body, name)) for name in book.body_type.__struct_fields__)


def _field(book: RuleBook[Any], name: str, value: Any) -> Field:
    label, hint = book.words[name], HINTS.get(name, "")
    if name in CHOICES:
        return Field(name, label, "select", value=value, options=CHOICES[name], hint=hint, required=True)
    if name == "category_points":
        return Field(name, label, "textarea", value=text_of(name, value), hint=hint, length_max=LENGTH_MAX)
    required = not name.endswith("_max") and name != "dates"
    return Field(name, label, value=text_of(name, value), hint=hint, length_max=LENGTH_MAX, required=required)


def _limit_fields(body: AdjustmentLimits) -> tuple[Field, ...]:
    found = []
    for act, act_word, roles in LIMITS:
        for role in roles:
            limit: RoleLimit | None = getattr(body, act).get(role)
            for part, part_word in LIMIT_PARTS:
                value = "" if limit is None else str(getattr(limit, part))
                label = f"{words.ROLES[role]}{act_word}，{part_word}最多"
                found.append(Field(f"{act}.{role}.{part}", label, value=value, hint="不能做就留空。"))
    return tuple(found)


def text_of(name: str, value: Any) -> str:
    """Write one value of a body as people type it."""
    if value is None:
        return ""
    if name.endswith("_bps"):
        return typed.percent(value)
    if name.endswith("_fen"):
        return yuan(value)
    if isinstance(value, dict):
        return "\n".join(f"{key}={one}" for key, one in value.items())
    if isinstance(value, tuple | list):
        return "，".join(str(one) for one in value)
    return str(dict(CHOICES[name])[value]) if name in CHOICES else str(value)


def differences(book: RuleBook[Any], old: Any, new: Any) -> tuple[tuple[str, str, str], ...]:
    """Tell which fields two bodies differ in: label, old and new, as people type them."""
    before, after = (_shown(book, one) for one in (old, new))
    return tuple(
        (label, before.get(label, "") or "无", after.get(label, "") or "无")
        for label in dict.fromkeys([*before, *after])
        if before.get(label, "") != after.get(label, "")
    )


def _shown(book: RuleBook[Any], body: Any) -> dict[str, str]:
    if isinstance(body, AdjustmentLimits):
        return {one.label: one.value for one in _limit_fields(body)}
    return {book.words[name]: text_of(name, getattr(body, name)) for name in book.body_type.__struct_fields__}


def body_of(book: RuleBook[Any], form: Mapping[str, list[str]]) -> Any:
    """Read a body from what was typed. Raises RuleInvalid naming the field and what would be right."""
    typed = {name: values[0].strip() for name, values in form.items()}
    if book.body_type is AdjustmentLimits:
        return _limits(typed)
    given: dict[str, Any] = {}
    for name in book.body_type.__struct_fields__:
        given[name] = _value(book, name, typed.get(name, ""))
    for name in book.body_type.__struct_fields__:
        # Field by field, so that a bound that is broken is said where it was typed.
        known = msgspec.to_builtins(book.built_in) | {name: given[name]}
        try:
            msgspec.convert(known, book.body_type)
        except msgspec.ValidationError as fault:
            raise RuleInvalid(field=name, expected=_bounds(str(fault))) from None
    return msgspec.convert(given, book.body_type)


def _value(book: RuleBook[Any], name: str, text: str) -> Any:
    sample = getattr(book.built_in, name)
    if name in CHOICES:
        return text
    if name == "category_points":
        return _by_category(text)
    if isinstance(sample, tuple):
        parts = [part for part in re.split(r"[,，、\s]+", text) if part]
        return parts if name == "dates" else [_number(name, part) for part in parts]
    if not text and name.endswith("_max"):
        return None
    readers = {"_bps": _bps, "_fen": _fen}
    return next((read for suffix, read in readers.items() if name.endswith(suffix)), _number)(name, text)


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= NUMBER_LENGTH_MAX):
        raise RuleInvalid(field=name, expected="请填 0 或正整数")
    return int(text)


def _bps(name: str, text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,2})?", text, re.ASCII):
        raise RuleInvalid(field=name, expected="请填百分比，比如 100 或 112.5")
    return int(Decimal(text) * 100)


def _fen(name: str, text: str) -> int:
    try:
        return typed.fen(text, name)
    except TypedInvalid as fault:
        raise RuleInvalid(**fault.data) from None


def _by_category(text: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for line in text.splitlines():
        if line.strip():
            category, sign, points = line.replace("＝", "=").partition("=")
            if not sign or not category.strip() or category.strip() in found:
                raise RuleInvalid(field="category_points", expected="一行写一个品类，比如 果汁=3，不要重复")
            found[category.strip()] = _number("category_points", points.strip())
    return found


def _limits(typed: Mapping[str, str]) -> AdjustmentLimits:
    limits: dict[str, dict[str, RoleLimit]] = {act: {} for act, _, _ in LIMITS}
    for act, _, roles in LIMITS:
        for role in roles:
            once, day = (typed.get(f"{act}.{role}.{part}", "") for part, _ in LIMIT_PARTS)
            if once or day:
                limits[act][role] = _limit(f"{act}.{role}", once, day)
    return AdjustmentLimits(**limits)


def _limit(prefix: str, once: str, day: str) -> RoleLimit:
    parts: dict[str, int] = {}
    for (part, _), text in zip(LIMIT_PARTS, (once, day), strict=True):
        name = f"{prefix}.{part}"
        parts[part] = _number(name, text)
        try:
            msgspec.convert({one: parts[part] for one, _ in LIMIT_PARTS}, RoleLimit)
        except msgspec.ValidationError as fault:
            raise RuleInvalid(field=name, expected=_bounds(str(fault))) from None
    if parts["once_points_max"] > parts["day_points_max"]:
        raise RuleInvalid(field=f"{prefix}.day_points_max", expected="一天的上限不能小过一次的上限")
    return RoleLimit(**parts)


def _bounds(text: str) -> str:
    """Say in Chinese what a type asks for."""
    number = re.search(r"-?\d+", text)
    bound = number[0] if number else ""
    if "length" in text:
        return f"请至少填 {bound} 个" if ">=" in text else f"填得太长或太多了，最多 {bound}"
    if ">=" in text:
        return f"不能小于 {bound}"
    if "<=" in text:
        return f"不能大于 {bound}"
    if "regex" in text:
        return "日期请写成 06-30 这样"
    return "请检查填的内容"
