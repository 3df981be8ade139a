"""Points: what the outlet has, what ends when, and why each entry came."""

from datetime import date
from typing import Annotated, cast

import msgspec
from msgspec import Meta

from app.http.endpoints import Call
from app.http.errors import OutOfRange
from app.http.mini import switching
from app.http.mini.ids import number_of
from app.http.payloads import Instant
from loyalty.points import ledger


class ExpiringView(msgspec.Struct, frozen=True):
    """Points that end after a day."""

    expires_on: date
    points: int


class PointsView(msgspec.Struct, frozen=True):
    """The outlet's points."""

    balance: int
    pending: int
    owed: int
    expiring: list[ExpiringView]


class SourceView(msgspec.Struct, frozen=True):
    """The document that an entry was made for."""

    kind: str
    id: str


class LotView(msgspec.Struct, frozen=True):
    """A lot that an entry touched, by the day on which it expires."""

    expires_on: date
    points: int


class EntryView(msgspec.Struct, frozen=True):
    """A ledger entry with its why."""

    id: str
    kind: str
    points: int
    at: Instant
    why: str
    rule: str
    source: SourceView
    owed_repaid: int
    lots: list[LotView]


class Entries(msgspec.Struct, frozen=True):
    """Entries, the latest first."""

    items: list[EntryView]
    next_cursor: str | None


class EntriesQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where to go on, and how many at most."""

    cursor: Annotated[str, Meta(min_length=1, max_length=32)] | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 20


async def read_points(call: Call) -> PointsView:
    """Show what the outlet has."""
    account, expiring = await ledger.account_of(call.principal)
    return PointsView(
        account.balance,
        account.pending,
        account.owed,
        [ExpiringView(one.expires_on, one.points) for one in expiring],
    )


async def list_entries(call: Call) -> Entries:
    """Show the ledger, the latest first."""
    await switching.require(call, "points_entries")
    query = cast(EntriesQuery, call.query)
    try:
        before_id = None if query.cursor is None else number_of(query.cursor)
    except ValueError:
        raise OutOfRange(field="cursor", expected="上一页给出的 next_cursor") from None
    entries = await ledger.entries_of(call.principal, before_id, query.limit + 1)
    switching.used(call, "points_entries")
    shown = entries[: query.limit]
    return Entries(
        [
            EntryView(
                str(entry.id),
                entry.kind,
                entry.points,
                entry.at,
                entry.why,
                entry.rule,
                SourceView(entry.source_kind, entry.source_id),
                entry.owed_repaid,
                []
                if entry.expires_on is None or entry.points == entry.owed_repaid
                else [LotView(entry.expires_on, entry.points - entry.owed_repaid)],
            )
            for entry in shown
        ],
        str(shown[-1].id) if len(entries) > query.limit else None,
    )
