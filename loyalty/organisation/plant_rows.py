"""Plants as master data brings them, with their offices and routes."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from loyalty import transactions
from loyalty.errors import TryAgain
from loyalty.organisation import audit, locks, places, queries, tree
from loyalty.organisation.audit import Actor, AuditEntry
from loyalty.organisation.rules import Kind
from loyalty.rows import Applied, Code, Name, Outcome, RowFault, clean, firsts, repeated

OFFICES_MAX = 200
ROUTES_MAX = 500
NODES_MAX = 60_000
"""Of all rows of a call, so that its one transaction ends within seconds."""
MOVED_BECAUSE = "系统主数据"


class RoutePart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A route, inside the office or the plant that it belongs to."""

    code: Code
    name: Name | UnsetType = UNSET


Routes = Annotated[list[RoutePart], Meta(max_length=ROUTES_MAX)]


class OfficePart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An office of a plant, with the routes that are to be named."""

    code: Code
    name: Name | UnsetType = UNSET
    routes: Routes | UnsetType = UNSET


class PlantRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One plant as master data sends it. An absent field stays as it is; offices and routes not named stay too."""

    code: Code
    name: Name | UnsetType = UNSET
    group_code: Code | UnsetType = UNSET
    offices: Annotated[list[OfficePart], Meta(max_length=OFFICES_MAX)] | UnsetType = UNSET
    routes: Routes | UnsetType = UNSET


class _Named(msgspec.Struct, frozen=True):
    """A node that a row names: where it hangs, and what it is called, if that is said."""

    number: int
    parent_id: int
    code: str
    name: str | None


class _Settled(msgspec.Struct, frozen=True):
    """Nodes that are there now: by parent and code, and those of them that were there before, as they are named."""

    ids: dict[tuple[int, str], int]
    before: dict[int, _Named]
    made: list[_Named]


async def put(rows: Sequence[tuple[int, PlantRow]], actor: Actor, at: datetime) -> Applied:
    """Apply master data, row by row, each numbered by its place in the call.

    Entry verb; one call at a time, and no move by hand meanwhile. What is named is confirmed. A new plant hangs under
    the root unless the row names a group; another group is where the plant hangs from now on, and an unknown one is
    made, unconfirmed. Offices and routes that a row does not name stay. Rows past NODES_MAX are refused. Raises
    TryAgain.
    """
    outcome = Outcome()
    wanted: list[tuple[int, PlantRow]] = []
    nodes = 0
    for number, row in sorted(firsts(rows, lambda row: row.code, "code", outcome), key=lambda one: one[0]):
        nodes += 1 + sum(1 + len(office.routes or []) for office in row.offices or []) + len(row.routes or [])
        if (field := _repeated(row)) is not None:
            outcome.reject(number, RowFault(field, "duplicate_row"))
        elif nodes > NODES_MAX:
            outcome.reject(number, RowFault("offices", "out_of_range"))
        else:
            wanted.append((number, row))
    if not wanted:
        return outcome.applied
    async with transactions.begin():
        await locks.lock_tree()
        root = await places.ensure_root(at)
        named = sorted({row.group_code for _, row in wanted if row.group_code is not UNSET})
        groups = await places.ensure_named("group", named, at, actor.text) if named else {}
        above = {row.code: root if row.group_code is UNSET else groups[row.group_code] for _, row in wanted}
        kinds = await _settle_all(wanted, above, actor, at)
        plants = kinds[0]
        before = {node_id: one for kind in kinds for node_id, one in kind.before.items()}
        states = {state["id"]: state for state in await locks.lock_named(sorted(before))}
        names = {
            node_id: one.name or states[node_id]["name"]
            for node_id, one in before.items()
            if one.name not in {None, states[node_id]["name"]} or states[node_id]["confirmed_at"] is None
        }
        if names:
            await locks.name_nodes(sorted(names.items()), at)
        grouped = {row.code for _, row in wanted if row.group_code is not UNSET}
        moves = {
            node_id: one
            for node_id, one in plants.before.items()
            if one.code in grouped and states[node_id]["parent_id"] != one.parent_id
        }
        for node_id, one in sorted(moves.items()):
            await tree.hang(node_id, one.parent_id, [root], actor, MOVED_BECAUSE, at)
        new = {one.number for one in plants.made}
        changed = {before[node_id].number for node_id in [*names, *moves]}
        changed |= {one.number for kind in kinds for one in kind.made}
        for number, _ in wanted:
            outcome.count(is_new=number in new, is_changed=number in changed)
        if changed:
            await _record(outcome, sum(len(kind.made) for kind in kinds), len(names), actor, at)
    return outcome.applied


