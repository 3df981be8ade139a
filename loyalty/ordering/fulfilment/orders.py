"""An order on its way: where it stands, and what follows when something is said or done about it.

Whoever changes an order locks its outlet first, then allotments, entitlements and the points account, as everywhere.
"""

from collections.abc import Sequence
from datetime import date, datetime

import asyncpg
import msgspec

from loyalty.clock import business_date
from loyalty.events import outbox
from loyalty.events.outbox import Event
from loyalty.ordering.documents import Gift, holder_of
from loyalty.ordering.fulfilment import earning, queries, rules
from loyalty.ordering.fulfilment.queries import StateRow, StepRow
from loyalty.ordering.fulfilment.rules import ENDED, Line, Reported, Status, Step, Verdict
from loyalty.ordering.rules import ORDER_TERMS, Payment
from loyalty.rewards.entitlements import entitlements
from loyalty.rewards.entitlements.entitlements import Use
from loyalty.rulebooks import rulebooks

BEFORE_LEAVING: frozenset[Status] = frozenset({"placed", "confirmed"})


class OrderState(msgspec.Struct, frozen=True):
    """Where an order stands."""

    id: int
    number: str
    outlet_id: int
    outlet_code: str
    member_id: int
    status: Status
    payment: Payment
    deliver_on: date
    cut_off_at: datetime
    eta_on: date | None
    discount_fen: int
    total_fen: int
    coupon_id: int | None
    gifts: tuple[Gift, ...]
    placed_at: datetime
    confirmed_at: datetime | None
    shipped_at: datetime | None
    delivered_at: datetime | None
    completed_at: datetime | None
    ended_at: datetime | None
    release_on: date | None
    released_at: datetime | None
    odd_at: datetime | None
    lines: dict[int, Line]

    @property
    def entitlement_ids(self) -> list[int]:
        """Name the entitlements that it holds or has used up."""
        of_lines = [line.entitlement_id for line in self.lines.values() if line.entitlement_id is not None]
        gifts = [gift.entitlement_id for gift in self.gifts]
        return [*of_lines, *gifts, *(() if self.coupon_id is None else (self.coupon_id,))]


class Told(msgspec.Struct, frozen=True):
    """What is said or done about an order, by whom, and when."""

    step: Step
    made_by: str
    at: datetime
    """When it happened, as who says it says."""
    recorded_at: datetime
    lines: tuple[Reported, ...] = ()
    eta_on: date | None = None
    reason: str = ""
    progress_id: str | None = None
    member_id: int | None = None
    key: str | None = None
    input_hash: bytes | None = None


async def locked(number: str) -> OrderState | None:
    """Lock an order's outlet and what may go back to its allotments, and tell where it stands. Needs a transaction."""
    if await queries.lock_outlet_of(number) is None:
        return None
    row = await queries.order(number)
    if row is None:
        return None
    state = _state(row, await queries.lines([row["id"]]))
    await entitlements.lock_allotments(state.entitlement_ids)
    return state


async def locked_many(order_ids: Sequence[int]) -> list[OrderState]:
    """Lock the outlets of orders in id order, and tell where each stands. Needs a transaction."""
    await queries.lock_outlets_of(order_ids)
    of: dict[int, list[asyncpg.Record]] = {}
    for line in await queries.lines(order_ids):
        of.setdefault(line["order_id"], []).append(line)
    return [_state(row, of[row["id"]]) for row in await queries.orders(order_ids)]


def _state(row: asyncpg.Record, lines: Sequence[asyncpg.Record]) -> OrderState:
    names = [name for name in OrderState.__struct_fields__ if name not in {"gifts", "lines"}]
    return OrderState(
        **{name: row[name] for name in names},
        gifts=msgspec.json.decode(row["gifts"], type=tuple[Gift, ...]),
        lines={line["line_number"]: Line(*(line[name] for name in Line.__struct_fields__)) for line in lines},
    )


