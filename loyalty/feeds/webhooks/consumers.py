"""Consumers: the programs that events are brought to, as administrators make and mend them."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import msgspec

from loyalty import transactions
from loyalty.customers.personal import DataKeys
from loyalty.errors import TryAgain
from loyalty.events import queries as events
from loyalty.events.rules import FEEDS
from loyalty.feeds.webhooks import queries, rules
from loyalty.feeds.webhooks.errors import (
    ConsumerExists,
    ConsumerInvalid,
    ConsumerUnknown,
    DeliveryUnknown,
    UrlRefused,
)
from loyalty.organisation import audit
from loyalty.organisation.audit import Actor, AuditEntry

PURPOSE = "webhook secret"
CODE = re.compile(r"[a-z0-9][a-z0-9._-]{1,39}")
NAME_LENGTH_MAX = 40
OLD_SECRET_KEPT = timedelta(days=1)
_URL_FAULTS = {
    "url_invalid": "请填 https:// 开头的完整地址",
    "not_https": "请用 https:// 开头的地址",
    "address_private": "不能推送到内网地址",
}


class Consumer(msgspec.Struct, frozen=True):
    """A program that events are brought to."""

    id: int
    code: str
    name: str
    url: str
    feeds: tuple[str, ...]
    secret_sealed: bytes
    old_secret_sealed: bytes | None
    old_secret_until: datetime | None
    state: str
    note: str
    failures: int
    closed_until: datetime | None
    made_at: datetime

    @property
    def cursor_name(self) -> str:
        """Name it as a reader of the log."""
        return f"webhook:{self.code}"

    def secrets(self, data_keys: DataKeys, at: datetime) -> list[str]:
        """Give the secrets that sign at an instant, the current one first."""
        found = [data_keys.open(self.secret_sealed, PURPOSE)]
        if self.old_secret_sealed is not None and self.old_secret_until is not None and at < self.old_secret_until:
            found.append(data_keys.open(self.old_secret_sealed, PURPOSE))
        return found


class Lag(msgspec.Struct, frozen=True):
    """How far behind a consumer is."""

    due: int
    dead: int
    oldest_at: datetime | None
    last_taken_at: datetime | None


class KeptDelivery(msgspec.Struct, frozen=True):
    """A delivery as it is kept."""

    id: int
    feed: str
    position: int
    event_id: str
    type: str
    subject: str
    state: str
    attempts: int
    next_at: datetime
    last_status: int | None
    last_error: str
    last_ms: int | None
    taken_in_at: datetime
    ended_at: datetime | None


def told(row: asyncpg.Record) -> Consumer:
    """Give a consumer from its row."""
    return Consumer(**dict(row) | {"feeds": tuple(row["feeds"])})


async def listed() -> list[Consumer]:
    """List all consumers. Needs a reader."""
    return [told(row) for row in await queries.consumers()]


async def read(code: str) -> Consumer:
    """Read one consumer. Needs a reader. Raises ConsumerUnknown."""
    row = await queries.consumer(code)
    if row is None:
        raise ConsumerUnknown
    return told(row)


async def lag(consumer_id: int) -> Lag:
    """Tell how far behind a consumer is. Needs a reader."""
    return Lag(**await queries.lag(consumer_id))


async def deliveries(consumer_id: int, state: str, skip: int, limit: int) -> list[KeptDelivery]:
    """List a consumer's deliveries, the latest first. Needs a reader."""
    rows = await queries.deliveries(consumer_id, state, skip, limit)
    return [KeptDelivery(**dict(row) | {"event_id": str(row["event_id"])}) for row in rows]


def _require(code: str, name: str, url: str, feeds: Sequence[str], *, demo: bool) -> None:
    if not CODE.fullmatch(code):
        raise ConsumerInvalid(field="code", expected="请用 2 到 40 个小写字母、数字、点或横线")
    if not 1 <= len(name) <= NAME_LENGTH_MAX:
        raise ConsumerInvalid(field="name", expected=f"请填 1 到 {NAME_LENGTH_MAX} 个字")
    if not feeds or not set(feeds) <= set(FEEDS):
        raise ConsumerInvalid(field="feeds", expected="请至少选一种数据流")
    fault = rules.fault_of_url(url, demo=demo)
    if fault:
        raise UrlRefused(field="url", expected=_URL_FAULTS[fault])


