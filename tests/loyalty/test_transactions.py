"""Where a transaction begins, and what a lost or crossed one is called."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from typing import Any

import asyncpg
import pytest
from asyncpg.transaction import Transaction
from tortoise.backends.asyncpg.client import TransactionWrapper
from tortoise.connection import get_connection

from app import database
from app.database import credentials
from loyalty import transactions
from loyalty.customers import queries as customers
from loyalty.customers import standings
from loyalty.customers.standings import MemberRef
from loyalty.engagement import queries as engagement
from loyalty.errors import DatabaseUnavailable, TryAgain
from loyalty.events import outbox
from loyalty.events import queries as events
from loyalty.events.outbox import Event
from loyalty.notices import queries as notices
from loyalty.organisation import places
from loyalty.organisation.places import Place
from tests import rows

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)
WAIT_SECONDS = 20
EVENT = Event("checkin.made", "T1", AT, {})
RECORDED = "SELECT count(*) FROM outbox"


@pytest.mark.parametrize(
    "verb",
    [
        lambda: outbox.record([EVENT]),
        lambda: standings.lock([MemberRef(1, 0)]),
        lambda: places.locate([Place("P1", None, None)], AT),
        lambda: customers.lock_outlet(1),
        lambda: customers.use_binding_code(1, AT),
        lambda: customers.leave_outlet(1, 1),
        lambda: engagement.count_checkins(["T1"], [date(2026, 11, 4)]),
        lambda: events.move_cursor("c", "engagement", 1, AT),
        lambda: notices.remember(["a"], AT),
    ],
)
async def test_what_changes_data_refuses_outside_and_under_a_reader(
    db: str, verb: Callable[[], Awaitable[Any]]
) -> None:
    before = await rows.picture(db)
    with pytest.raises(RuntimeError, match=r"inside transactions\.begin"):
        await verb()
    async with transactions.reader():
        with pytest.raises(RuntimeError, match=r"inside transactions\.begin"):
            await verb()
    assert await rows.picture(db) == before


async def test_reads_need_a_transaction_or_a_reader(db: str) -> None:
    with pytest.raises(RuntimeError, match=r"transactions\.reader"):
        await standings.read([MemberRef(1, 0)])


async def test_set_verbs_refuse_where_each_statement_commits_by_itself(db: str) -> None:
    async with transactions.statements():
        with pytest.raises(RuntimeError, match=r"inside transactions\.begin"):
            await outbox.record([EVENT])
    assert await rows.fetch(db, RECORDED) == [(0,)]


async def test_a_statement_that_commits_by_itself_refuses_elsewhere(db: str) -> None:
    for opened in (transactions.begin, transactions.reader):
        async with opened():
            with pytest.raises(RuntimeError, match=r"inside transactions\.statements"):
                transactions.committing()
    async with transactions.begin():
        with pytest.raises(RuntimeError, match="open already"):
            async with transactions.statements():
                pass


async def test_a_transaction_does_not_open_another(db: str) -> None:
    async with transactions.begin():
        with pytest.raises(RuntimeError, match="open already"):
            async with transactions.begin():
                pass


async def record(*, then: Exception | None = None) -> None:
    """Record an event in a transaction of its own; raise inside it what is given."""
    async with transactions.begin():
        await outbox.record([EVENT])
        if then is not None:
            raise then


async def test_it_commits_at_the_end_and_rolls_back_on_any_exception(db: str) -> None:
    with pytest.raises(ZeroDivisionError):
        await record(then=ZeroDivisionError())
    assert await rows.fetch(db, RECORDED) == [(0,)]
    async with transactions.begin():
        await outbox.record([EVENT])
        assert await rows.fetch(db, RECORDED) == [(0,)]
    assert await rows.fetch(db, RECORDED) == [(1,)]


async def kill(url: str, connection: transactions.Connection) -> None:
    """End the server's side of a connection."""
    pid = await connection.fetchval("SELECT pg_backend_pid()")
    assert await rows.fetch(url, "SELECT pg_terminate_backend($1, 5000)", pid) == [(True,)]


