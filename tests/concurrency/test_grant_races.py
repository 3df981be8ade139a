"""Grants that meet: each pair shows the race without its guard, and the guard holding."""

import asyncio
from collections import Counter
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Any

import pytest

from loyalty.errors import TryAgain
from loyalty.staff import grants, people, queries
from loyalty.staff.errors import GrantExists, GrantUnknown, StaffCodeTaken
from loyalty.staff.models import StaffGrant
from loyalty.staff.people import Staff
from tests import rows
from tests.concurrency.test_binding_races import meeting
from tests.concurrency.test_checkin_races import without_constraint
from tests.organisation import Places, planted, staff

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)
WAIT_SECONDS = 20
ENDED = "SELECT count(*) FROM audit_entries WHERE action = 'grant.ended'"
CHECKERS = "SELECT count(*) FROM staff_grants WHERE role = 'checker'"
ONE_AT_A_TIME = "staff_grants_once_at_a_time"


@pytest.fixture
async def there(db: str) -> Places:
    """Give the places, in the empty database."""
    return await planted(AT)


@pytest.fixture
async def boss(there: Places) -> Staff:
    """Give an administrator of everything."""
    return await staff("boss", "admin", there.root, AT)


@pytest.fixture
async def rep(there: Places) -> Staff:
    """Give a rep."""
    return await staff("rep1", "rep", there.pudong, AT)


async def together(*verbs: Awaitable[Any]) -> Counter[type]:
    """Run verbs at once; count the answers by type."""
    async with asyncio.timeout(WAIT_SECONDS):
        return Counter(type(answer) for answer in await asyncio.gather(*verbs, return_exceptions=True))


async def test_one_role_given_twice_at_once_is_given_once(
    db: str, there: Places, boss: Staff, rep: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grants, "give", meeting(2, grants.give))
    answers = await together(*(grants.add(rep.id, "checker", there.shanghai, AT, None, boss, AT) for _ in range(2)))
    # Two that wait for each other's end are judged anew.
    assert answers in ({int: 1, GrantExists: 1}, {int: 1, TryAgain: 1})
    assert await rows.fetch(db, CHECKERS) == [(1,)]


async def test_without_the_constraint_it_is_given_twice(
    db: str, there: Places, boss: Staff, rep: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grants, "give", meeting(2, grants.give))
    async with without_constraint(db, "staff_grants", ONE_AT_A_TIME):
        answers = await together(*(grants.add(rep.id, "checker", there.shanghai, AT, None, boss, AT) for _ in range(2)))
        assert await rows.fetch(db, CHECKERS) == [(2,)]
    assert answers == {int: 2}


async def test_one_code_taken_in_twice_at_once_is_one_person(
    db: str, there: Places, boss: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "enter", meeting(2, people.enter))
    answers = await together(
        *(grants.hire(code, "新人", "rep", there.pudong, None, boss, AT) for code in ("new1", "NEW1"))
    )
    assert answers == {int: 1, StaffCodeTaken: 1}
    assert await rows.fetch(db, "SELECT count(*) FROM staff WHERE login = 'new1'") == [(1,)]
    assert await rows.fetch(db, "SELECT count(*) FROM staff_grants WHERE role = 'rep'") == [(1,)]


async def test_a_grant_ended_twice_at_once_ends_once(db: str, boss: Staff, rep: Staff) -> None:
    grant_id = rep.grants[0].id
    answers = await together(*(grants.end(grant_id, boss, "换岗", AT) for _ in range(4)))
    assert answers == {type(None): 1, GrantUnknown: 3}
    assert await rows.fetch(db, ENDED) == [(1,)]


async def test_without_the_lock_both_believe_they_have_ended_it(
    db: str, boss: Staff, rep: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant_id = rep.grants[0].id
    monkeypatch.setattr(StaffGrant, "select_for_update", StaffGrant.all)
    monkeypatch.setattr(queries, "end_grants", meeting(2, queries.end_grants))
    answers = await together(*(grants.end(grant_id, boss, "换岗", AT) for _ in range(2)))
    assert answers == {type(None): 2}
    assert await rows.fetch(db, ENDED) == [(2,)]
