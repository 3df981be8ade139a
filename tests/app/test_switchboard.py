"""The switches in a process's memory, on the real database: young, kept through outages, and every use counted."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, date, datetime, timedelta

import asyncpg
import pytest

from app import switchboard
from app.database import credentials
from app.switchboard import SwitchBoard
from loyalty import transactions
from loyalty.errors import DatabaseUnavailable
from loyalty.organisation.audit import Actor
from loyalty.switches import switches
from loyalty.switches.features import FEATURES
from loyalty.switches.rules import DEFAULTS, Board, Subject, SwitchRule
from loyalty.switches.switches import Uses
from tests import rows
from tests.conftest import WAIT_SECONDS_MAX

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 4, 16, 0, tzinfo=UTC)
"""In Shanghai, where the fifth begins."""
LIN = Actor("staff", "7", "林晓")
PROMISED_SECONDS = 1.0
USES = "SELECT feature, on_date::text, uses FROM feature_uses ORDER BY feature, on_date"
WAITING = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


SHOP = Subject("SH0001", "SH", "A", ("new",))
RETIRED = """
    INSERT INTO switches (feature, version, enabled, killed, plants, value_classes, tags, percent_bps, changed_at,
                          changed_by)
    VALUES ('retired', 1, true, false, '{}', '{}', '{}', 0, $1, 'tests')
"""


class Watch:
    """A clock that goes on when told."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def running(clock: Callable[[], float] | None = None) -> AsyncIterator[SwitchBoard]:
    """Run a board as a worker does."""
    board = SwitchBoard() if clock is None else SwitchBoard(clock)
    await board.start()
    try:
        yield board
    finally:
        await board.close()


@asynccontextmanager
async def locked(url: str, table: str) -> AsyncIterator[None]:
    """Let nobody else read or write a table."""
    connection = await asyncpg.connect(**credentials(url))
    try:
        async with connection.transaction():
            await connection.execute(f"LOCK TABLE {table}")
            yield
    finally:
        await connection.close()


async def lose_who_waits(url: str) -> None:
    """End the server's side of the connections that wait for a lock."""
    await rows.until_blocked(url)
    for (pid,) in await rows.fetch(url, WAITING):
        assert await rows.fetch(url, "SELECT pg_terminate_backend($1, 5000)", pid) == [(True,)]


async def until(board: SwitchBoard, expected: bool | None, seconds_max: float) -> None:
    """Return when the board says so of the check-in. TimeoutError when it does not in time."""
    async with asyncio.timeout(seconds_max):
        while board.board.decided("checkin", AT) is not expected:
            await board.refreshed()


def test_an_empty_board_tells_the_defaults() -> None:
    board = Board({})
    assert board.shown(None, AT) == {feature.code: feature.on_by_default for feature in FEATURES}
    assert not board.needs_subject(AT)
    with pytest.raises(KeyError):
        board.decided("telepathy", AT)


def test_a_board_needs_an_outlet_only_while_a_rule_depends_on_one() -> None:
    board = Board(
        {"checkin": SwitchRule(plants=("NJ",), until_at=AT + timedelta(hours=1)), "points_entries": SwitchRule()}
    )
    assert [board.needs_subject(at) for at in (AT, AT + timedelta(hours=1))] == [True, False]
    defaults = {feature.code: feature.on_by_default for feature in FEATURES}
    assert board.shown(SHOP, AT) == defaults | {"checkin": False, "points_entries": True}
    assert [board.decided(code, AT) for code in ("checkin", "points_entries")] == [None, True]
    assert not board.is_on("checkin", SHOP, AT)


async def test_a_row_of_a_feature_that_was_retired_troubles_nobody(db: str) -> None:
    await rows.execute(db, RETIRED, AT)
    assert await switches.read_board() == Board(DEFAULTS)


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.usefixtures("db")
async def test_a_kill_is_seen_by_every_other_board_within_a_second_and_so_is_its_end(workers: int) -> None:
    async with AsyncExitStack() as stack:
        boards = [await stack.enter_async_context(running()) for _ in range(workers)]
        for verb, expected in ((switches.kill, False), (switches.revive, True)):
            await verb("checkin", LIN, "试一试", AT)
            await asyncio.gather(*(until(board, expected, PROMISED_SECONDS) for board in boards))
            assert [board.age_seconds < PROMISED_SECONDS for board in boards] == [True] * workers


@pytest.mark.usefixtures("db")
async def test_a_board_knows_the_rules_once_it_is_started() -> None:
    rule = SwitchRule(plants=(), tags=("新店",), until_at=AT + timedelta(hours=1))
    await switches.change("checkin", rule, 0, LIN, "试点", AT)
    watch = Watch()
    async with running(watch) as board:
        assert board.board.rule("checkin") == rule
        assert board.board == await switches.read_board()
        assert board.age_seconds == 0


async def test_with_the_database_away_the_last_board_stands_and_tells_its_age(db: str) -> None:
    watch = Watch()
    board = SwitchBoard(watch)
    await switches.kill("checkin", LIN, "停一下", AT)
    await board.refresh()
    async with locked(db, "switches"):
        asked = asyncio.ensure_future(board.refresh())
        await lose_who_waits(db)
        with pytest.raises(DatabaseUnavailable):
            await asked
        watch.now += 90
        assert (board.board.decided("checkin", AT), board.age_seconds) == (False, 90)
    await board.refresh()
    assert (board.board.decided("checkin", AT), board.age_seconds) == (False, 0)


