"""The territory: who looks after which outlet, with its history; who hands over, and who leaves."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from loyalty import transactions
from loyalty.customers.personal import DataKeys
from loyalty.customers.territory import assignments
from loyalty.customers.territory import queries as territory_queries
from loyalty.customers.territory.assignments import Span
from loyalty.errors import Refusal
from loyalty.organisation.errors import ReasonMissing
from loyalty.staff import logins, people
from loyalty.staff.errors import OutOfReach, OwnGrants, StaffLeft, StaffUnknown, SuccessorWrong
from loyalty.staff.people import Reach, Staff
from loyalty.staff.rules import Role
from tests import factories, rows
from tests.organisation import BEFORE, Places, again, logged_in, planted, staff, with_password

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LATER = AT + timedelta(hours=1)
LAST = LATER + timedelta(hours=1)
WAIT_SECONDS = 20
ADMIN: tuple[Role, ...] = ("admin",)
WHY = "片区调整"
KEPT = """
    SELECT o.code, m.code, a.from_at, a.until_at, a.source FROM outlet_assignments a
      JOIN outlets o ON o.id = a.outlet_id JOIN staff m ON m.id = a.staff_id ORDER BY o.code, a.id
"""
AUDITED = """
    SELECT action, actor_id, subject_id, node_id, reason, at, after FROM audit_entries
     WHERE action IN ('assignments.handed_over', 'staff.left') ORDER BY id
"""


class Team(msgspec.Struct, frozen=True):
    """An administrator of all and one of the first plant, a rep with two outlets and another one without."""

    boss: Staff
    admin: Staff
    rep: Staff
    next: Staff


@pytest.fixture
async def there(db: str) -> Places:
    """Give the places, in the empty database."""
    return await planted(AT)


@pytest.fixture
async def team(there: Places, data_keys: DataKeys) -> Team:
    """Give the people; the rep looks after A1, of the office, and A2, of the plant, since a second ago."""
    await factories.outlet(AT, data_keys, "A1", plant_code="SH", office_code="PD")
    await factories.outlet(AT, data_keys, "A2", plant_code="SH")
    made = Team(
        await staff("boss", "admin", there.root, AT, "林晓"),
        await staff("admin", "admin", there.shanghai, AT, "王强"),
        await staff("rep1", "rep", there.shanghai, AT, "马强"),
        await staff("rep2", "rep", there.shanghai, AT, "高翔"),
    )
    await assign(("A1", made.rep), ("A2", made.rep), at=AT - SECOND)
    return made


async def assign(*pairs: tuple[str, Staff | None], at: datetime) -> None:
    """Give outlets to reps, or to nobody."""
    async with transactions.begin():
        ids = {row["code"]: row["id"] for row in await territory_queries.lock_outlets([code for code, _ in pairs])}
        await assignments.assign([(ids[code], None if rep is None else rep.id) for code, rep in pairs], "tests", at)


async def audited(url: str) -> list[tuple[object, ...]]:
    """Give the audit of hand-overs and leavings with its values decoded."""
    return [(*row[:6], json.loads(str(row[6]))) for row in await rows.fetch(url, AUDITED)]


async def hand_over(team: Team, reason: str = WHY, at: datetime = LATER) -> int:
    """Hand the rep's outlets to the other one."""
    return await assignments.hand_over(team.rep.id, team.next.id, team.admin.reach(ADMIN), team.admin, reason, at)


async def test_an_assignment_ends_where_the_next_one_begins(db: str, team: Team) -> None:
    await assign(("A1", team.next), ("A2", None), at=LATER)
    await assign(("A1", team.rep), at=LAST)
    begun = AT - SECOND
    assert await rows.fetch(db, KEPT) == [
        ("A1", "rep1", begun, LATER, "tests"),
        ("A1", "rep2", LATER, LAST, "tests"),
        ("A1", "rep1", LAST, None, "tests"),
        ("A2", "rep1", begun, LATER, "tests"),
    ]
    async with transactions.reader():
        assert await assignments.of_outlet(1) == [
            Span(team.rep.id, "rep1", "马强", LAST, None, "tests"),
            Span(team.next.id, "rep2", "高翔", LATER, LAST, "tests"),
            Span(team.rep.id, "rep1", "马强", begun, LATER, "tests"),
        ]
        both = [team.rep.id, team.next.id]
        counted = [await assignments.counts(both, at) for at in (begun - SECOND, AT, LATER, LAST)]
    assert counted == [{}, {team.rep.id: 2}, {team.next.id: 1}, {team.rep.id: 1}]


