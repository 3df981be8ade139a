"""Grants: a role at a node, from when until when."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg
import msgspec
from tortoise.exceptions import IntegrityError

from loyalty import transactions
from loyalty.organisation import audit, tree
from loyalty.organisation.audit import Actor, AuditEntry
from loyalty.organisation.rules import Kind
from loyalty.staff import locks, people, queries, rules
from loyalty.staff.errors import (
    GrantExists,
    GrantTimesWrong,
    GrantUnknown,
    LastAdmin,
    OutOfReach,
    OwnGrants,
    RoleFromAbove,
    RoleUnknown,
    StaffLeft,
)
from loyalty.staff.models import StaffGrant, StaffMember
from loyalty.staff.people import Profile, Staff
from loyalty.staff.rules import Role

SHOWN_MAX = 100
ADMIN: tuple[Role, ...] = ("admin",)
FROM_ABOVE: tuple[Role, ...] = ("admin", "checker")


class KeptGrant(msgspec.Struct, frozen=True):
    """A grant as it is kept, live or not."""

    id: int
    role: Role
    node_id: int
    node_kind: Kind
    node_name: str
    from_at: datetime
    until_at: datetime | None
    granted_by: str


async def of(staff_id: int, reach: Sequence[int]) -> list[KeptGrant]:
    """List grants of a staff member within reach, the latest first, at most SHOWN_MAX. Needs a reader."""
    return [KeptGrant(**row) for row in await queries.grants(staff_id, reach, SHOWN_MAX)]


async def hire(
    code: str, name: str, role: Role, node_id: int, until_at: datetime | None, admin: Staff, at: datetime
) -> int:
    """Take a staff member in with their first role, within the administrator's reach; return their id. Entry verb.

    Raises what ``people.add`` and ``add`` raise.
    """
    if role not in rules.ROLES:
        raise RoleUnknown(field="role")
    if until_at is not None and until_at <= at:
        raise GrantTimesWrong(field="until_at")
    async with transactions.begin():
        await _require_say(role, node_id, admin)
        staff_id = await people.enter(code, name, admin.actor, at, node_id)
        await give(staff_id, role, node_id, at, until_at, admin.actor, at)
    return staff_id


async def add(
    staff_id: int, role: Role, node_id: int, from_at: datetime, until_at: datetime | None, admin: Staff, at: datetime
) -> int:
    """Give a role at a node within the administrator's reach; return the grant's id. Entry verb.

    Raises RoleUnknown, GrantTimesWrong, OwnGrants, StaffUnknown, StaffLeft, NodeUnknown, RoleFromAbove, GrantExists.
    """
    if role not in rules.ROLES:
        raise RoleUnknown(field="role")
    if until_at is not None and until_at <= max(from_at, at):
        raise GrantTimesWrong(field="until_at")
    if staff_id == admin.id:
        raise OwnGrants
    reach = admin.reach(ADMIN).node_ids
    async with transactions.begin():
        if (await people.read(staff_id, reach)).left_at is not None:
            raise StaffLeft
        await _require_say(role, node_id, admin)
        return await give(staff_id, role, node_id, from_at, until_at, admin.actor, at)


async def _require_say(role: Role, node_id: int, admin: Staff) -> None:
    """Refuse a node out of reach, and a role that only somebody above may give.

    Who checks others, or administers, is not made by their peer: else an administrator makes a second account of their
    own and gives themselves, by it, what nobody may give themselves. At the root there is nobody above.
    """
    nodes = admin.reach(ADMIN).node_ids
    await tree.read(node_id, nodes)
    if role in FROM_ABOVE and node_id in nodes and not await tree.reaches_root(nodes):
        raise RoleFromAbove(field="role")


async def give(
    staff_id: int, role: Role, node_id: int, from_at: datetime, until_at: datetime | None, actor: Actor, at: datetime
) -> int:
    """Give a role at a node. Set verb: who may do so, its caller has looked. Locks the person. Raises GrantExists.

    A temporary password that somebody else has given them is taken away: it would open this role too.
    """
    await StaffMember.select_for_update().get(id=staff_id)
    try:
        made = await StaffGrant.create(
            staff_id=staff_id, role=role, node_id=node_id, from_at=from_at, until_at=until_at, granted_by=actor.text
        )
    except IntegrityError as broken:
        if isinstance(broken.__cause__, asyncpg.ExclusionViolationError):
            raise GrantExists(field="role") from None
        raise
    await locks.drop_temporary_password(staff_id, actor.text)
    await audit.record(
        [
            AuditEntry(
                at=at,
                actor=actor,
                action="grant.added",
                subject_kind="staff",
                subject_id=str(staff_id),
                after={"role": role, "place": await tree.name_of(node_id), "from_at": from_at, "until_at": until_at},
                node_id=node_id,
            )
        ]
    )
    return int(made.id)


async def end(grant_id: int, admin: Staff, reason: str, at: datetime) -> None:
    """End a grant within the administrator's reach; it counts no more from this instant on. Entry verb.

    Raises ReasonMissing, GrantUnknown, OwnGrants.
    """
    reason = audit.required_reason(reason)
    async with transactions.begin():
        grant = await StaffGrant.select_for_update().get_or_none(id=grant_id)
        live = grant is not None and (grant.until_at is None or grant.until_at > at)
        if grant is None or not live or not await tree.is_within(grant.node_id, admin.reach(ADMIN).node_ids):
            raise GrantUnknown
        if grant.staff_id == admin.id:
            raise OwnGrants
        if grant.role == "admin":
            await locks.lock_root_admins(at)
        await queries.end_grants([grant.id], at)
        if grant.role == "admin":
            await require_some_admin(at)
        await audit.record(
            [
                AuditEntry(
                    at=at,
                    actor=admin.actor,
                    action="grant.ended",
                    subject_kind="staff",
                    subject_id=str(grant.staff_id),
                    before={
                        "role": grant.role,
                        "place": await tree.name_of(grant.node_id),
                        "until_at": grant.until_at,
                    },
                    after={"until_at": at},
                    reason=reason,
                    node_id=grant.node_id,
                )
            ]
        )


async def require_some_admin(at: datetime) -> None:
    """Refuse what would leave nobody who administers the whole, after ``locks.lock_root_admins``. Set verb.

    Raises LastAdmin.
    """
    if not await queries.has_root_admin(at):
        raise LastAdmin


async def bring_back(staff_id: int, admin: Staff, reason: str, at: datetime) -> None:
    """Take somebody back who had left, without a role and without a password. Entry verb.

    Raises ReasonMissing, StaffUnknown. Somebody who is here stays as they are.
    """
    reason = audit.required_reason(reason)
    async with transactions.begin():
        profile = await people.read(staff_id, admin.reach(ADMIN).node_ids)
        if profile.left_at is None:
            return
        await StaffMember.filter(id=staff_id).update(left_at=None, password_hash=None, tries=0, locked_until=None)
        await audit.record(
            [
                AuditEntry(
                    at=at,
                    actor=admin.actor,
                    action="staff.returned",
                    subject_kind="staff",
                    subject_id=str(staff_id),
                    reason=reason,
                    node_id=await queries.home_node(staff_id),
                )
            ]
        )


async def reaches_whole(staff_id: int, admin: Staff, at: datetime) -> bool:
    """Tell whether an administrator reaches every place where somebody has a role. Needs a reader."""
    return not await queries.has_grant_outside(staff_id, admin.reach(ADMIN).node_ids, at)


async def require_whole_reach(staff_id: int, admin: Staff, at: datetime) -> Profile:
    """Read somebody over whose log-in an administrator has the say: nobody with a role outside of their reach.

    Raises StaffUnknown, OutOfReach. Needs a reader.
    """
    reach = admin.reach(ADMIN).node_ids
    profile = await people.read(staff_id, reach)
    if await queries.has_grant_outside(staff_id, reach, at):
        raise OutOfReach
    return profile
