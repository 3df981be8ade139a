"""Changes of a switch that meet: each pair shows the race without its guard, and the guard holding."""

import asyncio
from collections.abc import Awaitable, Sequence
from datetime import UTC, date, datetime
from typing import Any

import pytest

from loyalty import transactions
from loyalty.organisation import audit
from loyalty.organisation.audit import Actor
from loyalty.switches import queries, switches
from loyalty.switches.errors import SwitchChangedMeanwhile
from loyalty.switches.rules import SwitchRule
from tests import rows
from tests.concurrency.test_binding_races import meeting

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)
WAIT_SECONDS = 20
LIN, WANG = Actor("staff", "7", "林晓"), Actor("staff", "8", "王强")
RULES = {LIN: SwitchRule(percent_bps=1_000), WANG: SwitchRule(percent_bps=9_000)}
STORED = "SELECT version, percent_bps, killed FROM switches"
AUDITED = "SELECT action FROM audit_entries WHERE subject_kind = 'switch' ORDER BY id"
USERS = 8


async def change(actor: Actor, version: int) -> None:
    """Say the rule that this person wants."""
    await switches.change("checkin", RULES[actor], version, actor, "调整", AT)


async def together(*verbs: Awaitable[None]) -> list[BaseException | None]:
    """Run verbs at once, each in a transaction of its own."""
    async with asyncio.timeout(WAIT_SECONDS):
        return list(await asyncio.gather(*verbs, return_exceptions=True))


def kinds(answers: Sequence[object]) -> list[str]:
    """Name the types of answers in order."""
    return sorted(type(answer).__name__ for answer in answers)


@pytest.fixture(params=[0, 1], ids=["never set", "set before"])
async def version(request: pytest.FixtureRequest, db: str) -> int:
    """Give the version that both look at, of a switch that was set that often."""
    assert await rows.fetch(db, STORED) == []
    if request.param:
        await switches.change("checkin", SwitchRule(), 0, LIN, "先开着", AT)
    return int(request.param)


async def test_of_two_who_change_what_they_both_saw_one_wins(
    db: str, version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "store", meeting(2, queries.store))
    answers = await together(change(LIN, version), change(WANG, version))
    assert kinds(answers) == ["NoneType", SwitchChangedMeanwhile.__name__]
    winner = (LIN, WANG)[answers.index(None)]
    assert await rows.fetch(db, STORED) == [(version + 1, RULES[winner].percent_bps, False)]
    assert len(await rows.fetch(db, AUDITED)) == version + 1


async def test_without_the_guard_the_first_ones_change_is_lost_without_a_word(
    db: str, version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = queries.store

    async def whatever_version(feature: str, _expected: int, *more: Any) -> int | None:
        """Store over whatever is there, as a plain UPDATE would."""
        for _ in range(2):
            seen = {row["feature"]: row["version"] for row in await queries.rows()}
            if made := await store(feature, seen.get(feature, 0), *more):
                return made
        return None

    monkeypatch.setattr(queries, "store", meeting(2, whatever_version))
    answers = await together(change(LIN, version), change(WANG, version))
    assert kinds(answers) == ["NoneType", "NoneType"]
    assert [row[0] for row in await rows.fetch(db, STORED)] == [version + 2]


@pytest.mark.parametrize("first", ["change", "kill"])
async def test_a_kill_that_meets_a_change_ends_killed(
    db: str, version: int, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored, go, record = asyncio.Event(), asyncio.Event(), audit.record

    async def held(entries: Sequence[audit.AuditEntry]) -> None:
        await record(entries)
        if not stored.is_set():
            stored.set()
            await go.wait()

    def kill() -> Awaitable[None]:
        return switches.kill("checkin", WANG, "马上停", AT)

    monkeypatch.setattr(audit, "record", held)
    verbs = [change(LIN, version), kill()] if first == "change" else [kill(), change(LIN, version)]
    answers: list[BaseException | None] = []
    async with asyncio.timeout(WAIT_SECONDS):
        one = asyncio.ensure_future(verbs[0])
        await stored.wait()
        other = asyncio.ensure_future(verbs[1])
        await rows.until_blocked(db)
        go.set()
        answers += await asyncio.gather(one, other, return_exceptions=True)
    if first == "change":
        assert answers == [None, None]
        assert await rows.fetch(db, STORED) == [(version + 2, RULES[LIN].percent_bps, True)]
    else:
        assert kinds(answers) == ["NoneType", SwitchChangedMeanwhile.__name__]
        assert await rows.fetch(db, STORED) == [(version + 1, 10_000, True)]
    actions = [action for (action,) in await rows.fetch(db, AUDITED)]
    assert actions[version:] == (["switch.changed", "switch.killed"] if first == "change" else ["switch.killed"])


async def test_two_who_kill_at_once_both_have_their_wish_and_one_is_written(
    db: str, version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    both_looked, store = asyncio.Barrier(2), queries.store

    async def met(*arguments: Any) -> int | None:
        await both_looked.wait()
        return await store(*arguments)

    monkeypatch.setattr(queries, "store", met)
    answers = await together(*(switches.kill("checkin", actor, "马上停", AT) for actor in (LIN, WANG)))
    assert answers == [None, None]
    assert await rows.fetch(db, STORED) == [(version + 1, 10_000, True)]
    assert [action for (action,) in await rows.fetch(db, AUDITED)][version:] == ["switch.killed"]


async def test_workers_that_store_their_counts_at_once_lose_none(db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    days = [
        ("checkin", date(2026, 11, 4)),
        ("binding_offers", date(2026, 11, 3)),
        ("points_entries", date(2026, 11, 4)),
    ]
    monkeypatch.setattr(queries, "add_uses", meeting(USERS, queries.add_uses))
    # Some name the days in another order: rows locked crosswise would stand against each other.
    answers = await together(*(switches.add_uses(dict.fromkeys(days[:: 1 if n % 2 else -1], 3)) for n in range(USERS)))
    assert answers == [None] * USERS
    async with transactions.reader():
        found = {(one.feature, one.on_date): one.uses for one in await switches.uses_since(date(2026, 11, 1))}
    assert found == dict.fromkeys(days, 3 * USERS)
    assert len(await rows.fetch(db, "SELECT id FROM feature_uses")) == len(days)
