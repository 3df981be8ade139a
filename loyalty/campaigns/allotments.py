"""Allotments: units set aside, taken one by one until none is left, and given back when what was granted lapses.

Set verbs: RuntimeError outside a transaction, allotments locked in id order, before any points account.
"""

from collections import Counter
from collections.abc import Collection, Sequence

import msgspec

from loyalty.campaigns import queries
from loyalty.campaigns.errors import UnitsInvalid

UNITS_MAX = 10_000_000


class Allotment(msgspec.Struct, frozen=True):
    """Units of one purpose."""

    id: int
    purpose: str
    units_total: int
    units_free: int
    units_returned: int

    @property
    def units_taken(self) -> int:
        """Tell how many somebody holds or has used."""
        return self.units_total - self.units_free - self.units_returned


async def lock(allotment_ids: Collection[int]) -> dict[int, Allotment]:
    """Lock allotments in id order, and tell how they stand: nobody else moves a unit until we end. One statement."""
    if not allotment_ids:
        return {}
    return {row["id"]: Allotment(**row) for row in await queries.lock_allotments(list(allotment_ids))}


async def read(allotment_ids: Collection[int]) -> dict[int, Allotment]:
    """Tell how allotments stand. Needs a reader."""
    if not allotment_ids:
        return {}
    return {row["id"]: Allotment(**row) for row in await queries.allotments(list(allotment_ids))}


async def take(many: Sequence[int]) -> list[bool]:
    """Take a free unit of the allotment that each item names; False where none was left. Two statements."""
    found = await lock(set(many))
    free = {one.id: one.units_free for one in found.values()}
    answers: list[bool] = []
    for allotment_id in many:
        answers.append(free.get(allotment_id, 0) > 0)
        if answers[-1]:
            free[allotment_id] -= 1
    taken = [(one, free[one] - found[one].units_free) for one in found]
    changes = [(one, 0, moved, 0) for one, moved in taken if moved]
    if changes:
        await queries.move_units(changes)
    return answers


async def give_back(many: Sequence[int]) -> None:
    """Give a unit back to the allotment that each item names: it waits for the waiting list first. Two statements.

    Each unit is given back once: the caller does it in the statement's transaction that ends the right to it.
    """
    counts = Counter(many)
    if counts:
        await lock(set(counts))
        await queries.move_units([(one, 0, 0, units) for one, units in sorted(counts.items())])


async def free_returned(allotment_id: int) -> int:
    """Let everybody have the returned units for which nobody waits; return how many."""
    one = (await lock([allotment_id])).get(allotment_id)
    units = 0 if one is None else one.units_returned
    if units:
        await queries.move_units([(allotment_id, 0, units, -units)])
    return units


async def make(purpose: str, units: int) -> int:
    """Set units aside; return the allotment's id. Raises UnitsInvalid."""
    _require(units, 0)
    return await queries.add_allotment(purpose, units)


async def resize(allotment_id: int, units_total: int) -> Allotment:
    """Set another total, never fewer than are taken; return the old state. Raises UnitsInvalid."""
    old = (await lock([allotment_id]))[allotment_id]
    _require(units_total, old.units_taken + old.units_returned)
    change = units_total - old.units_total
    if change:
        await queries.move_units([(allotment_id, change, change, 0)])
    return old


def _require(units: int, units_min: int) -> None:
    if not units_min <= units <= UNITS_MAX:
        raise UnitsInvalid(field="units_total", units_min=units_min, units_max=UNITS_MAX)
