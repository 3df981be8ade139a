"""What tests need to be there, made through the real verbs."""

import itertools
from datetime import datetime

import asyncpg

from app.database import credentials
from games.base import Play
from games.checkin.checkins import CheckinInput
from loyalty.clock import business_date
from loyalty.customers import binding_codes, bindings, members, outlets
from loyalty.customers.outlet_rows import OutletRow
from loyalty.customers.personal import DataKeys
from loyalty.customers.rules import Role
from loyalty.customers.standings import MemberRef
from loyalty.customers.texts import CONSENT_VERSION
from loyalty.events import log, queries

_numbers = itertools.count(1)


async def outlet(at: datetime, data_keys: DataKeys, code: str | None = None, **fields: object) -> str:
    """Make an outlet and give its code."""
    code = code or f"T{next(_numbers):06d}"
    row = OutletRow(**{"code": code, "name": f"小店{code}", "plant_code": "P1"} | fields)  # type: ignore[arg-type]
    applied = await outlets.put([(0, row)], "tests", at, data_keys)
    assert (applied.inserted, applied.rejected) == (1, [])
    return code


async def member(at: datetime, data_keys: DataKeys, phone: str | None = None) -> MemberRef:
    """Make a member who has logged in, with a verified phone where one is given."""
    number = next(_numbers)
    found = (await members.recognise(f"openid-{number}", f"unionid-{number}", at, data_keys)).member
    if phone is not None:
        await members.keep_phone(found, phone, "86", at, data_keys)
    return found


def request(person: MemberRef, token: str | None, at: datetime, **changes: object) -> bindings.Request:
    """Give a wish to be bound."""
    values: dict[str, object] = {
        "member": person,
        "key": f"binding-key-{next(_numbers)}",
        "input_hash": b"input",
        "token": token,
        "offered_outlet_id": None,
        "consent_version": CONSENT_VERSION,
        "at": at,
    }
    return bindings.Request(**values | changes)  # type: ignore[arg-type]


async def bound(code: str, at: datetime, data_keys: DataKeys, role: Role | None = None) -> MemberRef:
    """Make a member bound to an outlet."""
    person = await member(at, data_keys)
    issued = await binding_codes.issue(code, role, "card", "tests", at)
    await bindings.bind(request(person, issued.token, at), data_keys)
    return person


def play(person: MemberRef, at: datetime, key: str | None = None, input_hash: bytes = b"input") -> Play:
    """Give a wish to check in."""
    return Play(person, key or f"play-key-{next(_numbers)}", input_hash, CheckinInput(), at)


async def stamped(url: str, at: datetime) -> int:
    """Stamp once, as the stamper does; give how many events moved."""
    await log.make_partitions(business_date(at))
    connection = await asyncpg.connect(**credentials(url))
    try:
        return await queries.stamp(connection, at, business_date(at))
    finally:
        await connection.close()
