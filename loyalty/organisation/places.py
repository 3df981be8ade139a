"""Finding the plant, office and route that master data names, and making what is missing, unconfirmed."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from loyalty.organisation import queries


class Place(msgspec.Struct, frozen=True):
    """Where master data puts an outlet, by codes."""

    plant_code: str
    office_code: str | None
    route_code: str | None


class Located(msgspec.Struct, frozen=True):
    """The same by node ids."""

    plant_id: int
    office_id: int | None
    route_id: int | None


async def locate(many: Sequence[Place], at: datetime) -> dict[Place, Located]:
    """Find or make the nodes of every place. Set verb, at most four statements a kind.

    A route belongs to its office, or to the plant where no office is named. What is made is unconfirmed and waits for
    an administrator.
    """
    plants = await queries.ensure_plants(sorted({place.plant_code for place in many}), at)
    offices = await _children("office", {(plants[p.plant_code], p.office_code) for p in many}, at)
    office_of = {place: _found(offices, plants[place.plant_code], place.office_code) for place in many}
    routes = await _children("route", {(office_of[p] or plants[p.plant_code], p.route_code) for p in many}, at)
    return {
        place: Located(
            plants[place.plant_code],
            office_of[place],
            _found(routes, office_of[place] or plants[place.plant_code], place.route_code),
        )
        for place in many
    }


async def _children(kind: str, places: set[tuple[int, str | None]], at: datetime) -> dict[tuple[int, str], int]:
    named = sorted((parent_id, code) for parent_id, code in places if code is not None)
    return await queries.ensure_children(kind, named, at) if named else {}


def _found(nodes: dict[tuple[int, str], int], parent_id: int, code: str | None) -> int | None:
    return None if code is None else nodes[parent_id, code]
