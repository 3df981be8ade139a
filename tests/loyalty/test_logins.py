"""Log-ins: lock-out, passwords changed and reset; all of it in the audit."""

from datetime import UTC, datetime, timedelta

import pytest
from argon2 import PasswordHasher

from loyalty.errors import Refusal
from loyalty.staff import logins, passwords, rules
from loyalty.staff.errors import (
    LoginLocked,
    LoginRefused,
    OutOfReach,
    OwnGrants,
    PasswordSame,
    PasswordWeak,
    PasswordWrong,
    StaffUnknown,
    TemporaryPasswordExpired,
)
from loyalty.staff.people import Staff
from tests import rows
from tests.organisation import (
    ADDRESS,
    DEVICE,
    PASSWORD,
    Places,
    actions,
    again,
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


async def refused(person: Staff, password: str, at: datetime) -> type[Refusal]:
    """Log in with a password that is not taken; give the refusal."""
    with pytest.raises(Refusal) as answer:
        await logged_in(person, at, password)
    assert answer.value.detail
    return type(answer.value)


async def lives(token: str, at: datetime) -> bool:
    """Tell whether a session opens."""
    return await logins.recognise(token, at) is not None


async def lock(db: str, until: datetime) -> None:
    """Lock the rep as the fifth wrong password does."""
    await rows.execute(db, "UPDATE staff SET tries = 5, locked_until = $1 WHERE login = 'rep1'", until)


async def test_the_right_password_opens_a_session(db: str, there: Places, rep: Staff) -> None:
    made = await logins.log_in("  REP1 ", PASSWORD, ADDRESS, "x" * 300, AT)
    assert (made.staff_id, made.password_is_temporary) == (rep.id, False)
    found = await logins.recognise(made.token, AT)
    assert found is not None
    assert (found.id, found.roles, found.grants[0].node_id, found.session_id) == (
        rep.id,
        frozenset({"rep"}),
        there.pudong,
        1,
    )
    assert await rows.fetch(
        db, "SELECT token_hash, created_at, seen_at, expires_at, address, device FROM staff_sessions"
    ) == [(rules.token_hash(made.token), AT, AT, AT + 12 * HOUR, ADDRESS, "x" * 200)]
    assert await rows.fetch(db, "SELECT last_login_at FROM staff WHERE login = 'rep1'") == [(AT,)]
    assert await rows.fetch(
        db, "SELECT action, actor_kind, actor_id, after::jsonb FROM audit_entries ORDER BY id DESC LIMIT 1"
    ) == [("login.made", "staff", str(rep.id), '{"session": 1}')]
    picture = repr(await rows.picture(db))
    assert made.token not in picture
    assert PASSWORD not in picture


async def test_who_it_was_is_not_told(db: str, there: Places, rep: Staff) -> None:
    bare = await staff("bare", "rep", there.pudong, AT)
    await rows.execute(db, "INSERT INTO staff (code, login, name, source, created_at, left_at)"
                           " VALUES ('gone', 'gone', '走了', 'tests', now(), now())")  # fmt: skip
    for code, password in (("rep1", "wrong password"), (bare.code, PASSWORD), ("nobody", PASSWORD), ("gone", PASSWORD)):
        with pytest.raises(LoginRefused):
            await logins.log_in(code, password, ADDRESS, DEVICE, AT)
    for code, password in ((PASSWORD, "rep1"), ("", ""), ("rep1", "x" * 129)):
        with pytest.raises(LoginRefused):
            await logins.log_in(code, password, ADDRESS, DEVICE, AT)
    told = await rows.fetch(
        db,
        "SELECT actor_kind, actor_id, subject_id, after::jsonb FROM audit_entries"
        " WHERE action = 'login.refused' ORDER BY id",
    )
    nobody = ("nobody", ADDRESS, "", None)
    assert told == [
        ("nobody", ADDRESS, str(rep.id), '{"code": "rep1"}'),
        ("nobody", ADDRESS, str(bare.id), '{"code": "bare"}'),
        *[nobody] * 5,
    ]
    # Whoever types the password where the code belongs does not find it in the audit.
    assert PASSWORD not in repr(await rows.picture(db))
    assert await rows.fetch(db, "SELECT count(*) FROM staff_sessions") == [(0,)]


async def test_five_wrong_passwords_lock_even_the_right_one_out_for_a_quarter_of_an_hour(db: str, rep: Staff) -> None:
    answers = [await refused(rep, "wrong password", AT + n * SECOND) for n in range(5)]
    assert answers == [LoginRefused] * 4 + [LoginLocked]
    end = AT + 4 * SECOND + 15 * MINUTE
    assert await rows.fetch(db, TRIES) == [(5, end)]
    picture = await rows.picture(db)
    with pytest.raises(LoginLocked) as locked:
        await logged_in(rep, AT + 5 * SECOND)
    assert locked.value.detail == "为了安全先锁定一会儿，请 15 分钟后再试，或请管理员解锁。"
    assert await refused(rep, PASSWORD, end - SECOND) is LoginLocked
    assert await rows.picture(db) == picture
    assert (await logged_in(rep, end)).staff_id == rep.id
    assert await rows.fetch(db, TRIES) == [(0, None)]


async def test_after_the_lock_there_are_five_tries_again(db: str, rep: Staff) -> None:
    await lock(db, AT)
    assert await refused(rep, "wrong password", AT) is LoginRefused
    assert await rows.fetch(db, TRIES) == [(1, None)]


async def test_a_right_password_forgets_the_wrong_ones(db: str, rep: Staff) -> None:
    for _ in range(2):
        assert await refused(rep, "wrong password", AT) is LoginRefused
    assert await rows.fetch(db, TRIES) == [(2, None)]
    await logged_in(rep, AT)
    assert await rows.fetch(db, TRIES) == [(0, None)]


async def test_a_reset_unlocks_ends_sessions_and_gives_a_temporary_password(db: str, rep: Staff, boss: Staff) -> None:
    made = await logged_in(rep, AT)
    await lock(db, AT + HOUR)
    password = await logins.reset_password(rep.id, boss, AT)
    assert not await lives(made.token, AT)
    assert await rows.fetch(db, TRIES) == [(0, None)]
    assert (await actions(db, 1), password in repr(await rows.picture(db))) == (["password.reset"], False)
    assert await refused(rep, PASSWORD, AT) is LoginRefused
    again_in = await logged_in(rep, AT, password)
    assert again_in.password_is_temporary
    person = await logins.recognise(again_in.token, AT)
    assert person is not None
    assert person.password_is_temporary
    await logins.change_password(person, password, "another long walk", AT)
    assert not (await again("rep1", AT)).password_is_temporary


async def test_an_administrator_unlocks(db: str, rep: Staff, boss: Staff) -> None:
    await lock(db, AT + HOUR)
    await logins.unlock(rep.id, boss, AT)
    assert await rows.fetch(db, TRIES) == [(0, None)]
    assert await actions(db, 1) == ["login.unlocked"]
    assert (await logged_in(rep, AT)).staff_id == rep.id


async def test_a_changed_password_ends_the_other_sessions(db: str, rep: Staff) -> None:
    other, mine = await logged_in(rep, AT), await logged_in(rep, AT)
    me = await logins.recognise(mine.token, AT)
    assert me is not None
    await logins.change_password(me, PASSWORD, "another long walk", AT)
    assert [await lives(one.token, AT) for one in (other, mine)] == [False, True]
    assert await actions(db, 1) == ["password.changed"]
    assert await refused(rep, PASSWORD, AT) is LoginRefused
    assert (await logged_in(rep, AT, "another long walk")).staff_id == rep.id


async def test_a_password_that_is_not_taken_changes_nothing(db: str, rep: Staff) -> None:
    before = await rows.picture(db)
    for current, new, refusal in (
        (PASSWORD, "short", PasswordWeak),
        (PASSWORD, "walking with rep1", PasswordWeak),
        (PASSWORD, PASSWORD, PasswordSame),
    ):
        with pytest.raises(refusal) as answer:
            await logins.change_password(rep, current, new, AT)
        assert answer.value.detail
    assert await rows.picture(db) == before
    for current in ("wrong password", "x" * 129):
        with pytest.raises(PasswordWrong):
            await logins.change_password(rep, current, "another long walk", AT)
    # Guessing the current password is guessing a log-in.
    assert await rows.fetch(db, TRIES) == [(2, None)]
    await lock(db, AT + MINUTE)
    picture = await rows.picture(db)
    with pytest.raises(LoginLocked):
        await logins.change_password(rep, PASSWORD, "another long walk", AT)
    assert await rows.picture(db) == picture


async def test_nobody_has_a_say_over_who_is_out_of_reach(db: str, there: Places, rep: Staff) -> None:
    plant_boss = await staff("plant-boss", "admin", there.shanghai, AT)
    both = await staff("both", "rep", there.pudong, AT)
    elsewhere = await staff("elsewhere", "operator", there.nanjing, AT)
    await rows.execute(db, "INSERT INTO staff_grants (staff_id, role, node_id, from_at, granted_by)"
                           " VALUES ($1, 'rep', $2, $3, 'tests')", both.id, there.nanjing, AT)  # fmt: skip
    before = await rows.picture(db)
    for staff_id, refusal in ((both.id, OutOfReach), (elsewhere.id, StaffUnknown), (999, StaffUnknown)):
        with pytest.raises(refusal):
            await logins.reset_password(staff_id, plant_boss, AT)
        with pytest.raises(refusal):
            await logins.unlock(staff_id, plant_boss, AT)
        with pytest.raises(refusal):
            await logins.end_all_sessions(staff_id, plant_boss, AT)
    for nobody in (rep, elsewhere):
        with pytest.raises(StaffUnknown):
            await logins.unlock(both.id, nobody, AT)
    with pytest.raises(OwnGrants):
        await logins.reset_password(plant_boss.id, plant_boss, AT)
    assert await rows.picture(db) == before
    await logins.unlock(rep.id, plant_boss, AT)


async def test_an_outdated_hash_is_renewed_by_the_next_log_in(db: str, rep: Staff) -> None:
    kept = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    await rows.execute(db, "UPDATE staff SET password_hash = $1 WHERE login = 'rep1'", kept)
    assert passwords.is_outdated(kept)
    await logged_in(rep, AT)
    ((renewed,),) = await rows.fetch(db, "SELECT password_hash FROM staff WHERE login = 'rep1'")
    assert not passwords.is_outdated(str(renewed))
    assert await passwords.matches(str(renewed), PASSWORD)


async def test_a_temporary_password_opens_for_three_days(db: str, rep: Staff, boss: Staff) -> None:
    password = await logins.reset_password(rep.id, boss, AT)
    almost = AT + rules.TEMPORARY_LIFE - SECOND
    assert (await logged_in(rep, almost, password)).password_is_temporary
    sessions = await rows.fetch(db, "SELECT count(*) FROM staff_sessions")
    assert await refused(rep, password, AT + rules.TEMPORARY_LIFE) is TemporaryPasswordExpired
    assert await rows.fetch(db, "SELECT count(*) FROM staff_sessions") == sessions
    again_in = await logins.reset_password(rep.id, boss, AT + rules.TEMPORARY_LIFE)
    assert (await logged_in(rep, AT + rules.TEMPORARY_LIFE, again_in)).password_is_temporary
