"""System keys: made once, shown once, found by their hash, rotated with a time in which the old one still opens."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from tortoise.exceptions import IntegrityError
from tortoise.expressions import Q

from loyalty import transactions
from loyalty.organisation import audit, rules
from loyalty.organisation.audit import Actor, AuditEntry
from loyalty.organisation.errors import (
    OldKeyTimeWrong,
    ScopeUnknown,
    SystemKeyUnknown,
    SystemNameInvalid,
    SystemNameTaken,
)
from loyalty.organisation.models import SystemKey

USE_NOTED_EVERY = timedelta(minutes=1)
LISTED_MAX = 500


class System(msgspec.Struct, frozen=True):
    """Another program, proven by its key."""

    id: int
    name: str
    scopes: frozenset[str]


class KeptKey(msgspec.Struct, frozen=True):
    """A system key as an administrator sees it: never the key."""

    id: int
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
    old_key_until: datetime | None
    """Until when the key before the last rotation opens too; it may be over."""


async def listed() -> list[KeptKey]:
    """List all keys, the newest first, at most LISTED_MAX."""
    async with transactions.begin():
        rows = await SystemKey.all().order_by("-id").limit(LISTED_MAX)
    return [
        KeptKey(
            row.id,
            row.name,
            tuple(row.scopes),
            row.created_at,
            row.last_used_at,
            row.revoked_at,
            row.old_key_until,
        )
        for row in rows
    ]


async def add(name: str, scopes: Sequence[str], at: datetime, actor: Actor) -> str:
    """Make a key for the system ``name`` and return it; it cannot be shown again.

    Entry verb. Raises SystemNameInvalid, ScopeUnknown, SystemNameTaken.
    """
    if not rules.SYSTEM_NAME.fullmatch(name):
        raise SystemNameInvalid(field="name")
    wanted = _known(scopes)
    key = rules.new_key()
    async with transactions.begin():
        try:
            row = await SystemKey.create(name=name, key_hash=rules.key_hash(key), scopes=wanted, created_at=at)
        except IntegrityError:
            raise SystemNameTaken(name=name) from None
        await _record("added", row, actor, at, after={"name": name, "scopes": wanted})
    return key


async def rotate(key_id: int, keep_old_for: timedelta, actor: Actor, at: datetime) -> str:
    """Give a system a new key and return it; it cannot be shown again.

    The old one opens until ``at + keep_old_for``, from nothing up to OLD_KEY_KEPT_MAX; the one before that opens no
    more, so that there are never more than two. Entry verb. Raises OldKeyTimeWrong, SystemKeyUnknown.
    """
    if not timedelta() <= keep_old_for <= rules.OLD_KEY_KEPT_MAX:
        raise OldKeyTimeWrong(field="keep_old_for", days=rules.OLD_KEY_KEPT_MAX.days)
    key = rules.new_key()
    async with transactions.begin():
        row = await _locked(key_id)
        until = at + keep_old_for if keep_old_for else None
        await SystemKey.filter(id=key_id).update(
            key_hash=rules.key_hash(key),
            old_key_hash=None if until is None else row.key_hash,
            old_key_until=until,
        )
        await _record(
            "rotated",
            row,
            actor,
            at,
            before={"name": row.name, "old_key_until": row.old_key_until},
            after={"name": row.name, "old_key_until": until},
        )
    return key


async def change_scopes(key_id: int, scopes: Sequence[str], actor: Actor, at: datetime) -> None:
    """Say anew what a system may do; it counts at its next call. Entry verb. Raises ScopeUnknown, SystemKeyUnknown."""
    wanted = _known(scopes)
    async with transactions.begin():
        row = await _locked(key_id)
        if wanted == row.scopes:
            return
        await SystemKey.filter(id=key_id).update(scopes=wanted)
        await _record(
            "scopes_changed",
            row,
            actor,
            at,
            before={"name": row.name, "scopes": row.scopes},
            after={"name": row.name, "scopes": wanted},
        )


async def revoke(key_id: int, actor: Actor, reason: str, at: datetime) -> None:
    """End a system's keys, the new and the old, at once and for good; its name stays taken.

    Entry verb. Raises ReasonMissing, SystemKeyUnknown.
    """
    reason = audit.required_reason(reason)
    async with transactions.begin():
        row = await _locked(key_id)
        await SystemKey.filter(id=key_id).update(revoked_at=at, old_key_hash=None, old_key_until=None)
        await _record("revoked", row, actor, at, before={"name": row.name, "scopes": row.scopes}, reason=reason)


async def recognise(key: str, at: datetime) -> System | None:
    """Find the system that holds ``key``; None for an unknown, revoked or outdated one. Notes the use once a minute."""
    key_hash = rules.key_hash(key)
    async with transactions.begin():
        row = await SystemKey.filter(
            Q(key_hash=key_hash) | Q(old_key_hash=key_hash, old_key_until__gt=at), revoked_at=None
        ).first()
        if row is None:
            return None
        if row.last_used_at is None or at - row.last_used_at >= USE_NOTED_EVERY:
            await SystemKey.filter(id=row.id).update(last_used_at=at)
        return System(row.id, row.name, frozenset(row.scopes))


def _known(scopes: Sequence[str]) -> list[str]:
    if not scopes or set(scopes) - set(rules.SCOPES):
        raise ScopeUnknown(field="scopes", known="、".join(rules.SCOPES))
    return sorted(set(scopes))


async def _locked(key_id: int) -> SystemKey:
    row = await SystemKey.filter(id=key_id, revoked_at=None).select_for_update().first()
    if row is None:
        raise SystemKeyUnknown
    return row


async def _record(
    done: str,
    row: SystemKey,
    actor: Actor,
    at: datetime,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    reason: str = "",
) -> None:
    await audit.record(
        [
            AuditEntry(
                at=at,
                actor=actor,
                action=f"key.{done}",
                subject_kind="system_key",
                subject_id=str(row.id),
                before=before,
                after=after,
                reason=reason,
            )
        ]
    )
