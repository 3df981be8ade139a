"""Counts over many outlets: made by a task every few minutes, so that no page counts two million.

A rep's own few hundred are counted at once.
"""

from datetime import date, datetime, timedelta

import msgspec

from loyalty import transactions
from loyalty.clock import SHANGHAI, business_date
from loyalty.customers.care import queries
from loyalty.staff.people import Reach

DAYS = 14
NEW_FOR = timedelta(days=7)


class Totals(msgspec.Struct, frozen=True):
    """How many open outlets are in reach, how many of them are bound, how many are new, as of when."""

    outlets: int
    bound: int
    new: int
    counted_at: datetime | None
    """None where nothing has been counted yet."""


async def totals(reach: Reach, at: datetime) -> Totals:
    """Tell the counts of the open outlets in reach."""
    async with transactions.reader():
        if reach.node_ids or not reach.rep_node_ids:
            row = await queries.place_totals(reach.node_ids)
        else:
            row = await queries.own_totals(reach, at - NEW_FOR, at)
    return Totals(0, 0, 0, None) if row is None else Totals(**row)


async def bindings_per_day(reach: Reach, at: datetime) -> list[tuple[date, int]]:
    """Tell how many bindings were made in reach on each of the last DAYS business dates, today last."""
    first = _first_day(at)
    async with transactions.reader():
        if reach.node_ids or not reach.rep_node_ids:
            rows = await queries.place_days(reach.node_ids, first)
        else:
            rows = await queries.own_bindings_per_day(reach, _start_of(first), at, _offset())
    made = {row["on_date"]: row["made"] for row in rows}
    return [(day, made.get(day, 0)) for day in (first + timedelta(days=n) for n in range(DAYS))]


async def count_places(at: datetime) -> int:
    """Count the outlets of every place and their bindings of the last days; return how many places. Entry verb."""
    async with transactions.begin():
        return await queries.count_places(at - NEW_FOR, _start_of(_first_day(at)), _offset(), at)


def _first_day(at: datetime) -> date:
    return business_date(at) - timedelta(days=DAYS - 1)


def _start_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=SHANGHAI)


def _offset() -> timedelta:
    return SHANGHAI.utcoffset(None) or timedelta()
