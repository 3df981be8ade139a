"""What staff change about who belongs to an outlet: each with a reason, in the audit, and told to the feeds.

A binding is never changed: whoever gets another role gets a new one, so history says who was what from when until when.
"""

from datetime import datetime

from uuid_utils import uuid7

from loyalty import transactions
from loyalty.customers import queries as customers_queries
from loyalty.customers.care import queries
from loyalty.customers.care.outlets import RESTORED_WITHIN
from loyalty.customers.errors import (
    AlreadyBound,
    BindingUnknown,
    OutletClosed,
    OutletUnknown,
    OwnerAlready,
    RestoreTooLate,
)
from loyalty.customers.models import Binding
from loyalty.events import outbox
from loyalty.events.outbox import Event
from loyalty.organisation import audit
from loyalty.organisation.audit import AuditEntry
from loyalty.staff.people import Reach, Staff


async def end(outlet_code: str, binding_id: int, reach: Reach, by: Staff, reason: str, at: datetime) -> None:
    """End a live binding; from then on every verb refuses its member for this outlet. Entry verb.

    Locks the outlet. Raises ReasonMissing, OutletUnknown, BindingUnknown.
    """
    reason = audit.required_reason(reason)
    async with transactions.begin():
        place_id, _ = await _locked(outlet_code, reach, at)
        live = await _live(binding_id, outlet_code)
        await _end(live, by, at)
        await _record("binding.ended", outlet_code, place_id, by, reason, at, {"role": live.role}, None, live)
        await outbox.record([_ended(outlet_code, live, at)])


async def restore(outlet_code: str, binding_id: int, reach: Reach, by: Staff, reason: str, at: datetime) -> None:
    """Give a member the binding back that ended less than RESTORED_WITHIN ago, on the consent given then. Entry verb.

    Who was owner comes back as clerk where there is another owner now. Locks the outlet. Raises ReasonMissing,
    OutletUnknown, OutletClosed, BindingUnknown, RestoreTooLate, AlreadyBound.
    """
    reason = audit.required_reason(reason)
    async with transactions.begin():
        place_id, status = await _locked(outlet_code, reach, at)
        if status != "open":
            raise OutletClosed
        old = await _of(binding_id, outlet_code)
        if old.ended_at is None:
            raise AlreadyBound
        if at - old.ended_at > RESTORED_WITHIN:
            raise RestoreTooLate(days=RESTORED_WITHIN.days)
        live = await Binding.filter(outlet_id=_outlet_id(old), ended_at=None)
        if any(_member_id(one) == _member_id(old) for one in live):
            raise AlreadyBound
        later = Binding.filter(outlet_id=_outlet_id(old), member_id=_member_id(old), id__gt=old.id)
        if await later.exists():
            # What came after it replaced it: giving it back would give an earlier role back.
            raise BindingUnknown
        role = "clerk" if any(one.role == "owner" for one in live) else old.role
        await _renew(old, role, at)
        await customers_queries.return_to_outlet(_member_id(old), _outlet_id(old))
        await _record("binding.restored", outlet_code, place_id, by, reason, at, None, {"role": role}, old)
        await outbox.record([_made(outlet_code, old, role, at)])


async def change_owner(outlet_code: str, binding_id: int, reach: Reach, by: Staff, reason: str, at: datetime) -> None:
    """Make the member of a live binding the owner; who was owner stays as clerk. Entry verb.

    Locks the outlet. Raises ReasonMissing, OutletUnknown, BindingUnknown, OwnerAlready.
    """
    reason = audit.required_reason(reason)
    async with transactions.begin():
        place_id, _ = await _locked(outlet_code, reach, at)
        chosen = await _live(binding_id, outlet_code)
        if chosen.role == "owner":
            raise OwnerAlready
        owner = await Binding.get_or_none(outlet_id=_outlet_id(chosen), role="owner", ended_at=None)
        events: list[Event] = []
        for old in (owner, chosen):
            if old is not None:
                await _end(old, by, at, leaves=False)
                events.append(_ended(outlet_code, old, at))
        for old, role in [(owner, "clerk"), (chosen, "owner")]:
            if old is not None:
                await _renew(old, role, at)
                events.append(_made(outlet_code, old, role, at))
        before: dict[str, object] | None = None if owner is None else {"owner": str(_member_id(owner))}
        after: dict[str, object] = {"owner": str(_member_id(chosen))}
        await _record("binding.owner_changed", outlet_code, place_id, by, reason, at, before, after, chosen)
        await outbox.record(events)


async def _locked(outlet_code: str, reach: Reach, at: datetime) -> tuple[int, str]:
    found = await queries.outlet(reach, outlet_code, at)
    if found is None:
        raise OutletUnknown(field="code")
    locked = await customers_queries.lock_outlet(found["id"])
    return found["place_id"], "closed" if locked is None else locked["status"]


async def _of(binding_id: int, outlet_code: str) -> Binding:
    found = await Binding.get_or_none(id=binding_id, outlet__code=outlet_code)
    if found is None:
        raise BindingUnknown
    return found


async def _live(binding_id: int, outlet_code: str) -> Binding:
    found = await _of(binding_id, outlet_code)
    if found.ended_at is not None:
        raise BindingUnknown
    return found


async def _end(live: Binding, by: Staff, at: datetime, *, leaves: bool = True) -> None:
    # Clocks of two machines differ: a binding never ends before it began.
    await Binding.filter(id=live.id).update(ended_at=max(at, live.bound_at), ended_by=by.actor.text)
    if leaves:
        await customers_queries.leave_outlet(_member_id(live), _outlet_id(live))


async def _renew(old: Binding, role: str, at: datetime) -> None:
    await Binding.create(
        outlet_id=_outlet_id(old),
        member_id=_member_id(old),
        role=role,
        way="staff",
        consent_version=old.consent_version,
        consented_at=old.consented_at,
        bound_at=max(at, old.bound_at),
        # A client's key has at most 64 characters of its own choice; this one cannot meet it in one outlet's lock.
        idempotency_key=f"staff:{uuid7()}",
        input_hash=b"staff",
    )


def _outlet_id(binding: Binding) -> int:
    return int(getattr(binding, "outlet_id"))  # noqa: B009 - made by the ORM


def _member_id(binding: Binding) -> int:
    return int(getattr(binding, "member_id"))  # noqa: B009 - made by the ORM


def _ended(outlet_code: str, binding: Binding, at: datetime) -> Event:
    return Event("binding.ended", outlet_code, at, {"member_id": str(_member_id(binding)), "by": "staff"})


def _made(outlet_code: str, binding: Binding, role: str, at: datetime) -> Event:
    data: dict[str, object] = {
        "member_id": str(_member_id(binding)),
        "role": role,
        "way": "staff",
        "medium": None,
    }
    return Event("binding.made", outlet_code, at, data)


async def _record(
    action: str,
    outlet_code: str,
    place_id: int,
    by: Staff,
    reason: str,
    at: datetime,
    before: dict[str, object] | None,
    after: dict[str, object] | None,
    binding: Binding,
) -> None:
    member = {"member_id": str(_member_id(binding))}
    await audit.record(
        [
            AuditEntry(
                at=at,
                actor=by.actor,
                action=action,
                subject_kind="outlet",
                subject_id=outlet_code,
                before=None if before is None else before | member,
                after=None if after is None else after | member,
                reason=reason,
                node_id=place_id,
            )
        ]
    )
