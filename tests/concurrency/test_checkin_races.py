"""Check-ins that meet: each pair shows the race without its guard, and the guard holding."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from typing import Any

import pytest

from games.base import Play, Played
from games.checkin import checkins, queries
from games.checkin.checkins import CheckinOutcome
from games.checkin.errors import AlreadyCheckedIn
from loyalty.batches import Batcher
from loyalty.customers import standings
from loyalty.customers.personal import DataKeys
from loyalty.customers.standings import MemberRef
from loyalty.errors import Refusal, TryAgain
from tests import factories, rows

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)
WAIT_SECONDS = 20


@asynccontextmanager
async def without_constraint(url: str, table: str, name: str) -> AsyncIterator[None]:
    """Take a constraint away; empty the table and put it back at the end."""
    ((definition,),) = await rows.fetch(
        url, "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = $1", name
    )
    await rows.execute(url, f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    try:
        yield
    finally:
        await rows.execute(url, f"TRUNCATE {table}")
        await rows.execute(url, f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")


def meet_before_insert(monkeypatch: pytest.MonkeyPatch, parties: int) -> None:
    """Let check-ins write only when that many have judged."""
    barrier, insert = asyncio.Barrier(parties), queries.insert

    async def insert_together(*arguments: Any) -> dict[tuple[int, date], int]:
        await barrier.wait()
        return await insert(*arguments)

    monkeypatch.setattr(queries, "insert", insert_together)


def meet_at_the_start(monkeypatch: pytest.MonkeyPatch, parties: int) -> None:
    """Let check-ins ask for their locks only when that many transactions are open."""
    barrier, lock = asyncio.Barrier(parties), standings.lock

    async def lock_together(many: Sequence[MemberRef]) -> Any:
        await barrier.wait()
        return await lock(many)

    monkeypatch.setattr(standings, "lock", lock_together)


async def pair(data_keys: DataKeys) -> tuple[MemberRef, MemberRef]:
    """Give the owner and a clerk of one outlet."""
    shop = await factories.outlet(AT, data_keys)
    return await factories.bound(shop, AT, data_keys), await factories.bound(shop, AT, data_keys)


async def together(*plays: Play) -> list[Played | Refusal]:
    """Make check-ins, each in a transaction of its own, at once."""
    async with asyncio.timeout(WAIT_SECONDS):
        return [answer for (answer,) in await asyncio.gather(*(checkins.make([play]) for play in plays))]


def told(answers: Sequence[Played | Refusal | BaseException]) -> Counter[object]:
    """Count answers: outcomes as they are, refusals by their type."""
    return Counter((one.outcome, one.repeated) if isinstance(one, Played) else type(one) for one in answers)


async def paid(url: str) -> list[tuple[object, ...]]:
    """Count check-ins, entries and events, and give the balances."""
    return await rows.fetch(
        url,
        "SELECT (SELECT count(*) FROM checkins), (SELECT count(*) FROM ledger_entries),"
        " (SELECT count(*) FROM outbox WHERE type = 'checkin.made'), balance FROM points_accounts",
    )


async def test_two_hundred_of_one_outlet_pay_once(db: str, data_keys: DataKeys) -> None:
    shop = await factories.outlet(AT, data_keys)
    people = [await factories.bound(shop, AT, data_keys) for _ in range(5)]
    batchers = [Batcher(checkins.make, batch_items_max=16) for _ in range(4)]
    plays = [factories.play(people[number % 5], AT) for number in range(200)]
    async with asyncio.timeout(WAIT_SECONDS):
        answers = await asyncio.gather(
            *(batchers[number % 4].submit(one) for number, one in enumerate(plays)), return_exceptions=True
        )
    assert told(answers) == {(CheckinOutcome(1, 5), False): 1, AlreadyCheckedIn: 199}
    assert {one.data["streak_days"] for one in answers if isinstance(one, AlreadyCheckedIn)} == {1}
    assert await paid(db) == [(1, 1, 1, 5)]


async def test_without_lock_and_constraint_two_are_paid(
    db: str, data_keys: DataKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, clerk = await pair(data_keys)
    monkeypatch.setattr(standings, "lock", standings.read)
    meet_before_insert(monkeypatch, 2)
    async with without_constraint(db, "checkins", "checkins_once_a_day"):
        answers = await together(factories.play(owner, AT), factories.play(clerk, AT))
        assert told(answers) == {(CheckinOutcome(1, 5), False): 2}
        assert await paid(db) == [(2, 2, 2, 10)]


async def test_without_the_lock_the_constraint_still_pays_once(
    db: str, data_keys: DataKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, clerk = await pair(data_keys)
    monkeypatch.setattr(standings, "lock", standings.read)
    meet_before_insert(monkeypatch, 2)
    answers = await together(factories.play(owner, AT), factories.play(clerk, AT))
    assert told(answers) == {(CheckinOutcome(1, 5), False): 1, TryAgain: 1}
    assert await paid(db) == [(1, 1, 1, 5)]


async def test_the_lock_alone_judges_one_after_the_other(
    db: str, data_keys: DataKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, clerk = await pair(data_keys)
    meet_at_the_start(monkeypatch, 2)
    async with without_constraint(db, "checkins", "checkins_once_a_day"):
        answers = await together(factories.play(owner, AT), factories.play(clerk, AT))
        assert told(answers) == {(CheckinOutcome(1, 5), False): 1, AlreadyCheckedIn: 1}
        assert await paid(db) == [(1, 1, 1, 5)]


async def test_one_key_sent_many_times_at_once_is_one_check_in(
    db: str, data_keys: DataKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await factories.bound(await factories.outlet(AT, data_keys), AT, data_keys)
    meet_at_the_start(monkeypatch, 10)
    answers = await together(*(factories.play(owner, AT, "one-key") for _ in range(10)))
    assert told(answers) == {(CheckinOutcome(1, 5), False): 1, (CheckinOutcome(1, 5), True): 9}
    assert {one.balance_points for one in answers if isinstance(one, Played)} == {5}
    assert await paid(db) == [(1, 1, 1, 5)]


async def test_batches_that_name_the_same_outlets_in_opposite_order_do_not_deadlock(
    db: str, data_keys: DataKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = [await pair(data_keys) for _ in range(12)]
    meet_at_the_start(monkeypatch, 2)
    async with asyncio.timeout(WAIT_SECONDS):
        one, other = await asyncio.gather(
            checkins.make([factories.play(owner, AT) for owner, _ in pairs]),
            checkins.make([factories.play(clerk, AT) for _, clerk in reversed(pairs)]),
        )
    assert told([*one, *other]) == {(CheckinOutcome(1, 5), False): 12, AlreadyCheckedIn: 12}
    assert await rows.fetch(db, "SELECT count(*), sum(balance)::int FROM points_accounts") == [(12, 60)]
