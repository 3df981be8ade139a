"""What becomes of entitlements: free → held → redeemed, held → free, free → lapsed.

A redeemed one is free again where the order that used it up comes to nothing.
Set verbs, but for ``lapse`` and reads: RuntimeError outside a transaction, allotments locked in id order, then
entitlements. A hold outlives expiry: what is released after its end lapses at once. A unit goes back to its allotment
in the transaction that ends the right to it, and so once.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

import asyncpg
import msgspec

from loyalty import transactions
from loyalty.campaigns import allotments
from loyalty.customers import standings
from loyalty.customers.standings import MemberRef
from loyalty.events import outbox
from loyalty.events.outbox import Event
from loyalty.rewards.entitlements import queries
from loyalty.rewards.errors import EntitlementEnded, EntitlementHeld, EntitlementUnknown
from loyalty.rewards.types import registry

LAPSES_MAX = 2_000


class Entitlement(msgspec.Struct, frozen=True):
    """An entitlement as it stands."""

    id: int
    outlet_id: int
    member_id: int | None
    reward_id: int | None
    type: str
    name: str
    terms: str
    """JSON, as promised."""
    allotment_id: int | None
    source_kind: str
    source_id: str
    state: str
    granted_at: datetime
    expires_at: datetime
    held_by: str | None
    held_at: datetime | None
    ended_at: datetime | None

    @property
    def sentence(self) -> str:
        """Tell what it is good for."""
        return registry.sentence_of(self.type, self.terms)

    def state_at(self, at: datetime) -> str:
        """Tell its state as a member sees it: free ones whose time is over have lapsed, swept or not."""
        return "lapsed" if self.state == "free" and self.expires_at <= at else self.state


class Use(msgspec.Struct, frozen=True):
    """Something that an order, named by ``holder``, wants of an outlet's entitlement."""

    entitlement_id: int
    outlet_id: int
    holder: str
    at: datetime


Answer = Entitlement | EntitlementUnknown | EntitlementHeld | EntitlementEnded


def told(row: asyncpg.Record) -> Entitlement:
    """Give an entitlement from a row with the columns of ``queries.ENTITLEMENT``."""
    return Entitlement(**{name: row[name] for name in Entitlement.__struct_fields__})


async def of_member(member: MemberRef, before_id: int | None, limit: int) -> list[Entitlement]:
    """Read entitlements of the member's outlet, the latest first. Raises SessionEnded, BindingRequired."""
    async with transactions.reader():
        standing = await standings.require(member)
        return await of_outlet(standing.outlet_id, before_id, limit)


async def of_outlet(outlet_id: int, before_id: int | None, limit: int) -> list[Entitlement]:
    """Read entitlements of an outlet, the latest first. Needs a reader."""
    return [told(row) for row in await queries.of_outlet(outlet_id, before_id, limit)]


async def read(entitlement_ids: Collection[int]) -> list[Entitlement]:
    """Read entitlements by id: one statement, none for nothing. Needs a reader or a transaction."""
    return [told(row) for row in await queries.by_id(list(entitlement_ids))] if entitlement_ids else []


async def lock(entitlement_ids: Collection[int]) -> dict[int, Entitlement]:
    """Lock entitlements in id order and tell how they stand: nobody else moves one until we end. One statement."""
    if not entitlement_ids:
        return {}
    return {row["id"]: told(row) for row in await queries.lock(sorted(entitlement_ids))}


async def lock_allotments(entitlement_ids: Collection[int]) -> None:
    """Lock the allotments of entitlements that may be released, for callers that lock other things in between."""
    if entitlement_ids:
        await allotments.lock(await queries.allotments_of(sorted(entitlement_ids)))


async def hold(many: Sequence[Use]) -> list[Answer]:
    """Let orders hold entitlements until they are confirmed or cancelled. Who holds one already may again."""
    return await _change(many, "hold")


async def redeem(many: Sequence[Use]) -> list[Answer]:
    """Use up what orders hold, however late; a repeat by the same order finds it used and is fine."""
    return await _change(many, "redeem")


async def release(many: Sequence[Use]) -> list[Answer]:
    """Give back what orders hold or have used up: free again, or lapsed when its time is over; then its unit goes back.

    Used up ones are of orders that came to nothing, such as one that the hub confirmed and cancelled.
    """
    return await _change(many, "release")


