"""Bindings: a member belongs to an outlet by their own consent, until it ends. History stays."""

from datetime import datetime
from typing import cast

import msgspec

from loyalty import transactions
from loyalty.customers import binding_codes, queries, rules, standings
from loyalty.customers.errors import (
    AlreadyBound,
    BindingCodeUsed,
    ConsentOutdated,
    MemberUnknown,
    OfferUnknown,
    OutletClosed,
    OwnerExists,
    OwnerOnly,
    OwnerStays,
)
from loyalty.customers.models import Binding, BindingCode, Member
from loyalty.customers.personal import DataKeys
from loyalty.customers.rules import Role
from loyalty.customers.standings import MemberRef, Standing
from loyalty.customers.texts import CONSENT_VERSION
from loyalty.errors import IdempotencyKeyReused
from loyalty.events import outbox
from loyalty.events.outbox import Event

OFFERS_MAX = 10
PEOPLE_MAX = 200


class Bound(msgspec.Struct, frozen=True):
    """A binding as its member sees it."""

    outlet_id: int
    outlet_code: str
    outlet_name: str
    role: Role
    bound_at: datetime
    repeated: bool


class Offer(msgspec.Struct, frozen=True):
    """An outlet whose master-data phone is the member's verified phone."""

    outlet_id: int
    outlet_name: str
    has_owner: bool


class Person(msgspec.Struct, frozen=True):
    """One of the people of an outlet."""

    member_id: int
    role: Role
    bound_at: datetime
    phone_masked: str | None
    is_me: bool


class Request(msgspec.Struct, frozen=True):
    """A member's wish to be bound, by a token or by an offer."""

    member: MemberRef
    key: str
    input_hash: bytes
    token: str | None
    offered_outlet_id: int | None
    consent_version: str
    at: datetime


async def bind(request: Request, data_keys: DataKeys) -> Bound:
    """Bind a member to an outlet and make it the one they act for. Entry verb.

    The same key and input again gives the first binding, marked repeated. The first member is owner, later ones clerk,
    unless the code says. Raises SessionEnded, IdempotencyKeyReused, ConsentOutdated, AlreadyBound, OwnerExists,
    OutletClosed, what binding_codes.find raises, and OfferUnknown. Locks the outlet, so two who claim at once are
    judged one after the other.
    """
    async with transactions.begin():
        await standings.require_session(request.member)
        before = await _before(request)
        if before is not None:
            return before
        if request.consent_version != CONSENT_VERSION:
            raise ConsentOutdated(consent_version=CONSENT_VERSION)
        code, outlet_id = await _wanted(request, data_keys)
        outlet = await queries.lock_outlet(outlet_id)
        # The same request may have been waiting for the lock twice.
        before = await _before(request)
        if before is not None:
            return before
        if outlet is None or outlet["status"] != "open":
            raise OutletClosed
        if code is not None and not await queries.use_binding_code(code.id, request.at):
            raise BindingCodeUsed
        role = await _role(request.member, outlet_id, cast(Role | None, code.role if code else None))
        await Binding.create(
            outlet_id=outlet_id,
            member_id=request.member.id,
            role=role,
            way="code" if code else "offer",
            binding_code=code,
            consent_version=request.consent_version,
            consented_at=request.at,
            bound_at=request.at,
            idempotency_key=request.key,
            input_hash=request.input_hash,
        )
        await Member.filter(id=request.member.id).update(current_outlet_id=outlet_id)
        await outbox.record(
            [
                Event(
                    "binding.made",
                    outlet["code"],
                    request.at,
                    {
                        "member_id": str(request.member.id),
                        "role": role,
                        "way": "code" if code else "offer",
                        "medium": code.medium if code else None,
                    },
                )
            ]
        )
        return Bound(outlet_id, outlet["code"], outlet["name"], role, request.at, repeated=False)


