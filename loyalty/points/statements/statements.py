"""Reading the ledger: what an outlet has, what ends when, each entry with its why, and a statement for a month."""

from collections.abc import Sequence
from datetime import date, datetime

import asyncpg
import msgspec

from loyalty import transactions
from loyalty.clock import SHANGHAI, business_date
from loyalty.customers import standings
from loyalty.customers.standings import MemberRef
from loyalty.points.holdings import Lots, lots_of
from loyalty.points.rules import months_after
from loyalty.points.statements import queries

STATEMENT_ENTRIES_MAX = 5_000
"""Ten a day for a month are 300; past this the statement says that it is cut."""


class Account(msgspec.Struct, frozen=True):
    """What an outlet has, in points."""

    balance: int = 0
    pending: int = 0
    owed: int = 0


class Expiring(msgspec.Struct, frozen=True):
    """Points that end after a day."""

    expires_on: date
    points: int


class Entry(msgspec.Struct, frozen=True):
    """A ledger entry with its why."""

    id: int
    kind: str
    points: int
    owed_change: int
    pending_change: int
    lots: Lots
    """The lots that it moved, by their last day, and by how much each, signed."""
    source_kind: str
    source_id: str
    rule: str
    why: str
    at: datetime
    of_entry_id: int | None
    campaign_id: int | None

    @property
    def balance_change(self) -> int:
        """Tell by how much it moved the balance."""
        return self.points + self.owed_change


class Line(msgspec.Struct, frozen=True):
    """An entry, and what all entries up to it sum to."""

    entry: Entry
    balance_after: int


class Story(msgspec.Struct, frozen=True):
    """How an outlet's points came to be what they are."""

    outlet_id: int
    outlet_name: str
    account: Account | None
    """None when it never had points."""
    opening: int
    """What the entries before the first of ``entries`` sum to."""
    entries: list[Line]
    """Oldest first."""


class Statement(msgspec.Struct, frozen=True):
    """An outlet's points over one calendar month, Shanghai time: opening plus the lines is closing."""

    month: date
    """Its first day."""
    opening: Account
    closing: Account
    lines: list[Line]
    """Oldest first."""
    by_kind: dict[str, int]
    """Entry kind → sum of signed points."""
    cut: bool
    """Whether there are more than STATEMENT_ENTRIES_MAX entries; closing then counts those shown alone."""


async def accounts(outlet_ids: Sequence[int]) -> dict[int, Account]:
    """Read accounts: one statement, none for nobody. Every outlet asked for is in the answer. Needs a reader."""
    if not outlet_ids:
        return {}
    found = {
        row["outlet_id"]: Account(row["balance"], row["pending"], row["owed"])
        for row in await queries.accounts(list(set(outlet_ids)))
    }
    return {outlet_id: found.get(outlet_id, Account()) for outlet_id in outlet_ids}


async def expiring(outlet_id: int, on: date) -> list[Expiring]:
    """Tell how many points of an outlet end on which day, from a day on. Needs a reader."""
    return [Expiring(**row) for row in await queries.expiring(outlet_id, on)]


async def account_of(member: MemberRef, at: datetime) -> tuple[Account, list[Expiring]]:
    """Read the account of the member's outlet and what expires when. Raises SessionEnded, BindingRequired.

    The balance is what can be spent: points whose last day has passed are not in it, swept or not.
    """
    async with transactions.reader():
        standing = await standings.require(member)
        account = (await accounts([standing.outlet_id]))[standing.outlet_id]
        ending = await expiring(standing.outlet_id, business_date(at))
        return Account(sum(one.points for one in ending), account.pending, account.owed), ending


async def entries_of(member: MemberRef, before_id: int | None, limit: int) -> list[Entry]:
    """Read entries of the member's outlet, the latest first. Raises SessionEnded, BindingRequired."""
    async with transactions.reader():
        standing = await standings.require(member)
        return [entry_of(row) for row in await queries.entries(standing.outlet_id, before_id, limit)]


async def statement_of(member: MemberRef, month: date) -> Statement:
    """Give the statement of the member's outlet for a month. Raises SessionEnded, BindingRequired."""
    async with transactions.reader():
        standing = await standings.require(member)
        return await statement(standing.outlet_id, month)


async def statement(outlet_id: int, month: date) -> Statement:
    """Give an outlet's statement for the month that a day belongs to. Needs a reader.

    It reads instants of the entries, so an entry made late for an earlier month changes that month's statement.
    """
    first = month.replace(day=1)
    from_at, until_at = _midnight(first), _midnight(months_after(first, 1))
    before = await queries.opening(outlet_id, from_at)
    opening = Account() if before is None else Account(**before)
    found = [entry_of(row) for row in await queries.entries_between(
        outlet_id, from_at, until_at, STATEMENT_ENTRIES_MAX + 1)]  # fmt: skip
    shown = found[:STATEMENT_ENTRIES_MAX]
    lines: list[Line] = []
    balance, pending, owed = opening.balance, opening.pending, opening.owed
    by_kind: dict[str, int] = {}
    for entry in shown:
        balance += entry.balance_change
        pending += entry.pending_change
        owed += entry.owed_change
        by_kind[entry.kind] = by_kind.get(entry.kind, 0) + entry.points
        lines.append(Line(entry, balance))
    return Statement(first, opening, Account(balance, pending, owed), lines, by_kind, len(found) > len(shown))


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=SHANGHAI)


async def story_of(outlet_code: str, limit: int) -> Story | None:
    """Read an outlet's account and its last ``limit`` entries. Needs a reader. None for an unknown outlet."""
    rows = await queries.story(outlet_code, limit)
    if not rows:
        return None
    first = rows[0]
    account = None if first["balance"] is None else Account(first["balance"], first["pending"], first["owed"])
    lines = [Line(entry_of(row), row["balance_after"]) for row in rows if row["id"] is not None]
    opening = lines[0].balance_after - lines[0].entry.balance_change if lines else 0
    return Story(first["outlet_id"], first["outlet_name"], account, opening, lines)


def entry_of(row: asyncpg.Record) -> Entry:
    """Give an entry from a row with the columns of ``queries.ENTRY``."""
    lots = lots_of(row["points"] + row["owed_change"], row["expires_on"], row["lot_dates"], row["lot_points"])
    return Entry(
        row["id"], row["kind"], row["points"], row["owed_change"], row["pending_change"], lots, row["source_kind"],
        row["source_id"], row["rule"], row["why"], row["at"], row["of_entry_id"], row["campaign_id"],
    )  # fmt: skip


async def net(sources: Sequence[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """Tell what documents, named by kind and id, have promised and paid, less what went back. Needs a reader."""
    rows = await queries.net(sources)
    return {(row["source_kind"], row["source_id"]): int(row["points"]) for row in rows}


async def ending_on(on: date, after_outlet_id: int, limit: int) -> list[tuple[int, int]]:
    """Tell which outlets have unspent points whose last day is ``on``, and how many, in id order. Needs a reader."""
    rows = await queries.ending_on(on, after_outlet_id, limit)
    return [(row["outlet_id"], int(row["points"])) for row in rows]
