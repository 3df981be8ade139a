"""Progress: what the order hub reports, taken in once, late or out of order."""

from datetime import date, datetime, timedelta

import msgspec

from loyalty import transactions
from loyalty.ordering.errors import LineUnknown, OrderUnknown, ProgressReused, ReportTooEarly
from loyalty.ordering.fulfilment import orders, queries
from loyalty.ordering.fulfilment.orders import Told
from loyalty.ordering.fulfilment.rules import Report, Reported, Status

AHEAD_MAX = timedelta(minutes=5)
"""So far the hub's clock may be ahead of ours."""


class Progress(msgspec.Struct, frozen=True):
    """A report of the hub."""

    number: str
    progress_id: str
    status: Report
    at: datetime
    lines: tuple[Reported, ...]
    eta_on: date | None
    reason: str
    input_hash: bytes


class TakenIn(msgspec.Struct, frozen=True):
    """Where the order stands now, and whether the report moved it or fitted where it stood."""

    number: str
    status: Status
    applied: bool
    repeated: bool


async def report(one: Progress, at: datetime) -> TakenIn:
    """Take a report in. Entry verb; locks the order's outlet, then as everywhere.

    The same progress id again changes nothing. Raises OrderUnknown, ProgressReused, LineUnknown, ReportTooEarly; then
    nothing is kept.
    """
    async with transactions.begin():
        state = await orders.locked(one.number)
        if state is None:
            raise OrderUnknown
        known = await queries.step_of_progress(state.id, one.progress_id)
        if known is not None:
            if known["input_hash"] != one.input_hash:
                raise ProgressReused
            return TakenIn(state.number, state.status, known["applied"], repeated=True)
        if one.at > at + AHEAD_MAX:
            raise ReportTooEarly(field="at")
        for place, line in enumerate(one.lines):
            if line.line_number not in state.lines:
                raise LineUnknown(field=f"lines[{place}].line_number")
        told = Told(
            one.status, "hub", one.at, at, one.lines, one.eta_on, one.reason, one.progress_id, input_hash=one.input_hash
        )
        new, verdict = await orders.advance(state, told)
        return TakenIn(new.number, new.status, verdict == "applied", repeated=False)
