"""Manual adjustments: one person proposes with a reason, another one checks, each within the limit of their role.

The limits are a rule book (points.rules.ADJUSTMENTS). What is proposed moves nothing; what is approved is an entry.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

import asyncpg
import msgspec

from loyalty import transactions
from loyalty.clock import SHANGHAI, business_date
from loyalty.customers.care import queries as care
from loyalty.customers.errors import OutletUnknown
from loyalty.organisation import audit
from loyalty.organisation.audit import AuditEntry
from loyalty.points import ledger
from loyalty.points.adjustments import queries
from loyalty.points.adjustments.errors import (
    AdjustmentOverLimit,
    AdjustmentPointsInvalid,
    AdjustmentSettled,
    AdjustmentUncovered,
    AdjustmentUnknown,
    SamePerson,
)
from loyalty.points.errors import InsufficientPoints
from loyalty.points.ledger import Adjustment
from loyalty.points.rules import ADJUSTMENTS, RoleLimit
from loyalty.rulebooks import rulebooks
from loyalty.staff.people import Reach, Staff
from loyalty.staff.rules import Role

State = Literal["proposed", "approved", "rejected", "withdrawn"]
PER = {"once": "一次", "day": "一天"}


class Proposal(msgspec.Struct, frozen=True):
    """An adjustment as it stands."""

    id: int
    outlet_id: int
    outlet_code: str
    outlet_name: str
    place_id: int
    points: int
    reason: str
    state: State
    made_by: int
    made_by_name: str
    made_at: datetime
    checked_by: int | None
    checked_by_name: str | None
    checked_at: datetime | None
    checked_reason: str | None


async def search(reach: Reach, state: str, outlet_code: str, skip: int, limit: int, at: datetime) -> list[Proposal]:
    """Find adjustments of outlets in reach: open ones oldest first, all others the latest first. Needs a reader."""
    return [told(row) for row in await queries.search(reach, state, outlet_code, skip, limit, at)]


async def find(adjustment_id: int, reach: Reach, at: datetime) -> Proposal:
    """Read one adjustment of an outlet in reach. Needs a reader. Raises AdjustmentUnknown."""
    row = await queries.read(adjustment_id, reach, at)
    if row is None:
        raise AdjustmentUnknown
    return told(row)


def told(row: asyncpg.Record) -> Proposal:
    """Give an adjustment from a row."""
    return Proposal(**{name: row[name] for name in Proposal.__struct_fields__})


async def propose(outlet_code: str, points: int, reason: str, by: Staff, reach: Reach, at: datetime) -> int:
    """Propose to give (positive) or take (negative) points; return the proposal's id. Entry verb; in the audit.

    Locks the person, so that two proposals at once cannot both fit into one day. Raises ReasonMissing, OutletUnknown,
    AdjustmentPointsInvalid, AdjustmentOverLimit.
    """
    reason = audit.required_reason(reason)
    if points == 0:
        raise AdjustmentPointsInvalid(field="points")
    async with transactions.begin():
        outlet = await care.outlet(reach, outlet_code, at)
        if outlet is None:
            raise OutletUnknown(field="code")
        version, role = await _within_limit("propose", points, by, outlet_code, at)
        values = (outlet["id"], points, reason, by.id, role, at, version)
        adjustment_id = await queries.insert(values)
        after = {"points": points, "adjustment_id": str(adjustment_id)}
        await _record("adjustment.proposed", outlet_code, outlet["place_id"], after, by, reason, at)
        return adjustment_id


async def approve(adjustment_id: int, reason: str, by: Staff, reach: Reach, at: datetime) -> int:
    """Approve a proposal and move the points; return the balance after it. Entry verb; in the audit.

    Locks the adjustment, the checker, then the account. Raises ReasonMissing, AdjustmentUnknown, AdjustmentSettled,
    SamePerson, AdjustmentOverLimit, AdjustmentUncovered: then it stays proposed and nothing moved.
    """
    reason = audit.required_reason(reason)
    async with transactions.begin():
        one = await _open(adjustment_id, by, reach, at)
        version, _ = await _within_limit("approve", one.points, by, one.outlet_code, at)
        word = "补给您" if one.points > 0 else "扣回"
        change = Adjustment(
            one.outlet_id,
            one.points,
            "adjustment",
            str(one.id),
            version,
            f"{word} {abs(one.points)} 分：{one.reason}",
            at,
        )
        (moved,) = await ledger.adjust([change])
        if isinstance(moved, InsufficientPoints):
            raise AdjustmentUncovered(**moved.data)
        await queries.settle(one.id, "approved", by.id, reason, at)
        after = {"points": one.points, "adjustment_id": str(one.id)}
        await _record("adjustment.approved", one.outlet_code, one.place_id, after, by, reason, at)
        return moved.balance_points


async def reject(adjustment_id: int, reason: str, by: Staff, reach: Reach, at: datetime) -> None:
    """Reject a proposal. Entry verb; in the audit. Raises as ``approve``, but for limits."""
    reason = audit.required_reason(reason)
    async with transactions.begin():
        one = await _open(adjustment_id, by, reach, at)
        await queries.settle(one.id, "rejected", by.id, reason, at)
        after = {"points": one.points, "adjustment_id": str(one.id)}
        await _record("adjustment.rejected", one.outlet_code, one.place_id, after, by, reason, at)


async def withdraw(adjustment_id: int, by: Staff, reach: Reach, at: datetime) -> None:
    """Take one's own proposal back. Entry verb; in the audit. Raises AdjustmentUnknown, AdjustmentSettled."""
    async with transactions.begin():
        row = await queries.lock(adjustment_id)
        if row is None or row["made_by"] != by.id or await care.outlet(reach, row["outlet_code"], at) is None:
            raise AdjustmentUnknown
        if row["state"] != "proposed":
            raise AdjustmentSettled
        await queries.settle(adjustment_id, "withdrawn", by.id, "", at)
        after = {"points": row["points"], "adjustment_id": str(adjustment_id)}
        await _record("adjustment.withdrawn", row["outlet_code"], row["place_id"], after, by, "", at)


