"""Assignments: which rep looks after an outlet, from when until when; one rep at a time, history kept."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from loyalty import transactions
from loyalty.customers.territory import queries
from loyalty.organisation import audit
from loyalty.organisation.audit import Actor, AuditEntry
from loyalty.staff import grants, people
from loyalty.staff import locks as staff_locks
from loyalty.staff import queries as staff_queries
from loyalty.staff.errors import OutOfReach, OwnGrants, StaffLeft, SuccessorWrong
from loyalty.staff.models import StaffMember
from loyalty.staff.people import Reach, Staff

HISTORY_MAX = 50


class Span(msgspec.Struct, frozen=True):
    """Who looked after an outlet, from when until when."""

    staff_id: int
    staff_code: str
    staff_name: str
    from_at: datetime
    until_at: datetime | None
    source: str


async def counts(staff_ids: Sequence[int], at: datetime) -> dict[int, int]:
    """Count the outlets that each of the staff looks after; nobody without one is in the answer. Needs a reader."""
    return {row["staff_id"]: row["outlets"] for row in await queries.counts(staff_ids, at)}


async def of_outlet(outlet_id: int) -> list[Span]:
    """Tell who has looked after an outlet, the latest first, at most HISTORY_MAX. Needs a reader."""
    return [Span(**row) for row in await queries.history(outlet_id, HISTORY_MAX)]


async def assign(pairs: Sequence[tuple[int, int | None]], source: str, at: datetime) -> None:
    """Give locked outlets another rep each, (outlet id, staff id), or none. Set verb: two statements however many."""
    if not pairs:
        return
    await queries.end([outlet_id for outlet_id, _ in pairs], at)
    given = [(outlet_id, staff_id) for outlet_id, staff_id in pairs if staff_id is not None]
    if given:
        await queries.start(given, at, source)


async def hand_over(from_id: int, to_id: int, reach: Reach, by: Staff, reason: str, at: datetime) -> int:
    """Hand all outlets of one rep to another; return how many. Entry verb; locks the outlets in id order.

    All of them have to be in reach. Raises ReasonMissing, StaffUnknown, SuccessorWrong, OutOfReach.
    """
    reason = audit.required_reason(reason)
    async with transactions.begin():
        await people.read(from_id, reach.node_ids)
        return (await _hand_over({from_id: to_id}, reach.node_ids, by.actor, reason, at)).total()


async def leave(staff_id: int, successor_id: int | None, admin: Staff, reason: str, at: datetime) -> int:
    """Let a staff member go: roles and sessions end, their outlets go to a successor or to nobody; return how many.

    Entry verb; locks the outlets in id order. Raises ReasonMissing, OwnGrants, StaffUnknown, OutOfReach, StaffLeft,
    SuccessorWrong.
    """
    reason = audit.required_reason(reason)
    if staff_id == admin.id:
        raise OwnGrants
    async with transactions.begin():
        await staff_locks.lock_root_admins(at)
        # Locked before it is judged: of two who let the same person go, the second finds them gone.
        await StaffMember.filter(id=staff_id).select_for_update()
        profile = await grants.require_whole_reach(staff_id, admin, at)
        if profile.left_at is not None:
            raise StaffLeft
        moved = await part({staff_id: successor_id}, admin.reach(grants.ADMIN).node_ids, admin.actor, reason, at)
        await grants.require_some_admin(at)
        return moved


async def part(
    leaving: Mapping[int, int | None], node_ids: Sequence[int] | None, actor: Actor, reason: str, at: datetime
) -> int:
    """Let staff members go, each with a successor or none; return how many outlets moved.

    Set verb: who may say so, its caller has looked. ``node_ids`` None: wherever they work. Raises as ``leave``.
    """
    moved = await _hand_over(leaving, node_ids, actor, reason, at)
    staff_ids = sorted(leaving)
    open_grants = await staff_queries.open_grants(staff_ids, at)
    homes = {row["staff_id"]: row["node_id"] for row in open_grants}
    await staff_queries.end_grants([row["id"] for row in open_grants], at)
    await staff_queries.end_sessions(staff_ids, at, actor.text)
    await staff_locks.set_left(staff_ids, at)
    await audit.record(
        [
            AuditEntry(
                at=at,
                actor=actor,
                action="staff.left",
                subject_kind="staff",
                subject_id=str(staff_id),
                after={"count": moved[staff_id]},
                reason=reason,
                node_id=homes.get(staff_id),
            )
            for staff_id in staff_ids
        ]
    )
    return moved.total()


async def _hand_over(
    many: Mapping[int, int | None], node_ids: Sequence[int] | None, actor: Actor, reason: str, at: datetime
) -> Counter[int]:
    """Hand the outlets of each to another rep, or to nobody; return how many were whose."""
    successors = {to_id for to_id in many.values() if to_id is not None}
    # Held, so that nobody leaves, or is given an outlet, between our look and our change.
    await StaffMember.filter(id__in=sorted(successors | set(many))).order_by("id").select_for_update()
    if successors and (successors & set(many) or successors - await queries.reps_here(sorted(successors), at)):
        raise SuccessorWrong(field="successor_id")
    outlets = await queries.lock_outlets_of(sorted(many))
    places = list({row["place_id"] for row in outlets})
    if node_ids is not None:
        if not await queries.are_within(places, node_ids):
            raise OutOfReach
        # Who has no role where the outlets are would not see them. A system may send the role later.
        taken = {(to_id, row["place_id"]) for row in outlets if (to_id := many[row["staff_id"]]) is not None}
        if taken and await queries.uncovered(sorted(taken), at):
            raise SuccessorWrong(field="successor_id")
    await assign([(row["id"], many[row["staff_id"]]) for row in outlets], actor.text, at)
    moved = Counter(row["staff_id"] for row in outlets)
    where = {row["staff_id"]: row["place_id"] for row in outlets}
    await audit.record(
        [
            AuditEntry(
                at=at,
                actor=actor,
                action="assignments.handed_over",
                subject_kind="staff",
                subject_id=str(from_id),
                after={"successor": None if many[from_id] is None else str(many[from_id]), "count": count},
                reason=reason,
                node_id=where[from_id],
            )
            for from_id, count in sorted(moved.items())
        ]
    )
    return moved