async def _change(many: Sequence[Use], wish: str) -> list[Answer]:
    ids = sorted({one.entitlement_id for one in many})
    if not ids:
        return []
    if wish == "release":
        await allotments.lock(await queries.allotments_of(ids))
    rows = {row["id"]: row for row in await queries.lock(ids)}
    states = {entitlement_id: told(row) for entitlement_id, row in rows.items()}
    moved: dict[int, tuple[str, str | None, datetime]] = {}
    answers: list[Answer] = []
    for one in many:
        found = states.get(one.entitlement_id)
        if found is None or found.outlet_id != one.outlet_id:
            answers.append(EntitlementUnknown())
            continue
        verdict = _next(found, one, wish)
        if isinstance(verdict, tuple):
            moved[found.id] = (*verdict, one.at)
            states[found.id] = _moved(found, verdict, one.at)
            answers.append(states[found.id])
        else:
            answers.append(verdict)
    await _move(moved, rows, states)
    return answers


def _next(found: Entitlement, use: Use, wish: str) -> tuple[str, str | None] | Answer:
    """Give the state and holder that come next; the entitlement itself when nothing changes; or why not."""
    state = found.state_at(use.at)
    mine = found.held_by == use.holder
    released = ("lapsed" if found.expires_at <= use.at else "free", None)
    changes: dict[tuple[str, str, bool], tuple[str, str | None] | Entitlement] = {
        ("hold", "free", False): ("held", use.holder),
        ("hold", "held", True): found,
        ("redeem", "held", True): ("redeemed", use.holder),
        ("redeem", "redeemed", True): found,
        ("release", "held", True): released,
        ("release", "redeemed", True): released,
        ("release", "free", False): found,
        ("release", "lapsed", False): found,
    }
    change = changes.get((wish, state, mine))
    if change is not None:
        return change
    if state == "held":
        return EntitlementHeld()
    return EntitlementUnknown() if state == "free" else EntitlementEnded(state=state)


def _moved(found: Entitlement, verdict: tuple[str, str | None], at: datetime) -> Entitlement:
    """Tell how an entitlement stands once it is in a state, as the database will have it."""
    state, holder = verdict
    held_at = None if holder is None else found.held_at or at
    ended_at = at if state in {"redeemed", "lapsed"} else None
    return msgspec.structs.replace(found, state=state, held_by=holder, held_at=held_at, ended_at=ended_at)


_EVENTS = {"redeemed": "entitlement.redeemed", "lapsed": "entitlement.lapsed", "free": "entitlement.restored"}


async def _move(
    moved: dict[int, tuple[str, str | None, datetime]],
    rows: dict[int, asyncpg.Record],
    states: dict[int, Entitlement],
) -> None:
    if not moved:
        return
    await queries.move([(one, *moved[one]) for one in sorted(moved)])
    lapsed = [one for one in moved if moved[one][0] == "lapsed"]
    await allotments.give_back([one for one in (states[n].allotment_id for n in lapsed) if one is not None])
    await outbox.record(
        [
            Event(
                _EVENTS[moved[one][0]],
                rows[one]["outlet_code"],
                moved[one][2],
                {"entitlement_id": str(one), "reward_type": states[one].type, "by": moved[one][1]},
            )
            for one in sorted(moved)
            if moved[one][0] in {"redeemed", "lapsed"} or rows[one]["state"] == "redeemed"
        ]
    )


async def lapse(at: datetime, limit: int = LAPSES_MAX) -> int:
    """Let free entitlements lapse whose time is over, the oldest first; return how many. Entry verb.

    Called again until it returns less than the limit.
    """
    async with transactions.begin():
        ids = await queries.due(at, limit)
        if not ids:
            return 0
        await allotments.lock(await queries.allotments_of(ids))
        rows = {row["id"]: row for row in await queries.lock(ids)}
        states = {one: told(row) for one, row in rows.items()}
        moved: dict[int, tuple[str, str | None, datetime]] = {
            one: ("lapsed", None, at)
            for one, found in states.items()
            if found.state == "free" and found.state_at(at) == "lapsed"
        }
        await _move(moved, rows, states)
        return len(moved)
