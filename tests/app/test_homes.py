"""Homes, read for many members at once."""

from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from app.homes import Home, HomeRequest, read_homes
from games.checkin import checkins
from loyalty.customers.errors import SessionEnded
from loyalty.customers.personal import DataKeys
from loyalty.customers.standings import MemberRef
from loyalty.points.statements.statements import Account
from tests import factories

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)
DAY = timedelta(days=1)


async def home_of(member: MemberRef, at: datetime) -> Home:
    """Read one home."""
    (home,) = await read_homes([HomeRequest(member, at)])
    assert isinstance(home, Home)
    return home


async def test_everybody_sees_their_own(db: str, data_keys: DataKeys) -> None:
    fresh = await factories.bound(await factories.outlet(AT, data_keys), AT, data_keys)
    regular = await factories.bound(await factories.outlet(AT, data_keys), AT, data_keys)
    unbound = await factories.member(AT, data_keys)
    await checkins.make([factories.play(regular, AT - DAY)])
    await checkins.make([factories.play(regular, AT)])
    many = [unbound, regular, MemberRef(999_999, 0), fresh]
    first, second, third, fourth = await read_homes([HomeRequest(member, AT) for member in many])
    assert first == Home(None, None, None)
    assert isinstance(second, Home)
    assert isinstance(third, SessionEnded)
    assert isinstance(fourth, Home)
    assert (second.account, fourth.account) == (Account(10), Account())
    assert second.checkin is not None
    assert fourth.checkin is not None
    assert (second.checkin.streak_days, second.checkin.checked_in_today) == (2, True)
    assert second.checkin.next_points == (10, 5, 10, 5, 25, 5, 5)
    assert (fourth.checkin.streak_days, fourth.checkin.checked_in_today) == (0, False)
    assert fourth.checkin.next_points == (5, 5, 10, 5, 10, 5, 25)


@pytest.mark.parametrize(
    ("later", "streak_days", "checked_in_today", "next_points"),
    [
        (timedelta(), 1, True, 5),
        (DAY, 1, False, 5),
        (datetime(2026, 11, 4, 15, 59, 59, tzinfo=UTC) - AT, 1, True, 5),
        (datetime(2026, 11, 4, 16, 0, tzinfo=UTC) - AT, 1, False, 5),
        (2 * DAY, 0, False, 5),
        (-DAY, 1, False, 5),
    ],
)
async def test_a_streak_is_told_as_of_now(
    db: str, data_keys: DataKeys, later: timedelta, streak_days: int, checked_in_today: object, next_points: int
) -> None:
    owner = await factories.bound(await factories.outlet(AT, data_keys), AT, data_keys)
    await checkins.make([factories.play(owner, AT)])
    state = (await home_of(owner, AT + later)).checkin
    assert state is not None
    assert (state.streak_days, state.checked_in_today, state.next_points[0]) == (
        streak_days,
        checked_in_today,
        next_points,
    )


@pytest.mark.parametrize("items", [1, 30])
async def test_statements_do_not_grow_with_the_batch(
    db: str, data_keys: DataKeys, items: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [await factories.bound(await factories.outlet(AT, data_keys), AT, data_keys) for _ in range(items)]
    statements: list[str] = []
    original: Any = vars(asyncpg.Connection)["_execute"]

    async def counted(connection: Any, query: str, *arguments: Any, **more: Any) -> Any:
        statements.append(query)
        return await original(connection, query, *arguments, **more)

    monkeypatch.setattr(asyncpg.Connection, "_execute", counted)
    await read_homes([HomeRequest(person, AT) for person in people])
    assert len(statements) == 3