async def _before(request: Request) -> Bound | None:
    earlier = await Binding.get_or_none(member_id=request.member.id, idempotency_key=request.key).prefetch_related(
        "outlet"
    )
    if earlier is None:
        return None
    if earlier.input_hash != request.input_hash:
        raise IdempotencyKeyReused
    outlet = earlier.outlet
    return Bound(outlet.id, outlet.code, outlet.name, cast(Role, earlier.role), earlier.bound_at, repeated=True)


async def _wanted(request: Request, data_keys: DataKeys) -> tuple[BindingCode | None, int]:
    if request.token is not None:
        code = await binding_codes.find(request.token, request.at)
        return code, code.outlet.id
    for offer in await _offers(request.member, data_keys):
        if offer.outlet_id == request.offered_outlet_id:
            return None, offer.outlet_id
    raise OfferUnknown


async def _role(member: MemberRef, outlet_id: int, wanted: Role | None) -> Role:
    live = await Binding.filter(outlet_id=outlet_id, ended_at=None)
    if any(cast(int, getattr(binding, "member_id")) == member.id for binding in live):  # noqa: B009 - made by the ORM
        raise AlreadyBound
    has_owner = any(binding.role == "owner" for binding in live)
    role = rules.role_for(wanted, has_owner=has_owner)
    if role == "owner" and has_owner:
        raise OwnerExists
    return role


async def offers(member: MemberRef, data_keys: DataKeys) -> list[Offer]:
    """List the outlets that wait for this member, by their verified phone. Raises SessionEnded."""
    async with transactions.begin():
        await standings.require_session(member)
        return await _offers(member, data_keys)


async def _offers(member: MemberRef, data_keys: DataKeys) -> list[Offer]:
    phone_sealed = (await Member.get(id=member.id)).phone_sealed
    if phone_sealed is None:
        return []
    phone = data_keys.open(phone_sealed, "members.phone")
    rows = await queries.offered_outlets(member.id, data_keys.indexes(phone), OFFERS_MAX)
    return [Offer(row["id"], row["name"], row["has_owner"]) for row in rows]


async def people(member: MemberRef, data_keys: DataKeys) -> list[Person]:
    """List the people of the outlet that the owner acts for. Raises SessionEnded, BindingRequired, OwnerOnly."""
    async with transactions.begin():
        standing = _owner(await standings.require(member))
        live = (
            await Binding.filter(outlet_id=standing.outlet_id, ended_at=None)
            .order_by("bound_at", "id")
            .limit(PEOPLE_MAX)
            .prefetch_related("member")
        )
        return [
            Person(
                binding.member.id,
                cast(Role, binding.role),
                binding.bound_at,
                None
                if binding.member.phone_sealed is None
                else rules.mask_phone(data_keys.open(binding.member.phone_sealed, "members.phone")),
                binding.member.id == member.id,
            )
            for binding in live
        ]


async def remove(owner: MemberRef, member_id: int, at: datetime) -> None:
    """End the binding of one of the owner's people; from then on every verb refuses them. Entry verb.

    Removing somebody who is gone already is MemberUnknown. Raises SessionEnded, BindingRequired, OwnerOnly,
    OwnerStays.
    """
    async with transactions.begin():
        (found,) = await standings.lock([owner])
        if not isinstance(found, Standing):
            raise found
        standing = _owner(found)
        if member_id == owner.id:
            raise OwnerStays
        live = await Binding.get_or_none(outlet_id=standing.outlet_id, member_id=member_id, ended_at=None)
        if live is None:
            raise MemberUnknown
        # Clocks of two machines differ: a binding never ends before it began.
        await Binding.filter(id=live.id).update(ended_at=max(at, live.bound_at), ended_by=f"member:{owner.id}")
        await queries.leave_outlet(member_id, standing.outlet_id)
        await outbox.record(
            [Event("binding.ended", standing.outlet_code, at, {"member_id": str(member_id), "by": "owner"})]
        )


def _owner(standing: Standing) -> Standing:
    if standing.role != "owner":
        raise OwnerOnly
    return standing
