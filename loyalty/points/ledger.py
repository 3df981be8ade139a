"""The ledger: every change of points is an entry, and the account moves in the same statement.

Set verbs all: a fixed number of statements however many items, RuntimeError outside a transaction, accounts locked in
outlet order, one answer for each item in the order given. A document (source kind and id) makes one entry of a kind: a
repeat moves nothing and says so.
"""

from collections.abc import Sequence
from datetime import date, datetime

import msgspec

from loyalty.clock import business_date
from loyalty.points import entering, locks, queries, rules
from loyalty.points.entering import Reason
from loyalty.points.errors import InsufficientPoints
from loyalty.points.queries import AccrualRow, EntryRow
from loyalty.points.rules import EXPIRY, ExpiryTerms
from loyalty.rulebooks import rulebooks
from loyalty.rulebooks.books import Version


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
    campaign_id: int | None = None


class Accrued(msgspec.Struct, frozen=True):
    """What became of an accrual: the outlet's balance after the whole call, and whether it was paid before."""

    balance_points: int
    repeated: bool


class Pended(msgspec.Struct, frozen=True):
    """What became of points to come: what the outlet has pending after the whole call."""

    pending_points: int
    repeated: bool


class Redemption(msgspec.Struct, frozen=True):
    """Points to spend."""

    outlet_id: int
    member_id: int | None
    points: int
    source_kind: str
    source_id: str
    rule: str
    why: str
    at: datetime


class Redeemed(msgspec.Struct, frozen=True):
    """What can still be spent after this item."""

    balance_points: int
    repeated: bool


class Adjustment(msgspec.Struct, frozen=True):
    """Points that people have decided to give (positive) or take (negative)."""

    outlet_id: int
    points: int
    source_kind: str
    source_id: str
    rule: str
    why: str
    at: datetime


def row_of(n: int, one: Accrual, terms: Version[ExpiryTerms]) -> AccrualRow:
    """Give an accrual as a row of a rowset, the n-th of its call, under the terms that hold on its day."""
    return AccrualRow(
        n,
        one.outlet_id,
        one.member_id,
        one.points,
        rules.expires_on(terms.body, business_date(one.at)),
        one.source_kind,
        one.source_id,
        one.rule,
        one.why,
        one.at,
        terms.id,
        one.campaign_id,
    )


async def accrue(many: Sequence[Accrual]) -> list[Accrued]:
    """Pay points. Four statements.

    Each accrual enters its outlet's lot of the day on which it expires, after repaying what the outlet owes.
    """
    if not many:
        return []
    terms = await rulebooks.in_force(EXPIRY, (business_date(one.at) for one in many))
    # Locked before the statement that pays begins: it then sees what those who held them have paid.
    outlet_ids = [one.outlet_id for one in many]
    await locks.ensure_accounts(outlet_ids)
    await locks.lock_accounts(outlet_ids)
    rows = await queries.accrue([row_of(n, one, terms[business_date(one.at)]) for n, one in enumerate(many)])
    return [Accrued(row["balance"], row["repeated"]) for row in rows]


async def pend(many: Sequence[Accrual]) -> list[Pended]:
    """Promise points that ``settlements.release`` pays later, under the terms of today. At most six statements."""
    terms = await rulebooks.in_force(EXPIRY, (business_date(one.at) for one in many)) if many else {}
    held = await entering.lock([one.outlet_id for one in many], ensure=True)
    known = set(await entering.entered(["pending"], [(one.source_kind, one.source_id) for one in many]))
    rows: list[EntryRow] = []
    repeated: list[bool] = []
    for n, one in enumerate(many):
        key = ("pending", (one.source_kind, one.source_id))
        repeated.append(key in known)
        if key not in known:
            known.add(key)
            movement = held[one.outlet_id].promise(one.points)
            version = terms[business_date(one.at)]
            rows.append(
                entering.row_of(
                    n,
                    one.outlet_id,
                    one.member_id,
                    "pending",
                    movement,
                    _reason(one),
                    terms_id=version.id,
                    campaign_id=one.campaign_id,
                )
            )
    await entering.enter(rows)
    return [Pended(held[one.outlet_id].pending, again) for one, again in zip(many, repeated, strict=True)]


async def redeem(many: Sequence[Redemption]) -> list[Redeemed | InsufficientPoints]:
    """Spend points, soonest expiry first; an item that finds too few is refused alone. At most four statements."""
    held = await entering.lock([one.outlet_id for one in many])
    known = set(await entering.entered(["redemption"], [(one.source_kind, one.source_id) for one in many]))
    rows: list[EntryRow] = []
    answers: list[Redeemed | InsufficientPoints] = []
    for n, one in enumerate(many):
        key, on = ("redemption", (one.source_kind, one.source_id)), business_date(one.at)
        holding = held[one.outlet_id]
        repeated = key in known
        movement = None if repeated else holding.take(one.points, on)
        if not repeated and movement is None:
            answers.append(short_of(one.points, holding.spendable(on)))
            continue
        if movement is not None:
            known.add(key)
            rows.append(entering.row_of(n, one.outlet_id, one.member_id, "redemption", movement, _reason(one)))
        answers.append(Redeemed(holding.spendable(on), repeated))
    await entering.enter(rows)
    return answers


async def adjust(many: Sequence[Adjustment]) -> list[Redeemed | InsufficientPoints]:
    """Give or take points by hand. Taking more than there is refuses that item. At most six statements."""
    terms = await rulebooks.in_force(EXPIRY, (business_date(one.at) for one in many)) if many else {}
    held = await entering.lock([one.outlet_id for one in many], ensure=True)
    known = set(await entering.entered(["adjustment"], [(one.source_kind, one.source_id) for one in many]))
    rows: list[EntryRow] = []
    answers: list[Redeemed | InsufficientPoints] = []
    for n, one in enumerate(many):
        key, on = ("adjustment", (one.source_kind, one.source_id)), business_date(one.at)
        holding, version = held[one.outlet_id], terms[business_date(one.at)]
        repeated = key in known
        if not repeated:
            until = rules.expires_on(version.body, on)
            movement = holding.give(one.points, until) if one.points > 0 else holding.take(-one.points, on)
            if movement is None:
                answers.append(short_of(-one.points, holding.spendable(on)))
                continue
            known.add(key)
            rows.append(
                entering.row_of(
                    n,
                    one.outlet_id,
                    None,
                    "adjustment",
                    movement,
                    _reason(one),
                    terms_id=version.id if one.points > 0 else None,
                    expires_on=until if one.points > 0 else None,
                )
            )
        answers.append(Redeemed(holding.spendable(on), repeated))
    await entering.enter(rows)
    return answers


def short_of(wanted: int, balance: int) -> InsufficientPoints:
    """Say how many points are missing."""
    return InsufficientPoints(balance_points=balance, missing_points=wanted - balance)


def _reason(one: Accrual | Redemption | Adjustment) -> Reason:
    return Reason(one.source_kind, one.source_id, one.rule, one.why, one.at)


class Expired(msgspec.Struct, frozen=True):
    """What one call of ``expire`` has ended."""

    lots: int
    points: int


async def expire(before: date, limit: int, at: datetime) -> Expired:
    """Let at most ``limit`` lots go whose last day is before a day, the oldest first. One statement.

    An outlet's unspent points of a lot leave by one entry. Called again until ``lots`` is less than the limit.
    """
    return Expired(*await queries.expire(before, limit, at))
