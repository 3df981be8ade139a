"""The organisation's tree: made, named, hung elsewhere; what breaks a rule changes nothing."""

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from loyalty import transactions
from loyalty.errors import Refusal
from loyalty.organisation import places, proofs, queries, tree
from loyalty.organisation.errors import (
    NameMissing,
    NodeCodeInvalid,
    NodeCodeTaken,
    NodeUnknown,
    ParentKindWrong,
    ReasonMissing,
    TreeCycle,
)
from loyalty.organisation.places import Place
from loyalty.organisation.rules import Kind
from loyalty.organisation.tree import Node, PlacementSpan, Step
from tests import rows
from tests.organisation import BEFORE, BY, Places, planted

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)
AUDIT = "SELECT action, node_id, before::jsonb, after::jsonb, reason FROM audit_entries ORDER BY id DESC LIMIT 1"


@pytest.fixture
async def there(db: str) -> Places:
    """Give the places, in the empty database."""
    return await planted(AT)


async def hang(node_id: int, parent_id: int, reach: list[int], reason: str = "重新划分", at: datetime = AT) -> None:
    """Hang a node in a transaction of its own."""
    async with transactions.begin():
        await tree.hang(node_id, parent_id, reach, BY, reason, at)


async def differences() -> list[str]:
    """Give what the proof of the tree finds."""
    async with transactions.reader():
        return [one.what for one in await proofs.tree()]


async def test_a_node_is_made_confirmed_under_its_parent(db: str, there: Places) -> None:
    made = await tree.add("office", "MH", "  闵行  营业所 ", there.shanghai, [there.root], BY, AT)
    async with transactions.reader():
        assert await tree.read(made, [there.root]) == Node(
            made, "office", "MH", "闵行 营业所", there.shanghai, "上海工厂", AT, AT, 0
        )
        assert await tree.path(made) == [
            Step(there.root, "group", "HQ", "集团总部"),
            Step(there.shanghai, "plant", "SH", "上海工厂"),
            Step(made, "office", "MH", "闵行 营业所"),
        ]
        assert await tree.history(made) == [PlacementSpan(there.shanghai, "上海工厂", AT, None, "command:tests")]
        assert [(node.id, node.children) for node in await tree.children(there.shanghai)] == [
            (made, 0),
            (there.pudong, 1),
        ]
    assert await rows.fetch(db, AUDIT) == [
        ("node.added", made, None, '{"code": "MH", "kind": "office", "name": "闵行 营业所", "parent": "上海工厂"}', "")
    ]
    assert await differences() == []


@pytest.mark.parametrize(
    ("kind", "code", "name", "parent", "refusal"),
    [
        ("plant", "HZ", "杭州工厂", "shanghai", ParentKindWrong),
        ("plant", "HZ", "杭州工厂", "route", ParentKindWrong),
        ("group", "G2", "华东", "shanghai", ParentKindWrong),
        ("office", "MH", "闵行", "root", ParentKindWrong),
        ("office", "MH", "闵行", "pudong", ParentKindWrong),
        ("route", "R2", "二线", "root", ParentKindWrong),
        ("route", "R2", "二线", "route", ParentKindWrong),
        ("plant", "SH", "又一个上海", "root", NodeCodeTaken),
        ("group", "HQ", "又一个总部", "root", NodeCodeTaken),
        ("office", "PD", "又一个浦东", "shanghai", NodeCodeTaken),
        ("route", "R1", "又一条一线", "pudong", NodeCodeTaken),
        ("plant", "", "杭州工厂", "root", NodeCodeInvalid),
        ("plant", "H Z", "杭州工厂", "root", NodeCodeInvalid),
        ("plant", "H" * 65, "杭州工厂", "root", NodeCodeInvalid),
        ("plant", "HZ", " ", "root", NameMissing),
        ("plant", "HZ", "长" * 65, "root", NameMissing),
    ],
)
async def test_what_may_not_be_made_leaves_nothing(
    db: str, there: Places, kind: Kind, code: str, name: str, parent: str, refusal: type[Refusal]
) -> None:
    before = await rows.picture(db)
    with pytest.raises(refusal) as refused:
        await tree.add(kind, code, name, getattr(there, parent), [there.root], BY, AT)
    assert refused.value.detail
    assert await rows.picture(db) == before


