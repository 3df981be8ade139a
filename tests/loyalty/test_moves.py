"""Moved nodes and the outlets that follow them, held to a model in plain Python; moves that meet make no circle."""

import asyncio
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from loyalty import transactions
from loyalty.customers.personal import DataKeys
from loyalty.customers.territory import moves
from loyalty.customers.territory import queries as territory_queries
from loyalty.errors import Refusal
from loyalty.organisation import locks, queries, rules, tree
from loyalty.organisation import places as organisation_places
from loyalty.organisation.errors import NodeCodeTaken, NodeUnknown, ParentKindWrong, ReasonMissing, TreeCycle
from loyalty.organisation.rules import Kind
from tests import factories, rows
from tests.concurrency.test_binding_races import meeting
from tests.organisation import BY, Places, planted

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
WAIT_SECONDS = 20
WHY = "重新划分"
MOVES = 150
PLACED = "SELECT code, plant_id, office_id, route_id, place_id FROM outlets ORDER BY code"
CLOSURE = "SELECT ancestor_id, descendant_id, depth FROM organisation_closure"
SPANS = "SELECT parent_id, from_at, until_at FROM organisation_placements WHERE node_id = $1 ORDER BY from_at, id"
MOVED = "SELECT count(*) FROM audit_entries WHERE action = 'node.moved'"
PARENTS = "SELECT id, parent_id FROM organisation_nodes ORDER BY id"


@pytest.fixture
async def there(db: str) -> Places:
    """Give the places, in the empty database."""
    return await planted(AT)


async def differences() -> list[tuple[object, ...]]:
    """Give the nodes whose closure or placement is not what their parents say."""
    async with transactions.reader():
        return [tuple(row) for row in await queries.tree_differences(10)]


async def test_outlets_follow_a_moved_office(db: str, there: Places, data_keys: DataKeys) -> None:
    for code, fields in {
        "A1": {"plant_code": "SH", "office_code": "PD", "route_code": "R1"},
        "A2": {"plant_code": "SH", "office_code": "PD"},
        "A3": {"plant_code": "SH"},
        "A4": {"plant_code": "NJ"},
    }.items():
        await factories.outlet(AT, data_keys, code, **fields)
    reach, pudong = [there.root], there.pudong
    assert await moves.move_node(pudong, there.nanjing, reach, BY, WHY, AT) == 2
    left = [("A3", there.shanghai, None, None, there.shanghai), ("A4", there.nanjing, None, None, there.nanjing)]
    assert await rows.fetch(db, PLACED) == [
        ("A1", there.nanjing, pudong, there.route, there.route),
        ("A2", there.nanjing, pudong, None, pudong),
        *left,
    ]
    assert await moves.move_node(there.route, there.shanghai, reach, BY, WHY, AT) == 1
    assert await rows.fetch(db, PLACED) == [
        ("A1", there.shanghai, None, there.route, there.route),
        ("A2", there.nanjing, pudong, None, pudong),
        *left,
    ]
    before = await rows.picture(db)
    assert await moves.move_node(there.route, there.shanghai, reach, BY, WHY, AT + MINUTE) == 0
    assert await rows.picture(db) == before
    assert await differences() == []


@pytest.mark.parametrize(
    ("node", "parent", "reach", "reason", "refusal"),
    [
        ("pudong", "pudong", "root", WHY, TreeCycle),
        ("shanghai", "route", "root", WHY, TreeCycle),
        ("root", "route", "root", WHY, TreeCycle),
        ("pudong", "root", "root", WHY, ParentKindWrong),
        ("pudong", "nanjing", "shanghai", WHY, NodeUnknown),
        ("nanjing", "root", "shanghai", WHY, NodeUnknown),
        ("pudong", "nanjing", "root", " ", ReasonMissing),
    ],
)
async def test_a_refused_move_leaves_outlets_where_they_are(
    db: str, there: Places, data_keys: DataKeys, node: str, parent: str, reach: str, reason: str, refusal: type[Refusal]
) -> None:
    await factories.outlet(AT, data_keys, "A1", plant_code="SH", office_code="PD", route_code="R1")
    before = await rows.picture(db)
    with pytest.raises(refusal):
        await moves.move_node(getattr(there, node), getattr(there, parent), [getattr(there, reach)], BY, reason, AT)
    assert await rows.picture(db) == before


