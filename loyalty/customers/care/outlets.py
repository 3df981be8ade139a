"""Outlets as staff look for them and read them: only within reach, phones always masked."""

from datetime import date, datetime, timedelta

import msgspec

from loyalty import transactions
from loyalty.customers import rules
from loyalty.customers.care import queries
from loyalty.customers.errors import OutletUnknown
from loyalty.customers.personal import DataKeys
from loyalty.staff.people import Reach

BINDINGS_MAX = 100
RESTORED_WITHIN = timedelta(days=30)


class FoundOutlet(msgspec.Struct, frozen=True):
    """An outlet in a list."""

    id: int
    code: str
    name: str
    status: str
    value_class: str | None
    created_at: datetime
    plant_name: str
    place_name: str
    people: int
    rep_name: str | None


class OutletCard(msgspec.Struct, frozen=True):
    """One outlet with all that master data says of it."""

    id: int
    code: str
    name: str
    status: str
    plant_id: int
    place_id: int
    plant_name: str
    office_name: str | None
    route_name: str | None
    address: str | None
    contact_name: str | None
    contact_phone_masked: str | None
    channel: str | None
    value_class: str | None
    value_class_source: str | None
    opened_on: date | None
    delivery_days: tuple[int, ...] | None
    created_at: datetime
    rep_name: str | None
    rep_code: str | None


class CardBinding(msgspec.Struct, frozen=True):
    """A binding of an outlet, live or ended."""

    id: int
    member_id: int
    role: str
    way: str
    bound_at: datetime
    ended_at: datetime | None
    ended_by: str | None
    phone_masked: str | None
    last_login_at: datetime | None


async def find(
    reach: Reach,
    text: str,
    data_keys: DataKeys,
    at: datetime,
    *,
    status: str = "",
    bound: str = "",
    value_class: str = "",
    order: str = "code",
    skip: int = 0,
    limit: int = 50,
) -> list[FoundOutlet]:
    """List outlets in reach whose code, name or pinyin initials begin with ``text``, or that a phone belongs to.

    ``bound`` is yes, no or empty. A phone is found by its blind index, so only a whole one is.
    """
    phone = rules.normal_phone(text)
    async with transactions.reader():
        rows = await queries.find(
            reach,
            text,
            text.lower(),
            [] if phone is None else data_keys.indexes(phone),
            status,
            bound,
            value_class,
            order,
            skip,
            limit,
            at,
        )
    return [FoundOutlet(**row) for row in rows]


async def read(code: str, reach: Reach, data_keys: DataKeys, at: datetime) -> OutletCard:
    """Read an outlet in reach. Raises OutletUnknown for one that is not there or is not in reach, which is the same."""
    async with transactions.reader():
        row = await queries.outlet(reach, code, at)
    if row is None:
        raise OutletUnknown(field="code")
    sealed, days = row["contact_phone_sealed"], row["delivery_days"]
    given = {name: row[name] for name in OutletCard.__struct_fields__ if name in row.keys()}  # noqa: SIM118 - a Record
    given["delivery_days"] = None if days is None else tuple(days)
    phone = None if sealed is None else rules.mask_phone(data_keys.open(sealed, "outlets.contact_phone"))
    return OutletCard(**given, contact_phone_masked=phone)


async def bindings(outlet_id: int, data_keys: DataKeys) -> list[CardBinding]:
    """List an outlet's bindings, the live ones first, at most BINDINGS_MAX."""
    async with transactions.reader():
        rows = await queries.bindings(outlet_id, BINDINGS_MAX)
    return [
        CardBinding(
            row["id"],
            row["member_id"],
            row["role"],
            row["way"],
            row["bound_at"],
            row["ended_at"],
            row["ended_by"],
            None
            if row["phone_sealed"] is None
            else rules.mask_phone(data_keys.open(row["phone_sealed"], "members.phone")),
            row["last_login_at"],
        )
        for row in rows
    ]
