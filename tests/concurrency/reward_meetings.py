"""How rewards meet in tests of races: at a statement, without a lock, without a constraint."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from types import ModuleType
from typing import Any

import asyncpg
import pytest

from loyalty.campaigns import queries as campaign_queries
from loyalty.points import locks
from loyalty.rewards.entitlements import queries as entitlement_queries
from loyalty.transactions import reading
from tests import rows
from tests.storefront import WAIT_SECONDS

GUARDED = pytest.mark.parametrize("guarded", [True, False], ids=["guard on", "guard off"])


def meet(monkeypatch: pytest.MonkeyPatch, url: str, module: ModuleType, name: str) -> None:
    """Let the first who comes to a statement wait until a second is there too, or is held up by a lock before it."""
    statement = getattr(module, name)
    second = asyncio.Event()
    came = 0

    async def met(*arguments: Any) -> Any:
        nonlocal came
        came += 1
        if came > 1:
            second.set()
        else:
            waits = [asyncio.create_task(second.wait()), asyncio.create_task(rows.until_blocked(url))]
            _, left = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for one in left:
                one.cancel()
        return await statement(*arguments)

    monkeypatch.setattr(module, name, met)


def without_locks_of_allotments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let units be judged while somebody else takes them."""
    lock = campaign_queries.LOCK_ALLOTMENTS
    assert lock.count("FOR NO KEY UPDATE") == 1
    monkeypatch.setattr(campaign_queries, "LOCK_ALLOTMENTS", lock.replace("FOR NO KEY UPDATE", ""))


def without_locks_of_accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let points be judged while somebody else spends them."""

    async def looked_at(outlet_ids: Sequence[int]) -> list[asyncpg.Record]:
        return await reading().fetch("SELECT * FROM points_accounts WHERE outlet_id = ANY ($1::bigint[])", outlet_ids)

    monkeypatch.setattr(locks, "lock_accounts", looked_at)


def without_locks_of_entitlements(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let entitlements be judged while somebody else moves them."""

    async def looked_at(entitlement_ids: Sequence[int]) -> list[asyncpg.Record]:
        return await reading().fetch(
            f"SELECT {entitlement_queries.ENTITLEMENT}, (SELECT code FROM outlets o WHERE o.id = outlet_id)"
            " AS outlet_code FROM entitlements WHERE id = ANY ($1::bigint[]) ORDER BY id",
            entitlement_ids,
        )

    monkeypatch.setattr(entitlement_queries, "lock", looked_at)


@asynccontextmanager
async def without(url: str, table: str, *names: str) -> AsyncIterator[None]:
    """Take constraints away; empty the table and put them back at the end."""
    async with AsyncExitStack() as stack:
        for name in names:
            ((definition,),) = await rows.fetch(
                url, "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = $1", name
            )
            await rows.execute(url, f"ALTER TABLE {table} DROP CONSTRAINT {name}")
            restored = f"TRUNCATE {table}; ALTER TABLE {table} ADD CONSTRAINT {name} {definition}"
            stack.push_async_callback(rows.execute, url, restored)
        yield


async def together(*many: Awaitable[Any]) -> list[Any]:
    """Wait for all at once; a refusal is an answer, too."""
    async with asyncio.timeout(WAIT_SECONDS):
        return await asyncio.gather(*many, return_exceptions=True)


def told(answers: Sequence[object]) -> Counter[object]:
    """Count answers by their type."""
    return Counter(type(one) for one in answers)


async def count(url: str, table: str) -> int:
    """Count a table's rows."""
    ((found,),) = await rows.fetch(url, f"SELECT count(*) FROM {table}")
    assert isinstance(found, int)
    return found
