"""Staff members: who they are, what they may, and how far they reach."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Literal

import asyncpg
import msgspec
from tortoise.exceptions import IntegrityError

from loyalty import transactions
from loyalty.organisation import audit
from loyalty.organisation.audit import Actor, AuditEntry
from loyalty.organisation.errors import NameMissing
from loyalty.organisation.rules import Kind, is_visible
from loyalty.staff import queries, rules
from loyalty.staff.errors import StaffCodeInvalid, StaffCodeTaken, StaffUnknown
from loyalty.staff.models import StaffMember
from loyalty.staff.rules import Role

State = Literal["", "here", "left", "locked"]
FOUND_MAX = 1_000


class Grant(msgspec.Struct, frozen=True):
    """A live grant: a role at a node and all below it."""

    id: int
    role: Role
    node_id: int
    node_kind: Kind
    node_name: str
    at_root: bool = False
    """Whether it counts in the whole organisation."""


class Reach(msgspec.Struct, frozen=True):
    """How far somebody reaches, for whatever they do: a required argument of every query.

    ``node_ids``: all at or below these. ``rep_id`` with ``rep_node_ids``: of what is at or below those, only the
    outlets that the rep looks after.
    """

    node_ids: tuple[int, ...]
    rep_id: int | None = None
    rep_node_ids: tuple[int, ...] = ()

    @property
    def is_nothing(self) -> bool:
        """Tell whether nothing is in reach."""
        return not self.node_ids and not self.rep_node_ids


class Staff(msgspec.Struct, frozen=True):
    """A staff member who is here, with the grants that are live at this instant."""

    id: int
    code: str
    name: str
    password_is_temporary: bool
    grants: tuple[Grant, ...]
    session_id: int | None = None

    @property
    def roles(self) -> frozenset[Role]:
        """Tell the roles that they hold anywhere."""
        return frozenset(grant.role for grant in self.grants)

    @property
    def actor(self) -> Actor:
        """Name them for the audit."""
        return Actor("staff", str(self.id), self.name)

    def reach(self, roles: Collection[Role]) -> Reach:
        """Tell how far they reach in one of ``roles``: as a rep, of what is there only the outlets that are theirs."""
        held = [grant for grant in self.grants if grant.role in roles]
        nodes = tuple(sorted({grant.node_id for grant in held if grant.role != "rep"}))
        of_rep = tuple(sorted({grant.node_id for grant in held if grant.role == "rep"}))
        return Reach(nodes, self.id if of_rep else None, of_rep)


class Listed(msgspec.Struct, frozen=True):
    """A staff member in a list."""

    id: int
    code: str
    name: str
    left_at: datetime | None
    locked: bool
    last_login_at: datetime | None
    may_log_in: bool
    roles: tuple[Role, ...]
    places: tuple[str, ...]


class Profile(msgspec.Struct, frozen=True):
    """One staff member as an administrator sees them."""

    id: int
    code: str
    name: str
    source: str
    created_at: datetime
    left_at: datetime | None
    has_password: bool
    password_is_temporary: bool
    locked_until: datetime | None
    last_login_at: datetime | None


class Named(msgspec.Struct, frozen=True):
    """A staff member to choose."""

    id: int
    code: str
    name: str


def told(rows: Sequence[asyncpg.Record], session_id: int | None = None) -> Staff | None:
    """Tell a staff member from the rows of ``queries.session`` or ``queries.by_login``; None for no rows."""
    if not rows:
        return None
    first = rows[0]
    return Staff(
        first["id"],
        first["code"],
        first["name"],
        first["password_is_temporary"],
        tuple(
            Grant(row["grant_id"], row["role"], row["node_id"], row["node_kind"], row["node_name"], row["at_root"])
            for row in rows
            if row["grant_id"] is not None
        ),
        session_id,
    )


async def by_code(code: str, at: datetime) -> Staff | None:
    """Find a staff member who is here by their code, with their live grants."""
    async with transactions.reader():
        return told(await queries.by_login(code.lower(), at))


async def find(
    reach: Sequence[int],
    text: str,
    role: Role | Literal[""],
    state: State,
    order: str,
    skip: int,
    limit: int,
    at: datetime,
) -> list[Listed]:
    """List staff whom administrators of ``reach`` see. Needs a reader."""
    rows = await queries.find(reach, text, role, state, order, skip, limit, at)
    return [
        Listed(
            **dict(row)
            | {"roles": tuple(row["roles"] or ()), "places": tuple(row["places"] or ()), "locked": bool(row["locked"])}
        )
        for row in rows
    ]


async def read(staff_id: int, reach: Sequence[int]) -> Profile:
    """Read one whom administrators of ``reach`` see. Raises StaffUnknown. Needs a reader."""
    row = await queries.visible(staff_id, reach)
    if row is None:
        raise StaffUnknown(field="staff_id")
    given = {name: row[name] for name in Profile.__struct_fields__ if name != "has_password"}
    return Profile(**given, has_password=row["password_hash"] is not None)


async def names(ids: Sequence[int]) -> dict[int, str]:
    """Tell the names of staff members. Needs a reader."""
    return {row["id"]: row["name"] for row in await queries.names(ids)}


async def choices(
    reach: Sequence[int], roles: Sequence[Role], text: str, at: datetime, skip: int = 0, limit: int = FOUND_MAX
) -> list[Named]:
    """List staff who are here and hold one of ``roles`` in reach, by staff code. Needs a reader."""
    return [Named(**row) for row in await queries.with_role(reach, roles, text, None, skip, limit, at)]


async def choice(staff_id: int, reach: Sequence[int], roles: Sequence[Role], at: datetime) -> Named | None:
    """Find one of those whom ``choices`` lists. Needs a reader."""
    rows = await queries.with_role(reach, roles, "", staff_id, 0, 1, at)
    return Named(**rows[0]) if rows else None


async def add(code: str, name: str, actor: Actor, at: datetime) -> int:
    """Take a staff member in, who cannot log in yet; return their id. Entry verb.

    Raises StaffCodeInvalid, NameMissing, StaffCodeTaken.
    """
    async with transactions.begin():
        return await enter(code, name, actor, at)


async def enter(code: str, name: str, actor: Actor, at: datetime, node_id: int | None = None) -> int:
    """Take a staff member in. Set verb; as ``add``. ``node_id`` is where the audit tells of it."""
    name = " ".join("".join(sign for sign in name if is_visible(sign)).split())
    if not rules.STAFF_CODE.fullmatch(code):
        raise StaffCodeInvalid(field="code")
    if not name or len(name) > rules.NAME_LENGTH_MAX:
        raise NameMissing(field="name")
    try:
        made = await StaffMember.create(code=code, login=code.lower(), name=name, source=actor.text, created_at=at)
    except IntegrityError:
        raise StaffCodeTaken(field="code") from None
    await audit.record(
        [
            AuditEntry(
                at=at,
                actor=actor,
                action="staff.added",
                subject_kind="staff",
                subject_id=str(made.id),
                after={"code": code, "name": name},
                node_id=node_id,
            )
        ]
    )
    return int(made.id)
