"""What master data says of an outlet, and the pure rule that merges it into what is known."""

from datetime import date, datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from loyalty.customers import rules
from loyalty.rows import Code, RowFault, Short

Long = Annotated[str, Meta(max_length=500, pattern=r"^[^\x00]*$")]
Weekday = Annotated[int, Meta(ge=1, le=7)]
Fen = Annotated[int, Meta(ge=0, le=1_000_000_000_00)]
Status = Literal["open", "closed"]


class OutletRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One outlet as master data sends it. An absent field stays as it is, null clears it."""

    code: Code
    name: Short | UnsetType = UNSET
    plant_code: Code | UnsetType = UNSET
    office_code: Code | UnsetType | None = UNSET
    route_code: Code | UnsetType | None = UNSET
    address: Long | UnsetType | None = UNSET
    contact_name: Short | UnsetType | None = UNSET
    contact_phone: Short | UnsetType | None = UNSET
    channel: Short | UnsetType | None = UNSET
    value_class: Short | UnsetType | None = UNSET
    opened_on: date | UnsetType | None = UNSET
    status: Status | UnsetType = UNSET
    delivery_days: Annotated[list[Weekday], Meta(max_length=7)] | UnsetType | None = UNSET
    price_list: Short | UnsetType | None = UNSET
    minimum_order_fen: Fen | UnsetType | None = UNSET


class KnownOutlet(msgspec.Struct, frozen=True, kw_only=True):
    """One outlet as it is known, with its places by code and its phone in the clear."""

    code: str
    name: str
    plant_code: str
    office_code: str | None = None
    route_code: str | None = None
    address: str | None = None
    contact_name: str | None = None
    contact_phone: str | None = None
    channel: str | None = None
    value_class: str | None = None
    value_class_source: str | None = None
    value_class_since: datetime | None = None
    opened_on: date | None = None
    status: Status = "open"
    delivery_days: tuple[int, ...] | None = None
    price_list: str | None = None
    minimum_order_fen: int | None = None


def merge(known: KnownOutlet | None, row: OutletRow, source: str, at: datetime) -> KnownOutlet | RowFault:
    """Say what an outlet is after a row, or why the row is refused.

    A new outlet needs name and plant_code. Office and route belong to the plant, so a new plant forgets them unless the
    row names them, as a new office forgets the route. A changed value class remembers who said so, since when.
    """
    if known is None:
        if row.name is UNSET:
            return RowFault("name", "missing_field")
        if row.plant_code is UNSET:
            return RowFault("plant_code", "missing_field")
        known = KnownOutlet(code=row.code, name=row.name, plant_code=row.plant_code)
    given = {
        name: value for name in row.__struct_fields__ if name != "code" and (value := getattr(row, name)) is not UNSET
    }
    if (phone := given.get("contact_phone")) is not None:
        given["contact_phone"] = rules.normal_phone(phone)
        if given["contact_phone"] is None:
            return RowFault("contact_phone", "phone_invalid")
    if (days := given.get("delivery_days")) is not None:
        given["delivery_days"] = tuple(sorted(set(days)))
    if given.get("plant_code", known.plant_code) != known.plant_code:
        given = {"office_code": None, "route_code": None} | given
    elif given.get("office_code", known.office_code) != known.office_code:
        given = {"route_code": None} | given
    if "value_class" in given and given["value_class"] != known.value_class:
        given |= {"value_class_source": source, "value_class_since": at}
    return msgspec.structs.replace(known, **given)