class Known(msgspec.Struct):
    """A node as the model knows it, with the parents that it had, the latest last."""

    kind: Kind
    code: str
    parents: list[int]


class Model:
    """The organisation as a plain dictionary, and the rules of a move in plain words."""

    def __init__(self) -> None:
        self.nodes: dict[int, Known] = {}

    def path(self, node_id: int) -> list[int]:
        """Give a node and what it hangs under, up to the root."""
        found = [node_id]
        while self.nodes[found[-1]].parents:
            found.append(self.nodes[found[-1]].parents[-1])
        return found

    def move(self, node_id: int, parent_id: int) -> type[Refusal] | None:
        """Move a node, or tell why not."""
        node, parent = self.nodes[node_id], self.nodes[parent_id]
        if node_id in self.path(parent_id):
            return TreeCycle
        if not node.parents or parent.kind not in rules.PARENT_KINDS[node.kind]:
            return ParentKindWrong
        if parent_id == node.parents[-1]:
            return None
        siblings = [one for one in self.nodes.values() if one.parents and one.parents[-1] == parent_id]
        if any((one.kind, one.code) == (node.kind, node.code) for one in siblings):
            return NodeCodeTaken
        node.parents.append(parent_id)
        return None

    def above(self, place_id: int, kind: Kind) -> int | None:
        """Give the node of a kind at or above a place; a group is not asked for, of which there may be many."""
        return next((one for one in self.path(place_id) if self.nodes[one].kind == kind), None)

    def closure(self) -> set[tuple[object, ...]]:
        """Give every (ancestor, descendant, depth)."""
        return {(above, one, depth) for one in self.nodes for depth, above in enumerate(self.path(one))}

    def placed(self, places: dict[str, int]) -> list[tuple[object, ...]]:
        """Give outlets with their places, as PLACED does."""
        kinds: tuple[Kind, ...] = ("plant", "office", "route")
        return [(code, *(self.above(place, kind) for kind in kinds), place) for code, place in sorted(places.items())]