async def test_reading_goes_on_after_a_lost_connection(db: str) -> None:
    async with running() as board:
        async with locked(db, "switches"):
            await lose_who_waits(db)
        await switches.kill("checkin", LIN, "停一下", AT)
        await until(board, expected=False, seconds_max=WAIT_SECONDS_MAX)


async def test_reading_goes_on_after_a_fault_that_nobody_thought_of(db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    failed, read_board = asyncio.Event(), switches.read_board

    async def watched() -> Board:
        try:
            return await read_board()
        except asyncpg.UndefinedTableError:
            failed.set()
            raise

    monkeypatch.setattr(switches, "read_board", watched)
    async with running() as board:
        await rows.execute(db, "ALTER TABLE switches RENAME TO switches_gone")
        try:
            async with asyncio.timeout(WAIT_SECONDS_MAX):
                await failed.wait()
            assert board.board.decided("checkin", AT) is True
        finally:
            await rows.execute(db, "ALTER TABLE switches_gone RENAME TO switches")
        await switches.kill("checkin", LIN, "停一下", AT)
        await until(board, expected=False, seconds_max=WAIT_SECONDS_MAX)


async def test_a_board_started_with_the_database_away_tells_the_defaults_and_then_the_rules(db: str) -> None:
    await switches.kill("checkin", LIN, "停一下", AT)
    board = SwitchBoard()
    async with locked(db, "switches"):
        starting = asyncio.ensure_future(board.start())
        await lose_who_waits(db)
        await starting
        assert (board.board, board.age_seconds) == (Board({}), float("inf"))
    try:
        await until(board, expected=False, seconds_max=WAIT_SECONDS_MAX)
        assert board.age_seconds < WAIT_SECONDS_MAX
    finally:
        await board.close()


async def test_uses_are_counted_by_the_shanghai_day_and_stored_at_the_end(db: str) -> None:
    async with running() as board:
        for _ in range(3):
            board.used("checkin", MIDNIGHT - timedelta(microseconds=1))
        board.used("checkin", MIDNIGHT)
        board.used("points_entries", AT)
    assert await rows.fetch(db, USES) == [
        ("checkin", "2026-11-04", 3),
        ("checkin", "2026-11-05", 1),
        ("points_entries", "2026-11-04", 1),
    ]


async def test_uses_are_stored_again_and_again_while_it_runs(db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stored, add_uses = asyncio.Semaphore(0), switches.add_uses

    async def watched(uses: dict[tuple[str, object], int]) -> None:
        await add_uses(uses)  # type: ignore[arg-type]
        if uses:
            stored.release()

    monkeypatch.setattr(switchboard, "FLUSH_SECONDS", 0.01)
    monkeypatch.setattr(switches, "add_uses", watched)
    async with running() as board, asyncio.timeout(WAIT_SECONDS_MAX):
        for count in (1, 2):
            board.used("checkin", AT)
            await stored.acquire()
            assert await rows.fetch(db, USES) == [("checkin", "2026-11-04", count)]
    assert await rows.fetch(db, USES) == [("checkin", "2026-11-04", 2)]


async def test_counts_that_could_not_be_stored_are_stored_once_later_with_those_since(db: str) -> None:
    board = SwitchBoard()
    for _ in range(5):
        board.used("checkin", AT)
    async with locked(db, "feature_uses"):
        asked = asyncio.ensure_future(board.flush())
        await rows.until_blocked(db)
        board.used("checkin", AT)
        await lose_who_waits(db)
        with pytest.raises(DatabaseUnavailable):
            await asked
    await board.flush()
    await board.flush()
    assert await rows.fetch(db, USES) == [("checkin", "2026-11-04", 6)]


async def test_a_board_closed_with_the_database_away_ends_all_the_same(db: str) -> None:
    board = SwitchBoard()
    await board.start()
    board.used("checkin", AT)
    async with locked(db, "feature_uses"):
        closing = asyncio.ensure_future(board.close())
        await lose_who_waits(db)
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            await closing
    assert await rows.fetch(db, USES) == []


async def test_two_workers_counts_add_up(db: str) -> None:
    async with running() as one, running() as other:
        for board in (one, other, other):
            for feature in FEATURES:
                board.used(feature.code, AT)
    found = await rows.fetch(db, USES)
    assert found == [(code, "2026-11-04", 3) for code in sorted(feature.code for feature in FEATURES)]


async def test_uses_add_up_by_feature_and_day(db: str) -> None:
    third, fourth = date(2026, 11, 3), date(2026, 11, 4)
    await switches.add_uses({("checkin", third): 5, ("checkin", fourth): 2, ("points_entries", third): 1})
    await switches.add_uses({("checkin", fourth): 40})
    before = await rows.picture(db)
    await switches.add_uses({})
    assert await rows.picture(db) == before
    async with transactions.reader():
        assert await switches.uses_since(fourth) == [Uses("checkin", fourth, 42)]
        assert await switches.uses_since(third) == [
            Uses("checkin", third, 5),
            Uses("checkin", fourth, 42),
            Uses("points_entries", third, 1),
        ]
        assert await switches.last_used() == {"checkin": fourth, "points_entries": third}


@pytest.mark.usefixtures("db")
async def test_reading_the_board_is_one_statement(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    board = SwitchBoard()
    async with transactions.reader() as connection:
        with connection.query_logger(lambda record: asked.append(record.query)):
            monkeypatch.setattr(transactions, "reader", lambda: _lent(connection))
            await board.refresh()
    assert len(asked) == 1


@asynccontextmanager
async def _lent(connection: transactions.Connection) -> AsyncIterator[transactions.Connection]:
    yield connection
