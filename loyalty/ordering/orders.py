"""Placing orders: a quote becomes an order, what it needs is held, and the hub is told, for many members at once."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime

import asyncpg
import msgspec

from loyalty import transactions
from loyalty.catalogue.shelves import Shelves
from loyalty.customers import standings
from loyalty.customers.standings import MemberRef, Standing
from loyalty.errors import IdempotencyKeyReused, Refusal, TryAgain
from loyalty.ordering import documents, queries
from loyalty.ordering.documents import Gift, Invoice, NewOrder, holder_of, number_of
from loyalty.ordering.errors import (
    OrderMaximum,
    OrderMinimum,
    PaymentNotAllowed,
    PriceChanged,
    QuoteUnknown,
    QuoteUsed,
)
from loyalty.ordering.queries import PlaceKey
from loyalty.ordering.rules import Payment, Wish
from loyalty.ordering.working_out import Ask, QuoteBody, QuoteRequest, Worked, worked_out
from loyalty.rewards.entitlements import entitlements
from loyalty.rewards.entitlements.entitlements import Entitlement, Use
from loyalty.rewards.errors import EntitlementEnded, EntitlementHeld, EntitlementUnknown
from loyalty.rewards.types import registry

_AGAINST: dict[str, type[Refusal]] = {one.code: one for one in (PaymentNotAllowed, OrderMinimum, OrderMaximum)}


class Placing(msgspec.Struct, frozen=True):
    """A member's wish to order what they were quoted."""

    member: MemberRef
    key: str
    input_hash: bytes
    quote_id: int
    invoice: Invoice | None
    note: str
    at: datetime


class Placed(msgspec.Struct, frozen=True):
    """An order that was placed."""

    number: str
    status: str
    deliver_on: date
    payment: Payment
    total_fen: int
    cut_off_at: datetime
    placed_at: datetime
    joins: str | None
    repeated: bool


class _Wish(msgspec.Struct, frozen=True):
    """An order that nothing but its entitlements can stand against."""

    n: int
    asked: Placing
    standing: Standing
    order_id: int
    number: str
    payment: Payment
    deliver_on: date
    body: QuoteBody

    @property
    def entitlement_ids(self) -> list[int]:
        priced = self.body.priced
        of_lines = [line.entitlement_id for line in priced.lines if line.entitlement_id is not None]
        return [*of_lines, *priced.gift_ids, *(() if priced.coupon_id is None else (priced.coupon_id,))]


async def place(shelves: Shelves, many: Sequence[Placing]) -> list[Placed | Refusal]:
    """Place orders as they were quoted. Entry verb for a batch: at most six statements while quotes hold.

    Locks outlets, then entitlements, each in id order. A quote is honoured until it ends; after that, or when the order
    that it joins has gone, it is worked out anew (four statements more, one for each shelf not kept) and honoured if
    nothing has changed. Refusals: SessionEnded, BindingRequired, IdempotencyKeyReused, QuoteUnknown, QuoteUsed,
    PriceChanged, PaymentNotAllowed, OrderMinimum, OrderMaximum, EntitlementHeld, EntitlementEnded, what working out
    refuses, TryAgain. Nothing of a refused order is held or kept.
    """
    settled: dict[int, Placed | Refusal] = {}
    async with transactions.begin():
        found = await standings.lock([one.member for one in many])
        keys = [PlaceKey(n, one.member.id, one.key, one.quote_id) for n, one in enumerate(many)]
        states = await queries.place_states(keys)
        wishes, stale = _wishes(many, found, states, settled)
        if stale:
            wishes += await _worked_anew(shelves, stale, settled)
            wishes.sort(key=lambda one: one.n)
        if wishes:
            await _store(wishes, settled)
    return [settled[n] if n in settled else TryAgain() for n in range(len(many))]


def _wishes(
    many: Sequence[Placing],
    found: Sequence[Standing | Refusal],
    states: Sequence[asyncpg.Record],
    settled: dict[int, Placed | Refusal],
) -> tuple[list[_Wish], list[_Wish]]:
    """Settle repeats and what cannot be; give the others: those whose quote holds, and those to work out anew."""
    holding: list[_Wish] = []
    stale: list[_Wish] = []
    seen: set[int] = set()
    for n, (one, standing, state) in enumerate(zip(many, found, states, strict=True)):
        verdict = _known(one, standing, state)
        if not isinstance(verdict, Standing):
            settled[n] = verdict
        elif one.quote_id not in seen:
            # Of one quote twice in a call the second tries again, and then finds what the first has made.
            seen.add(one.quote_id)
            body = msgspec.json.decode(state["body"], type=QuoteBody)
            wish = _Wish(
                n,
                one,
                verdict,
                state["next_id"],
                number_of(state["next_id"], one.at),
                state["payment"],
                state["deliver_on"],
                body,
            )
            is_open = one.at < state["expires_at"] and (body.joins is None or state["joins_is_open"])
            (holding if is_open else stale).append(wish)
    return [one for one in holding if _stands(one, settled)], stale


