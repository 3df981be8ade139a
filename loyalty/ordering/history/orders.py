"""Orders as they are looked at: lists, one order with its timeline, and what could be ordered again."""

from datetime import date, datetime
from typing import Any, Literal

import asyncpg
import msgspec

from loyalty import transactions
from loyalty.catalogue.rules import Item
from loyalty.catalogue.shelves import Shelves
from loyalty.clock import business_date
from loyalty.customers import standings
from loyalty.customers.standings import MemberRef
from loyalty.ordering.documents import Gift, Invoice
from loyalty.ordering.errors import OrderUnknown
from loyalty.ordering.fulfilment import earning, rules
from loyalty.ordering.fulfilment import queries as fulfilment
from loyalty.ordering.fulfilment.rules import Line, Status
from loyalty.ordering.fulfilment.shortages import substitutes
from loyalty.ordering.history import queries
from loyalty.ordering.rules import Payment
from loyalty.points.statements import statements
from loyalty.staff.people import Reach

STEPS_MAX = 100
STUCK_COUNTED_MAX = 1_000
Only = Literal["", "stuck", "short", "trouble", "calm", "tomorrow"]
"""``trouble`` is stuck or short, ``calm`` is neither."""
Day = Literal["", "today", "yesterday", "week", "comes_today", "comes_tomorrow"]
"""On which business date it was placed, ``week`` being the last seven, or is to come."""


class Summary(msgspec.Struct, frozen=True):
    """An order in a list."""

    id: int
    number: str
    status: Status
    payment: Payment
    deliver_on: date
    eta_on: date | None
    total_fen: int
    due_fen: int
    placed_at: datetime
    cut_off_at: datetime
    is_odd: bool
    outlet_code: str
    outlet_name: str
    lines: int
    cases: int
    first_name: str
    open_shortages: int


class StepSeen(msgspec.Struct, frozen=True):
    """A step of a timeline."""

    kind: str
    made_by: str
    at: datetime
    recorded_at: datetime
    applied: bool
    body: dict[str, Any]


class ShortageSeen(msgspec.Struct, frozen=True):
    """What was short of a line, and what came of it; while it is open, what could come instead."""

    id: int
    line_number: int
    cases_short: int
    reason: str
    told_at: datetime
    state: str
    decided_at: datetime | None
    follow_number: str | None
    substitutes: tuple[Item, ...] = ()


class Whole(msgspec.Struct, frozen=True):
    """An order with everything about it."""

    summary: Summary
    outlet_id: int
    member_id: int
    goods_fen: int
    discount_fen: int
    deposit_fen: int
    invoice: Invoice | None
    note: str
    gifts: tuple[Gift, ...]
    confirmed_at: datetime | None
    shipped_at: datetime | None
    delivered_at: datetime | None
    completed_at: datetime | None
    ended_at: datetime | None
    release_on: date | None
    released_at: datetime | None
    joins: str | None
    follows: str | None
    added: tuple[str, ...]
    lines: tuple[Line, ...]
    steps: tuple[StepSeen, ...]
    shortages: tuple[ShortageSeen, ...]
    points: int
    """What it earns as it stands, promised or paid."""

    @property
    def may_receive(self) -> bool:
        """Tell whether the member can say that it has come."""
        return self.summary.status in {"shipped", "delivered"}

    def may_cancel(self, at: datetime) -> bool:
        """Tell whether the member can take it back."""
        return rules.may_cancel(self.summary.status, self.summary.cut_off_at, at)


class Again(msgspec.Struct, frozen=True):
    """What an order had: what is offered today, and the names of what is not."""

    offered: tuple[tuple[Item, int], ...]
    missing: tuple[str, ...]


async def of_member(member: MemberRef, before_id: int | None, limit: int) -> list[Summary]:
    """Read orders of the member's outlet, the latest first. Raises SessionEnded, BindingRequired."""
    async with transactions.reader():
        standing = await standings.require(member)
        return await of_outlet(standing.outlet_id, before_id, limit)


async def of_outlet(outlet_id: int, before_id: int | None, limit: int) -> list[Summary]:
    """Read an outlet's orders, the latest first. Needs a reader."""
    return [_summary(row) for row in await queries.of_outlet(outlet_id, before_id, limit)]


async def read(shelves: Shelves, member: MemberRef, number: str, at: datetime) -> Whole:
    """Read an order of the member's outlet. Raises SessionEnded, BindingRequired, OrderUnknown."""
    async with transactions.reader():
        standing = await standings.require(member)
        row = await queries.one(number)
        if row is None or row["outlet_id"] != standing.outlet_id:
            raise OrderUnknown
        return await _whole(row, shelves, at)


async def read_for_staff(number: str, reach: Reach, at: datetime) -> Whole:
    """Read an order of an outlet in reach. Needs a reader. Raises OrderUnknown."""
    row = await queries.one(number)
    if row is None or not await fulfilment.is_in_reach(row["outlet_id"], reach, at):
        raise OrderUnknown
    return await _whole(row, None, at)