async def test_a_clock_behind_leaves_one_rep_at_a_time(db: str, team: Team) -> None:
    early = AT - BEFORE
    await assign(("A1", team.next), at=early)
    await assign(("A1", team.rep), at=early)
    begun = AT - SECOND
    assert [row[:4] for row in await rows.fetch(db, KEPT)][:3] == [
        ("A1", "rep1", begun, begun),
        ("A1", "rep2", begun, begun),
        ("A1", "rep1", begun, None),
    ]


async def test_all_outlets_of_a_rep_are_handed_over(db: str, there: Places, team: Team) -> None:
    assert await hand_over(team, f" {WHY}\n") == 2
    by, begun = f"staff:{team.admin.id}", AT - SECOND
    assert await rows.fetch(db, KEPT) == [
        (code, *span) for code in ("A1", "A2") for span in (("rep1", begun, LATER, "tests"), ("rep2", LATER, None, by))
    ]
    after = {"successor": str(team.next.id), "count": 2}
    who, rep = str(team.admin.id), str(team.rep.id)
    entry = ("assignments.handed_over", who, rep, there.shanghai, WHY, LATER, after)
    assert await audited(db) == [entry]
    before = await rows.picture(db)
    assert await hand_over(team, at=LAST) == 0
    assert await rows.picture(db) == before


OUTLET_THERE = "UPDATE outlets SET plant_id = $1::bigint WHERE code = 'A2'"
CHECKER_THERE = """
    INSERT INTO staff_grants (staff_id, role, node_id, from_at, granted_by)
    VALUES (3, 'checker', $1, '2026-11-01', 'tests')
"""
ROLE_ENDED = "UPDATE staff_grants SET until_at = $1 WHERE role = 'rep' AND staff_id = 4"
ELSEWHERE = "UPDATE staff_grants SET node_id = (SELECT id FROM organisation_nodes WHERE code = 'PD') WHERE staff_id = 4"
LEFT = "UPDATE staff SET left_at = $1 WHERE id = 4"
NOT_YET = "UPDATE staff_grants SET from_at = $1::timestamptz + interval '1 second' WHERE staff_id = 4"


@pytest.mark.parametrize(
    ("from_id", "to_id", "reach", "reason", "prepared", "refusal"),
    [
        (3, 4, "root", "", "", ReasonMissing),
        (3, 4, "root", "因" * 201, "", ReasonMissing),
        (999, 4, "root", WHY, "", StaffUnknown),
        (3, 4, "nanjing", WHY, "", StaffUnknown),
        (3, 4, "", WHY, "", StaffUnknown),
        (3, 3, "root", WHY, "", SuccessorWrong),
        (3, 2, "root", WHY, "", SuccessorWrong),
        (3, 999, "root", WHY, "", SuccessorWrong),
        (3, 4, "root", WHY, ROLE_ENDED, SuccessorWrong),
        (3, 4, "root", WHY, NOT_YET, SuccessorWrong),
        (3, 4, "root", WHY, LEFT, SuccessorWrong),
        (3, 4, "root", WHY, ELSEWHERE, SuccessorWrong),
        (3, 4, "shanghai", WHY, OUTLET_THERE, OutOfReach),
    ],
)
async def test_a_refused_hand_over_moves_nothing(
    db: str, there: Places, team: Team, from_id: int, to_id: int, reach: str, reason: str, prepared: str,
    refusal: type[Refusal],
) -> None:  # fmt: skip
    if prepared:
        await rows.execute(
            db, prepared, *([there.nanjing if refusal is OutOfReach else LATER] if "$1" in prepared else [])
        )
    before = await rows.picture(db)
    nodes = Reach((getattr(there, reach),) if reach else ())
    with pytest.raises(refusal) as refused:
        await assignments.hand_over(from_id, to_id, nodes, team.boss, reason, LATER)
    assert refused.value.detail
    assert await rows.picture(db) == before


