"""How verbs of the ledger are made to meet: guards taken off, steps that wait for each other, one behind the other."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from types import ModuleType
from typing import Any

import asyncpg
import pytest

from loyalty import transactions
from loyalty.points import locks, queries
from loyalty.transactions import writing
from tests import rows
from tests.concurrency.test_checkin_races import without_constraint

WAIT_SECONDS = 20
Work = Coroutine[Any, Any, Any]


def without_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let verbs read accounts without locking them."""

    async def read_accounts(outlet_ids: Sequence[int]) -> list[asyncpg.Record]:
        return await writing().fetch(
            "SELECT outlet_id, balance, pending, owed FROM points_accounts WHERE outlet_id = ANY ($1::bigint[])",
            list(outlet_ids),
        )

    monkeypatch.setattr(locks, "lock_accounts", read_accounts)


def change_sql(monkeypatch: pytest.MonkeyPatch, name: str, was: str, becomes: str) -> None:
    """Change a statement of the points module."""
    statement = getattr(queries, name)
    assert statement.count(was) == 1
    monkeypatch.setattr(queries, name, statement.replace(was, becomes))


def meet_before(monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str) -> None:
    """Let two go on with a step only when both have read."""
    barrier, step = asyncio.Barrier(2), getattr(module, name)

    async def step_together(*arguments: Any) -> Any:
        await barrier.wait()
        return await step(*arguments)

    monkeypatch.setattr(module, name, step_together)


async def both(*work: Awaitable[Any]) -> list[Any]:
    """Run them at once; give answers and exceptions."""
    async with asyncio.timeout(WAIT_SECONDS):
        return await asyncio.gather(*work, return_exceptions=True)


async def one_behind_the_other(
    url: str, first: Callable[[Sequence[Any]], Awaitable[Any]], items: Sequence[Any], second: Callable[[], Work]
) -> tuple[Any, Any]:
    """Run a verb, let another one run into its locks, then commit; give both answers."""
    done, blocked = asyncio.Event(), asyncio.Event()

    async def first_in_its_transaction() -> Any:
        async with transactions.begin():
            answers = await first(items)
            done.set()
            await blocked.wait()
            return answers

    async with asyncio.timeout(WAIT_SECONDS), asyncio.TaskGroup() as group:
        leading = group.create_task(first_in_its_transaction())
        await done.wait()
        following = group.create_task(second())
        await rows.until_blocked(url)
        blocked.set()
    return leading.result(), following.result()


@asynccontextmanager
async def without_constraints(url: str, *named: tuple[str, str]) -> AsyncIterator[None]:
    """Take constraints away; empty their tables and put them back at the end."""
    async with AsyncExitStack() as stack:
        for table, name in named:
            await stack.enter_async_context(without_constraint(url, table, name))
        yield