async def grown(model: Model, root: int, data_keys: DataKeys) -> dict[str, int]:
    """Make groups, plants, offices and routes, some of one code, and an outlet at each place; give outlets' places."""
    model.nodes[root] = Known("group", "HQ", [])

    async def add(kind: Kind, code: str, parent_id: int) -> int:
        made = await tree.add(kind, code, code, parent_id, [root], BY, AT)
        model.nodes[made] = Known(kind, code, [parent_id])
        return made

    groups = [await add("group", f"G{n}", root) for n in range(4)]
    plants = [await add("plant", f"P{n}", groups[n % 4]) for n in range(4)]
    offices = [await add("office", f"O{n % 3}", plants[n // 2]) for n in range(6)]
    for n, parent_id in enumerate([*plants, *offices]):
        await add("route", f"R{n % 3}", parent_id)
    places: dict[str, int] = {}
    for node_id in model.nodes:
        if model.above(node_id, "plant") is not None:
            codes = {f"{model.nodes[one].kind}_code": model.nodes[one].code for one in model.path(node_id)}
            codes = {name: code for name, code in codes.items() if name != "group_code"}
            code = f"T{node_id:03d}"
            await factories.outlet(AT, data_keys, code, **codes)
            places[code] = node_id
    return places


@pytest.mark.parametrize("seed", [20261104, 7])
async def test_whatever_is_moved_tree_and_outlets_stay_what_the_model_says(
    db: str, data_keys: DataKeys, seed: int
) -> None:
    async with transactions.begin():
        root = await organisation_places.ensure_root(AT)
    model, dice, told = Model(), random.Random(seed), []  # noqa: S311 - a series of moves, no secret
    places = await grown(model, root, data_keys)
    for n in range(MOVES):
        node_id, parent_id = dice.choice(list(model.nodes)), dice.choice(list(model.nodes))
        before = model.placed(places)
        refusal = model.move(node_id, parent_id)
        told.append(refusal)
        at = AT + (n + 1) * MINUTE
        if refusal is None:
            moved = await moves.move_node(node_id, parent_id, [root], BY, WHY, at)
            assert moved == sum(old != new for old, new in zip(before, model.placed(places), strict=True))
        else:
            with pytest.raises(refusal):
                await moves.move_node(node_id, parent_id, [root], BY, WHY, at)
        assert await rows.fetch(db, PLACED) == model.placed(places)
    # The series is worth something only when it has met every answer.
    assert set(told) == {None, TreeCycle, ParentKindWrong, NodeCodeTaken}
    assert await differences() == []
    assert set(await rows.fetch(db, CLOSURE)) == model.closure()
    assert await rows.fetch(db, MOVED) == [
        (sum(len(node.parents) - 1 for node in model.nodes.values() if node.parents),)
    ]
    for node_id, node in model.nodes.items():
        spans = await rows.fetch(db, SPANS, node_id)
        assert [parent_id for parent_id, _, _ in spans] == node.parents
        assert [until for _, _, until in spans] == [since for _, since, _ in spans][1:] + [None] * bool(spans)


@pytest.mark.parametrize("guarded", [True, False], ids=["guard on", "guard off"])
async def test_two_that_are_moved_under_each_other_at_once_make_no_circle(
    db: str, there: Places, data_keys: DataKeys, guarded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    east = await tree.add("group", "EAST", "华东", there.root, [there.root], BY, AT)
    west = await tree.add("group", "WEST", "华西", there.root, [there.root], BY, AT)
    await tree.add("plant", "E1", "东一", east, [there.root], BY, AT)
    await factories.outlet(AT, data_keys, "A1", plant_code="E1")
    first_done, both_looked, lock_parents = asyncio.Event(), asyncio.Barrier(2), locks.lock_parents

    async def no_lock() -> None:
        pass

    async def one_after_the_other(node_ids: Sequence[int]) -> None:
        await both_looked.wait()
        if west not in node_ids:
            await first_done.wait()
        await lock_parents(node_ids)

    async def move(node_id: int, parent_id: int) -> int:
        moved = await moves.move_node(node_id, parent_id, [there.root], BY, WHY, AT)
        first_done.set()
        return moved

    if guarded:
        monkeypatch.setattr(locks, "lock_tree", meeting(2, locks.lock_tree))
    else:
        monkeypatch.setattr(locks, "lock_tree", no_lock)
        monkeypatch.setattr(locks, "lock_parents", one_after_the_other)
    async with asyncio.timeout(WAIT_SECONDS):
        answers = await asyncio.gather(move(east, west), move(west, east), return_exceptions=True)
    # Without the lock both have looked and seen no circle; the database itself refuses the second.
    refused = TreeCycle.__name__ if guarded else "CheckViolationError"
    assert sorted(type(answer).__name__ for answer in answers) == sorted([refused, "int"])
    assert await differences() == []
    hung = set(await rows.fetch(db, PARENTS))
    assert len(hung & {(east, west), (west, east)}) == 1
    assert await rows.fetch(db, MOVED) == [(1,)]


@pytest.mark.parametrize("guarded", [True, False], ids=["guard on", "guard off"])
async def test_an_outlet_that_comes_while_its_office_is_moved_stands_below_one_plant(
    db: str, there: Places, data_keys: DataKeys, guarded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed, go, follow = asyncio.Event(), asyncio.Event(), territory_queries.follow

    async def held(node_id: int) -> int:
        moved = await follow(node_id)
        followed.set()
        await go.wait()
        return moved

    async def no_lock() -> None:
        pass

    monkeypatch.setattr(territory_queries, "follow", held)
    if not guarded:
        monkeypatch.setattr(locks, "share_tree", no_lock)
    async with asyncio.timeout(WAIT_SECONDS):
        move = asyncio.create_task(moves.move_node(there.pudong, there.nanjing, [there.root], BY, WHY, AT))
        await followed.wait()
        coming = asyncio.create_task(factories.outlet(AT, data_keys, "A1", plant_code="SH", office_code="PD"))
        if guarded:
            await rows.until_blocked(db)
        else:
            await coming
        go.set()
        await asyncio.gather(move, coming)
    plants = "SELECT o.plant_id = n.parent_id FROM outlets o JOIN organisation_nodes n ON n.id = o.office_id"
    # Without the lock the office hangs below one plant, and its outlet says another for good.
    assert await rows.fetch(db, plants) == [(guarded,)]
