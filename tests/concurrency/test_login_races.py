"""Log-ins that meet: a storm of guesses is looked at five times, and a rotated key is never lost."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from loyalty.errors import Overloaded
from loyalty.organisation import rules as key_rules
from loyalty.organisation import system_keys
from loyalty.organisation.models import SystemKey
from loyalty.staff import locks, logins, passwords, rules
from loyalty.staff.errors import LoginLocked, LoginRefused
from loyalty.staff.people import Staff
from loyalty.transactions import reading
from tests import rows
from tests.concurrency.test_binding_races import meeting
from tests.organisation import ADDRESS, BY, DEVICE, logged_in, planted, staff, with_password

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)
DAY = timedelta(days=1)
WAIT_SECONDS = 20
STORM = 30


@pytest.fixture
async def rep(db: str) -> Staff:
    """Give a rep with a password."""
    person = await staff("rep1", "rep", (await planted(AT)).shanghai, AT)
    await with_password(person, AT)
    return person


async def storm(monkeypatch: pytest.MonkeyPatch, guesses: Sequence[str]) -> tuple[int, Counter[type]]:
    """Log in with all guesses at once; give how many were looked at, and the answers by type."""
    looked, matches = 0, passwords.matches

    async def counted(kept: str | None, password: str) -> bool:
        nonlocal looked
        right = await matches(kept, password)
        looked += kept is not None
        return right

    monkeypatch.setattr(passwords, "matches", counted)
    async with asyncio.timeout(WAIT_SECONDS):
        answers = await asyncio.gather(
            *(logins.log_in("rep1", guess, ADDRESS, DEVICE, AT) for guess in guesses), return_exceptions=True
        )
    return looked, Counter(type(answer) for answer in answers)


@pytest.mark.usefixtures("rep")
async def test_a_storm_of_guesses_is_looked_at_five_times(db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    looked, answers = await storm(monkeypatch, ["wrong password"] * STORM)
    assert looked == rules.TRIES_MAX
    assert answers == {LoginRefused: rules.TRIES_MAX - 1, LoginLocked: STORM - rules.TRIES_MAX + 1}
    assert await rows.fetch(db, "SELECT tries, locked_until FROM staff") == [(5, AT + rules.LOCKED_FOR)]
    assert await rows.fetch(db, "SELECT count(*) FROM audit_entries WHERE action = 'login.refused'") == [(5,)]


@pytest.mark.usefixtures("rep")
async def test_without_the_try_taken_first_the_storm_is_looked_at(db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def only_read(login: str, *_: object) -> Any:
        return await reading().fetchrow(
            "SELECT id, code, name, password_hash, password_is_temporary, tries, locked_until FROM staff"
            " WHERE login = $1",
            login,
        )

    monkeypatch.setattr(locks, "take_try", only_read)
    looked, answers = await storm(monkeypatch, ["wrong password"] * STORM)
    assert looked == answers[LoginRefused] > rules.TRIES_MAX
    assert looked + answers[Overloaded] == STORM
    assert await rows.fetch(db, "SELECT tries, locked_until FROM staff") == [(0, None)]


async def test_a_reset_in_the_middle_of_a_log_in_wins(db: str, rep: Staff, monkeypatch: pytest.MonkeyPatch) -> None:
    matches = passwords.matches

    async def reset_after_the_look(kept: str | None, password: str) -> bool:
        right = await matches(kept, password)
        await logins.set_password(rep.id, "another long walk", BY, AT, temporary=True)
        return right

    monkeypatch.setattr(passwords, "matches", reset_after_the_look)
    with pytest.raises(LoginRefused):
        await logged_in(rep, AT)
    assert await rows.fetch(db, "SELECT count(*) FROM staff_sessions") == [(0,)]


async def rotated_at_once(key_id: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Rotate twice at once; give both keys."""
    monkeypatch.setattr(system_keys, "_locked", meeting(2, system_keys._locked))
    async with asyncio.timeout(WAIT_SECONDS):
        return await asyncio.gather(*(system_keys.rotate(key_id, DAY, BY, AT) for _ in range(2)))


async def opening(keys: Sequence[str]) -> int:
    """Count the keys that open."""
    return sum([await system_keys.recognise(key, AT) is not None for key in keys])


async def test_two_rotations_at_once_leave_the_two_keys_that_were_shown(
    db: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await system_keys.add("sfa", ["outlets"], AT, BY)
    shown = await rotated_at_once(1, monkeypatch)
    assert (await opening([first]), await opening(shown)) == (0, 2)
    actions = await rows.fetch(db, "SELECT count(*) FROM audit_entries WHERE action = 'key.rotated'")
    assert actions == [(2,)]


async def test_without_the_lock_a_key_that_was_shown_opens_nothing(db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await system_keys.add("sfa", ["outlets"], AT, BY)
    both_read = asyncio.Barrier(2)

    async def unlocked(key_id: int) -> SystemKey:
        row = await SystemKey.get(id=key_id)
        await both_read.wait()
        return row

    monkeypatch.setattr(system_keys, "_locked", unlocked)
    shown = await rotated_at_once(1, monkeypatch)
    assert (await opening([first]), await opening(shown)) == (1, 1)
    ((old,),) = await rows.fetch(db, "SELECT old_key_hash FROM system_keys")
    assert old == key_rules.key_hash(first)
