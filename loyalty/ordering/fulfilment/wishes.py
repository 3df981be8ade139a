"""What people want of an order on its way: a member takes it back or says that it has come, staff take it back."""

from datetime import datetime
from typing import Literal

import asyncpg
import msgspec

from loyalty import transactions
from loyalty.customers import standings
from loyalty.customers.standings import MemberRef, Standing
from loyalty.errors import IdempotencyKeyReused
from loyalty.ordering.errors import OrderNotCancellable, OrderNotReceivable, OrderUnknown
from loyalty.ordering.fulfilment import orders, queries, rules
from loyalty.ordering.fulfilment.orders import OrderState, Told
from loyalty.ordering.fulfilment.rules import Status
from loyalty.organisation import audit
from loyalty.organisation.audit import Actor, AuditEntry
from loyalty.staff.people import Reach

REASON_LENGTH_MAX = 100


class OrderWish(msgspec.Struct, frozen=True):
    """What a member wants of an order of their outlet."""

    member: MemberRef
    key: str
    input_hash: bytes
    number: str
    wish: Literal["cancelled", "received"]
    reason: str
    at: datetime


class Done(msgspec.Struct, frozen=True):
    """Where the order stands now."""

    number: str
    status: Status
    repeated: bool


async def entered(member: MemberRef, number: str) -> tuple[Standing, OrderState]:
    """Lock a member's outlet and an order of it. Set verb. Raises SessionEnded, BindingRequired, OrderUnknown."""
    (standing,) = await standings.lock([member])
    if not isinstance(standing, Standing):
        raise standing
    state = await orders.locked(number)
    if state is None or state.outlet_id != standing.outlet_id:
        raise OrderUnknown
    return standing, state


async def known_step(member: MemberRef, key: str, input_hash: bytes, state: OrderState) -> asyncpg.Record | None:
    """Read what a member's key has done before. Raises IdempotencyKeyReused for something else. Needs a reader."""
    step = await queries.step_of_key(member.id, key)
    if step is not None and (step["number"], step["input_hash"]) != (state.number, input_hash):
        raise IdempotencyKeyReused
    return step


async def wish(one: OrderWish) -> Done:
    """Take an order back, or say that it has come. Entry verb.

    Raises SessionEnded, BindingRequired, OrderUnknown, IdempotencyKeyReused, OrderNotCancellable, OrderNotReceivable.
    """
    async with transactions.begin():
        standing, state = await entered(one.member, one.number)
        if await known_step(one.member, one.key, one.input_hash, state) is not None:
            return Done(state.number, state.status, repeated=True)
        if one.wish == "cancelled" and not rules.may_cancel(state.status, state.cut_off_at, one.at):
            raise OrderNotCancellable(order_status=state.status)
        if rules.verdict_on(state.status, one.wish) != "applied":
            raise OrderNotReceivable(order_status=state.status)
        made_by = f"member:{standing.member_id}"
        told = Told(
            one.wish,
            made_by,
            one.at,
            one.at,
            reason=one.reason,
            member_id=standing.member_id,
            key=one.key,
            input_hash=one.input_hash,
        )
        new, _ = await orders.advance(state, told)
        return Done(new.number, new.status, repeated=False)


async def cancel_for_staff(number: str, reach: Reach, actor: Actor, reason: str, at: datetime) -> Status:
    """Take an order back before its truck leaves. Entry verb; leaves an audit entry; idempotent.

    Raises OrderUnknown for one out of reach, OrderNotCancellable, ReasonMissing.
    """
    reason = audit.required_reason(reason)
    async with transactions.begin():
        state = await orders.locked(number)
        if state is None or not await queries.is_in_reach(state.outlet_id, reach, at):
            raise OrderUnknown
        if state.status == "cancelled":
            return state.status
        if state.status not in orders.BEFORE_LEAVING:
            raise OrderNotCancellable(order_status=state.status)
        new, _ = await orders.advance(state, Told("cancelled", actor.text, at, at, reason=reason))
        entry = AuditEntry(
            at=at,
            actor=actor,
            action="order.cancelled",
            subject_kind="order",
            subject_id=number,
            before={"status": state.status},
            after={"status": new.status},
            reason=reason,
        )
        await audit.record([entry])
        return new.status


async def see_to(number: str, reach: Reach, actor: Actor, reason: str, at: datetime) -> None:
    """Say that what was odd about an order is seen to. Entry verb; leaves an audit entry.

    Raises OrderUnknown, ReasonMissing.
    """
    reason = audit.required_reason(reason)
    async with transactions.begin():
        state = await orders.locked(number)
        if state is None or not await queries.is_in_reach(state.outlet_id, reach, at):
            raise OrderUnknown
        await queries.seen(state.id, at)
        entry = AuditEntry(
            at=at, actor=actor, action="order.seen", subject_kind="order", subject_id=number, reason=reason
        )
        await audit.record([entry])
