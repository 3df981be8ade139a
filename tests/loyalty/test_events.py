"""The outbox, the stamper's one statement, and the log's partitions."""

import asyncio
from datetime import UTC, date, datetime
from uuid import UUID

import asyncpg
import pytest

from app.database import credentials
from loyalty import transactions
from loyalty.events import log, outbox, queries
from loyalty.events.outbox import Event
from tests import factories, rows

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)
ON = date(2026, 11, 4)
WAIT_SECONDS = 20

POSITIONS = "SELECT feed, position, subject FROM event_log ORDER BY feed, position"
HEADS = "SELECT feed, position FROM feed_heads ORDER BY feed"


def event(subject: str, kind: str = "checkin.made") -> Event:
    """Give an event."""
    return Event(kind, subject, AT, {"n": 1})


async def record(*many: Event) -> None:
    """Record events in a transaction of their own."""
    async with transactions.begin():
        await outbox.record(many)


async def test_events_wait_in_the_outbox_in_the_order_given(db: str) -> None:
    await record(event("T2"), event("T1", "binding.made"), event("T3"))
    kept = await rows.fetch(db, "SELECT feed, type, subject, occurred_at, data, event_id FROM outbox ORDER BY id")
    assert [row[:5] for row in kept] == [
        ("engagement", "checkin.made", "T2", AT, '{"n": 1}'),
        ("bindings", "binding.made", "T1", AT, '{"n": 1}'),
        ("engagement", "checkin.made", "T3", AT, '{"n": 1}'),
    ]
    ids = [UUID(str(row[5])) for row in kept]
    assert len(set(ids)) == 3
    assert {one.version for one in ids} == {7}


async def test_an_event_that_no_feed_knows_is_a_bug(db: str) -> None:
    with pytest.raises(KeyError, match="tea"):
        await record(event("T1"), event("T1", "tea.made"))
    assert await rows.fetch(db, "SELECT count(*) FROM outbox") == [(0,)]


async def test_recording_nothing_needs_no_transaction(db: str) -> None:
    await outbox.record([])


async def test_each_feed_counts_for_itself_from_one_without_a_gap(db: str) -> None:
    await record(event("A"), event("B", "binding.made"), event("C"))
    assert await factories.stamped(db, AT) == 3
    await record(event("D"), event("E", "binding.ended"))
    assert await factories.stamped(db, AT) == 2
    assert await rows.fetch(db, POSITIONS) == [
        ("bindings", 1, "B"),
        ("bindings", 2, "E"),
        ("engagement", 1, "A"),
        ("engagement", 2, "C"),
        ("engagement", 3, "D"),
    ]
    assert await rows.fetch(db, HEADS) == [("bindings", 2), ("engagement", 3), ("orders", 0)]
    assert await rows.fetch(db, "SELECT count(*) FROM outbox") == [(0,)]
    assert await factories.stamped(db, AT) == 0


async def test_a_late_commit_gets_a_later_position_and_no_reader_skips_it(db: str) -> None:
    recorded, commit = asyncio.Event(), asyncio.Event()

    async def late() -> None:
        async with transactions.begin():
            await outbox.record([event("late")])
            recorded.set()
            await commit.wait()

    slow = asyncio.create_task(late())
    async with asyncio.timeout(WAIT_SECONDS):
        await recorded.wait()
        await record(event("early"))
        ((naive_cursor,),) = await rows.fetch(db, "SELECT max(id) FROM outbox")
        assert await factories.stamped(db, AT) == 1
        async with transactions.reader():
            first = await log.page("engagement", 0, 10)
        commit.set()
        await slow
    # A reader at "id > cursor" never sees it: its id was given out first.
    assert await rows.fetch(db, "SELECT subject FROM outbox WHERE id > $1", naive_cursor) == []
    assert await factories.stamped(db, AT) == 1
    async with transactions.reader():
        second = await log.page("engagement", first[-1].position, 10)
    assert [(one.position, one.subject) for one in first + second] == [(1, "early"), (2, "late")]


