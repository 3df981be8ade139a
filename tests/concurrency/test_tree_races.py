"""Moves and additions in the tree that meet: each pair shows the race without its guard, and the guard holding."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from loyalty import transactions
from loyalty.organisation import locks, proofs, queries, tree
from loyalty.organisation.errors import NodeCodeTaken, TreeCycle
from tests import rows
from tests.concurrency.test_binding_races import meeting
from tests.organisation import BY, Places, planted

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)
WAIT_SECONDS = 20
CHILDREN = "SELECT count(*) FROM organisation_nodes WHERE code = 'R9'"


@pytest.fixture
async def there(db: str) -> Places:
    """Give the places, in the empty database."""
    return await planted(AT)


@pytest.fixture
async def groups(there: Places) -> tuple[int, int]:
    """Give two groups under the root."""
    east = await tree.add("group", "EAST", "华东", there.root, [there.root], BY, AT)
    return east, await tree.add("group", "WEST", "华西", there.root, [there.root], BY, AT)


async def hang(node_id: int, parent_id: int, root: int) -> None:
    """Hang a node in a transaction of its own."""
    async with transactions.begin():
        await tree.hang(node_id, parent_id, [root], BY, "重新划分", AT)


async def differences() -> list[str]:
    """Give what the proof of the tree finds."""
    async with transactions.reader():
        return [one.what for one in await proofs.tree()]


def kinds(answers: Sequence[object]) -> list[str]:
    """Name the types of answers in order."""
    return sorted(type(answer).__name__ for answer in answers)


async def test_two_groups_moved_under_each_other_at_once_make_no_circle(
    there: Places, groups: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    east, west = groups
    monkeypatch.setattr(locks, "lock_tree", meeting(2, locks.lock_tree))
    async with asyncio.timeout(WAIT_SECONDS):
        answers = await asyncio.gather(
            hang(east, west, there.root), hang(west, east, there.root), return_exceptions=True
        )
    assert kinds(answers) == ["NoneType", TreeCycle.__name__]
    assert await differences() == []


async def test_without_the_lock_both_believe_there_is_no_circle_and_the_database_refuses_one(
    db: str, there: Places, groups: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    east, west = groups
    first_done, both_looked, lock_parents = asyncio.Event(), asyncio.Barrier(2), locks.lock_parents

    async def no_lock() -> None:
        pass

    async def one_after_the_other(node_ids: Sequence[int]) -> None:
        await both_looked.wait()
        if west not in node_ids:
            await first_done.wait()
        await lock_parents(node_ids)

    async def first() -> None:
        await hang(east, west, there.root)
        first_done.set()

    monkeypatch.setattr(locks, "lock_tree", no_lock)
    monkeypatch.setattr(locks, "lock_parents", one_after_the_other)
    async with asyncio.timeout(WAIT_SECONDS):
        answers = await asyncio.gather(first(), hang(west, east, there.root), return_exceptions=True)
    assert kinds(answers) == ["CheckViolationError", "NoneType"]
    assert await differences() == []
    assert await rows.fetch(db, "SELECT parent_id FROM organisation_nodes WHERE id = $1", west) == [(there.root,)]


@pytest.mark.parametrize("guarded", [True, False], ids=["guard on", "guard off"])
async def test_what_is_added_below_a_node_on_the_move_comes_along(
    db: str, there: Places, guarded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    hung, go = asyncio.Event(), asyncio.Event()

    async def moving() -> None:
        async with transactions.begin():
            await tree.hang(there.pudong, there.nanjing, [there.root], BY, "重新划分", AT)
            hung.set()
            await go.wait()

    async def no_lock(_node_ids: Sequence[int]) -> None:
        pass

    async with asyncio.timeout(WAIT_SECONDS):
        move = asyncio.create_task(moving())
        await hung.wait()
        if not guarded:
            monkeypatch.setattr(locks, "lock_parents", no_lock)
        addition = asyncio.create_task(tree.add("route", "R9", "九线", there.pudong, [there.root], BY, AT))
        await rows.until_blocked(db)
        go.set()
        added, _ = await asyncio.gather(addition, move)
    # Without the lock it hangs below the plant that it has left: its place was read before the move was there.
    stale = [f"node {added}: its closure is not what its parents say"]
    assert await differences() == ([] if guarded else stale)


async def test_one_code_added_twice_at_once_is_one_node(
    db: str, there: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "insert_nodes", meeting(2, queries.insert_nodes))

    async def add() -> Any:
        return await tree.add("route", "R9", "九线", there.pudong, [there.root], BY, AT)

    async with asyncio.timeout(WAIT_SECONDS):
        answers = await asyncio.gather(add(), add(), return_exceptions=True)
    assert kinds(answers) == [NodeCodeTaken.__name__, "int"]
    assert await rows.fetch(db, CHILDREN) == [(1,)]
    assert await differences() == []
