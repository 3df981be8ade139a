"""System keys: made once, shown once, found by their hash."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from tortoise.exceptions import IntegrityError

from loyalty import transactions
from loyalty.organisation import rules
from loyalty.organisation.errors import ScopeUnknown, SystemNameInvalid, SystemNameTaken
from loyalty.organisation.models import SystemKey

USE_NOTED_EVERY = timedelta(minutes=1)


class System(msgspec.Struct, frozen=True):
    """Another program, proven by its key."""

    id: int
    name: str
    scopes: frozenset[str]


async def add(name: str, scopes: Sequence[str], at: datetime) -> str:
    """Make a key for the system ``name`` and return it; it cannot be shown again.

    Entry verb. Raises SystemNameInvalid, ScopeUnknown, SystemNameTaken.
    """
    if not rules.SYSTEM_NAME.fullmatch(name):
        raise SystemNameInvalid(field="name")
    if not scopes or set(scopes) - set(rules.SCOPES):
        raise ScopeUnknown(field="scopes", known="、".join(rules.SCOPES))
    key = rules.new_key()
    async with transactions.begin():
        try:
            await SystemKey.create(name=name, key_hash=rules.key_hash(key), scopes=sorted(set(scopes)), created_at=at)
        except IntegrityError:
            raise SystemNameTaken(name=name) from None
    return key


async def recognise(key: str, at: datetime) -> System | None:
    """Find the system that holds ``key``; None for an unknown or revoked one. Notes the use, once a minute at most."""
    async with transactions.begin():
        row = await SystemKey.get_or_none(key_hash=rules.key_hash(key), revoked_at=None)
        if row is None:
            return None
        if row.last_used_at is None or at - row.last_used_at >= USE_NOTED_EVERY:
            await SystemKey.filter(id=row.id).update(last_used_at=at)
        return System(row.id, row.name, frozenset(row.scopes))
