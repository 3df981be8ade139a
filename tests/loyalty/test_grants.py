"""Grants: given and ended within an administrator's reach, dated, never one's own."""

from datetime import UTC, datetime, timedelta

import pytest

from loyalty import transactions
from loyalty.errors import Refusal
from loyalty.organisation.errors import NodeUnknown, ReasonMissing
from loyalty.staff import grants, logins, people
from loyalty.staff.errors import (
    GrantExists,
    GrantTimesWrong,
    GrantUnknown,
    LastAdmin,
    OutOfReach,
    OwnGrants,
    RoleFromAbove,
    RoleUnknown,
    StaffCodeTaken,
    StaffLeft,
    StaffUnknown,
)
from loyalty.staff.grants import KeptGrant
from loyalty.staff.people import Staff
from loyalty.staff.rules import Role
from tests import rows
from tests.organisation import BEFORE, BY, Places, again, planted, staff

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
AUDIT = "SELECT action, actor_id, subject_id, node_id, before::jsonb, after::jsonb, reason FROM audit_entries"


@pytest.fixture
async def there(db: str) -> Places:
    """Give the places, in the empty database."""
    return await planted(AT)


@pytest.fixture
async def boss(there: Places) -> Staff:
    """Give an administrator of everything."""
    return await staff("boss", "admin", there.root, AT, "林晓")


@pytest.fixture
async def plant_boss(there: Places) -> Staff:
    """Give an administrator of the first plant alone."""
    return await staff("plant-boss", "admin", there.shanghai, AT, "周敏")


async def test_a_role_is_given_and_counts_at_once(db: str, there: Places, boss: Staff) -> None:
    rep = await staff("rep1", "rep", there.pudong, AT)
    made = await grants.add(rep.id, "supervisor", there.shanghai, AT, AT + DAY, boss, AT)
    assert (await again("rep1", AT)).roles == {"rep", "supervisor"}
    async with transactions.reader():
        assert await grants.of(rep.id, [there.root]) == [
            KeptGrant(made, "supervisor", there.shanghai, "plant", "上海工厂", AT, AT + DAY, f"staff:{boss.id}"),
            KeptGrant(made - 1, "rep", there.pudong, "office", "浦东营业所", AT - BEFORE, None, "command:tests"),
        ]
    ((action, actor, subject, node, before, after, _),) = await rows.fetch(db, f"{AUDIT} ORDER BY id DESC LIMIT 1")
    assert (action, actor, subject, node, before) == (
        "grant.added",
        str(boss.id),
        str(rep.id),
        there.shanghai,
        None,
    )
    assert after == (
        '{"role": "supervisor", "place": "上海工厂", "from_at": "2026-11-04T02:00:00Z",'
        ' "until_at": "2026-11-05T02:00:00Z"}'
    )


async def test_an_ended_grant_counts_no_more_a_second_later(db: str, there: Places, boss: Staff) -> None:
    rep = await staff("rep1", "rep", there.pudong, AT)
    await grants.end(rep.grants[0].id, boss, " 换岗 ", AT)
    assert (await again("rep1", AT - SECOND)).roles == {"rep"}
    assert (await again("rep1", AT)).roles == frozenset()
    assert (await again("rep1", AT + SECOND)).roles == frozenset()
    assert await rows.fetch(db, f"{AUDIT} ORDER BY id DESC LIMIT 1") == [
        (
            "grant.ended",
            str(boss.id),
            str(rep.id),
            there.pudong,
            '{"role": "rep", "place": "浦东营业所", "until_at": null}',
            '{"until_at": "2026-11-04T02:00:00Z"}',
            "换岗",
        )
    ]
    before = await rows.picture(db)
    with pytest.raises(GrantUnknown):
        await grants.end(rep.grants[0].id, boss, "再来一次", AT + SECOND)
    assert await rows.picture(db) == before


async def test_a_coming_grant_counts_when_its_time_has_come(there: Places, boss: Staff) -> None:
    rep = await staff("rep1", "rep", there.pudong, AT)
    coming = await grants.add(rep.id, "checker", there.shanghai, AT + DAY, None, boss, AT)
    assert [(await again("rep1", at)).roles for at in (AT, AT + DAY)] == [{"rep"}, {"rep", "checker"}]
    await grants.end(coming, boss, "不需要了", AT + SECOND)
    assert (await again("rep1", AT + 2 * DAY)).roles == {"rep"}
    async with transactions.reader():
        assert (await grants.of(rep.id, [there.root]))[0].until_at == AT + DAY


