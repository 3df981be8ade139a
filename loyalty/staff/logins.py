"""Log-ins: a password opens a session; a session is a cookie whose hash is kept, until it ends, idles or expires."""

import math
from datetime import datetime, timedelta

import msgspec

from loyalty import transactions
from loyalty.organisation import audit
from loyalty.organisation.audit import Actor, AuditEntry
from loyalty.staff import grants, locks, passwords, people, queries, rules
from loyalty.staff.errors import (
    LoginLocked,
    LoginRefused,
    OwnGrants,
    PasswordSame,
    PasswordWeak,
    PasswordWrong,
    SessionUnknown,
    StaffLeft,
    TemporaryPasswordExpired,
)
from loyalty.staff.models import StaffMember, StaffSession
from loyalty.staff.people import Staff

DEVICE_LENGTH_MAX = 200
SESSIONS_MAX = 50
SESSIONS_KEPT_FOR = timedelta(days=90)


class LoggedIn(msgspec.Struct, frozen=True):
    """A session's cookie, shown this once."""

    token: str
    staff_id: int
    password_is_temporary: bool


class Session(msgspec.Struct, frozen=True):
    """A live session as its owner or an administrator sees it."""

    id: int
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    address: str
    device: str


async def log_in(code: str, password: str, address: str, device: str, at: datetime) -> LoggedIn:
    """Open a session for the right password. Entry verb; hashes between its transactions.

    A try is taken before the password is looked at, so that however many are sent at once, TRIES_MAX are looked at
    before the account is locked for LOCKED_FOR. Raises LoginRefused, LoginLocked, TemporaryPasswordExpired, Overloaded.
    """
    login = code.strip().lower()
    row = None
    if rules.STAFF_CODE.fullmatch(login) and len(password) <= rules.PASSWORD_LENGTH_MAX:
        async with transactions.begin():
            row = await locks.take_try(login, at, rules.TRIES_MAX, rules.LOCKED_FOR)
            until = None if row is not None else await queries.locked_until(login, at)
        if until is not None:
            raise _locked(until, at)
    if not await passwords.matches(None if row is None else row["password_hash"], password):
        await _note_refusal(None if row is None else (row["id"], row["name"]), login, address, at)
        if row is not None and row["locked_until"] is not None:
            raise _locked(row["locked_until"], at)
        raise LoginRefused
    if row is None:
        raise LoginRefused
    if row["password_is_temporary"] and at - row["password_changed_at"] >= rules.TEMPORARY_LIFE:
        raise TemporaryPasswordExpired
    renewed = await passwords.hashed(password) if passwords.is_outdated(row["password_hash"]) else None
    token = rules.new_session_token()
    async with transactions.begin():
        # Only while the password is still the one that was looked at: a reset meanwhile wins.
        right = StaffMember.filter(id=row["id"], left_at=None, password_hash=row["password_hash"])
        changed = await right.update(
            tries=0, locked_until=None, last_login_at=at, password_hash=renewed or row["password_hash"]
        )
        if not changed:
            raise LoginRefused
        session = await StaffSession.create(
            token_hash=rules.token_hash(token),
            staff_id=row["id"],
            created_at=at,
            seen_at=at,
            expires_at=at + rules.SESSION_LIFE,
            address=address,
            device=device[:DEVICE_LENGTH_MAX],
        )
        await audit.record(
            [
                await _entry(
                    "login.made", Actor("staff", str(row["id"]), row["name"]), row["id"], at, {"session": session.id}
                )
            ]
        )
    return LoggedIn(token, row["id"], row["password_is_temporary"])


async def _note_refusal(known: tuple[int, str] | None, login: str, address: str, at: datetime) -> None:
    subject = str(known[0]) if known else ""
    async with transactions.begin():
        await audit.record(
            [
                AuditEntry(
                    at=at,
                    actor=Actor("nobody", address, ""),
                    action="login.refused",
                    subject_kind="staff",
                    subject_id=subject,
                    # Somebody may have typed their password where the code belongs: what is no code is not kept.
                    after={"code": login} if known else None,
                    node_id=await queries.home_node(known[0]) if known else None,
                )
            ]
        )


def _locked(until: datetime, at: datetime) -> LoginLocked:
    return LoginLocked(minutes=max(1, math.ceil((until - at) / timedelta(minutes=1))))


async def recognise(token: str, at: datetime) -> Staff | None:
    """Tell who holds a session's cookie, with the grants live at this instant; None for a dead session.

    Notes that the session is in use, once a minute at most.
    """
    token_hash = rules.token_hash(token)
    async with transactions.reader():
        rows = await queries.session(token_hash, at, rules.SESSION_IDLE_MAX)
    if not rows:
        return None
    if at - rows[0]["seen_at"] >= rules.SESSION_SEEN_EVERY:
        async with transactions.begin():
            await StaffSession.filter(token_hash=token_hash, seen_at__lt=at).update(seen_at=at)
    return people.told(rows, rows[0]["session_id"])


async def sessions(staff_id: int, at: datetime) -> list[Session]:
    """List live sessions, the one used last first, at most SESSIONS_MAX."""
    async with transactions.begin():
        rows = (
            await StaffSession.filter(
                staff_id=staff_id, ended_at=None, expires_at__gt=at, seen_at__gt=at - rules.SESSION_IDLE_MAX
            )
            .order_by("-seen_at", "-id")
            .limit(SESSIONS_MAX)
        )
    return [Session(row.id, row.created_at, row.seen_at, row.expires_at, row.address, row.device) for row in rows]