async def test_two_stampers_at_once_give_each_event_one_position(db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "STAMPED_MAX", 7)
    await log.make_partitions(ON)
    await record(*(event(f"T{number}") for number in range(100)))
    barrier = asyncio.Barrier(3)

    async def stamper() -> None:
        connection = await asyncpg.connect(**credentials(db))
        await barrier.wait()
        while await connection.fetchval("SELECT count(*) FROM outbox"):
            await queries.stamp(connection, AT, ON)
        await connection.close()

    async with asyncio.timeout(WAIT_SECONDS):
        await asyncio.gather(*(stamper() for _ in range(3)))
    logged = await rows.fetch(db, POSITIONS)
    assert [row[1] for row in logged] == list(range(1, 101))
    assert {row[2] for row in logged} == {f"T{number}" for number in range(100)}
    assert await rows.fetch(db, "SELECT position FROM feed_heads WHERE feed = 'engagement'") == [(100,)]


async def test_a_stamper_that_waited_for_another_goes_on_after_its_positions(
    db: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await log.make_partitions(ON)
    await record(*(event(f"T{number}") for number in range(7)))
    first, second = [await asyncpg.connect(**credentials(db)) for _ in range(2)]
    monkeypatch.setattr(queries, "STAMPED_MAX", 1)
    async with asyncio.timeout(WAIT_SECONDS):
        async with first.transaction():
            assert await queries.stamp(first, AT, ON) == 1
            monkeypatch.setattr(queries, "STAMPED_MAX", 7)
            waiting = asyncio.create_task(queries.stamp(second, AT, ON))
            await rows.until_blocked(db)
        assert await waiting == 6
    assert await rows.fetch(db, POSITIONS) == [("engagement", number + 1, f"T{number}") for number in range(7)]
    await first.close()
    await second.close()


async def test_without_a_partition_of_the_day_nothing_moves(db: str) -> None:
    await record(event("A"))
    before = await rows.picture(db)
    connection = await asyncpg.connect(**credentials(db))
    with pytest.raises(asyncpg.CheckViolationError, match="no partition"):
        await queries.stamp(connection, AT, date(2099, 1, 1))
    await connection.close()
    assert await rows.picture(db) == before


@pytest.mark.parametrize(
    ("on", "partition"),
    [
        (date(2026, 11, 4), ("event_log_2026_11", date(2026, 11, 1), date(2026, 12, 1))),
        (date(2026, 12, 31), ("event_log_2026_12", date(2026, 12, 1), date(2027, 1, 1))),
        (date(2028, 2, 29), ("event_log_2028_02", date(2028, 2, 1), date(2028, 3, 1))),
        (date(2026, 1, 1), ("event_log_2026_01", date(2026, 1, 1), date(2026, 2, 1))),
    ],
)
def test_a_month_has_a_partition(on: date, partition: tuple[str, date, date]) -> None:
    assert log.month_partition(on) == partition


async def test_partitions_are_made_once_for_the_months_to_come(db: str) -> None:
    assert await log.make_partitions(date(2081, 11, 30)) == 4
    assert await log.make_partitions(date(2081, 11, 1)) == 0
    assert await log.make_partitions(date(2081, 12, 15)) == 1
    async with transactions.reader():
        made = {name for name in await queries.partitions() if name > "event_log_2080"}
    assert made == {f"event_log_{month}" for month in ("2081_11", "2081_12", "2082_01", "2082_02", "2082_03")}


async def test_what_is_read_is_what_was_recorded(db: str) -> None:
    await record(Event("checkin.made", "店A", AT, {"points": 5, "business_date": date(2026, 11, 4)}))
    stamped_at = datetime(2026, 11, 4, 2, 0, 1, tzinfo=UTC)
    await factories.stamped(db, stamped_at)
    async with transactions.reader():
        (read,) = await log.page("engagement", 0, 10)
        assert await queries.head_position("engagement") == 1
        assert await queries.head_position("nothing") == 0
    assert (read.position, read.type, read.subject) == (1, "checkin.made", "店A")
    assert (read.occurred_at, read.recorded_at) == (AT, stamped_at)
    assert read.data == {"points": 5, "business_date": "2026-11-04"}