def _known(one: Placing, standing: Standing | Refusal, state: asyncpg.Record) -> Standing | Placed | Refusal:
    """Give the standing of who may go on, what their key has made before, or why they may not."""
    if not isinstance(standing, Standing):
        return standing
    if state["key_number"] is not None:
        same = (state["key_outlet_id"], state["input_hash"]) == (standing.outlet_id, one.input_hash)
        return _repeat(state) if same else IdempotencyKeyReused()
    if state["body"] is None or state["quoted_outlet_id"] != standing.outlet_id:
        return QuoteUnknown()
    if state["quote_number"] is not None:
        return QuoteUsed(number=state["quote_number"])
    return standing


def _repeat(state: asyncpg.Record) -> Placed:
    return Placed(
        state["key_number"],
        state["key_status"],
        state["key_deliver_on"],
        state["key_payment"],
        state["key_total_fen"],
        state["key_cut_off_at"],
        state["key_placed_at"],
        state["key_joins"],
        repeated=True,
    )


def _stands(one: _Wish, settled: dict[int, Placed | Refusal]) -> bool:
    against = one.body.against
    if against is not None:
        settled[one.n] = _AGAINST[against.code](**against.data)
    return against is None


async def _worked_anew(shelves: Shelves, stale: Sequence[_Wish], settled: dict[int, Placed | Refusal]) -> list[_Wish]:
    """Work out what quotes that have ended would come to now; give those that come to the same."""
    asks = []
    for one in stale:
        priced = one.body.priced
        others = (*priced.gift_ids, *(() if priced.coupon_id is None else (priced.coupon_id,)))
        lines = tuple(Wish(line.product_id, line.cases, line.entitlement_id) for line in priced.lines)
        asked = one.asked
        request = QuoteRequest(
            asked.member, asked.key, asked.input_hash, lines, others, one.payment, one.deliver_on, asked.at
        )
        asks.append(Ask(one.n, request, one.standing))
    worked = await worked_out(shelves, asks)
    same: list[_Wish] = []
    for one in stale:
        answer = worked[one.n]
        if isinstance(answer, Refusal):
            settled[one.n] = answer
        elif answer.body.priced != one.body.priced:
            settled[one.n] = _changed(one.body, answer)
        else:
            anew = msgspec.structs.replace(one, body=answer.body)
            if _stands(anew, settled):
                same.append(anew)
    return same


def _changed(old: QuoteBody, new: Worked) -> PriceChanged:
    lines = [
        {
            "product_id": str(after.product_id),
            "name": after.name,
            "was_fen": before.amount_fen,
            "now_fen": after.amount_fen,
        }
        for before, after in zip(old.priced.lines, new.body.priced.lines, strict=True)
        if before.amount_fen != after.amount_fen
    ]
    return PriceChanged(was_fen=old.priced.total_fen, total_fen=new.body.priced.total_fen, lines=lines)


async def _store(wishes: Sequence[_Wish], settled: dict[int, Placed | Refusal]) -> None:
    """Hold what orders need, and store those that get it whole."""
    locked = await entitlements.lock({each for one in wishes for each in one.entitlement_ids})
    taken: set[int] = set()
    granted: list[_Wish] = []
    for one in wishes:
        refusal = _short_of(one, locked, taken)
        if refusal is None:
            taken.update(one.entitlement_ids)
            granted.append(one)
        else:
            settled[one.n] = refusal
    if not granted:
        return
    await entitlements.hold(
        [
            Use(each, one.standing.outlet_id, holder_of(one.number), one.asked.at)
            for one in granted
            for each in one.entitlement_ids
        ]
    )
    await documents.store([_document(one, _gifts(one, locked)) for one in granted])
    for one in granted:
        settled[one.n] = _placed(one)


def _short_of(one: _Wish, locked: Mapping[int, Entitlement], taken: Collection[int]) -> Refusal | None:
    """Tell which refusal the first entitlement that cannot be held gives."""
    for each in one.entitlement_ids:
        found = locked.get(each)
        if found is None or found.outlet_id != one.standing.outlet_id:
            return EntitlementUnknown()
        state = found.state_at(one.asked.at)
        if state == "held" or (each in taken and state == "free"):
            return EntitlementHeld()
        if state != "free":
            return EntitlementEnded(state=state)
    return None


def _gifts(one: _Wish, locked: Mapping[int, Entitlement]) -> list[Gift]:
    found = []
    for each in one.body.priced.gift_ids:
        held = locked[each]
        terms = registry.terms_of(held.type, held.terms)
        found.append(Gift(each, held.name, terms.item_code, terms.item_name, terms.quantity, terms.unit))
    return found


def _document(one: _Wish, gifts: Sequence[Gift]) -> NewOrder:
    return NewOrder(
        one.order_id,
        one.number,
        one.standing,
        one.asked.quote_id,
        one.body.joins,
        None,
        one.payment,
        one.deliver_on,
        one.body.cut_off_at,
        one.asked.invoice,
        one.asked.note,
        one.body.priced,
        gifts,
        one.asked.key,
        one.asked.input_hash,
        one.asked.at,
    )


def _placed(one: _Wish) -> Placed:
    return Placed(
        one.number,
        "placed",
        one.deliver_on,
        one.payment,
        one.body.priced.total_fen,
        one.body.cut_off_at,
        one.asked.at,
        None if one.body.joins is None else one.body.joins.number,
        repeated=False,
    )