@pytest.mark.parametrize("asks_again", [True, False], ids=["before a statement", "before the commit"])
async def test_a_killed_backend_is_unavailable_and_the_next_one_works(db: str, *, asks_again: bool) -> None:
    async def lose() -> None:
        async with transactions.begin() as connection:
            await outbox.record([EVENT])
            await kill(db, connection)
            if asks_again:
                await connection.execute("SELECT 1")

    with pytest.raises(DatabaseUnavailable):
        await lose()
    assert await rows.fetch(db, RECORDED) == [(0,)]
    await record()
    assert await rows.fetch(db, RECORDED) == [(1,)]


async def test_a_reader_that_is_killed_is_unavailable_and_the_next_one_works(db: str) -> None:
    async def lose() -> None:
        async with transactions.reader() as connection:
            await kill(db, connection)
            await connection.execute("SELECT 1")

    with pytest.raises(DatabaseUnavailable):
        await lose()
    async with transactions.reader() as connection:
        assert await connection.fetchval("SELECT 1") == 1


@pytest.mark.parametrize("lend", [transactions.begin, transactions.reader, transactions.statements])
async def test_a_lost_connection_does_not_come_back_to_the_pool(db: str, lend: Callable[[], Any]) -> None:
    async def lose() -> int:
        async with lend() as connection:
            pid: int = await connection.fetchval("SELECT pg_backend_pid()")
            lost.append(pid)
            # What a server says when it goes, before its end of the connection is closed.
            raise asyncpg.CrashShutdownError

    lost: list[int] = []
    for _ in range(database.POOL_MAX + 1):
        with pytest.raises(DatabaseUnavailable):
            await lose()
    assert len(set(lost)) == database.POOL_MAX + 1


async def test_a_begin_that_fails_keeps_no_connection_and_leaves_the_orm_as_it_was(
    db: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(_transaction: object) -> None:
        raise asyncpg.ConnectionDoesNotExistError

    with monkeypatch.context() as patched:
        patched.setattr(Transaction, "start", gone)
        for _ in range(database.POOL_MAX + 1):
            with pytest.raises(DatabaseUnavailable):
                await record()
    async with asyncio.timeout(WAIT_SECONDS):
        await record()
    assert not isinstance(get_connection("default"), TransactionWrapper)
    assert await rows.fetch(db, RECORDED) == [(1,)]


async def test_a_lock_that_cannot_be_had_is_try_again(db: str) -> None:
    async def ask() -> None:
        async with transactions.begin() as connection:
            await connection.execute("SET LOCAL lock_timeout = '20ms'")
            await connection.execute("SELECT * FROM feed_heads FOR UPDATE")

    other = await asyncpg.connect(**credentials(db))
    held = other.transaction()
    await held.start()
    await other.execute("SELECT * FROM feed_heads FOR UPDATE")
    with pytest.raises(TryAgain):
        await ask()
    await held.rollback()
    await other.close()
    await ask()


async def test_of_two_that_wait_for_each_other_one_tries_again(db: str) -> None:
    barrier = asyncio.Barrier(2)

    async def lock(first: str, second: str) -> str:
        async with transactions.begin() as connection:
            await connection.execute("SET LOCAL deadlock_timeout = '20ms'")
            await connection.execute("SELECT * FROM feed_heads WHERE feed = $1 FOR UPDATE", first)
            await barrier.wait()
            await connection.execute("SELECT * FROM feed_heads WHERE feed = $1 FOR UPDATE", second)
        return "done"

    async with asyncio.timeout(WAIT_SECONDS):
        answers = await asyncio.gather(lock("orders", "bindings"), lock("bindings", "orders"), return_exceptions=True)
    assert sorted("try again" if isinstance(one, TryAgain) else str(one) for one in answers) == ["done", "try again"]