async def advance(state: OrderState, told: Told) -> tuple[OrderState, Verdict]:
    """Take in what is said or done about a locked order, with everything that follows; tell where it stands then.

    Set verb. What comes too late or does not fit moves no status, but is kept in the timeline; what does not fit is
    shown to staff. Lines of the report must be lines of the order.
    """
    verdict = rules.verdict_on(state.status, told.step)
    counts = state.status not in ENDED and told.step not in ENDED
    changed = rules.with_report(state.lines, told.step, told.lines) if counts else {}
    new = await _with_status(state, told, verdict, changed)
    if new.status in ENDED and state.status not in ENDED:
        await entitlements.release(_uses(new, told.recorded_at))
    if new.confirmed_at is not None and state.confirmed_at is None:
        await _confirm(new, told.recorded_at)
    await _take_back(state, new, told.recorded_at)
    short = {n: state.lines[n].cases_due - line.cases_due for n, line in changed.items()}
    await _note_shortages(new, {n: cases for n, cases in short.items() if cases}, told)
    await queries.save(_row(new))
    if changed:
        await queries.save_lines(
            new.id, [(one.line_number, one.cases_due, one.cases_returned) for one in changed.values()]
        )
    await queries.add_steps([_step(new, told, verdict)])
    await outbox.record(_events(state, new, told, verdict, short))
    return new, verdict


async def _with_status(state: OrderState, told: Told, verdict: Verdict, changed: dict[int, Line]) -> OrderState:
    status = rules.NEXT.get((state.status, told.step), state.status)
    # A clock of the hub's that is behind ours must not let anything happen before it was ordered.
    at = max(told.at, state.placed_at)
    new = msgspec.structs.replace(state, status=status, lines=state.lines | changed)
    if told.eta_on is not None and status not in ENDED and verdict == "applied":
        new = msgspec.structs.replace(new, eta_on=told.eta_on)
    if verdict == "odd":
        new = msgspec.structs.replace(new, odd_at=told.recorded_at)
    if status in rules.CONFIRMED and state.confirmed_at is None:
        new = msgspec.structs.replace(new, confirmed_at=at)
    if status == "shipped" and state.shipped_at is None:
        new = msgspec.structs.replace(new, shipped_at=at)
    if status in {"delivered", "completed"} and state.delivered_at is None:
        new = msgspec.structs.replace(new, delivered_at=at)
    if status in ENDED and state.ended_at is None:
        new = msgspec.structs.replace(new, ended_at=at)
    if status == "completed" and state.completed_at is None:
        on = business_date(told.recorded_at)
        days = (await rulebooks.in_force(ORDER_TERMS, [on]))[on].body.return_days
        new = msgspec.structs.replace(new, completed_at=at, release_on=rules.release_on(on, days))
    return new


def _uses(state: OrderState, at: datetime) -> list[Use]:
    return [Use(one, state.outlet_id, holder_of(state.number), at) for one in state.entitlement_ids]


async def _confirm(state: OrderState, at: datetime) -> None:
    """Use up what the order holds, and promise its points. Those of cases that do not come are taken back next."""
    await entitlements.redeem(_uses(state, at))
    first = not await queries.has_confirmed(state.outlet_id, state.id)
    lines = list(state.lines.values())
    await earning.promise(state.outlet_id, state.member_id, state.number, lines, state.placed_at, at, first=first)


async def _take_back(old: OrderState, new: OrderState, at: datetime) -> None:
    """Take back the points of cases that have gone since; only a confirmed order has any."""
    if new.confirmed_at is None:
        return
    before = _gone(old) if old.confirmed_at is not None else dict.fromkeys(old.lines, 0)
    after = _gone(new)
    if before != after:
        await earning.take_back(new.number, {line: after[n] for n, line in new.lines.items()}, at)


def _gone(state: OrderState) -> dict[int, int]:
    return {n: line.cases if state.status in ENDED else line.gone for n, line in state.lines.items()}


