"""Plants, offices and routes by master data: named, confirmed, hung elsewhere; one bad row holds up no other."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from loyalty import transactions
from loyalty.errors import TryAgain
from loyalty.organisation import locks, places, plant_rows, queries
from loyalty.organisation.audit import Actor
from loyalty.organisation.places import Place
from loyalty.organisation.plant_rows import PlantRow
from loyalty.rows import Applied, RejectedRow
from tests import rows
from tests.rows import picture

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)
LATER = AT + timedelta(hours=1)
BY = Actor("system", "erp", "erp")
TREE = (
    "SELECT n.kind, n.code, n.name, p.code, n.confirmed_at IS NOT NULL FROM organisation_nodes n"
    " LEFT JOIN organisation_nodes p ON p.id = n.parent_id ORDER BY n.id"
)


async def put(*given: dict[str, Any], at: datetime = AT) -> Applied:
    """Put rows, numbered from 0."""
    return await plant_rows.put([(n, msgspec.convert(row, PlantRow)) for n, row in enumerate(given)], BY, at)


def whole(**fields: Any) -> dict[str, Any]:
    """Give a plant with an office, a route of it, and a route of its own."""
    return {
        "code": "P1",
        "name": "一厂",
        "offices": [{"code": "O1", "name": "城东", "routes": [{"code": "R1", "name": "一线"}]}],
        "routes": [{"code": "R9"}],
    } | fields


async def test_a_call_names_plants_offices_and_routes(db: str) -> None:
    assert await put(whole(), {"code": "P2", "group_code": "华东"}) == Applied(2, 0, 0, [])
    assert await rows.fetch(db, TREE) == [
        ("group", "HQ", "集团总部", None, True),
        ("group", "华东", "华东", "HQ", False),
        ("plant", "P1", "一厂", "HQ", True),
        ("plant", "P2", "P2", "华东", True),
        ("office", "O1", "城东", "P1", True),
        ("route", "R9", "R9", "P1", True),
        ("route", "R1", "一线", "O1", True),
    ]
    assert await rows.fetch(db, "SELECT actor_kind, action, subject_kind, subject_id, after FROM audit_entries") == [
        ("system", "node.named", "system_key", "erp", '{"made": 5, "named": 0, "updated": 0, "inserted": 2}')
    ]
    assert await rows.fetch(db, "SELECT DISTINCT placed_by FROM organisation_placements") == [("system:erp",)]


async def test_the_same_again_is_unchanged_and_moves_nothing(db: str) -> None:
    given = whole(group_code="华东"), {"code": "P2"}
    await put(*given)
    before = await picture(db)
    assert await put(*given, at=LATER) == Applied(0, 0, 2, [])
    assert await put({"code": "P1"}, {"code": "P2", "offices": []}, at=LATER) == Applied(0, 0, 2, [])
    assert await put(at=LATER) == Applied(0, 0, 0, [])
    assert await picture(db) == before


@pytest.mark.parametrize(
    ("given", "where", "kept"),
    [
        ({"code": "P1", "name": " 一 厂  新 "}, "code = 'P1'", ("一 厂 新", AT)),
        ({"code": "P1", "offices": [{"code": "O1", "name": "城西"}]}, "code = 'O1'", ("城西", AT)),
        ({"code": "P1", "offices": [{"code": "O1", "routes": [{"code": "R2"}]}]}, "code = 'R2'", ("R2", LATER)),
        ({"code": "P1", "routes": [{"code": "R9", "name": "九线"}]}, "code = 'R9'", ("九线", AT)),
    ],
)
async def test_a_change_anywhere_below_updates_the_row(
    given: dict[str, Any], where: str, kept: tuple[str, datetime], db: str
) -> None:
    await put(whole(), {"code": "P2"})
    assert await put(given, {"code": "P2"}, at=LATER) == Applied(0, 1, 1, [])
    assert await rows.fetch(db, f"SELECT name, confirmed_at FROM organisation_nodes WHERE {where}") == [kept]


async def test_naming_confirms_what_an_outlet_row_made(db: str) -> None:
    async with transactions.begin():
        await places.locate([Place("P1", "O1", None), Place("P1", "O2", None)], AT)
    assert await put({"code": "P1", "offices": [{"code": "O1", "name": "城东"}]}, at=LATER) == Applied(0, 1, 0, [])
    assert await rows.fetch(db, "SELECT code, name, confirmed_at FROM organisation_nodes ORDER BY id") == [
        ("HQ", "集团总部", AT),
        ("P1", "P1", LATER),
        ("O1", "城东", LATER),
        ("O2", "O2", None),
    ]


async def test_another_group_is_where_a_plant_hangs(db: str) -> None:
    await put(whole(), {"code": "P2", "group_code": "华东"})
    assert await put({"code": "P1", "group_code": "华东"}, {"code": "P2"}, at=LATER) == Applied(0, 1, 1, [])
    assert await put({"code": "P2", "group_code": "HQ"}, at=LATER) == Applied(0, 1, 0, [])
    assert [row[1:4:2] for row in await rows.fetch(db, TREE) if row[0] == "plant"] == [("P1", "华东"), ("P2", "HQ")]
    assert await rows.fetch(
        db, "SELECT action, reason, node_id FROM audit_entries WHERE action = 'node.moved' ORDER BY id"
    ) == [("node.moved", plant_rows.MOVED_BECAUSE, 2), ("node.moved", plant_rows.MOVED_BECAUSE, 1)]
    assert await rows.fetch(
        db,
        "SELECT p.code, l.from_at, l.until_at FROM organisation_placements l JOIN organisation_nodes p"
        " ON p.id = l.parent_id JOIN organisation_nodes n ON n.id = l.node_id WHERE n.code = 'P1' ORDER BY l.id",
    ) == [("HQ", AT, LATER), ("华东", LATER, None)]
    async with transactions.reader():
        assert await queries.tree_differences(10) == []


async def test_bad_rows_are_refused_by_themselves(db: str) -> None:
    twice = [{"code": "A"}, {"code": "B"}, {"code": "A"}]
    applied = await put(
        {"code": "P1", "offices": twice},
        {"code": "P2"},
        {"code": "P2", "name": "二厂"},
        {"code": "P3", "routes": twice},
        {"code": "P4", "offices": [{"code": "O1"}, {"code": "O2", "routes": twice}]},
    )
    assert applied == Applied(
        1,
        0,
        0,
        [
            RejectedRow(0, "offices[2].code", "duplicate_row"),
            RejectedRow(2, "code", "duplicate_row"),
            RejectedRow(3, "routes[2].code", "duplicate_row"),
            RejectedRow(4, "offices[1].routes[2].code", "duplicate_row"),
        ],
    )
    assert [row[1] for row in await rows.fetch(db, TREE)] == ["HQ", "P2"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"code": "a b"},
        {"code": None},
        {"name": "  "},
        {"name": None},
        {"name": "一" * 65},
        {"name": "a\x00"},
        {"group_code": None},
        {"offices": None},
        {"offices": [{}]},
        {"offices": [{"code": str(n)} for n in range(201)]},
        {"routes": [{"code": str(n)} for n in range(501)]},
        {"offices": [{"code": "O", "surprise": 1}]},
        {"surprise": 1},
    ],
)
def test_what_a_row_cannot_say(wrong: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"code": "P1"} | wrong, PlantRow)


async def test_a_plant_made_meanwhile_is_judged_anew(db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await put({"code": "P1"})
    before = await picture(db)

    async def blind(_kind: str, _codes: object) -> dict[str, int]:
        return {}

    monkeypatch.setattr(queries, "find_named", blind)
    with pytest.raises(TryAgain):
        await put({"code": "P0"}, {"code": "P1"})
    assert await picture(db) == before


async def test_rows_past_the_limit_of_a_call_are_refused(db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plant_rows, "NODES_MAX", 6)
    late = [RejectedRow(2, "offices", "out_of_range")]
    assert await put({"code": "P9"}, whole(), {"code": "P0", "routes": [{"code": "R1"}]}) == Applied(2, 0, 0, late)
    assert [row[1] for row in await rows.fetch(db, TREE) if row[0] == "plant"] == ["P1", "P9"]


async def test_many_plants_take_no_more_statements_than_one(db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    for module in (queries, locks):
        for name, found in list(vars(module).items()):
            if callable(found) and getattr(found, "__module__", "") == module.__name__ and name.islower():

                def counted(*given: Any, _name: str = name, _found: Any = found) -> Any:
                    asked.append(_name)
                    return _found(*given)

                monkeypatch.setattr(module, name, counted)
    counts = []
    for codes in (["A"], [f"B{n}" for n in range(300)]):
        asked.clear()
        offices = [{"code": f"O{n}", "routes": [{"code": "R1"}, {"code": "R2"}]} for n in range(5)]
        assert (await put(*({"code": code, "offices": offices} for code in codes))).inserted == len(codes)
        counts.append(len(asked))
    assert counts[1] <= counts[0]
    assert await rows.fetch(db, "SELECT kind, count(*) FROM organisation_nodes GROUP BY kind ORDER BY kind") == [
        ("group", 1),
        ("office", 1505),
        ("plant", 301),
        ("route", 3010),
    ]