def _repeated(row: PlantRow) -> str | None:
    offices = row.offices or []
    if (place := repeated(office.code for office in offices)) is not None:
        return f"offices[{place}].code"
    for n, office in enumerate(offices):
        if (place := repeated(route.code for route in office.routes or [])) is not None:
            return f"offices[{n}].routes[{place}].code"
    place = repeated(route.code for route in row.routes or [])
    return None if place is None else f"routes[{place}].code"


async def _settle_all(
    wanted: Sequence[tuple[int, PlantRow]], above: dict[str, int], actor: Actor, at: datetime
) -> tuple[_Settled, _Settled, _Settled]:
    """Make what is missing of plants, offices and routes, in this order."""
    known = await queries.find_named("plant", [row.code for _, row in wanted])
    plants = await _settle(
        "plant",
        [_Named(number, above[row.code], row.code, _name(row)) for number, row in wanted],
        {(above[code], code): node_id for code, node_id in known.items()},
        actor,
        at,
    )

    def plant_id(row: PlantRow) -> int:
        return plants.ids[above[row.code], row.code]

    named = [
        _Named(number, plant_id(row), office.code, _name(office))
        for number, row in wanted
        for office in row.offices or []
    ]
    offices = await _settle("office", named, await _children("office", named), actor, at)

    def routes_of(number: int, row: PlantRow) -> Iterator[_Named]:
        for office in row.offices or []:
            for route in office.routes or []:
                yield _Named(number, offices.ids[plant_id(row), office.code], route.code, _name(route))
        for route in row.routes or []:
            yield _Named(number, plant_id(row), route.code, _name(route))

    named = [one for number, row in wanted for one in routes_of(number, row)]
    return plants, offices, await _settle("route", named, await _children("route", named), actor, at)


def _name(part: PlantRow | OfficePart | RoutePart) -> str | None:
    return None if part.name is UNSET else clean(part.name)


async def _children(kind: Kind, named: Sequence[_Named]) -> dict[tuple[int, str], int]:
    return await queries.find_children(kind, [(one.parent_id, one.code) for one in named]) if named else {}


async def _settle(
    kind: Kind, named: Sequence[_Named], found: dict[tuple[int, str], int], actor: Actor, at: datetime
) -> _Settled:
    before = {found[one.parent_id, one.code]: one for one in named if (one.parent_id, one.code) in found}
    missing = [one for one in named if (one.parent_id, one.code) not in found]
    if not missing:
        return _Settled(found, before, [])
    await locks.lock_parents(sorted({one.parent_id for one in missing}))
    nodes = [(one.parent_id, one.code, one.name or one.code) for one in missing]
    made = await queries.insert_nodes(kind, nodes, at, at, actor.text)
    if len(made) != len(missing):
        # An outlet's row made one of them between our look and our insert. Nothing is kept; the retry sees it.
        raise TryAgain
    return _Settled(found | {(row["parent_id"], row["code"]): row["id"] for row in made}, before, missing)


async def _record(outcome: Outcome, made: int, named: int, actor: Actor, at: datetime) -> None:
    await audit.record(
        [
            AuditEntry(
                at=at,
                actor=actor,
                action="node.named",
                subject_kind="system_key",
                subject_id=actor.id,
                after={"inserted": outcome.inserted, "updated": outcome.updated, "made": made, "named": named},
            )
        ]
    )
