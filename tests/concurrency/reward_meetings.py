"""How rewards meet in tests of races: at a statement, without a lock; beside what ``meetings`` gives."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import asyncpg
import pytest

from loyalty.campaigns import queries as campaign_queries
from loyalty.rewards.entitlements import queries as entitlement_queries
from loyalty.transactions import reading
from tests import rows

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


def without_locks_of_entitlements(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let entitlements be judged while somebody else moves them."""

    async def looked_at(entitlement_ids: Sequence[int]) -> list[asyncpg.Record]:
        return await reading().fetch(
            f"SELECT {entitlement_queries.ENTITLEMENT}, (SELECT code FROM outlets o WHERE o.id = outlet_id)"
            " AS outlet_code FROM entitlements WHERE id = ANY ($1::bigint[]) ORDER BY id",
            entitlement_ids,
        )

    monkeypatch.setattr(entitlement_queries, "lock", looked_at)


def told(answers: Sequence[object]) -> Counter[object]:
    """Count answers by their type."""
    return Counter(type(one) for one in answers)


async def count(url: str, table: str) -> int:
    """Count a table's rows."""
    ((found,),) = await rows.fetch(url, f"SELECT count(*) FROM {table}")
    assert isinstance(found, int)
    return found
