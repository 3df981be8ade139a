"""Finding the plant, office and route that master data names, and making what is missing, unconfirmed."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from loyalty.organisation import locks, queries, rules
from loyalty.organisation.rules import Kind

MADE_BY = "outlet rows"


class Place(msgspec.Struct, frozen=True):
    """Where master data puts an outlet or a staff member, by codes."""

    plant_code: str
    office_code: str | None
    route_code: str | None


class Located(msgspec.Struct, frozen=True):
    """The same by node ids."""

    plant_id: int
    office_id: int | None
    route_id: int | None

    @property
    def node_id(self) -> int:
        """Tell the lowest of them."""
        return self.route_id or self.office_id or self.plant_id


async def locate(many: Sequence[Place], at: datetime, by: str = MADE_BY) -> dict[Place, Located]:
    """Find or make the nodes of every place. Set verb: one statement a kind, three more where something is missing.

    A route belongs to its office, or to the plant where no office is named. What is made is unconfirmed and waits for
    an administrator, who sees ``by``; a new plant hangs under the root.
    """
    plants = await ensure_named("plant", sorted({place.plant_code for place in many}), at, by)
    offices = await ensure_children("office", {(plants[p.plant_code], p.office_code) for p in many}, at, by)
    office_of = {place: _found(offices, plants[place.plant_code], place.office_code) for place in many}
    routes = await ensure_children(
        "route", {(office_of[p] or plants[p.plant_code], p.route_code) for p in many}, at, by
    )
    return {
        place: Located(
            plants[place.plant_code],
            office_of[place],
            _found(routes, office_of[place] or plants[place.plant_code], place.route_code),
        )
        for place in many
    }


async def ensure_root(at: datetime) -> int:
    """Find or make the root, under which everything hangs. Set verb."""
    found = await queries.find_root()
    if found is None:
        await queries.insert_root(rules.ROOT_CODE, rules.ROOT_NAME, at)
        found = await queries.find_root()
    if found is None:
        raise RuntimeError("there is no root, and none could be made")
    return found


async def ensure_named(kind: Kind, codes: Sequence[str], at: datetime, by: str) -> dict[str, int]:
    """Find plants or groups by code, making unconfirmed ones under the root where missing. Set verb."""
    found = await queries.find_named(kind, codes)
    missing = sorted(set(codes) - set(found))
    if missing:
        root = await ensure_root(at)
        await _make(kind, [(root, code) for code in missing], at, by)
        found = await queries.find_named(kind, codes)
    return found


async def ensure_children(
    kind: Kind, places: set[tuple[int, str | None]], at: datetime, by: str
) -> dict[tuple[int, str], int]:
    """Find offices or routes by (parent id, code), making unconfirmed ones where missing. Set verb."""
    named = sorted((parent_id, code) for parent_id, code in places if code is not None)
    found = await queries.find_children(kind, named) if named else {}
    missing = [place for place in named if place not in found]
    if missing:
        await _make(kind, missing, at, by)
        found = await queries.find_children(kind, named)
    return found


async def _make(kind: Kind, places: Sequence[tuple[int, str]], at: datetime, by: str) -> None:
    await locks.lock_parents(sorted({parent_id for parent_id, _ in places}))
    # The code stands for the name until somebody gives one.
    await queries.insert_nodes(kind, [(parent_id, code, code) for parent_id, code in places], None, at, by)


def _found(nodes: dict[tuple[int, str], int], parent_id: int, code: str | None) -> int | None:
    return None if code is None else nodes[parent_id, code]
