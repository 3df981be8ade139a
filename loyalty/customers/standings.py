"""Who a member is right now, and which outlet they act for: asked by every verb, in its own statements."""

from collections.abc import Sequence
from typing import cast

import asyncpg
import msgspec

from loyalty.customers import queries
from loyalty.customers.errors import BindingRequired, SessionEnded
from loyalty.customers.rules import Role


class MemberRef(msgspec.Struct, frozen=True):
    """The member that a token names."""

    id: int
    epoch: int


class Standing(msgspec.Struct, frozen=True, gc=False):
    """A member with a live binding, at the outlet they act for."""

    member_id: int
    outlet_id: int
    outlet_code: str
    outlet_name: str
    binding_id: int
    role: Role


async def lock(many: Sequence[MemberRef]) -> list[Standing | SessionEnded | BindingRequired]:
    """Tell the standing of each, and lock the outlets of those who have one, in id order.

    Set verb: one statement, and a second one only when some member is not bound. The lock makes what follows for one
    outlet happen one after the other; a statement after this one sees all that came before.
    """
    bound = {row["member_id"]: row for row in await queries.lock_standings(_ids(many))}
    missing = [member for member in many if member.id not in bound]
    others = {row["member_id"]: row for row in await queries.standings(_ids(missing))} if missing else {}
    # A binding that came between the two statements is not locked, so it does not count yet.
    return [
        told(member, bound[member.id]) if member.id in bound else _refusal(member, others.get(member.id))
        for member in many
    ]


async def read(many: Sequence[MemberRef]) -> list[Standing | SessionEnded | BindingRequired]:
    """Tell the standing of each, without a lock: one statement."""
    rows = {row["member_id"]: row for row in await queries.standings(_ids(many))}
    return [told(member, rows.get(member.id)) for member in many]


async def require(member: MemberRef) -> Standing:
    """Tell the standing of one member. Raises SessionEnded or BindingRequired. Needs a reader."""
    (standing,) = await read([member])
    if isinstance(standing, Standing):
        return standing
    raise standing


async def require_session(member: MemberRef) -> None:
    """Check that the member's session is live, bound or not. Raises SessionEnded. Needs a reader."""
    (standing,) = await read([member])
    if isinstance(standing, SessionEnded):
        raise standing


def _ids(many: Sequence[MemberRef]) -> list[int]:
    return list({member.id for member in many})


def _refusal(member: MemberRef, row: asyncpg.Record | None) -> SessionEnded | BindingRequired:
    return SessionEnded() if row is None or row["epoch"] != member.epoch else BindingRequired()


def told(member: MemberRef, row: asyncpg.Record | None) -> Standing | SessionEnded | BindingRequired:
    """Tell a member's standing from a row with the columns of ``queries.standings_of``, or from none."""
    if row is None or row["epoch"] != member.epoch or row["outlet_id"] is None:
        return _refusal(member, row)
    return Standing(
        member.id,
        row["outlet_id"],
        row["outlet_code"],
        row["outlet_name"],
        row["binding_id"],
        cast(Role, row["role"]),
    )
