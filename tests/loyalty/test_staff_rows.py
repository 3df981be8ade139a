"""Staff by master data: one grant of the source, those of others untouched; whoever leaves hands over."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from loyalty import transactions
from loyalty.customers.personal import DataKeys
from loyalty.customers.territory import assignment_rows, queries, staff_rows
from loyalty.customers.territory.assignment_rows import AssignmentRow
from loyalty.errors import TryAgain
from loyalty.organisation.audit import Actor
from loyalty.rows import Applied, RejectedRow
from loyalty.staff import grants as staff_grants
from loyalty.staff import locks as staff_locks
from loyalty.staff import queries as staff_queries
from loyalty.staff.staff_rows import StaffRow
from tests import factories, rows
from tests.organisation import BY as ADMIN
from tests.organisation import Places, actions, logged_in, planted, staff, with_password
from tests.rows import picture

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)
LATER = AT + timedelta(hours=1)
LAST = LATER + timedelta(hours=1)
BY = Actor("system", "hr", "hr")
GRANTS = (
    "SELECT m.code, g.role, n.code, g.from_at, g.until_at, g.granted_by FROM staff_grants g"
    " JOIN staff m ON m.id = g.staff_id JOIN organisation_nodes n ON n.id = g.node_id ORDER BY g.id"
)
SAME = Applied(0, 0, 1, [])
UPDATED = Applied(0, 1, 0, [])


async def put(*given: dict[str, Any], at: datetime = AT, by: Actor = BY) -> Applied:
    """Put rows, numbered from 0."""
    return await staff_rows.put([(n, msgspec.convert(row, StaffRow)) for n, row in enumerate(given)], by, at)


def rep(code: str, **fields: Any) -> dict[str, Any]:
    """Give a row of a rep of the whole plant."""
    return {"code": code, "name": f"某{code}", "role": "rep", "plant_code": "SH"} | fields


@pytest.fixture
async def there(db: str) -> Places:
    """Give the places, in the empty database."""
    return await planted(AT)


async def test_new_staff_come_with_their_grant_and_without_a_password(db: str, there: Places) -> None:
    applied = await put(rep("S1", office_code="PD"), {"code": "S2", "name": "张敏"}, rep("S3", plant_code="XX"))
    assert applied == Applied(3, 0, 0, [])
    assert await rows.fetch(db, GRANTS) == [
        ("S1", "rep", "PD", AT, None, "system:hr"),
        ("S3", "rep", "XX", AT, None, "system:hr"),
    ]
    assert await rows.fetch(
        db, "SELECT code, login, name, source, created_at, left_at, password_hash FROM staff ORDER BY id"
    ) == [
        ("S1", "s1", "某S1", "system:hr", AT, None, None),
        ("S2", "s2", "张敏", "system:hr", AT, None, None),
        ("S3", "s3", "某S3", "system:hr", AT, None, None),
    ]
    assert await rows.fetch(
        db,
        "SELECT kind, code, placed_by FROM organisation_nodes n JOIN organisation_placements l ON l.node_id = n.id"
        " WHERE confirmed_at IS NULL",
    ) == [("plant", "XX", "system:hr")]
    assert await actions(db, 5) == ["grant.added"] * 2 + ["staff.added"] * 3


async def test_the_same_again_is_unchanged_and_moves_nothing(db: str, there: Places) -> None:
    given = rep("S1", office_code="PD", route_code="R1"), {"code": "S2", "name": "张敏"}, rep("S3", left=True)
    await put(*given)
    before = await picture(db)
    assert await put(*given, at=LATER) == Applied(0, 0, 3, [])
    assert await put({"code": "s1"}, {"code": "S2", "left": False, "role": None}, at=LATER) == Applied(0, 0, 2, [])
    assert await put(at=LATER) == Applied(0, 0, 0, [])
    assert await picture(db) == before


async def test_another_role_or_place_ends_the_old_grant_and_starts_a_new_one(db: str, there: Places) -> None:
    await put(rep("S1"))
    assert await put({"code": "S1", "role": "supervisor", "office_code": "PD"}, at=LATER) == UPDATED
    assert await put({"code": "S1", "role": None}, at=LAST) == UPDATED
    assert await rows.fetch(db, GRANTS) == [
        ("S1", "rep", "SH", AT, LATER, "system:hr"),
        ("S1", "supervisor", "PD", LATER, LAST, "system:hr"),
    ]
    assert await put({"code": "S1", "role": None}, at=LAST) == SAME
    assert await put({"code": "S1", "name": "新名"}, at=LAST) == UPDATED
    assert await actions(db, 5) == ["staff.renamed", "grant.ended", "grant.added", "grant.ended", "grant.added"]


async def test_a_grant_that_ended_by_a_faster_clock_is_given_again(db: str, there: Places) -> None:
    await put(rep("S1"))
    await put({"code": "S1", "role": None}, at=LATER)
    before = LATER - timedelta(seconds=1)
    assert await put({"code": "S1", "role": None}, at=before) == SAME
    assert await put(rep("S1"), at=before) == UPDATED
    assert [row[3:5] for row in await rows.fetch(db, GRANTS)] == [(AT, before), (before, None)]


async def test_grants_of_others_stay(db: str, there: Places) -> None:
    lead = await staff("S1", "plant_lead", there.shanghai, AT)
    await put({"code": "S1", "role": "rep", "plant_code": "NJ"})
    await put({"code": "S1", "role": "rep", "plant_code": "SH"}, at=LATER, by=Actor("system", "sfa", "sfa"))
    assert await put({"code": "S1", "role": None}, at=LAST) == UPDATED
    assert await rows.fetch(db, GRANTS) == [
        ("S1", "plant_lead", "SH", AT - timedelta(days=1), None, ADMIN.text),
        ("S1", "rep", "NJ", AT, LAST, "system:hr"),
        ("S1", "rep", "SH", LATER, None, "system:sfa"),
    ]
    assert lead.id == 1


async def test_what_an_administrator_has_granted_is_not_granted_twice(db: str, there: Places) -> None:
    now, soon = await staff("S1", "rep", there.shanghai, AT), await staff("S2", "admin", there.root, AT)
    async with transactions.begin():
        await staff_grants.give(soon.id, "rep", there.shanghai, LAST, None, ADMIN, AT)
    assert await put(rep("S1", name="某人"), {"code": "S2", "role": "rep", "plant_code": "SH"}) == Applied(0, 1, 1, [])
    given = [row for row in await rows.fetch(db, GRANTS) if row[5] == "system:hr"]
    assert given == [("S2", "rep", "SH", AT, LAST, "system:hr")]
    assert await put(rep("S1", name="某人"), rep("S2", name="某人"), at=LATER) == Applied(0, 0, 2, [])
    assert now.code == "S1"


async def outlets_of(db: str) -> list[tuple[object, ...]]:
    """Tell who looks after which outlet now."""
    return await rows.fetch(
        db,
        "SELECT o.code, m.code, a.from_at, a.source FROM outlet_assignments a JOIN outlets o ON o.id = a.outlet_id"
        " JOIN staff m ON m.id = a.staff_id WHERE a.until_at IS NULL ORDER BY o.code",
    )


async def test_whoever_leaves_hands_over_and_is_locked_out(db: str, there: Places, data_keys: DataKeys) -> None:
    await put(rep("S1"), rep("S2"), rep("S3"))
    for code, who in (("T1", "S1"), ("T2", "S1"), ("T3", "S2")):
        await factories.outlet(AT, data_keys, code)
        await assignment_rows.put([(0, AssignmentRow(outlet_code=code, staff_code=who))], BY, AT)
    lead = await staff("S4", "supervisor", there.root, AT)
    await with_password(lead, AT)
    await logged_in(lead, AT)
    going = (
        {"code": "S1", "left": True, "successor_code": "s3", "name": "新名"},
        {"code": "S2", "left": True},
        {"code": "S4", "left": True},
        rep("S5", left=True),
    )
    assert await put(*going, at=LATER) == Applied(1, 3, 0, [])
    assert await outlets_of(db) == [("T1", "S3", LATER, "system:hr"), ("T2", "S3", LATER, "system:hr")]
    assert await rows.fetch(db, "SELECT code, name, left_at FROM staff WHERE left_at IS NOT NULL ORDER BY code") == [
        ("S1", "新名", LATER),
        ("S2", "某S2", LATER),
        ("S4", "某人", LATER),
        ("S5", "某S5", LATER),
    ]
    assert [(row[0], row[4]) for row in await rows.fetch(db, GRANTS)] == [
        ("S1", LATER), ("S2", LATER), ("S3", None), ("S4", LATER),
    ]  # fmt: skip
    assert await rows.fetch(db, "SELECT ended_at, ended_by FROM staff_sessions") == [(LATER, "system:hr")]
    before = await picture(db)
    assert await put(*going, at=LAST) == Applied(0, 0, 4, [])
    assert await picture(db) == before


async def test_no_system_lets_go_who_holds_what_no_system_gives(db: str, there: Places) -> None:
    await staff("S1", "admin", there.root, AT)
    await staff("S2", "operator", there.shanghai, AT)
    before = await picture(db)
    answer = await put({"code": "S1", "left": True}, {"code": "S2", "left": True}, at=LATER)
    assert [(one.row, one.field, one.code) for one in answer.rejected] == [
        (0, "left", "out_of_reach"), (1, "left", "out_of_reach"),
    ]  # fmt: skip
    assert await picture(db) == before


async def test_whoever_comes_back_has_no_grant_and_no_outlet(db: str, there: Places, data_keys: DataKeys) -> None:
    await put(rep("S1"))
    await factories.outlet(AT, data_keys, "T1")
    await assignment_rows.put([(0, AssignmentRow(outlet_code="T1", staff_code="S1"))], BY, AT)
    await put({"code": "S1", "left": True}, at=LATER)
    assert await put({"code": "S1", "left": False}, at=LAST) == UPDATED
    assert await put({"code": "S1", "left": False}, at=LAST) == SAME
    assert await rows.fetch(db, "SELECT left_at FROM staff") == [(None,)]
    assert await rows.fetch(db, "SELECT count(*) FROM staff_grants WHERE until_at IS NULL") == [(0,)]
    assert await outlets_of(db) == []
    assert await put(rep("S1", left=False), at=LAST) == UPDATED
    assert [row[3:5] for row in await rows.fetch(db, GRANTS)] == [(AT, LATER), (LAST, None)]


async def test_bad_rows_are_refused_by_themselves(db: str, there: Places) -> None:
    await put(rep("S1"), rep("S2"), rep("S3"), {"code": "S4", "name": "没有角色"}, rep("S5"), rep("S6", left=True))
    before = await picture(db)
    applied = await put(
        {"code": "S9"},
        rep("S9"),
        {"code": "S1", "left": True, "successor_code": "S1"},
        {"code": "S2", "left": True, "successor_code": "nobody"},
        {"code": "S3", "left": True, "successor_code": "S4", "name": "新名"},
        {"code": "S5", "left": True, "successor_code": "S6"},
        {"code": "S4", "role": "rep"},
        {"code": "S6", "role": "rep", "plant_code": "SH"},
        {"code": "s1", "name": "又一行"},
        at=LATER,
    )
    assert applied == Applied(
        0,
        0,
        0,
        [
            RejectedRow(0, "name", "missing_field"),
            RejectedRow(1, "code", "duplicate_row"),
            RejectedRow(2, "successor_code", "successor_wrong"),
            RejectedRow(3, "successor_code", "staff_unknown"),
            RejectedRow(4, "successor_code", "successor_wrong"),
            RejectedRow(5, "successor_code", "successor_wrong"),
            RejectedRow(6, "plant_code", "missing_field"),
            RejectedRow(7, "left", "staff_left"),
            RejectedRow(8, "code", "duplicate_row"),
        ],
    )
    assert await picture(db) == before


async def test_a_successor_may_come_with_the_same_call(db: str, there: Places) -> None:
    await put(rep("S1"), {"code": "S2", "name": "张敏"})
    applied = await put(
        {"code": "S1", "left": True, "successor_code": "S3"},
        {"code": "S2", "role": None},
        rep("S3"),
        at=LATER,
    )
    assert applied == Applied(1, 1, 1, [])
    both = {"code": "S3", "left": True, "successor_code": "S4"}, rep("S4", left=True)
    assert (await put(*both, at=LAST)).rejected == [RejectedRow(0, "successor_code", "successor_wrong")]


async def test_somebody_taken_in_meanwhile_is_judged_anew(
    db: str, there: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(rep("S1"))
    before = await picture(db)

    async def blind(_logins: object) -> list[object]:
        return []

    monkeypatch.setattr(staff_locks, "find_codes", blind)
    with pytest.raises(TryAgain):
        await put(rep("S0"), rep("S1"))
    assert await picture(db) == before


async def test_many_take_no_more_statements_than_one(
    db: str, there: Places, data_keys: DataKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    for module in (queries, staff_queries, staff_locks):
        for name, found in list(vars(module).items()):
            if callable(found) and getattr(found, "__module__", "") == module.__name__ and name.islower():

                def counted(*given: Any, _name: str = name, _found: Any = found) -> Any:
                    asked.append(_name)
                    return _found(*given)

                monkeypatch.setattr(module, name, counted)
    counts = []
    for codes in (["A1"], [f"B{n}" for n in range(500)]):
        await put(*(rep(code) for code in [*codes, "S"]))
        asked.clear()
        moved = await put(*({"code": code, "role": "supervisor", "name": "新"} for code in codes), at=LATER)
        gone = await put(*({"code": code, "left": True, "successor_code": "S"} for code in codes), at=LAST)
        assert (moved, gone) == (Applied(0, len(codes), 0, []), Applied(0, len(codes), 0, []))
        counts.append(len(asked))
    assert counts[1] == counts[0]