async def _open(adjustment_id: int, by: Staff, reach: Reach, at: datetime) -> Proposal:
    row = await queries.lock(adjustment_id)
    if row is None or await care.outlet(reach, row["outlet_code"], at) is None:
        raise AdjustmentUnknown
    if row["state"] != "proposed":
        raise AdjustmentSettled
    if row["made_by"] == by.id:
        raise SamePerson
    return told(row)


async def _within_limit(
    act: Literal["propose", "approve"], points: int, by: Staff, outlet_code: str, at: datetime
) -> tuple[str, Role]:
    """Give the rule version and role that allow so many points today. Locks the person. Raises AdjustmentOverLimit."""
    on = business_date(at)
    rule = (await rulebooks.in_force(ADJUSTMENTS, [on]))[on]
    limits = getattr(rule.body, act)
    roles: Sequence[Role] = [
        role
        for role in by.roles
        if role in limits and await care.outlet(by.reach((role,)), outlet_code, at) is not None
    ]
    if not roles:
        raise AdjustmentOverLimit(field="points", limit_points=0, per=PER["once"])
    role = max(roles, key=lambda one: (limits[one].once_points_max, one))
    limit: RoleLimit = limits[role]
    midnight = datetime(on.year, on.month, on.day, tzinfo=SHANGHAI)
    moved = await queries.moved_today(by.id, act, midnight, midnight + timedelta(days=1))
    if abs(points) > limit.once_points_max:
        raise AdjustmentOverLimit(field="points", limit_points=limit.once_points_max, per=PER["once"])
    if moved + abs(points) > limit.day_points_max:
        raise AdjustmentOverLimit(field="points", limit_points=limit.day_points_max, per=PER["day"])
    return ADJUSTMENTS.name(rule.id), role


async def _record(
    action: str, outlet_code: str, place_id: int, after: dict[str, object], by: Staff, reason: str, at: datetime
) -> None:
    entry = AuditEntry(
        at=at,
        actor=by.actor,
        action=action,
        subject_kind="outlet",
        subject_id=outlet_code,
        after=after,
        reason=reason,
        node_id=place_id,
    )
    await audit.record([entry])
