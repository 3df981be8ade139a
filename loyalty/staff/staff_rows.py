"""What master data says of staff, the pure rule that merges it into what is known, and the change it makes.

A system gives a person one grant, which is told by who gave it; grants of others are not its business.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import asyncpg
import msgspec
from msgspec import UNSET, Meta, UnsetType

from loyalty.errors import TryAgain
from loyalty.organisation import audit, places, tree
from loyalty.organisation.audit import Actor, AuditEntry
from loyalty.organisation.places import Place
from loyalty.rows import Code, Name, RowFault, clean
from loyalty.staff import locks, queries, rules
from loyalty.staff.queries import NewGrant, StaffLine

StaffCode = Annotated[str, Meta(max_length=32, pattern=rf"^{rules.STAFF_CODE.pattern}$(?!\n)")]
GivenRole = Literal["rep", "supervisor"]


class StaffRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One staff member as master data sends them. An absent field stays as it is, null clears it."""

    code: StaffCode
    name: Name | UnsetType = UNSET
    role: GivenRole | UnsetType | None = UNSET
    plant_code: Code | UnsetType = UNSET
    office_code: Code | UnsetType | None = UNSET
    route_code: Code | UnsetType | None = UNSET
    left: bool | UnsetType = UNSET
    successor_code: StaffCode | UnsetType | None = UNSET


class Held(msgspec.Struct, frozen=True):
    """The role that a source has given somebody, and where."""

    role: str
    place: Place


class KnownStaff(msgspec.Struct, frozen=True, kw_only=True):
    """A staff member as one source knows them."""

    name: str
    left: bool = False
    held: Held | None = None


class Change(msgspec.Struct, frozen=True):
    """What a row makes of somebody: ``before`` and ``id`` are None for a new one."""

    code: str
    id: int | None
    before: KnownStaff | None
    after: KnownStaff


def merge(known: KnownStaff | None, row: StaffRow) -> KnownStaff | RowFault:
    """Say what a staff member is after a row, or why the row is refused.

    A new one needs a name, a role needs a plant, and whoever has left is given none. Office and route belong to the
    plant, so a new plant forgets them unless the row names them, as a new office forgets the route.
    """
    if known is None:
        if row.name is UNSET:
            return RowFault("name", "missing_field")
        known = KnownStaff(name=clean(row.name))
    name = known.name if row.name is UNSET else clean(row.name)
    if row.left is not True and row.successor_code not in {UNSET, None}:
        return RowFault("successor_code", "out_of_range")
    if row.left is True or (known.left and row.left is UNSET):
        if row.left is UNSET and row.role not in {UNSET, None}:
            return RowFault("left", "staff_left")
        return KnownStaff(name=name, left=True)
    held = _merge_held(known.held, row)
    return held if isinstance(held, RowFault) else KnownStaff(name=name, held=held)


def _merge_held(known: Held | None, row: StaffRow) -> Held | RowFault | None:
    given = {
        field: value
        for field in ("plant_code", "office_code", "route_code")
        if (value := getattr(row, field)) is not UNSET
    }
    role = row.role if row.role is not UNSET else known.role if known else None
    if role is None:
        # A place is that of a role: without one it would be lost in silence.
        lost = row.role is UNSET and any(value is not None for value in given.values())
        return RowFault("role", "missing_field") if lost else None
    if known is None:
        return RowFault("plant_code", "missing_field") if "plant_code" not in given else Held(role, _place(given))
    before = msgspec.structs.asdict(known.place)
    if given.get("plant_code", before["plant_code"]) != before["plant_code"]:
        before = {}
    elif given.get("office_code", before["office_code"]) != before["office_code"]:
        before["route_code"] = None
    return Held(role, _place(before | given))


def _place(codes: Mapping[str, Any]) -> Place:
    return Place(codes["plant_code"], codes.get("office_code"), codes.get("route_code"))


Grants = Mapping[int, Sequence[asyncpg.Record]]
"""Open grants, rows of ``queries.open_grants``, by staff id."""


async def open_grants(staff_ids: Sequence[int], at: datetime) -> Grants:
    """Read the grants of staff that have not ended. Set verb."""
    found: dict[int, list[asyncpg.Record]] = {}
    for row in await queries.open_grants(staff_ids, at):
        found.setdefault(row["staff_id"], []).append(row)
    return found


def known_by(source: str, row: asyncpg.Record, grants: Grants) -> KnownStaff:
    """Tell how a source knows somebody, from a row of ``locks.find_codes``."""
    held = None
    theirs = grants.get(row["id"], ())
    for one in theirs:
        # One with an end lasts only where another's goes on from there; any other end is that of a faster clock.
        goes_on = one["until_at"] is None or one["until_at"] in {
            other["from_at"] for other in theirs if (other["role"], other["node_id"]) == (one["role"], one["node_id"])
        }
        if one["granted_by"] == source and goes_on:
            held = Held(one["role"], Place(one["plant_code"], one["office_code"], one["route_code"]))
    return KnownStaff(name=row["name"], left=row["left_at"] is not None, held=held)


