"""How verbs that decide in Python get at accounts and store what they decided: lock, read, move, enter."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any

import msgspec

from loyalty.points import locks, queries
from loyalty.points.holdings import Holding, Lots, Movement, lots_of
from loyalty.points.queries import EntryRow

Source = tuple[str, str]
"""The kind and id of the document that an entry is made for."""


class Based(msgspec.Struct, frozen=True):
    """An entry that is in the ledger."""

    id: int
    outlet_id: int
    kind: str
    points: int
    owed_change: int
    pending_change: int
    expires_on: date | None
    lot_dates: tuple[date, ...] | None
    lot_points: tuple[int, ...] | None
    source_kind: str
    source_id: str
    rule: str
    terms_id: int | None
    campaign_id: int | None
    of_entry_id: int | None

    @property
    def source(self) -> Source:
        """Name its document."""
        return self.source_kind, self.source_id

    @property
    def lots(self) -> Lots:
        """Tell the lots that it moved, signed, soonest first."""
        return lots_of(self.points + self.owed_change, self.expires_on, self.lot_dates, self.lot_points)


class Reason(msgspec.Struct, frozen=True, gc=False):
    """Why an entry is made: its document, the rule that gave the number, a sentence for the member, and when."""

    source_kind: str
    source_id: str
    rule: str
    why: str
    at: datetime


async def lock(outlet_ids: Collection[int], *, ensure: bool = False) -> dict[int, Holding]:
    """Lock the accounts of outlets, made first where ``ensure`` asks for it, and read what they hold.

    Every outlet asked for is in the answer; one without an account holds nothing and nothing may be entered for it.
    """
    wanted = list(set(outlet_ids))
    if not wanted:
        return {}
    if ensure:
        await locks.ensure_accounts(wanted)
    held = {outlet_id: Holding() for outlet_id in wanted}
    locked = await locks.lock_accounts(wanted)
    for row in locked:
        held[row["outlet_id"]] = Holding(row["owed"], row["pending"])
    # Not those of an account that was made since: it is not locked.
    for row in await queries.lots([row["outlet_id"] for row in locked]):
        held[row["outlet_id"]].lots[row["expires_on"]] = row["points_left"]
    return held


async def entered(kinds: Sequence[str], sources: Sequence[Source]) -> dict[tuple[str, Source], Based]:
    """Read the entries of some kinds for documents: (entry kind, source) → entry."""
    if not sources:
        return {}
    found = [
        Based(**{name: _tupled(row[name]) for name in Based.__struct_fields__})
        for row in await queries.entered(kinds, list(set(sources)))
    ]
    return {(one.kind, one.source): one for one in found}


def _tupled(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def row_of(
    n: int,
    outlet_id: int,
    member_id: int | None,
    kind: str,
    movement: Movement,
    reason: Reason,
    *,
    of: Based | None = None,
    terms_id: int | None = None,
    campaign_id: int | None = None,
    expires_on: date | None = None,
) -> EntryRow:
    """Give a movement as an entry's row. ``expires_on`` names the lot even where all of it repaid what was owed."""
    several = len(movement.lots) > 1
    one = movement.lots[0][0] if len(movement.lots) == 1 else expires_on
    return EntryRow(
        n,
        outlet_id,
        member_id,
        kind,
        movement.points,
        movement.owed_change,
        movement.pending_change,
        None if several else one,
        tuple(day for day, _ in movement.lots) if several else None,
        tuple(points for _, points in movement.lots) if several else None,
        reason.source_kind,
        reason.source_id,
        reason.rule,
        reason.why,
        reason.at,
        None if of is None else of.id,
        campaign_id,
        terms_id,
    )


async def enter(rows: Sequence[EntryRow]) -> None:
    """Store entries of locked accounts with what they move: one statement."""
    if rows:
        await queries.enter(rows)