async def _note_shortages(state: OrderState, short: dict[int, int], told: Told) -> None:
    """Ask the member about what will not come, as long as the truck has not left."""
    asks = state.status in BEFORE_LEAVING
    if short:
        reasons = {one.line_number: one.reason for one in told.lines}
        rows = [
            (n, cases, rules.special_of_short(state.lines[n], cases), reasons.get(n, "")) for n, cases in short.items()
        ]
        await queries.add_shortages(state.id, rows, "open" if asks else "passed", told.recorded_at)
    if not asks:
        await queries.end_shortages(state.id, told.recorded_at)


def _row(state: OrderState) -> StateRow:
    due = 0 if state.status in ENDED else rules.due_fen(list(state.lines.values()), state.discount_fen)
    return StateRow(
        state.id,
        state.status,
        state.eta_on,
        due,
        state.confirmed_at,
        state.shipped_at,
        state.delivered_at,
        state.completed_at,
        state.ended_at,
        state.release_on,
        state.odd_at,
    )


def _step(state: OrderState, told: Told, verdict: Verdict) -> StepRow:
    body = {
        "lines": [
            {"line_number": one.line_number, "quantity": one.quantity, "reason": one.reason} for one in told.lines
        ],
        "eta_on": told.eta_on,
        "reason": told.reason,
        "verdict": verdict,
    }
    return StepRow(
        state.id,
        told.step,
        told.made_by,
        told.at,
        told.recorded_at,
        verdict == "applied",
        msgspec.Raw(msgspec.json.encode(body)),
        told.progress_id,
        told.member_id,
        told.key,
        told.input_hash,
    )


def _events(old: OrderState, new: OrderState, told: Told, verdict: Verdict, short: dict[int, int]) -> list[Event]:
    """Tell what has changed, each thing once: a repeated report tells nothing again."""
    base: dict[str, object] = {"number": new.number, "member_id": str(new.member_id)}
    events: list[tuple[str, dict[str, object]]] = []
    if verdict == "applied" and (new.status != old.status or new.eta_on != old.eta_on):
        events.append((_EVENT_OF[told.step], _facts(new, told)))
    missing = [_short_facts(new.lines[n], cases) for n, cases in short.items() if cases]
    if missing:
        asks = new.status in BEFORE_LEAVING
        events.append(("order.shorted", {"deliver_on": new.deliver_on, "lines": missing, "asks": asks}))
    back = {n: line.cases_returned - old.lines[n].cases_returned for n, line in new.lines.items()}
    returned = [{"line_number": n, "cases": cases} for n, cases in back.items() if cases > 0]
    if returned:
        events.append(("order.returned", {"lines": returned}))
    return [Event(name, new.outlet_code, told.recorded_at, base | facts) for name, facts in events]


_EVENT_OF: dict[Step, str] = {
    "confirmed": "order.confirmed", "shorted": "order.confirmed", "shipped": "order.shipped",
    "delivered": "order.delivered", "returned": "order.delivered", "received": "order.received",
    "completed": "order.completed", "cancelled": "order.cancelled", "rejected": "order.rejected",
}  # fmt: skip
"""What is told when a step moves the status or the day; cases that are short or returned are told besides."""


def _facts(state: OrderState, told: Told) -> dict[str, object]:
    facts: dict[Step, dict[str, object]] = {
        "confirmed": {"deliver_on": state.deliver_on, "eta_on": state.eta_on},
        "shorted": {"deliver_on": state.deliver_on, "eta_on": state.eta_on},
        "shipped": {"eta_on": state.eta_on},
        "cancelled": {"reason": told.reason, "by": told.made_by.partition(":")[0]},
        "rejected": {"reason": told.reason, "by": told.made_by.partition(":")[0]},
    }
    return facts.get(told.step, {})


def _short_facts(line: Line, cases: int) -> dict[str, object]:
    return {
        "line_number": line.line_number,
        "product_code": line.code,
        "name": line.name,
        "cases": line.cases_due,
        "cases_short": cases,
    }
