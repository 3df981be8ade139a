"""Points: what the outlet has, what ends when, and why each entry came."""

from datetime import date
from typing import Annotated, cast

import msgspec
from msgspec import Meta

from app.http.endpoints import Call
from app.http.mini import switching
from app.http.mini.paging import PageQuery
from app.http.payloads import Instant
from loyalty.clock import business_date
from loyalty.points.statements import statements
from loyalty.points.statements.statements import Account, Entry


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
    pending_change: int
    owed_repaid: int
    """The part of it that repaid what the outlet owed."""
    owed_added: int
    """What could not be taken and is owed from now on."""
    lots: list[LotView]


class Entries(msgspec.Struct, frozen=True):
    """Entries, the latest first."""

    items: list[EntryView]
    next_cursor: str | None


class StatementQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which month; without one the present one."""

    month: Annotated[str, Meta(pattern="^20[0-9]{2}-(0[1-9]|1[0-2])$", max_length=7)] | None = None


class AccountView(msgspec.Struct, frozen=True):
    """What the outlet had at an end of the month."""

    balance: int
    pending: int
    owed: int


class LineView(msgspec.Struct, frozen=True):
    """An entry of the month and the balance after it."""

    entry: EntryView
    balance_after: int


class StatementView(msgspec.Struct, frozen=True):
    """The outlet's points over one month: opening plus the lines is closing."""

    month: str
    opening: AccountView
    closing: AccountView
    by_kind: dict[str, int]
    lines: list[LineView]
    cut: bool


async def read_points(call: Call) -> PointsView:
    """Show what the outlet has."""
    account, expiring = await statements.account_of(call.principal, call.at)
    return PointsView(
        account.balance,
        account.pending,
        account.owed,
        [ExpiringView(one.expires_on, one.points) for one in expiring],
    )


async def list_entries(call: Call) -> Entries:
    """Show the ledger, the latest first."""
    await switching.require(call, "points_entries")
    query = cast(PageQuery, call.query)
    shown, next_cursor = query.page(await statements.entries_of(call.principal, query.before_id, query.wanted))
    switching.used(call, "points_entries")
    return Entries([_entry_view(entry) for entry in shown], next_cursor)


def _entry_view(entry: Entry) -> EntryView:
    return EntryView(
        str(entry.id),
        entry.kind,
        entry.points,
        entry.at,
        entry.why,
        entry.rule,
        SourceView(entry.source_kind, entry.source_id),
        entry.pending_change,
        max(-entry.owed_change, 0),
        max(entry.owed_change, 0),
        [LotView(day, points) for day, points in entry.lots],
    )


async def show_statement(call: Call) -> StatementView:
    """Show a month of the ledger, oldest first."""
    query = cast(StatementQuery, call.query)
    month = business_date(call.at) if query.month is None else date.fromisoformat(f"{query.month}-01")
    found = await statements.statement_of(call.principal, month)
    return StatementView(
        f"{found.month:%Y-%m}",
        _account_view(found.opening),
        _account_view(found.closing),
        found.by_kind,
        [LineView(_entry_view(line.entry), line.balance_after) for line in found.lines],
        found.cut,
    )


def _account_view(account: Account) -> AccountView:
    return AccountView(account.balance, account.pending, account.owed)
