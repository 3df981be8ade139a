"""The audit: who changed what, when and why, with before and after. Written in the transaction of the change."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from loyalty import transactions
from loyalty.organisation import queries
from loyalty.organisation.errors import ReasonMissing
from loyalty.organisation.queries import AuditLine

ActorKind = Literal["staff", "system", "command", "nobody"]
REASON_LENGTH_MAX = 200
TEXT_LENGTH_MAX = 200


class Actor(msgspec.Struct, frozen=True):
    """Who does something: a staff member, a system, a command on the server, or somebody not known."""

    kind: ActorKind
    id: str
    name: str

    @property
    def text(self) -> str:
        """Name the actor in a column of one field, such as ``staff:12``."""
        return f"{self.kind}:{self.id}"


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One change, or one refusal that somebody should know of.

    ``action`` is the subject's noun and a past participle, as ``grant.added``. ``before`` and ``after`` hold only what
    changed, never a password, a key or a phone.
    """

    at: datetime
    actor: Actor
    action: str
    subject_kind: str
    subject_id: str
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    reason: str = ""
    node_id: int | None = None


class KeptEntry(msgspec.Struct, frozen=True):
    """An audit entry as it is read back."""

    id: int
    at: datetime
    actor_kind: ActorKind
    actor_id: str
    actor_name: str
    action: str
    subject_kind: str
    subject_id: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    reason: str


class AuditSearch(msgspec.Struct, frozen=True, kw_only=True):
    """What to look for; empty means all. ``text`` is found in actor, subject, reason and values."""

    text: str = ""
    action: str = ""
    subject_kind: str = ""
    subject_id: str = ""
    from_at: datetime | None = None
    until_at: datetime | None = None


async def record(many: Sequence[AuditEntry]) -> None:
    """Put entries into the audit, in one statement. Set verb: raises RuntimeError outside a transaction."""
    if many:
        await queries.insert_audit([_line(n, entry) for n, entry in enumerate(many)])


async def note(entry: AuditEntry) -> None:
    """Keep a refusal that somebody should know of: it changes nothing else. Entry verb."""
    async with transactions.begin():
        await record([entry])


def _line(n: int, one: AuditEntry) -> AuditLine:
    return AuditLine(
        n,
        one.at,
        one.actor.kind,
        one.actor.id,
        one.actor.name,
        one.action,
        one.subject_kind,
        one.subject_id,
        one.node_id,
        one.before,
        one.after,
        one.reason,
    )


def required_reason(text: str) -> str:
    """Give a reason without spaces around it. Raises ReasonMissing for an empty or too long one."""
    reason = " ".join(text.split())
    if not reason or len(reason) > REASON_LENGTH_MAX:
        raise ReasonMissing(field="reason")
    return reason


async def search(node_ids: Sequence[int], wanted: AuditSearch, skip: int, limit: int) -> list[KeptEntry]:
    """Read entries in reach, the latest first. Those of no node are seen only from the root. Needs a reader.

    ``node_ids`` are the nodes whose whole subtree the reader may see.
    """
    rows = await queries.search_audit(node_ids, msgspec.structs.asdict(wanted), skip, limit)
    return [KeptEntry(**dict(row) | {name: _values(row[name]) for name in ("before", "after")}) for row in rows]


def _values(kept: str | None) -> dict[str, Any] | None:
    return None if kept is None else msgspec.json.decode(kept, type=dict[str, Any])
