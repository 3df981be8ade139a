"""Check-ins that meet: each pair shows the race without its guard, and the guard holding."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from games.base import Play, Played
from games.checkin import checkins, queries
from games.checkin.checkins import CheckinOutcome
from games.checkin.errors import AlreadyCheckedIn
from loyalty.batches import Batcher
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


def meet_before_storing(monkeypatch: pytest.MonkeyPatch, parties: int) -> None:
    """Let that many store only when all have judged; whoever stores again later does not wait."""
    barrier, store = asyncio.Barrier(parties), queries.store
    met = 0

    async def store_together(*arguments: Any) -> dict[int, int]:
        nonlocal met
        met += 1
        if met <= parties:
            await barrier.wait()
        return await store(*arguments)

    monkeypatch.setattr(queries, "store", store_together)


def without_the_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a check-in be stored although its outlet has meanwhile made another."""
    guard = "WHERE s.checkins = excluded.checkins - 1"
    assert queries._STORE.count(guard) == 1
    monkeypatch.setattr(queries, "_STORE", queries._STORE.replace(guard, ""))


async def pair(data_keys: DataKeys, days_before: int = 0) -> tuple[MemberRef, MemberRef]:
    """Give the owner and a clerk of one outlet that has checked in on so many days before."""
    shop = await factories.outlet(AT, data_keys)
    owner, clerk = await factories.bound(shop, AT, data_keys), await factories.bound(shop, AT, data_keys)
    for days in range(days_before, 0, -1):
        await checkins.make([factories.play(owner, AT - timedelta(days=days))])
    return owner, clerk


async def together(*plays: Play) -> list[Played | BaseException]:
    """Make check-ins, each through a batcher of its own, as one worker each would, at once."""
    async with asyncio.timeout(WAIT_SECONDS):
        return await asyncio.gather(*(Batcher(checkins.make).submit(play) for play in plays), return_exceptions=True)


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


@pytest.mark.parametrize("days_before", [0, 3], ids=["the first ever", "after three days"])
async def test_without_guard_and_constraint_two_are_paid(
    db: str, data_keys: DataKeys, days_before: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, clerk = await pair(data_keys, days_before)
    without_the_guard(monkeypatch)
    meet_before_storing(monkeypatch, 2)
    async with without_constraint(db, "checkins", "checkins_once_a_day"):
        answers = await together(factories.play(owner, AT), factories.play(clerk, AT))
        assert [type(answer) for answer in answers] == [Played, Played]
        assert (await paid(db))[0][:3] == (days_before + 2,) * 3


async def test_without_the_guard_the_constraint_still_pays_once(
    db: str, data_keys: DataKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, clerk = await pair(data_keys)
    without_the_guard(monkeypatch)
    meet_before_storing(monkeypatch, 2)
    answers = await together(factories.play(owner, AT), factories.play(clerk, AT))
    assert told(answers) == {(CheckinOutcome(1, 5), False): 1, TryAgain: 1}
    assert await paid(db) == [(1, 1, 1, 5)]


@pytest.mark.parametrize("days_before", [0, 3], ids=["the first ever", "after three days"])
async def test_the_guard_alone_judges_the_later_one_anew(
    db: str, data_keys: DataKeys, days_before: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, clerk = await pair(data_keys, days_before)
    meet_before_storing(monkeypatch, 2)
    async with without_constraint(db, "checkins", "checkins_once_a_day"):
        answers = await together(factories.play(owner, AT), factories.play(clerk, AT))
        assert Counter(type(answer) for answer in answers) == {Played: 1, AlreadyCheckedIn: 1}
        made = days_before + 1
        assert (await paid(db))[0][:3] == (made, made, made)
        assert [one.data["streak_days"] for one in answers if isinstance(one, AlreadyCheckedIn)] == [made]


BEFORE_MIDNIGHT = datetime(2026, 11, 4, 15, 59, 59, tzinfo=UTC)
RUN = "SELECT business_date::text, streak_days FROM checkins ORDER BY business_date"


@pytest.mark.parametrize("guarded", [True, False], ids=["guard on", "guard off"])
async def test_two_days_that_meet_at_midnight_do_not_break_the_run(
    db: str, data_keys: DataKeys, guarded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, clerk = await pair(data_keys, days_before=2)
    if not guarded:
        without_the_guard(monkeypatch)
    meet_before_storing(monkeypatch, 2)
    today, tomorrow = await together(
        factories.play(owner, BEFORE_MIDNIGHT), factories.play(clerk, BEFORE_MIDNIGHT + timedelta(seconds=1))
    )
    run = [("2026-11-02", 1), ("2026-11-03", 2)]
    if not guarded:
        # The second was judged as if yesterday had been missed.
        assert [type(today), type(tomorrow)] == [Played, Played]
        assert await rows.fetch(db, RUN) == [*run, ("2026-11-04", 3), ("2026-11-05", 1)]
    elif isinstance(today, Played):
        assert isinstance(tomorrow, Played)
        assert await rows.fetch(db, RUN) == [*run, ("2026-11-04", 3), ("2026-11-05", 4)]
    else:
        # The later day was stored first: the earlier one is then in the past.
        assert isinstance(today, AlreadyCheckedIn)
        assert await rows.fetch(db, RUN) == [*run, ("2026-11-05", 1)]


async def test_one_key_sent_many_times_at_once_is_one_check_in(
    db: str, data_keys: DataKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await factories.bound(await factories.outlet(AT, data_keys), AT, data_keys)
    meet_before_storing(monkeypatch, 10)
    answers = await together(*(factories.play(owner, AT, "one-key") for _ in range(10)))
    assert told(answers) == {(CheckinOutcome(1, 5), False): 1, (CheckinOutcome(1, 5), True): 9}
    assert {one.balance_points for one in answers if isinstance(one, Played)} == {5}
    assert await paid(db) == [(1, 1, 1, 5)]


async def test_batches_that_name_the_same_outlets_in_opposite_order_do_not_deadlock(
    db: str, data_keys: DataKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = [await pair(data_keys) for _ in range(12)]
    meet_before_storing(monkeypatch, 2)
    async with asyncio.timeout(WAIT_SECONDS):
        one, other = await asyncio.gather(
            checkins.make([factories.play(owner, AT) for owner, _ in pairs]),
            checkins.make([factories.play(clerk, AT) for _, clerk in reversed(pairs)]),
        )
    assert told([*one, *other]) == {(CheckinOutcome(1, 5), False): 12, AlreadyCheckedIn: 12}
    assert await rows.fetch(db, "SELECT count(*), sum(balance)::int FROM points_accounts") == [(12, 60)]