@pytest.mark.parametrize(
    ("from_after", "until_after", "overlaps"),
    [
        (0, None, True),
        (-3, -1, False),
        (-3, 1, True),
        (0, 1, True),
        (1, 3, True),
        (3, None, True),
        (10, None, False),
        (9, None, True),
    ],
)
async def test_one_role_at_one_place_once_at_a_time(
    db: str, there: Places, from_after: int, until_after: int | None, overlaps: bool
) -> None:
    rep = await staff("rep1", "rep", there.pudong, AT)
    give = {"staff_id": rep.id, "role": "checker", "actor": BY, "at": AT}
    async with transactions.begin():
        await grants.give(**give, node_id=there.shanghai, from_at=AT - DAY, until_at=AT + 10 * DAY)  # type: ignore[arg-type]
    before = await rows.picture(db)
    span = {"from_at": AT + from_after * DAY, "until_at": None if until_after is None else AT + until_after * DAY}

    async def again_at(node_id: int, role: Role) -> int:
        async with transactions.begin():
            return await grants.give(**give | span | {"node_id": node_id, "role": role})  # type: ignore[arg-type]

    if overlaps:
        with pytest.raises(GrantExists):
            await again_at(there.shanghai, "checker")
        assert await rows.picture(db) == before
    else:
        assert await again_at(there.shanghai, "checker")
    assert await again_at(there.pudong, "checker")
    assert await again_at(there.shanghai, "marketer")


async def test_what_may_not_be_given_leaves_nothing(db: str, there: Places, boss: Staff) -> None:
    rep, gone = await staff("rep1", "rep", there.pudong, AT), await staff("gone", "rep", there.pudong, AT)
    await rows.execute(db, "UPDATE staff SET left_at = $1 WHERE code = 'gone'", AT)
    before = await rows.picture(db)
    cases: list[tuple[int, str, int, datetime, datetime | None, type[Refusal]]] = [
        (rep.id, "boss", there.shanghai, AT, None, RoleUnknown),
        (rep.id, "checker", there.shanghai, AT, AT, GrantTimesWrong),
        (rep.id, "checker", there.shanghai, AT + DAY, AT + DAY, GrantTimesWrong),
        (rep.id, "checker", there.shanghai, AT - 2 * DAY, AT - DAY, GrantTimesWrong),
        (boss.id, "checker", there.shanghai, AT, None, OwnGrants),
        (999, "checker", there.shanghai, AT, None, StaffUnknown),
        (gone.id, "checker", there.shanghai, AT, None, StaffLeft),
        (rep.id, "checker", 999, AT, None, NodeUnknown),
        (rep.id, "rep", there.pudong, AT, None, GrantExists),
    ]
    for staff_id, role, node_id, from_at, until_at, refusal in cases:
        with pytest.raises(refusal) as refused:
            await grants.add(staff_id, role, node_id, from_at, until_at, boss, AT)  # type: ignore[arg-type]
        assert refused.value.detail
    own = boss.grants[0].id
    for grant_id, reason, wrong in ((own, "不干了", OwnGrants), (999, "没有", GrantUnknown), (1, "", ReasonMissing)):
        with pytest.raises(wrong):
            await grants.end(grant_id, boss, reason, AT)
    assert await rows.picture(db) == before


async def test_somebody_is_hired_with_their_first_role(db: str, there: Places, plant_boss: Staff) -> None:
    hired = await grants.hire("new1", "新人", "operator", there.pudong, AT + DAY, plant_boss, AT)
    person = await again("new1", AT)
    assert (person.id, person.roles, person.grants[0].node_id) == (hired, frozenset({"operator"}), there.pudong)
    before = await rows.picture(db)
    cases: list[tuple[str, str, int, datetime | None, type[Refusal]]] = [
        ("new2", "operator", there.nanjing, None, NodeUnknown),
        ("new2", "operator", there.root, None, NodeUnknown),
        ("new2", "king", there.pudong, None, RoleUnknown),
        ("new2", "operator", there.pudong, AT, GrantTimesWrong),
        ("NEW1", "operator", there.pudong, None, StaffCodeTaken),
    ]
    for code, role, node_id, until_at, refusal in cases:
        with pytest.raises(refusal):
            await grants.hire(code, "新人", role, node_id, until_at, plant_boss, AT)  # type: ignore[arg-type]
    assert await rows.picture(db) == before


