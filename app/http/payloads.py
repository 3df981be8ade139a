"""From bytes to typed values and back, with refusals that name the field and what would be right."""

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from app.http.errors import JsonInvalid, MissingField, OutOfRange, UnknownField, WrongType

Payload = TypeVar("Payload")

Instant = Annotated[datetime, Meta(tz=True)]
"""A point in time as JSON carries it: RFC 3339 with its offset."""

_FAULT = re.compile(r"(?P<what>.*?)(?: - at `(?P<path>.*)`)?$", re.DOTALL)
_NAMED = re.compile(r"`([^`]*)`")

_CHINESE_TYPES = {
    "str": "文字",
    "int": "整数",
    "float": "数字",
    "bool": "true 或 false",
    "array": "数组",
    "object": "对象",
    "null": "null",
    "datetime": "带时区的时间，如 2026-11-04T10:00:00+08:00",
    "date": "日期，如 2026-11-04",
}


class Empty(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A body without fields."""


_decoders: dict[type, msgspec.json.Decoder[Any]] = {}
_encode = msgspec.json.Encoder().encode


def encode(value: object) -> bytes:
    """Give the JSON of an answer."""
    return _encode(value)


def decode(body: bytes, kind: type[Payload]) -> Payload:
    """Read a body. Raises JsonInvalid, UnknownField, MissingField, WrongType or OutOfRange."""
    decoder: msgspec.json.Decoder[Payload] | None = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders[kind] = msgspec.json.Decoder(kind)
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as fault:
        raise refusal_of(fault) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise JsonInvalid from None


def from_query(query: Mapping[str, list[str]], kind: type[Payload]) -> Payload:
    """Read query parameters; each may stand once. Raises as ``decode`` does."""
    for name, values in query.items():
        if len(values) > 1:
            raise OutOfRange(field=name, expected="只出现一次")
    try:
        return msgspec.convert({name: values[0] for name, values in query.items()}, kind, strict=False)
    except msgspec.ValidationError as fault:
        raise refusal_of(fault) from None


def fault_of(fault: msgspec.ValidationError) -> tuple[str, str, str]:
    """Take msgspec's sentence apart: our code, the field, and in Chinese what was expected."""
    match = _FAULT.match(str(fault))
    what, path = (match["what"], match["path"]) if match else (str(fault), None)
    field = (path or "$").removeprefix("$").removeprefix(".")
    named = _NAMED.findall(what)
    if what.startswith("Object contains unknown field"):
        return "unknown_field", _below(field, named[0]), ""
    if what.startswith("Object missing required field"):
        return "missing_field", _below(field, named[0]), ""
    if re.match(r"Expected `[^`]*`, got `[^`]*`$", what):
        return "wrong_type", field or "$", _chinese(named[0])
    return "out_of_range", field or "$", _chinese_rule(what, named)


def refusal_of(fault: msgspec.ValidationError) -> UnknownField | MissingField | WrongType | OutOfRange:
    """Turn msgspec's fault into our refusal."""
    code, field, expected = fault_of(fault)
    if code == "unknown_field":
        return UnknownField(field=field)
    if code == "missing_field":
        return MissingField(field=field)
    if code == "wrong_type":
        return WrongType(field=field, expected=expected)
    return OutOfRange(field=field, expected=expected)


def input_hash(scope: str, value: object) -> bytes:
    """Fingerprint an input: the same for the same meaning, whatever its spaces and order of fields."""
    encoded = msgspec.json.encode(value, order="deterministic")
    return hashlib.blake2b(encoded, digest_size=16, person=scope.encode()[:16]).digest()


def _below(field: str, name: str) -> str:
    return f"{field}.{name}" if field else name


def _chinese(expected: str) -> str:
    return " 或 ".join(_CHINESE_TYPES.get(part.strip(), part.strip()) for part in expected.split("|"))


def _chinese_rule(what: str, named: list[str]) -> str:
    number = re.search(r"(-?\d+)$", what) or re.search(r"(<=|>=|<|>) (-?\d+)", what)
    bound = number.group(number.lastindex or 0) if number else ""
    if "length" in what:
        return f"长度{'不超过' if '<=' in what else '至少'} {bound}"
    if ">=" in what or "<=" in what:
        return f"{'不小于' if '>=' in what else '不大于'} {bound}"
    if "matching regex" in what:
        return "符合接口文档里的格式"
    if what.startswith("Invalid enum value") or "Invalid" in what:
        return "接口文档里列出的值"
    return _chinese(named[0]) if named else "接口文档里的格式"