async def test_one_code_may_stand_in_two_plants_and_for_two_kinds(there: Places) -> None:
    for kind, code, parent_id in (
        ("office", "PD", there.nanjing),
        ("route", "PD", there.shanghai),
        ("route", "R1", there.shanghai),
        ("group", "SH", there.root),
    ):
        assert await tree.add(kind, code, "同名", parent_id, [there.root], BY, AT)  # type: ignore[arg-type]
    assert await differences() == []


async def test_what_is_out_of_reach_does_not_exist(db: str, there: Places) -> None:
    before = await rows.picture(db)
    for reach in ([there.shanghai], [], [there.pudong, there.shanghai]):
        with pytest.raises(NodeUnknown):
            await tree.add("office", "QH", "秦淮", there.nanjing, reach, BY, AT)
        with pytest.raises(NodeUnknown):
            await tree.rename(there.nanjing, "别人的", reach, BY, AT)
        with pytest.raises(NodeUnknown):
            await hang(there.pudong, there.nanjing, reach)
        with pytest.raises(NodeUnknown):
            await hang(there.nanjing, there.root, reach)
        with pytest.raises(NodeUnknown):
            await tree.rename(999, "没有的", reach, BY, AT)
    assert await rows.picture(db) == before
    async with transactions.reader():
        assert [node.code for node in await tree.find([there.shanghai])] == ["SH", "PD", "R1"]
        assert [node.code for node in await tree.find([there.root], ("plant",))] == ["NJ", "SH"]
        assert [node.code for node in await tree.find([there.root], text="pd")] == ["PD"]
        assert [node.code for node in await tree.find([there.root], text="工厂")] == ["NJ", "SH"]
        assert await tree.find([]) == []
        assert await tree.is_within(there.route, [there.nanjing, there.shanghai])
        assert not await tree.is_within(there.shanghai, [there.route])


async def test_a_name_confirms_what_an_outlet_row_has_made(db: str, there: Places) -> None:
    async with transactions.begin():
        located = (await places.locate([Place("XZ", None, None)], AT))[Place("XZ", None, None)]
        waiting = await tree.unconfirmed([there.root])
    assert [(node.id, node.code, node.name, node.parent_id) for node in waiting] == [
        (located.plant_id, "XZ", "XZ", there.root)
    ]
    later = AT + timedelta(hours=1)
    await tree.rename(located.plant_id, " 徐州工厂 ", [there.root], BY, later)
    assert await rows.fetch(db, AUDIT) == [
        ("node.confirmed", located.plant_id, '{"name": "XZ"}', '{"name": "徐州工厂"}', "")
    ]
    await tree.rename(located.plant_id, "徐州新厂", [there.root], BY, later + BEFORE)
    assert (await rows.fetch(db, AUDIT))[0][0] == "node.renamed"
    async with transactions.reader():
        node = await tree.read(located.plant_id, [located.plant_id])
        assert (node.name, node.confirmed_at) == ("徐州新厂", later)
        assert await tree.unconfirmed([there.root]) == []
    before = await rows.picture(db)
    with pytest.raises(NameMissing):
        await tree.rename(located.plant_id, "", [there.root], BY, AT)
    assert await rows.picture(db) == before


async def test_a_move_takes_the_subtree_along_and_keeps_its_history(db: str, there: Places) -> None:
    await hang(there.pudong, there.nanjing, [there.root], "  划给 南京 ")
    async with transactions.reader():
        assert [step.code for step in await tree.path(there.route)] == ["HQ", "NJ", "PD", "R1"]
        assert await tree.history(there.pudong) == [
            PlacementSpan(there.nanjing, "南京工厂", AT, None, "command:tests"),
            PlacementSpan(there.shanghai, "上海工厂", AT - BEFORE, AT, "command:tests"),
        ]
        assert not await tree.is_within(there.route, [there.shanghai])
    assert await rows.fetch(db, AUDIT) == [
        ("node.moved", there.nanjing, '{"parent": "上海工厂"}', '{"parent": "南京工厂"}', "划给 南京")
    ]
    assert await differences() == []
    picture = await rows.picture(db)
    await hang(there.pudong, there.nanjing, [there.root])
    assert await rows.picture(db) == picture


