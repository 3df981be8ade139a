"""Bindings that meet: each pair shows the race without its guard, and the guard holding."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from games.checkin import checkins
from games.checkin import queries as checkin_queries
from loyalty import transactions
from loyalty.customers import binding_codes, bindings, queries, standings
from loyalty.customers.bindings import Bound
from loyalty.customers.errors import BindingCodeUsed, OwnerExists
from loyalty.customers.personal import DataKeys
from loyalty.customers.rules import Role
from loyalty.customers.standings import MemberRef
from loyalty.errors import Conflict, TryAgain
from tests import factories, rows

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)
WAIT_SECONDS = 20

LIVE = "SELECT role, count(*) FROM bindings WHERE ended_at IS NULL GROUP BY role ORDER BY role DESC"


def meeting(parties: int | asyncio.Barrier, then: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Let a step go on only when that many have come to it, or to the steps that share the barrier."""
    barrier = asyncio.Barrier(parties) if isinstance(parties, int) else parties

    async def met(*arguments: Any, **more: Any) -> Any:
        await barrier.wait()
        return await then(*arguments, **more)

    return met


async def unlocked(outlet_id: int) -> Any:
    """Read an outlet as lock_outlet does, without its lock."""
    return await transactions.writing().fetchrow("SELECT id, code, name, status FROM outlets WHERE id = $1", outlet_id)


async def requests(shop: str, data_keys: DataKeys, *roles: Role | None) -> list[bindings.Request]:
    """Give a wish to be bound by a member and a code of its own for each role."""
    made = []
    for role in roles:
        issued = await binding_codes.issue(shop, role, "card", "tests", AT)
        made.append(factories.request(await factories.member(AT, data_keys), issued.token, AT))
    return made


async def together(wishes: Sequence[bindings.Request], data_keys: DataKeys) -> list[Bound | BaseException]:
    """Bind at once, each in a transaction of its own."""
    async with asyncio.timeout(WAIT_SECONDS):
        return await asyncio.gather(*(bindings.bind(wish, data_keys) for wish in wishes), return_exceptions=True)


def told(answers: Sequence[Bound | BaseException]) -> Counter[object]:
    """Count answers: bindings by role and repeated, refusals by their type."""
    return Counter((one.role, one.repeated) if isinstance(one, Bound) else type(one) for one in answers)


async def test_two_who_claim_at_once_are_owner_and_clerk(
    db: str, data_keys: DataKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    wishes = await requests(await factories.outlet(AT, data_keys), data_keys, None, None)
    monkeypatch.setattr(queries, "lock_outlet", meeting(2, queries.lock_outlet))
    assert told(await together(wishes, data_keys)) == {("owner", False): 1, ("clerk", False): 1}
    assert await rows.fetch(db, LIVE) == [("owner", 1), ("clerk", 1)]


async def test_two_owner_codes_at_once_make_one_owner(
    db: str, data_keys: DataKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    wishes = await requests(await factories.outlet(AT, data_keys), data_keys, "owner", "owner")
    monkeypatch.setattr(queries, "lock_outlet", meeting(2, queries.lock_outlet))
    assert told(await together(wishes, data_keys)) == {("owner", False): 1, OwnerExists: 1}
    assert await rows.fetch(db, LIVE) == [("owner", 1)]
    assert await rows.fetch(db, "SELECT count(*) FROM binding_codes WHERE used_at IS NOT NULL") == [(1,)]


async def test_without_the_lock_both_believe_they_are_owner_and_the_constraint_refuses_one(
    db: str, data_keys: DataKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    wishes = await requests(await factories.outlet(AT, data_keys), data_keys, None, None)
    judge, barrier, judged = bindings._role, asyncio.Barrier(2), []

    async def judge_together(member: MemberRef, outlet_id: int, wanted: Role | None) -> Role:
        role = await judge(member, outlet_id, wanted)
        judged.append(role)
        await barrier.wait()
        return role

    monkeypatch.setattr(queries, "lock_outlet", unlocked)
    monkeypatch.setattr(bindings, "_role", judge_together)
    assert told(await together(wishes, data_keys)) == {("owner", False): 1, TryAgain: 1}
    assert judged == ["owner", "owner"]
    assert await rows.fetch(db, LIVE) == [("owner", 1)]


async def test_one_code_at_once_binds_one(db: str, data_keys: DataKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    (first,) = await requests(await factories.outlet(AT, data_keys), data_keys, None)
    second = factories.request(await factories.member(AT, data_keys), first.token, AT)
    monkeypatch.setattr(queries, "lock_outlet", meeting(2, queries.lock_outlet))
    assert told(await together([first, second], data_keys)) == {("owner", False): 1, BindingCodeUsed: 1}
    assert await rows.fetch(db, LIVE) == [("owner", 1)]


async def test_without_the_conditional_update_the_constraint_refuses_the_second_use(
    db: str, data_keys: DataKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first,) = await requests(await factories.outlet(AT, data_keys), data_keys, None)
    second = factories.request(await factories.member(AT, data_keys), first.token, AT)

    async def believe(_code_id: int, _at: datetime) -> bool:
        return True

    monkeypatch.setattr(queries, "lock_outlet", meeting(2, queries.lock_outlet))
    monkeypatch.setattr(queries, "use_binding_code", believe)
    assert told(await together([first, second], data_keys)) == {("owner", False): 1, TryAgain: 1}
    assert await rows.fetch(db, LIVE) == [("owner", 1)]


async def test_one_key_sent_at_once_is_one_binding(
    db: str, data_keys: DataKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    (wish,) = await requests(await factories.outlet(AT, data_keys), data_keys, None)
    monkeypatch.setattr(queries, "lock_outlet", meeting(3, queries.lock_outlet))
    assert told(await together([wish] * 3, data_keys)) == {("owner", False): 1, ("owner", True): 2}
    assert await rows.fetch(db, "SELECT count(*) FROM outbox WHERE type = 'binding.made'") == [(1,)]


async def test_removal_and_check_in_at_once_are_judged_one_after_the_other(
    db: str, data_keys: DataKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = await factories.outlet(AT, data_keys)
    owner, clerk = await factories.bound(shop, AT, data_keys), await factories.bound(shop, AT, data_keys)
    together_at = asyncio.Barrier(2)
    monkeypatch.setattr(standings, "lock", meeting(together_at, standings.lock))
    monkeypatch.setattr(checkin_queries, "store", meeting(together_at, checkin_queries.store))
    async with asyncio.timeout(WAIT_SECONDS):
        (answer,), _ = await asyncio.gather(
            checkins.make([factories.play(clerk, AT)]), bindings.remove(owner, clerk.id, AT)
        )
    entries = await rows.fetch(db, "SELECT count(*) FROM ledger_entries")
    assert entries == [(0,) if isinstance(answer, Exception) else (1,)]
    assert not isinstance(answer, Conflict)
    assert await rows.fetch(db, LIVE) == [("owner", 1)]
