"""The numbered log: partitions made ahead, pages read by position, cursors kept by reactions."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import msgspec

from loyalty import transactions
from loyalty.events import queries

MONTHS_AHEAD = 3


class LoggedEvent(msgspec.Struct, frozen=True):
    """An event with its place in its feed."""

    position: int
    event_id: str
    type: str
    subject: str
    occurred_at: datetime
    recorded_at: datetime
    data: dict[str, Any]


Reaction = Callable[[Sequence[LoggedEvent]], Awaitable[None]]
"""A set verb that is given the events of its types, in order, inside the transaction that moves the cursor."""


def month_partition(on: date) -> tuple[str, date, date]:
    """Name the log's partition of the month of ``on``, its first day and the first day after it."""
    first = on.replace(day=1)
    after = (
        first.replace(year=first.year + 1, month=1) if first.month == 12 else first.replace(month=first.month + 1)  # noqa: PLR2004
    )
    return f"event_log_{first:%Y_%m}", first, after


async def make_partitions(on: date) -> int:
    """See that the log has the partition of the month of ``on`` and of the MONTHS_AHEAD after it.

    Returns how many were made. Entry verb: opens a transaction of its own.
    """
    made = 0
    async with transactions.begin():
        await queries.lock_partitions()
        present = set(await queries.partitions())
        for _ in range(MONTHS_AHEAD + 1):
            name, first, after = month_partition(on)
            if name not in present:
                await queries.create_partition(name, first, after)
                made += 1
            on = after
    return made


async def page(feed: str, after: int, limit: int) -> list[LoggedEvent]:
    """Read at most ``limit`` events of a feed with positions above ``after``, in order. Needs a reader."""
    return [
        LoggedEvent(
            row["position"],
            str(row["event_id"]),
            row["type"],
            row["subject"],
            row["occurred_at"],
            row["recorded_at"],
            msgspec.json.decode(row["data"]),
        )
        for row in await queries.read_log(feed, after, limit)
    ]


class PastEvent(msgspec.Struct, frozen=True):
    """Something that happened to an outlet, for its story."""

    type: str
    occurred_at: datetime
    data: dict[str, Any]


async def of_outlet(outlet_code: str, limit: int) -> list[PastEvent]:
    """Tell the last events of an outlet, the latest first, at most ``limit``."""
    async with transactions.reader():
        rows = await queries.of_subject(outlet_code, limit)
    return [PastEvent(row["type"], row["occurred_at"], msgspec.json.decode(row["data"])) for row in rows]


async def react(consumer: str, feed: str, reactions: Mapping[str, Reaction], limit: int, at: datetime) -> int:
    """Give a consumer its next events; return how many positions it moved (0: none new, or another run is at it).

    Entry verb. The reactions and the cursor commit together: an event is taken once, or, after a failure, again.
    """
    async with transactions.begin():
        after = await queries.lock_cursor(consumer, feed, at)
        if after is None:
            return 0
        events = await page(feed, after, limit)
        if not events:
            return 0
        for event_type, reaction in reactions.items():
            chosen = [event for event in events if event.type == event_type]
            if chosen:
                await reaction(chosen)
        await queries.move_cursor(consumer, feed, events[-1].position, at)
        return len(events)