@pytest.mark.parametrize("succeeded", [True, False])
async def test_whoever_leaves_loses_roles_sessions_and_outlets(
    db: str, there: Places, team: Team, succeeded: bool
) -> None:
    await with_password(team.rep, AT)
    tokens = [(await logged_in(team.rep, AT)).token for _ in range(2)]
    other = team.next.id if succeeded else None
    assert await assignments.leave(team.rep.id, other, team.admin, "离职", LATER) == 2
    begun, by = AT - SECOND, f"staff:{team.admin.id}"
    ended = ("rep1", begun, LATER, "tests")
    spans = (ended, ("rep2", LATER, None, by)) if succeeded else (ended,)
    assert await rows.fetch(db, KEPT) == [(code, *span) for code in ("A1", "A2") for span in spans]
    assert await people.by_code(team.rep.code, LATER) is None
    assert [await logins.recognise(token, LATER) for token in tokens] == [None, None]
    rep = team.rep.id
    assert await rows.fetch(db, "SELECT until_at FROM staff_grants WHERE staff_id = $1", rep) == [(LATER,)]
    assert await rows.fetch(db, "SELECT ended_at, ended_by FROM staff_sessions") == [(LATER, by)] * 2
    assert await rows.fetch(db, "SELECT left_at FROM staff WHERE id = $1", rep) == [(LATER,)]
    successor = None if other is None else str(other)
    told = [("assignments.handed_over", {"successor": successor, "count": 2}), ("staff.left", {"count": 2})]
    who = str(team.admin.id)
    assert await audited(db) == [
        (action, who, str(rep), there.shanghai, "离职", LATER, after) for action, after in told
    ]
    assert (await again(team.next.code, LATER)).grants == team.next.grants


@pytest.mark.parametrize(
    ("staff_id", "successor_id", "by", "reason", "prepared", "refusal"),
    [
        (3, None, "admin", " ", "", ReasonMissing),
        (2, None, "admin", WHY, "", OwnGrants),
        (999, None, "boss", WHY, "", StaffUnknown),
        (1, None, "admin", WHY, "", StaffUnknown),
        (3, None, "next", WHY, "", StaffUnknown),
        (3, 3, "admin", WHY, "", SuccessorWrong),
        (3, 1, "admin", WHY, "", SuccessorWrong),
        (3, 4, "admin", WHY, LEFT, SuccessorWrong),
        (4, 3, "admin", WHY, LEFT, StaffLeft),
        (3, 4, "admin", WHY, OUTLET_THERE, OutOfReach),
        (3, 4, "admin", WHY, CHECKER_THERE, OutOfReach),
    ],
)
async def test_a_refused_leaving_moves_nothing(
    db: str, there: Places, team: Team, staff_id: int, successor_id: int | None, by: str, reason: str, prepared: str,
    refusal: type[Refusal],
) -> None:  # fmt: skip
    if prepared:
        await rows.execute(db, prepared, there.nanjing if refusal is OutOfReach else AT)
    before = await rows.picture(db)
    with pytest.raises(refusal) as refused:
        await assignments.leave(staff_id, successor_id, getattr(team, by), reason, LATER)
    assert refused.value.detail
    assert await rows.picture(db) == before


@pytest.mark.parametrize("guarded", [True, False], ids=["guard on", "guard off"])
async def test_nobody_leaves_with_outlets_that_they_are_just_given(
    db: str, team: Team, guarded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, go, assign_them, unheld = asyncio.Event(), asyncio.Event(), assignments.assign, Unheld()

    async def held(pairs: Sequence[tuple[int, int | None]], source: str, at: datetime) -> None:
        await assign_them(pairs, source, at)
        if pairs:
            given.set()
            await go.wait()

    monkeypatch.setattr(assignments, "assign", held)
    if not guarded:
        monkeypatch.setattr(assignments, "StaffMember", unheld)
    async with asyncio.timeout(WAIT_SECONDS):
        one = asyncio.create_task(hand_over(team))
        await given.wait()
        other = asyncio.create_task(assignments.leave(team.next.id, None, team.boss, "离职", LATER))
        if guarded:
            await rows.until_blocked(db)
        else:
            await other
        go.set()
        answers = list(await asyncio.gather(one, other))
    # With the lock the second sees what the first has given; without it, outlets are left with somebody who is gone.
    assert answers == ([2, 2] if guarded else [2, 0])
    left_with = "SELECT count(*) FROM outlet_assignments a JOIN staff m ON m.id = a.staff_id WHERE a.until_at IS NULL"
    assert await rows.fetch(db, f"{left_with} AND m.left_at IS NOT NULL") == [(0 if guarded else 2,)]


class Unheld:
    """Stands for the staff's table, locking nothing."""

    def filter(self, **_conditions: object) -> "Unheld":
        """Take any condition."""
        return self

    def order_by(self, _name: str) -> "Unheld":
        """Take any order."""
        return self

    async def select_for_update(self) -> None:
        """Lock nothing."""
