"""The ledger: every change of points is an entry, and the account moves in the same statement."""

from collections.abc import Sequence
from datetime import date, datetime

import msgspec

from loyalty import transactions
from loyalty.clock import business_date
from loyalty.customers import standings
from loyalty.customers.standings import MemberRef
from loyalty.points import queries, rules
from loyalty.points.queries import AccrualRow


class Accrual(msgspec.Struct, frozen=True):
    """Points for an outlet, with the source that they are paid for, once."""

    outlet_id: int
    member_id: int | None
    points: int
    source_kind: str
    source_id: str
    rule: str
    why: str
    at: datetime


class Accrued(msgspec.Struct, frozen=True):
    """What became of an accrual: the outlet's balance after the whole call, and whether it was paid before."""

    balance_points: int
    repeated: bool


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
    owed_repaid: int
    expires_on: date | None
    source_kind: str
    source_id: str
    rule: str
    why: str
    at: datetime


def row_of(n: int, one: Accrual) -> AccrualRow:
    """Give an accrual as a row of a rowset, the n-th of its call, with the day on which its points expire."""
    return AccrualRow(
        n,
        one.outlet_id,
        one.member_id,
        one.points,
        rules.expires_on(business_date(one.at)),
        one.source_kind,
        one.source_id,
        one.rule,
        one.why,
        one.at,
    )


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


async def accrue(many: Sequence[Accrual]) -> list[Accrued]:
    """Pay points. Set verb: one statement however many; RuntimeError outside a transaction.

    Each accrual enters its outlet's lot of the day on which it expires, after repaying what the outlet owes. A source
    that was paid before is not paid again. Locks the accounts in outlet order.
    """
    if not many:
        return []
    rows = await queries.accrue([row_of(n, one) for n, one in enumerate(many)])
    return [Accrued(row["balance"], row["repeated"]) for row in rows]


async def accounts(outlet_ids: Sequence[int]) -> dict[int, Account]:
    """Read accounts: one statement, none for nobody. Every outlet asked for is in the answer."""
    if not outlet_ids:
        return {}
    found = {
        row["outlet_id"]: Account(row["balance"], row["pending"], row["owed"])
        for row in await queries.accounts(list(set(outlet_ids)))
    }
    return {outlet_id: found.get(outlet_id, Account()) for outlet_id in outlet_ids}


async def account_of(member: MemberRef) -> tuple[Account, list[Expiring]]:
    """Read the account of the member's outlet and what expires when. Raises SessionEnded, BindingRequired."""
    async with transactions.reader():
        standing = await standings.require(member)
        account = (await accounts([standing.outlet_id]))[standing.outlet_id]
        return account, [Expiring(**row) for row in await queries.expiring(standing.outlet_id)]


async def story_of(outlet_code: str, limit: int) -> Story | None:
    """Read an outlet's account and its last ``limit`` entries. Needs a reader. None for an unknown outlet."""
    rows = await queries.story(outlet_code, limit)
    if not rows:
        return None
    first = rows[0]
    account = None if first["balance"] is None else Account(first["balance"], first["pending"], first["owed"])
    lines = [
        Line(Entry(row["entry_id"], *(row[name] for name in Entry.__struct_fields__[1:])), int(row["balance_after"]))
        for row in rows
        if row["entry_id"] is not None
    ]
    opening = lines[0].balance_after - lines[0].entry.points + lines[0].entry.owed_repaid if lines else 0
    return Story(first["outlet_id"], first["name"], account, opening, lines)


async def entries_of(member: MemberRef, before_id: int | None, limit: int) -> list[Entry]:
    """Read entries of the member's outlet, the latest first. Raises SessionEnded, BindingRequired."""
    async with transactions.reader():
        standing = await standings.require(member)
        return [Entry(**row) for row in await queries.entries(standing.outlet_id, before_id, limit)]
