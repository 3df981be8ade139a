"""Staff members: taken in, found, read, and how far each reaches."""

from datetime import UTC, datetime, timedelta

import pytest

from loyalty import transactions
from loyalty.errors import Refusal
from loyalty.organisation.errors import NameMissing
from loyalty.staff import grants, people
from loyalty.staff.errors import StaffCodeInvalid, StaffCodeTaken, StaffUnknown
from loyalty.staff.people import Grant, Named, Reach, Staff, State
from loyalty.staff.rules import Role
from tests import rows
from tests.organisation import BEFORE, BY, Places, again, planted, staff

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def there(db: str) -> Places:
    """Give the places, in the empty database."""
    return await planted(AT)


async def found(
    reach: list[int], text: str = "", role: Role | str = "", state: State = "", **more: object
) -> list[str]:
    """List codes as a page does."""
    asked = {"order": "code", "skip": 0, "limit": 50} | more
    async with transactions.reader():
        listed = await people.find(reach, text, role, state, at=AT, **asked)  # type: ignore[arg-type]
    return [one.code for one in listed]


async def test_somebody_is_taken_in_without_a_password(db: str) -> None:
    staff_id = await people.add("Zhang.San", "  张  三 ", BY, AT)
    assert await people.by_code("zhang.SAN", AT) == Staff(
        staff_id, "Zhang.San", "张 三", password_is_temporary=True, grants=()
    )
    assert await rows.fetch(
        db, "SELECT code, login, name, source, created_at, left_at, password_hash, tries, locked_until FROM staff"
    ) == [("Zhang.San", "zhang.san", "张 三", "command:tests", AT, None, None, 0, None)]
    assert await rows.fetch(db, "SELECT action, subject_kind, subject_id, after::jsonb FROM audit_entries") == [
        ("staff.added", "staff", str(staff_id), '{"code": "Zhang.San", "name": "张 三"}')
    ]


@pytest.mark.parametrize(
    ("code", "name", "refusal"),
    [
        ("", "张三", StaffCodeInvalid),
        ("-a", "张三", StaffCodeInvalid),
        ("a b", "张三", StaffCodeInvalid),
        ("张三", "张三", StaffCodeInvalid),
        ("a\n", "张三", StaffCodeInvalid),
        ("a" * 33, "张三", StaffCodeInvalid),
        ("ok", "", NameMissing),
        ("ok", " \t", NameMissing),
        ("ok", "长" * 65, NameMissing),
        ("taken", "张三", StaffCodeTaken),
        ("TAKEN", "张三", StaffCodeTaken),
    ],
)
async def test_who_may_not_be_taken_in_leaves_nothing(db: str, code: str, name: str, refusal: type[Refusal]) -> None:
    await people.add("taken", "在职", BY, AT)
    before = await rows.picture(db)
    with pytest.raises(refusal) as refused:
        await people.add(code, name, BY, AT)
    assert refused.value.detail
    assert await rows.picture(db) == before


async def test_who_has_left_is_found_by_no_code(db: str, there: Places) -> None:
    person = await staff("rep1", "rep", there.shanghai, AT)
    await rows.execute(db, "UPDATE staff SET left_at = $1", AT)
    assert await people.by_code("rep1", AT) is None
    assert await people.by_code("nobody", AT) is None
    async with transactions.reader():
        assert (await people.read(person.id, [there.shanghai])).left_at == AT


async def test_a_grant_counts_from_its_start_until_before_its_end(there: Places) -> None:
    person = await staff("rep1", "rep", there.shanghai, AT)
    end = AT + MINUTE
    async with transactions.begin():
        await grants.give(person.id, "supervisor", there.pudong, AT, end, BY, AT)
    instants = (AT - timedelta(microseconds=1), AT, end - timedelta(microseconds=1), end, end + timedelta(seconds=1))
    assert [sorted((await again("rep1", at)).roles) for at in instants] == [
        ["rep"],
        ["rep", "supervisor"],
        ["rep", "supervisor"],
        ["rep"],
        ["rep"],
    ]
    assert (await again("rep1", AT)).grants == (
        Grant(1, "rep", there.shanghai, "plant", "上海工厂"),
        Grant(2, "supervisor", there.pudong, "office", "浦东营业所"),
    )