async def test_two_moves_at_one_instant_and_a_clock_behind_leave_one_place_at_a_time(there: Places) -> None:
    await hang(there.pudong, there.nanjing, [there.root])
    await hang(there.pudong, there.shanghai, [there.root])
    await hang(there.pudong, there.nanjing, [there.root], at=AT - timedelta(hours=5))
    async with transactions.reader():
        assert [(one.parent_id, one.from_at, one.until_at) for one in await tree.history(there.pudong)] == [
            (there.nanjing, AT, None),
            (there.shanghai, AT, AT),
            (there.nanjing, AT, AT),
            (there.shanghai, AT - BEFORE, AT),
        ]
    assert await differences() == []


@pytest.mark.parametrize(
    ("node", "parent", "reason", "refusal"),
    [
        ("shanghai", "shanghai", "原因", TreeCycle),
        ("shanghai", "route", "原因", TreeCycle),
        ("root", "shanghai", "原因", TreeCycle),
        ("shanghai", "nanjing", "原因", ParentKindWrong),
        ("pudong", "root", "原因", ParentKindWrong),
        ("route", "root", "原因", ParentKindWrong),
        ("pudong", "nanjing", "", ReasonMissing),
        ("pudong", "nanjing", "长" * 201, ReasonMissing),
        ("twin", "shanghai", "原因", NodeCodeTaken),
    ],
)
async def test_what_may_not_be_moved_stays(
    db: str, there: Places, node: str, parent: str, reason: str, refusal: type[Refusal]
) -> None:
    twin = await tree.add("office", "PD", "另一个浦东", there.nanjing, [there.root], BY, AT)
    before = await rows.picture(db)
    with pytest.raises(refusal) as refused:
        await hang(twin if node == "twin" else getattr(there, node), getattr(there, parent), [there.root], reason)
    assert refused.value.detail
    assert await rows.picture(db) == before


async def test_a_group_takes_its_plants_along(there: Places) -> None:
    east = await tree.add("group", "EAST", "华东大区", there.root, [there.root], BY, AT)
    inner = await tree.add("group", "JS", "江苏", east, [there.root], BY, AT)
    await hang(there.nanjing, inner, [there.root])
    await hang(there.shanghai, east, [there.root])
    async with transactions.reader():
        assert [step.code for step in await tree.path(there.nanjing)] == ["HQ", "EAST", "JS", "NJ"]
        assert [node.code for node in await tree.find([east], ("plant",))] == ["NJ", "SH"]
    with pytest.raises(TreeCycle):
        await hang(east, inner, [there.root])
    assert await differences() == []


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO organisation_nodes (kind, code, name, created_at) VALUES ('group', 'R2', '第二个根', now())",
        "INSERT INTO organisation_nodes (kind, code, name, created_at) VALUES ('plant', 'P', '没有上级', now())",
        (
            "INSERT INTO organisation_nodes (kind, code, name, parent_id, parent_kind, created_at)"
            " SELECT 'plant', 'P', '在线路下', id, 'route', now() FROM organisation_nodes WHERE kind = 'route'"
        ),
        (
            "INSERT INTO organisation_nodes (kind, code, name, parent_id, parent_kind, created_at)"
            " SELECT 'plant', 'P', '说谎', id, 'group', now() FROM organisation_nodes WHERE kind = 'route'"
        ),
        "INSERT INTO organisation_closure SELECT id, id, 1 FROM organisation_nodes",
        (
            "INSERT INTO organisation_placements (node_id, parent_id, from_at, placed_by)"
            " SELECT node_id, parent_id, from_at, 'x' FROM organisation_placements LIMIT 1"
        ),
        "UPDATE organisation_nodes SET kind = 'office' WHERE code = 'NJ'",
    ],
)
@pytest.mark.usefixtures("there")
async def test_the_database_itself_refuses_what_is_no_tree(db: str, statement: str) -> None:
    before = await rows.picture(db)
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await rows.execute(db, statement)
    assert await rows.picture(db) == before


async def test_the_proof_names_the_nodes_that_differ(db: str, there: Places) -> None:
    await rows.execute(db, "DELETE FROM organisation_closure WHERE depth = 3")
    await rows.execute(
        db, "UPDATE organisation_placements SET parent_id = $1 WHERE node_id = $2", there.nanjing, there.pudong
    )
    assert await differences() == [
        f"node {there.pudong}: its placement is not what its parents say",
        f"node {there.route}: its closure is not what its parents say",
    ]
    async with transactions.reader():
        assert await proofs.tree(1) == []
        assert len(await queries.tree_differences(1)) == 1
