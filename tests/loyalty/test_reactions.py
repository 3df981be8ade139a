"""Reactions by cursor, and the pages of a feed."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from loyalty import transactions
from loyalty.events import log, outbox
from loyalty.events.log import LoggedEvent
from loyalty.events.outbox import Event
from loyalty.feeds import feeds
from loyalty.feeds.feeds import FeedUnknown
from tests import factories, rows

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)
WAIT_SECONDS = 20
CURSOR = "SELECT consumer, feed, position, moved_at FROM consumer_cursors"


class Memory:
    """A reaction that keeps what it is given, and raises when told to."""

    def __init__(self) -> None:
        self.seen: list[list[str]] = []
        self.fault: Exception | None = None

    async def __call__(self, many: Sequence[LoggedEvent]) -> None:
        self.seen.append([event.subject for event in many])
        if self.fault is not None:
            raise self.fault


async def happened(url: str, *subjects: str, kind: str = "checkin.made") -> None:
    """Let events be in the log."""
    async with transactions.begin():
        await outbox.record([Event(kind, subject, AT, {}) for subject in subjects])
    await factories.stamped(url, AT)


async def test_each_event_is_taken_once_in_order_and_the_cursor_moves(db: str) -> None:
    await happened(db, "A", "B", "C")
    memory = Memory()
    taken = [await log.react("c", "engagement", {"checkin.made": memory}, 2, AT) for _ in range(3)]
    assert (taken, memory.seen) == ([2, 1, 0], [["A", "B"], ["C"]])
    assert await rows.fetch(db, CURSOR) == [("c", "engagement", 3, AT)]
    await happened(db, "D")
    assert await log.react("c", "engagement", {"checkin.made": memory}, 2, AT) == 1
    assert memory.seen[2:] == [["D"]]


async def test_consumers_do_not_disturb_each_other(db: str) -> None:
    await happened(db, "A")
    one, other = Memory(), Memory()
    await log.react("one", "engagement", {"checkin.made": one}, 10, AT)
    await log.react("other", "engagement", {"checkin.made": other}, 10, AT)
    assert (one.seen, other.seen) == ([["A"]], [["A"]])


async def test_only_the_named_types_are_given_and_the_cursor_passes_the_others(db: str) -> None:
    await happened(db, "A", kind="binding.made")
    await happened(db, "B", kind="binding.ended")
    memory = Memory()
    assert await log.react("c", "bindings", {"binding.ended": memory}, 10, AT) == 2
    assert memory.seen == [["B"]]
    assert await log.react("c", "bindings", {"binding.ended": memory}, 10, AT) == 0


async def test_a_failure_leaves_the_cursor_and_takes_the_events_again(db: str) -> None:
    await happened(db, "A")
    memory = Memory()
    memory.fault = ZeroDivisionError()
    before = await rows.picture(db)
    with pytest.raises(ZeroDivisionError):
        await log.react("c", "engagement", {"checkin.made": memory}, 10, AT)
    assert await rows.picture(db) == before
    memory.fault = None
    assert await log.react("c", "engagement", {"checkin.made": memory}, 10, AT) == 1
    assert memory.seen == [["A"], ["A"]]


async def test_a_second_run_leaves_the_events_to_the_first(db: str) -> None:
    await happened(db, "A")
    await log.react("c", "engagement", {}, 10, AT)
    await happened(db, "B")
    entered, go_on, memory = asyncio.Event(), asyncio.Event(), Memory()

    async def slow(many: Sequence[LoggedEvent]) -> None:
        entered.set()
        await go_on.wait()
        await memory(many)

    async with asyncio.timeout(WAIT_SECONDS):
        first = asyncio.create_task(log.react("c", "engagement", {"checkin.made": slow}, 10, AT))
        await entered.wait()
        assert await log.react("c", "engagement", {"checkin.made": memory}, 10, AT) == 0
        go_on.set()
        assert await first == 1
    assert memory.seen == [["B"]]


async def test_pages_follow_each_other_without_gap_or_overlap(db: str) -> None:
    await happened(db, *(f"T{number}" for number in range(5)))
    after, read, more = 0, [], []
    for _ in range(3):
        page = await feeds.page("engagement", after, 2)
        read += [event.position for event in page.events]
        after = page.next_after
        more.append(page.has_more)
    assert (read, more) == ([1, 2, 3, 4, 5], [True, True, False])
    again = await feeds.page("engagement", after, 2)
    assert (again.events, again.next_after, again.has_more) == ([], 5, False)


@pytest.mark.parametrize(
    ("after", "limit", "positions", "next_after", "has_more"),
    [
        (0, 3, [1, 2, 3], 3, False),
        (0, 2, [1, 2], 2, True),
        (2, 1, [3], 3, False),
        (3, 10, [], 3, False),
        (900, 10, [], 900, False),
    ],
)
async def test_cursor_rules(
    db: str, after: int, limit: int, positions: list[int], next_after: int, *, has_more: bool
) -> None:
    await happened(db, "A", "B", "C")
    page = await feeds.page("engagement", after, limit)
    assert ([event.position for event in page.events], page.next_after, page.has_more) == (
        positions,
        next_after,
        has_more,
    )


async def test_feeds_are_apart_and_known(db: str) -> None:
    await happened(db, "A")
    assert (await feeds.page("orders", 0, 10)).events == []
    with pytest.raises(FeedUnknown) as refused:
        await feeds.page("tea", 0, 10)
    assert refused.value.detail == "可以读取的数据流：engagement、orders、bindings。"