async def again(shelves: Shelves, member: MemberRef, number: str | None, at: datetime) -> Again:
    """Tell what of an order, the last one without a number, can be ordered again today, in multiples sold today.

    Raises SessionEnded, BindingRequired, OrderUnknown.
    """
    async with transactions.reader():
        standing = await standings.require(member)
        if number is None:
            last = await queries.of_outlet(standing.outlet_id, None, 1)
            if not last:
                raise OrderUnknown
            number = last[0]["number"]
        row = await queries.one(number)
        if row is None or row["outlet_id"] != standing.outlet_id:
            raise OrderUnknown
        on = business_date(at)
        shelf = (await shelves.of_outlets([(standing.outlet_id, on)]))[standing.outlet_id, on]
        lines = await queries.lines(row["id"])
    offered: list[tuple[Item, int]] = []
    missing: list[str] = []
    for line in lines:
        item = shelf.by_product.get(line["product_id"])
        if item is None:
            missing.append(line["name"])
        else:
            multiple = item.product.multiple_cases
            offered.append((item, -(-line["cases"] // multiple) * multiple))
    return Again(tuple(offered), tuple(missing))


async def find(
    reach: Reach,
    text: str,
    status: str,
    only: Only,
    order: str,
    skip: int,
    limit: int,
    at: datetime,
    before_id: int | None = None,
    day: Day = "",
) -> list[Summary]:
    """List orders of outlets in reach, below ``before_id`` where one is given. Needs a reader."""
    rows = await queries.find(reach, text, status, only, order, skip, limit, at, business_date(at), before_id, day)
    return [_summary(row) for row in rows]


async def count_stuck(reach: Reach, at: datetime) -> int:
    """Count orders in reach that somebody has to look at, up to STUCK_COUNTED_MAX. Needs a reader."""
    return await queries.count_stuck(reach, at, business_date(at), STUCK_COUNTED_MAX)


class ShortLine(msgspec.Struct, frozen=True):
    """An open shortage in a list."""

    id: int
    cases_short: int
    reason: str
    told_at: datetime
    name: str
    code: str
    cases: int
    number: str
    deliver_on: date
    outlet_code: str
    outlet_name: str


async def short(reach: Reach, skip: int, limit: int, at: datetime) -> list[ShortLine]:
    """List open shortages of outlets in reach, the oldest first. Needs a reader."""
    return [ShortLine(**row) for row in await queries.short(reach, at, skip, limit)]


def _summary(row: asyncpg.Record) -> Summary:
    return Summary(**{name: row[name] for name in Summary.__struct_fields__})


async def _whole(row: asyncpg.Record, shelves: Shelves | None, at: datetime) -> Whole:
    order_id = row["id"]
    lines = tuple(Line(*(one[name] for name in Line.__struct_fields__)) for one in await queries.lines(order_id))
    short = await _shortages(row, lines, shelves, at)
    steps = [
        StepSeen(
            one["kind"],
            one["made_by"],
            one["at"],
            one["recorded_at"],
            one["applied"],
            msgspec.json.decode(one["body"]),
        )
        for one in await queries.steps(order_id, STEPS_MAX)
    ]
    own = {"summary", "invoice", "gifts", "added", "lines", "steps", "shortages", "points"}
    plain = {name: row[name] for name in Whole.__struct_fields__ if name not in own}
    return Whole(
        **plain,
        summary=_summary(row),
        invoice=None if row["invoice"] is None else msgspec.json.decode(row["invoice"], type=Invoice),
        gifts=msgspec.json.decode(row["gifts"], type=tuple[Gift, ...]),
        added=tuple(row["added"]),
        lines=lines,
        steps=tuple(steps),
        shortages=short,
        points=await _points(row["number"], lines),
    )


async def _shortages(
    row: asyncpg.Record, lines: tuple[Line, ...], shelves: Shelves | None, at: datetime
) -> tuple[ShortageSeen, ...]:
    found = await queries.shortages(row["id"])
    by_number = {line.line_number: line for line in lines}
    taken = [line.product_id for line in lines]
    on, shelf = business_date(at), None
    if shelves is not None and any(one["state"] == "open" for one in found):
        shelf = (await shelves.of_outlets([(row["outlet_id"], on)]))[row["outlet_id"], on]
    seen = []
    for one in found:
        is_asked = shelf is not None and one["state"] == "open"
        instead = substitutes(by_number[one["line_number"]], shelf, taken) if is_asked and shelf is not None else []
        seen.append(ShortageSeen(**one, substitutes=tuple(instead)))
    return tuple(seen)


async def _points(number: str, lines: tuple[Line, ...]) -> int:
    """Tell what is promised and paid for an order, less what was taken back."""
    documents = [(earning.LINE, f"{number}.{line.line_number}") for line in lines]
    return sum((await statements.net([*documents, (earning.FIRST, number)])).values())
