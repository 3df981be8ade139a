"""What becomes of entries later: pending points released or cancelled, earned ones taken back, spent ones given back.

Set verbs, with the promises of ``ledger``: at most eight statements however many items.
"""

from collections.abc import Sequence
from datetime import date, datetime

import asyncpg
import msgspec

from loyalty.campaigns import campaigns
from loyalty.clock import business_date
from loyalty.points import entering, holdings, queries, rules
from loyalty.points.entering import Based, Reason, Source
from loyalty.points.errors import AlreadyReleased, SourceUnknown
from loyalty.points.holdings import Holding
from loyalty.points.queries import EntryRow
from loyalty.points.rules import EXPIRY
from loyalty.rulebooks import rulebooks
from loyalty.units import share_rounded_half_up


class Settlement(msgspec.Struct, frozen=True):
    """What is to become of the pending points of a document."""

    source_kind: str
    source_id: str
    why: str
    at: datetime


class Reversal(msgspec.Struct, frozen=True):
    """A share of a document's points that goes back, because so much of it has gone back until now.

    ``numerator / denominator`` is all that has gone back so far, this time included, so roundings never add up. The
    reversal has a document of its own, such as the return of one order line.
    """

    of_kind: str
    of_id: str
    numerator: int
    denominator: int
    source_kind: str
    source_id: str
    why: str
    at: datetime


class Settled(msgspec.Struct, frozen=True):
    """How many points this item moved, from where, and what can be spent after it."""

    points: int
    from_pending: int
    owed: int
    """What was missing and is owed; for a refund, what of it repaid a debt."""
    balance_points: int
    repeated: bool


class _State:
    """How far an entry is settled, kept up while a call works through its items."""

    __slots__ = ("pending_left", "released", "released_into", "reversed")

    def __init__(self, base: Based, row: asyncpg.Record | None) -> None:
        self.pending_left: int = base.pending_change + (0 if row is None else row["pending_change"])
        self.released: bool = row is not None and row["released"]
        self.released_into: date | None = None if row is None else row["released_into"]
        self.reversed: int = 0 if row is None else row["reversed"]


class _Desk:
    """What the verbs of this module work on: entries by document, their state, and what their outlets hold."""

    def __init__(self, known: dict[tuple[str, Source], Based], held: dict[int, Holding]) -> None:
        self.known = known
        self.reversed = {source for kind, source in known if kind == "reversal"}
        """Documents that have made their reversal; this call's own too, so that a repeat in it finds them."""
        self.held = held
        self.states: dict[int, _State] = {}
        self.rows: list[EntryRow] = []
        self.given_back: dict[int, int] = {}

    def earned(self, source: Source) -> Based | None:
        """Give the entry that promised or paid a document's points."""
        return self.known.get(("pending", source)) or self.known.get(("accrual", source))


async def _prepared(kinds: Sequence[str], sources: Sequence[Source]) -> _Desk:
    """Read the entries of documents, lock their campaigns and accounts, read how far they are settled."""
    found = await entering.entered(kinds, sources)
    await campaigns.lock([one.campaign_id for one in found.values() if one.campaign_id is not None])
    held = await entering.lock([one.outlet_id for one in found.values()])
    # Again, now that nobody else can enter anything for these outlets.
    known = await entering.entered(kinds, sources)
    desk = _Desk({key: one for key, one in known.items() if one.outlet_id in held}, held)
    bases = {one.id: one for one in desk.known.values() if one.of_entry_id is None}
    settled = {row["entry_id"]: row for row in await queries.settling(list(bases))} if bases else {}
    desk.states = {entry_id: _State(base, settled.get(entry_id)) for entry_id, base in bases.items()}
    return desk


async def _stored(desk: _Desk) -> None:
    await entering.enter(desk.rows)
    await campaigns.give_back(list(desk.given_back.items()))


async def release(many: Sequence[Settlement]) -> list[Settled | SourceUnknown]:
    """Pay what is still pending of documents: repay what is owed, fill a lot by the terms that were promised."""
    desk = await _prepared(["pending", "accrual"], [(one.source_kind, one.source_id) for one in many])
    terms = {row.terms_id for row in desk.known.values()}
    bodies = await rulebooks.by_id(EXPIRY, [one for one in terms if one is not None])
    answers: list[Settled | SourceUnknown] = []
    for n, one in enumerate(many):
        source = (one.source_kind, one.source_id)
        base = desk.known.get(("pending", source))
        if base is None:
            answers.append(SourceUnknown())
            continue
        holding, state, on = desk.held[base.outlet_id], desk.states[base.id], business_date(one.at)
        # A document that was paid at once, whoever promised it besides, is not paid again.
        repeated = state.released or ("accrual", source) in desk.known
        points = 0 if repeated else state.pending_left
        owed = 0
        if points:
            until = rules.expires_on(bodies[base.terms_id].body, on)
            movement = holding.give(points, until, -points)
            owed = movement.owed_change
            state.pending_left, state.released, state.released_into = 0, True, until
            reason = Reason(*source, base.rule, one.why, one.at)
            desk.rows.append(
                entering.row_of(
                    n,
                    base.outlet_id,
                    None,
                    "accrual",
                    movement,
                    reason,
                    of=base,
                    terms_id=base.terms_id,
                    campaign_id=base.campaign_id,
                    expires_on=until,
                )
            )
        answers.append(Settled(points, points, -owed, holding.spendable(on), repeated))
    await _stored(desk)
    return answers


