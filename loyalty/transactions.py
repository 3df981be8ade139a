"""Where a transaction begins, and what runs inside it.

An entry verb opens one with ``begin()``; set verbs ask for ``writing()`` and so refuse to run outside. Reads that need
no transaction run under ``reader()``. Statements of queries.py go to asyncpg itself; the ORM, used inside ``begin()``,
shares the same connection.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, cast

import asyncpg
from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.connection import get_connection, get_connections
from tortoise.exceptions import IntegrityError

from loyalty.errors import DatabaseUnavailable, TryAgain

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]
else:
    Connection = asyncpg.Connection  # generic only in its stubs

_writing: ContextVar[Connection | None] = ContextVar("writing", default=None)
_reading: ContextVar[Connection | None] = ContextVar("reading", default=None)
_trying: ContextVar[bool] = ContextVar("trying", default=False)
_committing: ContextVar[Connection | None] = ContextVar("committing", default=None)

LOST = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
)
"""What asyncpg raises when the server is away, stopping, starting or full. Whether a commit on its way was done is
then unknown; idempotency keys make asking again safe."""

CROSSED = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
    asyncpg.UniqueViolationError,
)
"""Two transactions met, one waited too long for a lock, or another made the same row between our look and our insert.
Nothing was done; judged again, the request sees what the other did. A verb that expects a taken name catches it first.
"""


class _Undone(Exception):  # noqa: N818 - the end of a trial, seen by nobody
    """Ends a transaction that was only a trial."""


@contextmanager
def trial() -> Iterator[None]:
    """Let every transaction that begins inside be undone where it would commit; its answers are the real one's."""
    token = _trying.set(True)
    try:
        yield
    finally:
        _trying.reset(token)


def _undo_a_trial() -> None:
    if _trying.get():
        raise _Undone


@asynccontextmanager
async def begin() -> AsyncIterator[Connection]:
    """Open a transaction; commit at the end, roll back on any exception.

    Raises DatabaseUnavailable when the server is out of reach, TryAgain when a lock could not be had, and RuntimeError
    when one is open already: entry verbs do not call each other.
    """
    if _writing.get() is not None:
        raise RuntimeError("a transaction is open already; call set verbs inside it, not entry verbs")
    try:
        async with _lent(_writing) as connection, connection.transaction():
            with _orm_on(connection):
                yield connection
            _undo_a_trial()
    except _Undone:
        return
    except IntegrityError as broken:
        if isinstance(broken.__cause__, CROSSED):
            raise TryAgain from broken
        raise


@asynccontextmanager
async def reader() -> AsyncIterator[Connection]:
    """Lend a connection for reads, without a transaction: each statement sees what is committed when it starts.

    For statements of queries.py alone. The ORM would take a second connection of the pool, and enough requests that
    each hold one and wait for another stand still for ever: a read by the ORM goes under ``begin()``.
    """
    async with _lent(_reading) as connection:
        yield connection


@asynccontextmanager
async def statements() -> AsyncIterator[Connection]:
    """Lend a connection on which each statement is a transaction of its own, for verbs that write with a single one.

    Reads run on it too. Set verbs refuse it: two of them would commit one without the other. Raises as ``begin()``.
    """
    if _writing.get() is not None:
        raise RuntimeError("a transaction is open already; call set verbs inside it, not entry verbs")
    async with _lent(_reading) as connection:
        token = _committing.set(connection)
        try:
            yield connection
        finally:
            _committing.reset(token)


@asynccontextmanager
async def _lent(role: ContextVar[Connection | None]) -> AsyncIterator[Connection]:
    try:
        async with get_connection("default").acquire_connection() as lent:
            connection = cast(Connection, lent)
            token = role.set(connection)
            try:
                with _dropped_when_lost(connection):
                    yield connection
            finally:
                role.reset(token)
    except LOST as lost:
        raise DatabaseUnavailable from lost
    except CROSSED as crossed:
        raise TryAgain from crossed


@contextmanager
def _orm_on(connection: Connection) -> Iterator[None]:
    """Have the ORM use a connection on which a transaction is open.

    Tortoise's own in_transaction does the same, but where BEGIN or the release fails, as on a server that was killed,
    it keeps the connection out of its pool for ever and leaves the ORM on the dead one.
    """
    client = TransactionWrapper(cast(AsyncpgDBClient, get_connection("default")))
    client._connection = connection  # noqa: SLF001 - as Tortoise's own context does
    token = get_connections().set("default", client)
    try:
        yield
    finally:
        get_connections().reset(token)


@contextmanager
def _dropped_when_lost(connection: Connection) -> Iterator[None]:
    """Keep a lost connection out of the pool: its server's last word may be here before its end is."""
    try:
        yield
    except LOST:
        connection.terminate()
        raise


def writing() -> Connection:
    """Give the connection of the open transaction. Raises RuntimeError outside of one."""
    connection = _writing.get()
    if connection is None:
        raise RuntimeError("this changes data: call it inside transactions.begin()")
    return connection


def committing() -> Connection:
    """Give the connection of ``statements()``, on which each commits by itself. Raises RuntimeError outside of it."""
    connection = _committing.get()
    if connection is None:
        raise RuntimeError("this statement is a transaction of its own: call it inside transactions.statements()")
    return connection


def reading() -> Connection:
    """Give the connection of the open transaction or reader. Raises RuntimeError outside of both."""
    connection = _writing.get() or _reading.get()
    if connection is None:
        raise RuntimeError("call this inside transactions.begin() or transactions.reader()")
    return connection