async def apply(
    changes: Sequence[Change], grants: Grants, actor: Actor, at: datetime
) -> tuple[dict[str, int], set[str]]:
    """Make the changes to locked staff, whose open grants are ``grants``; nobody leaves here.

    Set verb. Return the ids of the new by code, and the codes of those of the others of whom anything has changed.
    Raises TryAgain.
    """
    source = actor.text
    lines = [
        StaffLine(one.code, one.after.name, at if one.after.left else None) for one in changes if one.before is None
    ]
    made = {row["code"]: row["id"] for row in await queries.insert_staff(lines, at, source)} if lines else {}
    if len(made) != len(lines):
        # Somebody took one of the codes between our look and our insert. Nothing is kept; the retry sees it.
        raise TryAgain
    entries = [
        _entry(made[one.code], "staff.added", actor, at, after={"code": one.code, "name": one.name}) for one in lines
    ]
    changed: set[str] = set()
    renamed: list[tuple[int, str]] = []
    back: list[int] = []
    for one in changes:
        if one.before is None or one.id is None:
            continue
        if one.before.name != one.after.name:
            renamed.append((one.id, one.after.name))
            changed.add(one.code)
            names = {"name": one.before.name}, {"name": one.after.name}
            entries.append(_entry(one.id, "staff.renamed", actor, at, *names))
        if one.before.left and not one.after.left:
            back.append(one.id)
            changed.add(one.code)
            entries.append(_entry(one.id, "staff.returned", actor, at))
    if renamed:
        await queries.rename_staff(renamed)
    if back:
        await locks.set_left(back, None)
    regranted, told = await _regrant(changes, made, grants, actor, at)
    await audit.record([*entries, *told])
    return made, changed | regranted


async def _regrant(
    changes: Sequence[Change], made: Mapping[str, int], grants: Grants, actor: Actor, at: datetime
) -> tuple[set[str], list[AuditEntry]]:
    """End and give the source's grants; return the codes of whom it touched, and what the audit is to know."""
    moved = [one for one in changes if one.after.held != (one.before.held if one.before else None)]
    wanted = [one.after.held.place for one in moved if one.after.held is not None]
    located = await places.locate(wanted, at, actor.text) if wanted else {}
    ends: list[asyncpg.Record] = []
    starts: list[NewGrant] = []
    codes: set[str] = set()
    for one in moved:
        staff_id = made[one.code] if one.id is None else one.id
        theirs = grants.get(staff_id, ())
        over = [grant for grant in theirs if grant["granted_by"] == actor.text]
        ends += over
        start = None
        if one.after.held is not None:
            others = [grant for grant in theirs if grant["granted_by"] != actor.text]
            start = _start(staff_id, one.after.held.role, located[one.after.held.place].node_id, others, at)
        if start is not None:
            starts.append(start)
        if over or start is not None:
            codes.add(one.code)
    if ends:
        await queries.end_grants([grant["id"] for grant in ends], at)
    if starts:
        try:
            await queries.insert_grants(starts, at, actor.text)
        except asyncpg.ExclusionViolationError:
            # An administrator gave one of them between our look and our insert.
            raise TryAgain from None
    names = await tree.names(sorted({grant.node_id for grant in starts})) if starts else {}
    return codes, [
        *(
            _entry(
                grant["staff_id"],
                "grant.ended",
                actor,
                at,
                {"role": grant["role"], "place": grant["node_name"]},
                {"until_at": at},
                grant["node_id"],
            )
            for grant in ends
        ),
        *(
            _entry(
                grant.staff_id,
                "grant.added",
                actor,
                at,
                after={"role": grant.role, "place": names[grant.node_id]},
                node_id=grant.node_id,
            )
            for grant in starts
        ),
    ]


def _start(staff_id: int, role: str, node_id: int, others: Sequence[asyncpg.Record], at: datetime) -> NewGrant | None:
    """Give the grant that has to be made, up to where another's begins; None where another's is all that is wanted."""
    same = [grant for grant in others if (grant["role"], grant["node_id"]) == (role, node_id)]
    if any(grant["from_at"] <= at for grant in same):
        return None
    return NewGrant(staff_id, role, node_id, min((grant["from_at"] for grant in same), default=None))


def _entry(
    staff_id: int,
    action: str,
    actor: Actor,
    at: datetime,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    node_id: int | None = None,
) -> AuditEntry:
    return AuditEntry(
        at=at,
        actor=actor,
        action=action,
        subject_kind="staff",
        subject_id=str(staff_id),
        before=before,
        after=after,
        node_id=node_id,
    )