async def cancel(many: Sequence[Settlement]) -> list[Settled | SourceUnknown | AlreadyReleased]:
    """Drop what is still pending of documents. Points that have arrived are reversed instead: AlreadyReleased."""
    desk = await _prepared(["pending", "reversal"], [(one.source_kind, one.source_id) for one in many])
    answers: list[Settled | SourceUnknown | AlreadyReleased] = []
    for n, one in enumerate(many):
        source = (one.source_kind, one.source_id)
        base = desk.known.get(("pending", source))
        if base is None:
            answers.append(SourceUnknown())
            continue
        holding, state, on = desk.held[base.outlet_id], desk.states[base.id], business_date(one.at)
        if state.released:
            answers.append(AlreadyReleased())
            continue
        repeated = source in desk.reversed
        points = 0 if repeated else state.pending_left
        if points:
            _take_back(desk, n, base, points, Reason(*source, base.rule, one.why, one.at))
        answers.append(Settled(points, points, 0, holding.spendable(on), repeated))
    await _stored(desk)
    return answers


async def reverse(many: Sequence[Reversal]) -> list[Settled | SourceUnknown]:
    """Take earned points back, in the share that has gone back so far.

    From the document's pending points first, then from the lot that it filled, then from others soonest first; what is
    missing is owed and repaid by whatever comes next.
    """
    sources = [source for one in many for source in ((one.of_kind, one.of_id), (one.source_kind, one.source_id))]
    desk = await _prepared(["pending", "accrual", "reversal"], sources)
    answers: list[Settled | SourceUnknown] = []
    for n, one in enumerate(many):
        base = desk.earned((one.of_kind, one.of_id))
        if base is None:
            answers.append(SourceUnknown())
            continue
        holding, state, on = desk.held[base.outlet_id], desk.states[base.id], business_date(one.at)
        source = (one.source_kind, one.source_id)
        repeated = source in desk.reversed
        total = base.pending_change or base.points
        points = _due(total, one, state) if not repeated else 0
        from_pending = owed = 0
        if points:
            row = _take_back(desk, n, base, points, Reason(*source, base.rule, one.why, one.at))
            from_pending, owed = -row.pending_change, row.owed_change
        answers.append(Settled(points, from_pending, owed, holding.spendable(on), repeated))
    await _stored(desk)
    return answers


async def refund(many: Sequence[Reversal]) -> list[Settled | SourceUnknown]:
    """Give spent points back, in the share that has gone back so far, to the lots that they came from.

    They keep their last day; where that has passed they live for the days of grace that hold on the day of the refund.
    What the outlet owes is repaid first.
    """
    terms = await rulebooks.in_force(EXPIRY, (business_date(one.at) for one in many)) if many else {}
    sources = [source for one in many for source in ((one.of_kind, one.of_id), (one.source_kind, one.source_id))]
    desk = await _prepared(["redemption", "reversal"], sources)
    answers: list[Settled | SourceUnknown] = []
    for n, one in enumerate(many):
        base = desk.known.get(("redemption", (one.of_kind, one.of_id)))
        if base is None:
            answers.append(SourceUnknown())
            continue
        holding, state, on = desk.held[base.outlet_id], desk.states[base.id], business_date(one.at)
        source = (one.source_kind, one.source_id)
        repeated = source in desk.reversed
        points = _due(-base.points, one, state) if not repeated else 0
        owed = 0
        if points:
            grace = terms[on].body.grace_days
            back = holdings.unspent(base.lots, state.reversed, points)
            movement = holding.fill([(rules.refund_on(day, on, grace), part) for day, part in back])
            owed = -movement.owed_change
            state.reversed += points
            rule = EXPIRY.name(terms[on].id)
            row = entering.row_of(
                n, base.outlet_id, None, "reversal", movement, Reason(*source, rule, one.why, one.at), of=base
            )
            desk.rows.append(row)
            desk.reversed.add(source)
        answers.append(Settled(points, 0, owed, holding.spendable(on), repeated))
    await _stored(desk)
    return answers


def _due(total: int, one: Reversal, state: _State) -> int:
    """Tell what is to go back now: the rounded share so far less what went back before, never less than nothing."""
    return max(share_rounded_half_up(total, one.numerator, one.denominator) - state.reversed, 0)


def _take_back(desk: _Desk, n: int, base: Based, points: int, reason: Reason) -> EntryRow:
    """Take points of an entry back and note it."""
    state, on = desk.states[base.id], business_date(reason.at)
    filled = state.released_into if base.kind == "pending" else base.expires_on
    movement = desk.held[base.outlet_id].take_back(points, state.pending_left, filled, on)
    state.pending_left += movement.pending_change
    state.reversed += points
    row = entering.row_of(n, base.outlet_id, None, "reversal", movement, reason, of=base, campaign_id=base.campaign_id)
    if base.campaign_id is not None:
        desk.given_back[base.campaign_id] = desk.given_back.get(base.campaign_id, 0) + points
    desk.rows.append(row)
    desk.reversed.add((reason.source_kind, reason.source_id))
    return row