async def end_session(session_id: int, staff: Staff, at: datetime) -> None:
    """End one of one's own sessions. Entry verb. Raises SessionUnknown."""
    async with transactions.begin():
        ended = await StaffSession.filter(id=session_id, staff_id=staff.id, ended_at=None).update(
            ended_at=at, ended_by=staff.actor.text
        )
        if not ended:
            raise SessionUnknown
        await audit.record([await _entry("session.ended", staff.actor, staff.id, at, {"session": session_id})])


async def change_password(staff: Staff, current: str, new: str, at: datetime) -> None:
    """Change one's own password and end one's other sessions. Entry verb; hashes between its transactions.

    Takes one of the tries, as a log-in does. Raises LoginLocked, PasswordWrong, PasswordWeak, PasswordSame, Overloaded.
    """
    why = rules.password_fault(new, staff.code, staff.name)
    if why is not None:
        raise PasswordWeak(field="new", why=why)
    if current == new:
        # Looked at before a try is taken: who mistakes the form must not lock themselves out.
        raise PasswordSame(field="new")
    async with transactions.begin():
        row = await locks.take_try(staff.code.lower(), at, rules.TRIES_MAX, rules.LOCKED_FOR)
        until = None if row is not None else await queries.locked_until(staff.code.lower(), at)
    if row is None:
        raise _locked(until or at, at)
    if len(current) > rules.PASSWORD_LENGTH_MAX or not await passwords.matches(row["password_hash"], current):
        raise PasswordWrong(field="current")
    kept = await passwords.hashed(new)
    async with transactions.begin():
        changed = await StaffMember.filter(id=staff.id, password_hash=row["password_hash"]).update(
            password_hash=kept,
            password_changed_at=at,
            password_is_temporary=False,
            tries=0,
            locked_until=None,
        )
        if not changed:
            raise PasswordWrong(field="current")
        await queries.end_sessions([staff.id], at, staff.actor.text, but=staff.session_id)
        await audit.record([await _entry("password.changed", staff.actor, staff.id, at)])


async def reset_password(staff_id: int, admin: Staff, at: datetime) -> str:
    """Give somebody a temporary password, shown this once, to be changed at their next log-in. Entry verb.

    Ends their sessions and unlocks them. Raises StaffUnknown, OutOfReach, StaffLeft, OwnGrants, Overloaded.
    """
    if staff_id == admin.id:
        raise OwnGrants
    async with transactions.reader():
        profile = await grants.require_whole_reach(staff_id, admin, at)
    if profile.left_at is not None:
        raise StaffLeft
    password = rules.new_temporary_password()
    kept = await passwords.hashed(password)
    async with transactions.begin():
        # Hashing took its time: a role may have been given meanwhile that the administrator has no say over.
        await StaffMember.select_for_update().get(id=staff_id)
        await grants.require_whole_reach(staff_id, admin, at)
        await _put_password(staff_id, kept, admin.actor, at, temporary=True)
    return password


async def set_password(staff_id: int, password: str, actor: Actor, at: datetime, *, temporary: bool) -> None:
    """Set somebody's password, end their sessions, unlock them. Entry verb for commands on the server. Hashes first."""
    kept = await passwords.hashed(password)
    async with transactions.begin():
        await _put_password(staff_id, kept, actor, at, temporary=temporary)


async def _put_password(staff_id: int, kept: str, actor: Actor, at: datetime, *, temporary: bool) -> None:
    await StaffMember.filter(id=staff_id).update(
        password_hash=kept, password_changed_at=at, password_is_temporary=temporary, tries=0, locked_until=None
    )
    await queries.end_sessions([staff_id], at, actor.text)
    await audit.record([await _entry("password.reset", actor, staff_id, at)])


async def unlock(staff_id: int, admin: Staff, at: datetime) -> None:
    """Let somebody who is locked try again at once. Entry verb. Raises StaffUnknown, OutOfReach."""
    async with transactions.begin():
        await grants.require_whole_reach(staff_id, admin, at)
        await StaffMember.filter(id=staff_id).update(tries=0, locked_until=None)
        await audit.record([await _entry("login.unlocked", admin.actor, staff_id, at)])


async def end_all_sessions(staff_id: int, admin: Staff, at: datetime) -> int:
    """End somebody's sessions; return how many. Entry verb. Raises StaffUnknown, OutOfReach."""
    async with transactions.begin():
        await grants.require_whole_reach(staff_id, admin, at)
        ended = await queries.end_sessions([staff_id], at, admin.actor.text)
        await audit.record([await _entry("session.ended", admin.actor, staff_id, at, {"count": ended})])
    return ended


async def forget_old_sessions(at: datetime) -> int:
    """Delete sessions that ended SESSIONS_KEPT_FOR ago, some thousands at a time; return how many. Entry verb."""
    async with transactions.begin():
        return await queries.forget_sessions(at - SESSIONS_KEPT_FOR)


async def _entry(
    action: str, actor: Actor, staff_id: int, at: datetime, after: dict[str, object] | None = None
) -> AuditEntry:
    return AuditEntry(
        at=at,
        actor=actor,
        action=action,
        subject_kind="staff",
        subject_id=str(staff_id),
        after=after,
        node_id=await queries.home_node(staff_id),
    )
