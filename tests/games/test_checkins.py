"""Check-ins made for many at once."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import asyncpg
import msgspec
import pytest

from games.checkin import checkins
from games.checkin.checkins import CheckinOutcome
from games.checkin.errors import AlreadyCheckedIn
from games.checkin.queries import CheckinRow
from loyalty import transactions
from loyalty.customers import bindings
from loyalty.customers.errors import BindingRequired, SessionEnded
from loyalty.customers.personal import DataKeys
from loyalty.customers.standings import MemberRef
from loyalty.errors import IdempotencyKeyReused
from loyalty.events.outbox import Event
from tests import factories, rows

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)
DAY = timedelta(days=1)


async def test_a_week_and_a_day(db: str, data_keys: DataKeys) -> None:
    owner = await factories.bound(await factories.outlet(AT, data_keys), AT, data_keys)
    paid = []
    for day in range(8):
        (answer,) = await checkins.make([factories.play(owner, AT + day * DAY)])
        assert not isinstance(answer, Exception)
        paid.append((answer.outcome.streak_days, answer.outcome.points, answer.balance_points))
    assert paid == [
        (1, 5, 5), (2, 5, 10), (3, 10, 20), (4, 5, 25), (5, 10, 35), (6, 5, 40), (7, 25, 65), (8, 5, 70),
    ]  # fmt: skip


async def test_one_call_answers_each_by_itself(db: str, data_keys: DataKeys) -> None:
    shop, other = await factories.outlet(AT, data_keys), await factories.outlet(AT, data_keys)
    owner = await factories.bound(shop, AT, data_keys)
    clerk = await factories.bound(shop, AT, data_keys)
    neighbour = await factories.bound(other, AT, data_keys)
    unbound = await factories.member(AT, data_keys)
    await checkins.make([factories.play(neighbour, AT - DAY, "neighbour-1")])
    answers = await checkins.make(
        [
            factories.play(owner, AT, "owner-1"),
            factories.play(owner, AT, "owner-1"),
            factories.play(owner, AT, "owner-1", b"other"),
            factories.play(owner, AT, "owner-2"),
            factories.play(clerk, AT, "clerk-1"),
            factories.play(neighbour, AT, "neighbour-2"),
            factories.play(neighbour, AT, "neighbour-1"),
            factories.play(unbound, AT),
            factories.play(MemberRef(999_999, 0), AT),
            factories.play(MemberRef(owner.id, owner.epoch + 1), AT),
        ]
    )
    told = [
        type(answer) if isinstance(answer, Exception) else (answer.outcome, answer.balance_points, answer.repeated)
        for answer in answers
    ]
    assert told == [
        (CheckinOutcome(1, 5), 5, False),
        (CheckinOutcome(1, 5), 5, True),
        IdempotencyKeyReused,
        AlreadyCheckedIn,
        AlreadyCheckedIn,
        (CheckinOutcome(2, 5), 10, False),
        (CheckinOutcome(1, 5), 10, True),
        BindingRequired,
        SessionEnded,
        SessionEnded,
    ]
    assert await rows.fetch(db, "SELECT count(*) FROM ledger_entries") == [(3,)]
    assert await rows.fetch(db, "SELECT count(*) FROM outbox WHERE type = 'checkin.made'") == [(3,)]


async def test_refusals_move_nothing(db: str, data_keys: DataKeys) -> None:
    owner = await factories.bound(await factories.outlet(AT, data_keys), AT, data_keys)
    await checkins.make([factories.play(owner, AT, "first-key")])
    before = await rows.picture(db)
    answers = await checkins.make(
        [factories.play(owner, AT), factories.play(owner, AT, "first-key", b"other"), factories.play(owner, AT - DAY)]
    )
    assert [type(answer) for answer in answers] == [AlreadyCheckedIn, IdempotencyKeyReused, AlreadyCheckedIn]
    assert await rows.picture(db) == before


async def test_two_items_of_one_outlet_over_midnight(db: str, data_keys: DataKeys) -> None:
    shop = await factories.outlet(AT, data_keys)
    owner, clerk = await factories.bound(shop, AT, data_keys), await factories.bound(shop, AT, data_keys)
    before = datetime(2026, 11, 4, 15, 59, 59, tzinfo=UTC)
    answers = await checkins.make([factories.play(owner, before), factories.play(clerk, before + timedelta(seconds=1))])
    assert [answer.outcome for answer in answers if not isinstance(answer, Exception)] == [
        CheckinOutcome(1, 5),
        CheckinOutcome(2, 5),
    ]


async def test_a_configured_ladder_counts_from_its_day(db: str, data_keys: DataKeys) -> None:
    owner = await factories.bound(await factories.outlet(AT, data_keys), AT, data_keys)
    await rows.execute(
        db,
        "INSERT INTO rule_versions (book, effective_on, body, made_by, made_at, reason)"
        """ VALUES ('checkin_ladder', '2026-11-05', '{"base_points": 7, "extra_points": [0]}', 'test', now(), 'test'),
                   ('checkin_ladder', '2026-11-06', '{"base_points": 8, "extra_points": [0,2]}', 'test', now(), 'x')""",
    )
    points = []
    for day in range(3):
        (answer,) = await checkins.make([factories.play(owner, AT + day * DAY)])
        assert not isinstance(answer, Exception)
        points.append(answer.outcome.points)
    assert points == [5, 7, 8]
    assert await rows.fetch(db, "SELECT rule FROM ledger_entries ORDER BY id") == [
        ("checkin_ladder:built_in",),
        ("checkin_ladder:1",),
        ("checkin_ladder:2",),
    ]


async def test_a_removed_clerk_fails_at_once(db: str, data_keys: DataKeys) -> None:
    shop = await factories.outlet(AT, data_keys)
    owner, clerk = await factories.bound(shop, AT, data_keys), await factories.bound(shop, AT, data_keys)
    await bindings.remove(owner, clerk.id, AT)
    (answer,) = await checkins.make([factories.play(clerk, AT)])
    assert isinstance(answer, BindingRequired)


@pytest.mark.parametrize("items", [1, 40])
async def test_statements_do_not_grow_with_the_batch(
    db: str, data_keys: DataKeys, items: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [await factories.bound(await factories.outlet(AT, data_keys), AT, data_keys) for _ in range(items)]
    statements: list[str] = []

    def counting(name: str) -> Callable[..., Awaitable[object]]:
        original: Callable[..., Awaitable[object]] = getattr(asyncpg.Connection, name)

        async def counted(connection: object, query: str, *arguments: object, **more: object) -> object:
            if query.split(maxsplit=1)[0] in {"SELECT", "WITH", "INSERT", "UPDATE"} and "pg_advisory" not in query:
                statements.append(query)
            return await original(connection, query, *arguments, **more)

        return counted

    for name in ("fetch", "fetchrow", "fetchval", "execute"):
        monkeypatch.setattr(asyncpg.Connection, name, counting(name))
    answers = await checkins.make([factories.play(person, AT) for person in people])
    assert not any(isinstance(answer, Exception) for answer in answers)
    assert len(statements) == 2


async def test_a_broken_statement_stores_nothing(db: str, data_keys: DataKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    people = [await factories.bound(await factories.outlet(AT, data_keys), AT, data_keys) for _ in range(2)]
    before = await rows.picture(db)
    told = checkins._event

    def unwritable(row: CheckinRow, outlet_code: str) -> Event:
        return msgspec.structs.replace(told(row, outlet_code), data={"note": "\x00"})

    monkeypatch.setattr(checkins, "_event", unwritable)
    with pytest.raises(asyncpg.DataError):
        await checkins.make([factories.play(person, AT) for person in people])
    assert await rows.picture(db) == before


async def test_it_needs_no_transaction_of_its_caller(db: str, data_keys: DataKeys) -> None:
    owner = await factories.bound(await factories.outlet(AT, data_keys), AT, data_keys)
    async with transactions.begin():
        with pytest.raises(RuntimeError, match="open already"):
            await checkins.make([factories.play(owner, AT)])
