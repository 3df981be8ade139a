"""Rule books: plan a version, withdraw one that is not in force, read what holds on a day.

A version takes effect on a day to come, so nothing that was promised is ever changed by one.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

import msgspec

from loyalty import transactions
from loyalty.clock import business_date
from loyalty.organisation import audit
from loyalty.organisation.audit import Actor, AuditEntry
from loyalty.rulebooks import queries
from loyalty.rulebooks.books import RuleBook, Version
from loyalty.rulebooks.errors import (
    RuleDayTaken,
    RuleInForce,
    RuleInvalid,
    RuleTooEarly,
    RuleUnchanged,
    RuleVersionUnknown,
)

Body = TypeVar("Body", bound=msgspec.Struct)
SETTLED_BEFORE = timedelta(minutes=10)
"""So long before midnight the next day's rules are settled: whoever reads them at midnight reads the same."""


class KeptVersion(msgspec.Struct, frozen=True):
    """A version as it stands in the book."""

    id: int
    effective_on: date
    body: Any
    made_by: str
    made_at: datetime
    reason: str
    withdrawn_at: datetime | None


def earliest_on(at: datetime) -> date:
    """Tell the first day on which a version made now can take effect."""
    return business_date(at + SETTLED_BEFORE) + timedelta(days=1)


async def in_force(book: RuleBook[Body], days: Iterable[date]) -> dict[date, Version[Body]]:
    """Tell what holds on days: one statement. Needs a reader or a transaction."""
    wanted = sorted(set(days))
    return {row["on_date"]: book.version(row["id"], row["body"]) for row in await queries.in_force(book.code, wanted)}


async def by_id(book: RuleBook[Body], version_ids: Sequence[int]) -> dict[int | None, Version[Body]]:
    """Read versions that were promised, by id; the built-in one stands under None. Needs a reader or a transaction."""
    found: dict[int | None, Version[Body]] = {None: book.version(None, None)}
    if version_ids:
        found |= {row["id"]: book.version(row["id"], row["body"]) for row in await queries.by_id(version_ids)}
    return found


async def versions(book: RuleBook[Body]) -> Sequence[KeptVersion]:
    """Tell all versions of a book, the latest first day first. Needs a reader."""
    return [
        KeptVersion(**dict(row) | {"body": book.version(row["id"], row["body"]).body})
        for row in await queries.versions(book.code)
    ]


async def plan(book: RuleBook[Body], body: Body, on: date, actor: Actor, reason: str, at: datetime) -> int:
    """Make a version that is in force from a day on; return its id. Entry verb; leaves an audit entry.

    Raises RuleInvalid naming the field, RuleTooEarly, RuleUnchanged, RuleDayTaken, ReasonMissing; nothing is kept then.
    """
    fault = _unreadable(body) or book.fault(body)
    if fault is not None:
        raise RuleInvalid(field=fault[0], expected=fault[1])
    if on < earliest_on(at):
        raise RuleTooEarly(field="effective_on", earliest_on=earliest_on(at).isoformat())
    reason = audit.required_reason(reason)
    async with transactions.begin():
        before = (await in_force(book, [on]))[on].body
        if before == body:
            raise RuleUnchanged
        version_id = await queries.add(book.code, on, msgspec.json.encode(body).decode(), actor.text, at, reason)
        if version_id is None:
            raise RuleDayTaken(field="effective_on")
        old, new = (msgspec.to_builtins(one) for one in (before, body))
        changed = [name for name in new if old[name] != new[name]]
        entry = AuditEntry(
            at=at,
            actor=actor,
            action="rule.planned",
            subject_kind="rule_book",
            subject_id=book.code,
            before={name: old[name] for name in changed},
            after={name: new[name] for name in changed} | {"effective_on": on.isoformat()},
            reason=reason,
        )
        await audit.record([entry])
        return version_id


def _unreadable(body: msgspec.Struct) -> tuple[str, str] | None:
    """Find the field that could be kept but never be read again: nothing would work from that day on."""
    try:
        msgspec.convert(msgspec.to_builtins(body), type(body))
    except msgspec.ValidationError as fault:
        _, _, path = str(fault).partition("`$.")
        return re.split(r"\W", path)[0], "超出了这一项能填的范围"
    return None


async def withdraw(book: RuleBook[Body], version_id: int, actor: Actor, reason: str, at: datetime) -> None:
    """Withdraw a version that is not in force yet. Entry verb; leaves an audit entry.

    Raises RuleVersionUnknown, RuleInForce, ReasonMissing.
    """
    reason = audit.required_reason(reason)
    async with transactions.begin():
        found = next((one for one in await versions(book) if one.id == version_id), None)
        if found is None or found.withdrawn_at is not None:
            raise RuleVersionUnknown
        if not await queries.withdraw(book.code, version_id, earliest_on(at) - timedelta(days=1), at):
            raise RuleInForce
        entry = AuditEntry(
            at=at,
            actor=actor,
            action="rule.withdrawn",
            subject_kind="rule_book",
            subject_id=book.code,
            before=msgspec.to_builtins(found.body) | {"effective_on": found.effective_on.isoformat()},
            reason=reason,
        )
        await audit.record([entry])
