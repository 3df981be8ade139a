"""Members: recognised at login, their verified phone, the outlet they act for."""

from datetime import datetime
from typing import cast

import msgspec

from loyalty import transactions
from loyalty.customers import queries, rules, standings
from loyalty.customers.errors import OutletUnknown, PhoneInvalid
from loyalty.customers.models import Member
from loyalty.customers.personal import DataKeys
from loyalty.customers.rules import Role
from loyalty.customers.standings import MemberRef

PHONE_PURPOSE = "members.phone"
RESEALED_MAX = 1_000


class BoundOutlet(msgspec.Struct, frozen=True):
    """An outlet that a member is bound to."""

    id: int
    code: str
    name: str
    role: Role


class Recognised(msgspec.Struct, frozen=True):
    """A member at login."""

    member: MemberRef
    outlets: list[BoundOutlet]
    outlet_id: int | None
    phone_masked: str | None


async def recognise(openid: str, unionid: str | None, at: datetime, data_keys: DataKeys) -> Recognised:
    """Find the member behind a WeChat identity, or make one, and note the login. Entry verb."""
    async with transactions.begin():
        row = await queries.recognise_member(openid, unionid, at)
        return await _recognised(MemberRef(row["id"], row["epoch"]), data_keys)


async def read(ref: MemberRef, data_keys: DataKeys) -> Recognised:
    """Read a member's outlets. Raises SessionEnded."""
    async with transactions.begin():
        await standings.require_session(ref)
        return await _recognised(ref, data_keys)


async def _recognised(ref: MemberRef, data_keys: DataKeys) -> Recognised:
    member = await Member.get(id=ref.id)
    phone = member.phone_sealed
    return Recognised(
        ref,
        [
            BoundOutlet(row["id"], row["code"], row["name"], cast(Role, row["role"]))
            for row in await queries.live_bindings(ref.id)
        ],
        member.current_outlet_id,
        None if phone is None else rules.mask_phone(data_keys.open(phone, PHONE_PURPOSE)),
    )


async def choose_outlet(ref: MemberRef, outlet_id: int) -> None:
    """Make one of the member's outlets the one they act for. Entry verb.

    Raises SessionEnded, and OutletUnknown for an outlet that they are not bound to.
    """
    async with transactions.begin():
        await standings.require_session(ref)
        await queries.lock_outlet(outlet_id)
        if outlet_id not in {row["id"] for row in await queries.live_bindings(ref.id)}:
            raise OutletUnknown
        await Member.filter(id=ref.id).update(current_outlet_id=outlet_id)


async def keep_phone(ref: MemberRef, phone: str, country_code: str, at: datetime, data_keys: DataKeys) -> str:
    """Keep the phone that WeChat has verified, sealed; return it masked. Entry verb.

    Raises SessionEnded, and PhoneInvalid for anything but a mainland mobile number.
    """
    normal = rules.normal_phone(phone) if country_code == "86" else None
    if normal is None:
        raise PhoneInvalid(field="code")
    async with transactions.begin():
        await standings.require_session(ref)
        await Member.filter(id=ref.id).update(
            phone_sealed=data_keys.seal(normal, PHONE_PURPOSE),
            phone_index=data_keys.index(normal),
            phone_verified_at=at,
        )
    return rules.mask_phone(normal)


async def openid_of(ref: MemberRef) -> str:
    """Tell the member's openid, for calls to WeChat on their behalf. Raises SessionEnded."""
    async with transactions.begin():
        await standings.require_session(ref)
        member = await Member.get(id=ref.id)
    return member.openid or ""


async def reseal(data_keys: DataKeys) -> int:
    """Seal phones anew that an older key sealed, at most RESEALED_MAX of members and of outlets each.

    Returns how many; 0 means that the older keys can be dropped. Entry verb; safe to run again at any time.
    """
    count = 0
    async with transactions.begin():
        for table, purpose in (("members", PHONE_PURPOSE), ("outlets", "outlets.contact_phone")):
            rows = await queries.sealed_with_another_key(table, data_keys.current_id, RESEALED_MAX)
            phones = [data_keys.open(row["sealed"], purpose) for row in rows]
            await queries.reseal(
                table,
                [row["id"] for row in rows],
                [data_keys.seal(phone, purpose) for phone in phones],
                [data_keys.index(phone) for phone in phones],
            )
            count += len(rows)
    return count