async def test_an_administrator_of_a_plant_has_no_say_elsewhere(
    db: str, there: Places, boss: Staff, plant_boss: Staff
) -> None:
    here = await staff("here", "rep", there.pudong, AT)
    both = await staff("both", "rep", there.pudong, AT)
    elsewhere = await staff("elsewhere", "rep", there.nanjing, AT)
    outside = await grants.add(both.id, "rep", there.nanjing, AT + DAY, None, boss, AT)
    before = await rows.picture(db)
    for staff_id, node_id, refusal in (
        (here.id, there.nanjing, NodeUnknown),
        (here.id, there.root, NodeUnknown),
        (elsewhere.id, there.pudong, StaffUnknown),
        (boss.id, there.pudong, StaffUnknown),
    ):
        with pytest.raises(refusal):
            await grants.add(staff_id, "checker", node_id, AT, None, plant_boss, AT)
    for grant_id in (outside, elsewhere.grants[0].id, boss.grants[0].id):
        with pytest.raises(GrantUnknown):
            await grants.end(grant_id, plant_boss, "越权", AT)
    async with transactions.reader():
        assert (await grants.require_whole_reach(here.id, plant_boss, AT)).code == "here"
        assert (await grants.require_whole_reach(both.id, boss, AT)).code == "both"
        with pytest.raises(OutOfReach):
            await grants.require_whole_reach(both.id, plant_boss, AT)
        with pytest.raises(StaffUnknown):
            await grants.require_whole_reach(elsewhere.id, plant_boss, AT)
    assert await rows.picture(db) == before
    await grants.end(outside, boss, "不去了", AT)
    async with transactions.reader():
        assert (await grants.require_whole_reach(both.id, plant_boss, AT + 2 * DAY)).code == "both"


async def test_only_the_role_of_administrator_gives_reach(db: str, there: Places) -> None:
    lead = await staff("lead", "plant_lead", there.root, AT)
    rep = await staff("rep1", "rep", there.pudong, AT)
    before = await rows.picture(db)
    with pytest.raises(StaffUnknown):
        await grants.add(rep.id, "checker", there.pudong, AT, None, lead, AT)
    with pytest.raises(NodeUnknown):
        await grants.hire("new1", "新人", "rep", there.pudong, None, lead, AT)
    with pytest.raises(GrantUnknown):
        await grants.end(rep.grants[0].id, lead, "越权", AT)
    assert await rows.picture(db) == before
    assert await people.by_code("new1", AT) is None


async def test_administrators_and_checkers_of_a_part_are_made_from_above(
    db: str, there: Places, boss: Staff, plant_boss: Staff
) -> None:
    puppet = await staff("puppet", "operator", there.shanghai, AT)
    before = await rows.picture(db)
    for role in ("admin", "checker"):
        with pytest.raises(RoleFromAbove):
            await grants.add(puppet.id, role, there.shanghai, AT, None, plant_boss, AT)
        with pytest.raises(RoleFromAbove):
            await grants.hire("puppet2", "分身", role, there.shanghai, None, plant_boss, AT)
    assert await rows.picture(db) == before
    await grants.add(puppet.id, "admin", there.pudong, AT, None, plant_boss, AT)
    await grants.add(puppet.id, "checker", there.shanghai, AT, None, boss, AT)
    assert (await again("puppet", AT)).roles == {"operator", "admin", "checker"}


async def test_who_had_left_comes_back_without_a_role_or_a_password(db: str, there: Places, boss: Staff) -> None:
    await staff("rep1", "rep", there.pudong, AT)
    (rep_id,) = (await rows.fetch(db, "SELECT id FROM staff WHERE code = 'rep1'"))[0]
    await rows.execute(db, "UPDATE staff SET left_at = $1, password_hash = 'old' WHERE code = 'rep1'", AT)
    await rows.execute(db, "UPDATE staff_grants SET until_at = $1 WHERE staff_id = $2", AT, rep_id)
    with pytest.raises(ReasonMissing):
        await grants.bring_back(int(str(rep_id)), boss, "", AT)
    await grants.bring_back(int(str(rep_id)), boss, "又回来了", AT)
    assert (await again("rep1", AT)).grants == ()
    assert await rows.fetch(db, "SELECT left_at, password_hash FROM staff WHERE id = $1", rep_id) == [(None, None)]
    assert await rows.fetch(db, "SELECT action, reason FROM audit_entries ORDER BY id DESC LIMIT 1") == [
        ("staff.returned", "又回来了")
    ]


async def test_somebody_always_administers_the_whole(db: str, there: Places, boss: Staff) -> None:
    other = await staff("boss2", "admin", there.root, AT)
    (grant,) = other.grants
    await grants.end(grant.id, boss, "换人", AT)
    (last,) = boss.grants
    deputy = Staff(other.id, other.code, other.name, False, other.grants)  # noqa: FBT003 - as read a moment before
    before = await rows.picture(db)
    with pytest.raises(LastAdmin):
        await grants.end(last.id, deputy, "都走吧", AT)
    assert await rows.picture(db) == before


async def test_a_temporary_password_dies_when_somebody_else_gives_a_role(
    db: str, there: Places, boss: Staff, plant_boss: Staff
) -> None:
    rep = await staff("rep1", "rep", there.pudong, AT)
    kept = "SELECT password_hash IS NOT NULL FROM staff WHERE code = 'rep1'"
    await logins.reset_password(rep.id, plant_boss, AT)
    await grants.add(rep.id, "operator", there.pudong, AT, None, plant_boss, AT)
    assert await rows.fetch(db, kept) == [(True,)]
    await grants.add(rep.id, "admin", there.root, AT, None, boss, AT)
    assert await rows.fetch(db, kept) == [(False,)]
