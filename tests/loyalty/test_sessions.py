"""Sessions of staff: they idle away, expire, end, and are forgotten."""

from datetime import UTC, datetime, timedelta

import pytest

from loyalty.staff import logins
from loyalty.staff.errors import (
    LoginRefused,
    SessionUnknown,
    StaffLeft,
)
from loyalty.staff.people import Staff
from tests import rows
from tests.organisation import (
    ADDRESS,
    BY,
    DEVICE,
    PASSWORD,
    Places,
    logged_in,
    planted,
    staff,
    with_password,
)

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
TRIES = "SELECT tries, locked_until FROM staff WHERE login = 'rep1'"


@pytest.fixture
async def there(db: str) -> Places:
    """Give the places, in the empty database."""
    return await planted(AT)


@pytest.fixture
async def boss(there: Places) -> Staff:
    """Give an administrator of everything, who has no password."""
    return await staff("boss", "admin", there.root, AT, "林晓")


@pytest.fixture
async def rep(there: Places) -> Staff:
    """Give a rep with a password."""
    person = await staff("rep1", "rep", there.pudong, AT, "马强")
    await with_password(person, AT)
    return person


async def lives(token: str, at: datetime) -> bool:
    """Tell whether a session opens."""
    return await logins.recognise(token, at) is not None


async def test_a_session_idles_away_and_expires(db: str, rep: Staff) -> None:
    made = await logged_in(rep, AT)
    seen = "SELECT seen_at FROM staff_sessions"
    for at, noted in ((AT + 59 * SECOND, AT), (AT + MINUTE, AT + MINUTE), (AT + MINUTE + SECOND, AT + MINUTE)):
        assert await lives(made.token, at)
        assert await rows.fetch(db, seen) == [(noted,)]
    last = AT + MINUTE
    assert not await lives(made.token, last + 4 * HOUR)
    assert await lives(made.token, last + 4 * HOUR - SECOND)
    for hours in (7, 10):
        assert await lives(made.token, AT + hours * HOUR)
    assert await lives(made.token, AT + 12 * HOUR - SECOND)
    assert not await lives(made.token, AT + 12 * HOUR)
    for wrong in ("", made.token[:-1], made.token + "A"):
        assert not await lives(wrong, AT)


async def test_sessions_end_one_by_one_and_all_at_once(db: str, rep: Staff, boss: Staff) -> None:
    first, second = await logged_in(rep, AT), await logged_in(rep, AT + SECOND)
    listed = await logins.sessions(rep.id, AT + SECOND)
    assert [(one.id, one.address, one.device) for one in listed] == [(2, ADDRESS, DEVICE), (1, ADDRESS, DEVICE)]
    before = await rows.picture(db)
    for session_id, person in ((1, boss), (9, rep)):
        with pytest.raises(SessionUnknown):
            await logins.end_session(session_id, person, AT)
    assert await rows.picture(db) == before
    await logins.end_session(1, rep, AT)
    assert [await lives(one.token, AT + SECOND) for one in (first, second)] == [False, True]
    with pytest.raises(SessionUnknown):
        await logins.end_session(1, rep, AT)
    third = await logged_in(rep, AT + SECOND)
    assert await logins.end_all_sessions(rep.id, boss, AT + SECOND) == 2
    assert [await lives(one.token, AT + SECOND) for one in (second, third)] == [False, False]
    assert await rows.fetch(
        db, "SELECT action, actor_id, after::jsonb FROM audit_entries ORDER BY id DESC LIMIT 1"
    ) == [("session.ended", str(boss.id), '{"count": 2}')]
    assert await logins.sessions(rep.id, AT + SECOND) == []


async def test_who_leaves_is_out_at_once(db: str, rep: Staff, boss: Staff) -> None:
    made = await logged_in(rep, AT)
    await rows.execute(db, "UPDATE staff SET left_at = $1 WHERE login = 'rep1'", AT)
    assert not await lives(made.token, AT)
    with pytest.raises(LoginRefused):
        await logged_in(rep, AT, PASSWORD)
    before = await rows.picture(db)
    with pytest.raises(StaffLeft):
        await logins.reset_password(rep.id, boss, AT)
    assert await rows.picture(db) == before


async def test_sessions_that_ended_long_ago_are_forgotten(db: str, rep: Staff) -> None:
    kept_for = timedelta(days=90)
    for expires_at, ended_at in (
        (AT - kept_for - SECOND, None),
        (AT - kept_for, None),
        (AT, AT - kept_for - SECOND),
        (AT, AT - kept_for),
        (AT + HOUR, None),
    ):
        await rows.execute(
            db,
            "INSERT INTO staff_sessions (token_hash, staff_id, created_at, seen_at, expires_at, ended_at, ended_by,"
            " address, device) VALUES (sha256(random()::text::bytea), $1, $2, $2, $3, $4, $5, '', '')",
            rep.id,
            AT - 2 * kept_for,
            expires_at,
            ended_at,
            None if ended_at is None else BY.text,
        )
    assert await logins.forget_old_sessions(AT) == 2
    assert await rows.fetch(db, "SELECT id FROM staff_sessions ORDER BY id") == [(2,), (4,), (5,)]
    assert await logins.forget_old_sessions(AT) == 0