@pytest.mark.parametrize(
    ("roles", "reach"),
    [
        (("admin",), Reach((1,))),
        (("operator", "plant_lead"), Reach((2, 3))),
        (("operator", "admin"), Reach((1, 2))),
        (("rep",), Reach((), 7, (4, 5))),
        (("rep", "operator"), Reach((2,), 7, (4, 5))),
        (("checker",), Reach(())),
        ((), Reach(())),
    ],
)
def test_reach(roles: tuple[Role, ...], reach: Reach) -> None:
    held: list[tuple[Role, int]] = [
        ("admin", 1),
        ("operator", 2),
        ("plant_lead", 3),
        ("plant_lead", 2),
        ("rep", 5),
        ("rep", 4),
    ]
    given = tuple(Grant(n, role, node_id, "plant", "某地") for n, (role, node_id) in enumerate(held))
    person = Staff(7, "many", "多面手", password_is_temporary=False, grants=given)
    assert person.reach(roles) == reach
    assert reach.is_nothing == (not reach.node_ids and not reach.rep_node_ids)


async def test_an_administrator_sees_who_has_or_had_a_role_in_reach(db: str, there: Places) -> None:
    await staff("boss", "admin", there.root, AT)
    rep = await staff("rep1", "rep", there.pudong, AT, "马强")
    other = await staff("rep2", "rep", there.nanjing, AT, "高翔")
    bare = await people.add("bare", "新人", BY, AT)
    assert await found([there.root]) == ["bare", "boss", "rep1", "rep2"]
    assert await found([there.shanghai]) == ["rep1"]
    assert await found([there.nanjing, there.route]) == ["rep2"]
    assert await found([]) == []
    async with transactions.reader():
        for unseen in (other.id, bare, 999):
            with pytest.raises(StaffUnknown):
                await people.read(unseen, [there.shanghai])
        assert (await people.read(rep.id, [there.shanghai])).name == "马强"
    await rows.execute(db, "UPDATE staff_grants SET until_at = $2 WHERE staff_id = $1", rep.id, AT - MINUTE)
    assert await found([there.shanghai]) == ["rep1"]
    assert await found([there.shanghai], role="rep") == []


async def test_a_list_is_searched_sorted_and_cut(db: str, there: Places) -> None:
    for code, name, role in (
        ("b-rep", "马强", "rep"),
        ("a-lead", "周建平", "plant_lead"),
        ("c-op", "马小丽", "operator"),
    ):
        await staff(code, role, there.shanghai, AT, name)  # type: ignore[arg-type]
    await rows.execute(db, "UPDATE staff SET locked_until = $1 WHERE code = 'b-rep'", AT + MINUTE)
    await rows.execute(db, "UPDATE staff SET locked_until = $1, left_at = $1 WHERE code = 'a-lead'", AT)
    await rows.execute(db, "UPDATE staff SET last_login_at = $1 WHERE code = 'c-op'", AT)
    reach = [there.root]
    assert await found(reach, "马") == ["b-rep", "c-op"]
    assert await found(reach, "B-R") == ["b-rep"]
    assert await found(reach, "%") == []
    assert await found(reach, role="operator") == ["c-op"]
    assert await found(reach, state="here") == ["b-rep", "c-op"]
    assert await found(reach, state="left") == ["a-lead"]
    assert await found(reach, state="locked") == ["b-rep"]
    assert await found(reach, order="-code", skip=1, limit=1) == ["b-rep"]
    assert await found(reach, order="-seen", limit=1) == ["c-op"]
    assert (await found(reach, order="seen"))[-1] == "c-op"
    async with transactions.reader():
        (listed,) = await people.find(reach, "b-rep", "", "", "name", 0, 1, AT)
    assert (listed.locked, listed.roles, listed.places, listed.may_log_in) == (True, ("rep",), ("上海工厂",), False)


async def test_choices_are_those_who_hold_a_role_in_reach_now(db: str, there: Places) -> None:
    for code, role, node_id in (
        ("rep1", "rep", there.pudong),
        ("rep2", "rep", there.nanjing),
        ("rep3", "rep", there.shanghai),
        ("op1", "operator", there.shanghai),
    ):
        await staff(code, role, node_id, AT, f"某{code}")  # type: ignore[arg-type]
    await rows.execute(db, "UPDATE staff SET left_at = $1 WHERE code = 'rep3'", AT)

    async def choices(reach: list[int], roles: tuple[Role, ...], text: str = "", at: datetime = AT) -> list[Named]:
        async with transactions.reader():
            return await people.choices(reach, roles, text, at)

    assert await choices([there.shanghai], ("rep",)) == [Named(1, "rep1", "某rep1")]
    assert [one.code for one in await choices([there.root], ("rep", "operator"))] == ["op1", "rep1", "rep2"]
    assert [one.code for one in await choices([there.root], ("rep", "operator"), "某op")] == ["op1"]
    assert await choices([there.root], ("rep",), at=AT - BEFORE - MINUTE) == []