async def add(
    code: str, name: str, url: str, feeds: Sequence[str], data_keys: DataKeys, actor: Actor, at: datetime, *, demo: bool
) -> str:
    """Make a consumer that is brought what happens from now on; return its secret, told this once. Entry verb; audited.

    Raises ConsumerInvalid, UrlRefused, ConsumerExists.
    """
    _require(code, name, url, feeds, demo=demo)
    secret = rules.new_secret()
    async with transactions.begin():
        sealed = data_keys.seal(secret, PURPOSE)
        if await queries.add(code, name, url, feeds, sealed, actor.text, at) is None:
            raise ConsumerExists(field="code")
        for feed in feeds:
            await queries.put_cursor(f"webhook:{code}", feed, await events.head_position(feed), at)
        await _note(code, "webhook.added", actor, at, after={"name": name, "url": url, "feeds": list(feeds)})
    return secret


async def change(
    code: str, name: str, url: str, feeds: Sequence[str], actor: Actor, at: datetime, *, demo: bool
) -> None:
    """Change a consumer; a feed that is new to it starts now. Entry verb; audited.

    Raises ConsumerUnknown, ConsumerInvalid, UrlRefused.
    """
    _require(code, name, url, feeds, demo=demo)
    async with transactions.begin():
        old = await _locked(code)
        await queries.change(old.id, name, url, feeds)
        for feed in set(feeds) - set(old.feeds):
            await queries.put_cursor(old.cursor_name, feed, await events.head_position(feed), at)
        before = {"name": old.name, "url": old.url, "feeds": list(old.feeds)}
        await _note(code, "webhook.changed", actor, at, before, {"name": name, "url": url, "feeds": list(feeds)})


async def set_state(code: str, state: str, actor: Actor, reason: str, at: datetime) -> None:
    """Pause a consumer, or let it go on with its circuit closed. Entry verb; audited. Nothing is lost while it rests.

    Raises ConsumerUnknown, ReasonMissing.
    """
    reason = audit.required_reason(reason)
    async with transactions.begin():
        old = await _locked(code)
        await queries.set_state(old.id, state, "")
        await _note(code, f"webhook.{state}", actor, at, {"state": old.state}, {"state": state}, reason)


async def rotate(code: str, data_keys: DataKeys, actor: Actor, at: datetime) -> str:
    """Give a consumer a new secret, told this once; for a day the old one signs too. Entry verb; audited.

    Raises ConsumerUnknown.
    """
    secret = rules.new_secret()
    async with transactions.begin():
        old = await _locked(code)
        sealed = data_keys.seal(secret, PURPOSE)
        await queries.set_secret(old.id, sealed, old.secret_sealed, at + OLD_SECRET_KEPT)
        await _note(code, "webhook.rotated", actor, at)
    return secret


async def replay(code: str, since: datetime, actor: Actor, reason: str, at: datetime) -> None:
    """Bring a consumer again what was recorded since an instant. Entry verb; audited; it knows events by their ids.

    Raises ConsumerUnknown, ReasonMissing, TryAgain.
    """
    reason = audit.required_reason(reason)
    async with transactions.begin():
        old = await _locked(code)
        for feed in old.feeds:
            position = await queries.position_at(feed, since)
            current = await events.lock_cursor(old.cursor_name, feed, at)
            if current is None:
                raise TryAgain  # it is being read on at this very moment
            if position < current:
                await queries.put_cursor(old.cursor_name, feed, position, at)
        await _note(code, "webhook.replayed", actor, at, after={"since": since.isoformat()}, reason=reason)


async def revive(code: str, delivery_id: int | None, actor: Actor, at: datetime) -> int:
    """Try dead deliveries again, one or all; return how many. Entry verb; audited.

    Raises ConsumerUnknown, DeliveryUnknown.
    """
    async with transactions.begin():
        old = await _locked(code)
        revived = await queries.revive(old.id, delivery_id, at)
        if delivery_id is not None and not revived:
            raise DeliveryUnknown
        await _note(code, "webhook.revived", actor, at, after={"deliveries": revived})
        return revived


async def _locked(code: str) -> Consumer:
    row = await queries.lock(code)
    if row is None:
        raise ConsumerUnknown
    return told(row)


async def _note(
    code: str,
    action: str,
    actor: Actor,
    at: datetime,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    reason: str = "",
) -> None:
    entry = AuditEntry(
        at=at,
        actor=actor,
        action=action,
        subject_kind="webhook",
        subject_id=code,
        before=before,
        after=after,
        reason=reason,
    )
    await audit.record([entry])
