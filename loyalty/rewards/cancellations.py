"""Undoing a redemption that was not used: the points go back to the lots they came from, the unit to its allotment."""

from datetime import datetime

from loyalty import transactions
from loyalty.campaigns import allotments
from loyalty.customers.care import queries as care
from loyalty.errors import Refusal
from loyalty.events import outbox
from loyalty.events.outbox import Event
from loyalty.organisation import audit
from loyalty.organisation.audit import AuditEntry
from loyalty.points import settlements
from loyalty.points.settlements import Reversal
from loyalty.rewards.entitlements import queries
from loyalty.rewards.entitlements.entitlements import told
from loyalty.rewards.errors import EntitlementEnded, EntitlementHeld, RedemptionUnknown
from loyalty.staff.people import Reach, Staff


async def cancel(
    redemption_id: int, reach: Reach, by: Staff, reason: str, at: datetime, *, of_outlet: str | None = None
) -> int:
    """Undo a redemption whose entitlement is free; return the points that went back. Entry verb; in the audit.

    Locks allotment, entitlement, account in this order. Raises RedemptionUnknown for one out of reach or not of the
    outlet that is named, EntitlementHeld, EntitlementEnded, ReasonMissing.
    """
    reason = audit.required_reason(reason)
    async with transactions.begin():
        found = await queries.redemption(redemption_id)
        if found is None or of_outlet not in {None, found["outlet_code"]}:
            raise RedemptionUnknown
        if await care.outlet(reach, found["outlet_code"], at) is None:
            raise RedemptionUnknown
        await allotments.lock(await queries.allotments_of([found["entitlement_id"]]))
        (row,) = await queries.lock([found["entitlement_id"]])
        entitlement = told(row)
        if entitlement.state == "held":
            raise EntitlementHeld
        if entitlement.state_at(at) != "free":
            raise EntitlementEnded(state=entitlement.state_at(at))
        await queries.move([(entitlement.id, "cancelled", None, at)])
        if entitlement.allotment_id is not None:
            await allotments.give_back([entitlement.allotment_id])
        await queries.cancel_redemption(redemption_id, at)
        back = Reversal(
            "redemption",
            str(redemption_id),
            1,
            1,
            "redemption_cancelled",
            str(redemption_id),
            f"取消兑换“{found['name']}”，退回 {found['cost_points']} 分",
            at,
        )
        (settled,) = await settlements.refund([back])
        if isinstance(settled, Refusal):
            raise settled
        entry = AuditEntry(
            at=at,
            actor=by.actor,
            action="redemption.cancelled",
            subject_kind="outlet",
            subject_id=found["outlet_code"],
            before={"reward": found["name"]},
            after={"points": settled.points},
            reason=reason,
            node_id=found["place_id"],
        )
        await audit.record([entry])
        data = {"redemption_id": str(redemption_id), "points": settled.points}
        await outbox.record([Event("reward.cancelled", found["outlet_code"], at, data)])
        return settled.points
