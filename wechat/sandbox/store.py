"""What the sandbox keeps over a restart: members, permissions, messages sent. One SQLite file, or memory."""

import json
import secrets
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

MEMBERS_MAX: Final = 100_000
CREDITS_MAX: Final = 1000
GRANT_ROWS_MAX: Final = 500_000
MESSAGES_MAX: Final = 100_000
_TRIM_EVERY: Final = 1000

_SCHEMA = """
create table if not exists members (
    openid text primary key, unionid text not null, phone text, session_key text, pushed_at integer not null default 0
) without rowid;
create table if not exists grants (
    openid text not null, template_id text not null, credits integer not null check (credits >= 0),
    primary key (openid, template_id)
) without rowid;
create table if not exists messages (
    id integer primary key autoincrement, openid text not null, template_id text not null, page text,
    data text not null, state text not null, lang text not null, sent_at real not null
);
create index if not exists messages_of_member on messages (openid, id);
"""


class StoreFull(Exception):  # noqa: N818 - read as a sentence
    """The sandbox holds as many of these as it may."""


@dataclass(frozen=True, slots=True)
class Member:
    """One person with a WeChat identity; `phone` is None or digits, after +country- when it is a foreign one."""

    openid: str
    unionid: str
    phone: str | None = field(repr=False)
    session_key: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Message:
    """One subscribe message as it was sent."""

    openid: str
    template_id: str
    page: str | None
    data: Mapping[str, str]
    state: str
    lang: str


class Store:
    """The tables. Every change is committed when its method returns; it outlives the death of the process."""

    def __init__(self, path: Path | None) -> None:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(":memory:" if path is None else path, isolation_level=None)
        self._db.execute("pragma journal_mode = wal")
        self._db.execute("pragma synchronous = off")
        self._db.executescript(_SCHEMA)
        self._members = int(self._db.execute("select count(*) from members").fetchone()[0])
        self._grants = int(self._db.execute("select count(*) from grants").fetchone()[0])

    def close(self) -> None:
        """Close the file; what was written stays."""
        self._db.close()

    def add_member(self, phone: str | None) -> Member:
        """Make a new person, or raise StoreFull."""
        if self._members >= MEMBERS_MAX:
            raise StoreFull
        openid, unionid = "o" + secrets.token_urlsafe(20), "u" + secrets.token_urlsafe(20)
        self._db.execute("insert into members (openid, unionid, phone) values (?, ?, ?)", (openid, unionid, phone))
        self._members += 1
        return Member(openid, unionid, phone, None)

    def member(self, openid: str) -> Member | None:
        """Return the person, or None."""
        row = self._db.execute(
            "select openid, unionid, phone, session_key from members where openid = ?", (openid,)
        ).fetchone()
        return None if row is None else Member(*row)

    def set_session_key(self, openid: str, session_key: str) -> None:
        """Give the person a session key; the one before is then invalid."""
        self._db.execute("update members set session_key = ? where openid = ?", (session_key, openid))

    def next_push_at(self, openid: str, now: int) -> int:
        """Return the second that the person's next push is dated: `now`, or one after the last when that is later.

        Receivers tell pushes apart by person and second, so two taps within one second need two seconds.
        """
        row = self._db.execute(
            "update members set pushed_at = max(pushed_at + 1, ?) where openid = ? returning pushed_at",
            (now, openid),
        ).fetchone()
        return now if row is None else int(row[0])

    def grant(self, openid: str, template_id: str) -> int:
        """Add one permission to send, up to a limit, and return how many there are; raise StoreFull."""
        known = self._db.execute(
            "select 1 from grants where openid = ? and template_id = ?", (openid, template_id)
        ).fetchone()
        if known is None and self._grants >= GRANT_ROWS_MAX:
            raise StoreFull
        row = self._db.execute(
            "insert into grants (openid, template_id, credits) values (?, ?, 1) on conflict (openid, template_id)"
            " do update set credits = min(credits + 1, ?) returning credits",
            (openid, template_id, CREDITS_MAX),
        ).fetchone()
        self._grants += known is None
        return int(row[0])

    def credits_of(self, openid: str, template_id: str) -> int:
        """Return how many messages of the template the person still allows."""
        row = self._db.execute(
            "select credits from grants where openid = ? and template_id = ?", (openid, template_id)
        ).fetchone()
        return 0 if row is None else int(row[0])

    def send(self, message: Message, sent_at: float) -> int | None:
        """Spend one permission and keep the message; return its number, or None when there is no permission."""
        self._db.execute("begin immediate")
        try:
            spent = self._db.execute(
                "update grants set credits = credits - 1 where openid = ? and template_id = ? and credits > 0",
                (message.openid, message.template_id),
            ).rowcount
            number = self._insert(message, sent_at) if spent else None
        except BaseException:
            self._db.execute("rollback")
            raise
        self._db.execute("commit")
        return number

    def _insert(self, message: Message, sent_at: float) -> int:
        data = json.dumps(message.data, ensure_ascii=False)
        row = self._db.execute(
            "insert into messages (openid, template_id, page, data, state, lang, sent_at)"
            " values (?, ?, ?, ?, ?, ?, ?) returning id",
            (message.openid, message.template_id, message.page, data, message.state, message.lang, sent_at),
        ).fetchone()
        number = int(row[0])
        if number % _TRIM_EVERY == 0:
            self._db.execute("delete from messages where id <= ?", (number - MESSAGES_MAX,))
        return number

    def messages(self, openid: str | None, limit: int) -> list[tuple[int, Message, float]]:
        """Return the newest messages, of one person or of all, oldest first."""
        rows = self._db.execute(
            "select id, openid, template_id, page, data, state, lang, sent_at from messages"
            + (" order by id desc limit ?" if openid is None else " where openid = ? order by id desc limit ?"),
            (limit,) if openid is None else (openid, limit),
        ).fetchall()
        return [
            (number, Message(who, template, page, json.loads(data), state, lang), sent_at)
            for number, who, template, page, data, state, lang, sent_at in reversed(rows)
        ]
