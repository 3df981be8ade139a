"""Manual adjustments: two people, each within the limit of their role, and nothing moves before both have agreed."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest

from loyalty import transactions
from loyalty.customers.errors import OutletUnknown
from loyalty.customers.personal import DataKeys
from loyalty.organisation.errors import ReasonMissing
from loyalty.points.adjustments import adjustments
from loyalty.points.adjustments.errors import (
    AdjustmentOverLimit,
    AdjustmentPointsInvalid,
    AdjustmentSettled,
    AdjustmentUncovered,
    AdjustmentUnknown,
    SamePerson,
)
from loyalty.points.rules import ADJUSTMENTS, RoleLimit
from loyalty.rulebooks import rulebooks
from loyalty.staff import grants
from loyalty.staff.people import Staff
from loyalty.staff.rules import ROLES, Role
from tests import factories, organisation, rows
from tests.storefront import proven

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)
ENTRIES = "SELECT kind, points, rule, why FROM ledger_entries ORDER BY id"
STATES = "SELECT state, points FROM points_adjustments ORDER BY id"


async def people(data_keys: DataKeys) -> tuple[str, Staff, Staff]:
    """Give an outlet of the plant SH, its operator and its checker."""
    places = await organisation.planted(AT)
    code = await factories.outlet(AT, data_keys, plant_code="SH")
    operator = await organisation.staff("operator", "operator", places.shanghai, AT)
    checker = await organisation.staff("checker", "checker", places.shanghai, AT)
    return code, operator, checker


async def propose(code: str, points: int, by: Staff, reason: str = "漏记了") -> int:
    """Propose with all that somebody reaches."""
    return await adjustments.propose(code, points, reason, by, by.reach(ROLES), AT)


async def approve(one: int, by: Staff) -> int:
    """Approve with all that somebody reaches."""
    return await adjustments.approve(one, "核对过", by, by.reach(ROLES), AT)


async def test_two_people_give_and_take(db: str, data_keys: DataKeys) -> None:
    code, operator, checker = await people(data_keys)
    given = await propose(code, 500, operator)
    assert await rows.fetch(db, ENTRIES) == []
    assert await approve(given, checker) == 500
    assert await approve(await propose(code, -200, operator, "多记了"), checker) == 300
    assert await rows.fetch(db, ENTRIES) == [
        ("adjustment", 500, "adjustment_limits:built_in", "补给您 500 分：漏记了"),
        ("adjustment", -200, "adjustment_limits:built_in", "扣回 200 分：多记了"),
    ]
    assert await organisation.actions(db, 4) == [
        "adjustment.approved", "adjustment.proposed", "adjustment.approved", "adjustment.proposed",
    ]  # fmt: skip
    await proven()


@pytest.mark.parametrize(
    ("points", "refusal"),
    [(0, AdjustmentPointsInvalid), (501, AdjustmentOverLimit), (-501, AdjustmentOverLimit)],
)
async def test_a_proposal_out_of_bounds_is_refused(
    db: str, data_keys: DataKeys, points: int, refusal: type[Exception]
) -> None:
    code, operator, _ = await people(data_keys)
    before = await rows.picture(db)
    with pytest.raises(refusal):
        await propose(code, points, operator)
    with pytest.raises(ReasonMissing):
        await propose(code, 5, operator, "  ")
    assert await rows.picture(db) == before


async def test_a_day_has_its_limit_and_the_next_one_its_own(db: str, data_keys: DataKeys) -> None:
    code, operator, _ = await people(data_keys)
    for points in (500, -500, 500, 499):
        await propose(code, points, operator)
    with pytest.raises(AdjustmentOverLimit) as refused:
        await propose(code, 2, operator)
    assert refused.value.data == {"field": "points", "limit_points": 2_000, "per": "一天"}
    await propose(code, 1, operator)
    tomorrow = AT + timedelta(days=1)
    await adjustments.propose(code, 500, "第二天", operator, operator.reach(ROLES), tomorrow)


async def test_nobody_checks_themselves_nor_twice(db: str, data_keys: DataKeys) -> None:
    code, _, checker = await people(data_keys)
    ((root,),) = await rows.fetch(db, "SELECT id FROM organisation_nodes WHERE parent_id IS NULL")
    assert isinstance(root, int)
    chief = await organisation.staff("chief", "admin", root, AT)
    own = await propose(code, 10, chief)
    with pytest.raises(SamePerson):
        await approve(own, chief)
    assert await approve(own, checker) == 10
    with pytest.raises(AdjustmentSettled):
        await approve(own, checker)
    with pytest.raises(AdjustmentSettled):
        await adjustments.reject(own, "不行", checker, checker.reach(ROLES), AT)
    assert await rows.fetch(db, STATES) == [("approved", 10)]


async def test_what_is_not_there_cannot_be_taken(db: str, data_keys: DataKeys) -> None:
    code, operator, checker = await people(data_keys)
    one = await propose(code, -1, operator)
    before = await rows.picture(db)
    with pytest.raises(AdjustmentUncovered):
        await approve(one, checker)
    assert await rows.picture(db) == before
    await adjustments.reject(one, "余额不够", checker, checker.reach(ROLES), AT)
    assert await rows.fetch(db, STATES) == [("rejected", -1)]


async def test_only_who_reaches_the_outlet_proposes_checks_or_withdraws(db: str, data_keys: DataKeys) -> None:
    code, operator, _ = await people(data_keys)
    ((nanjing,),) = await rows.fetch(db, "SELECT id FROM organisation_nodes WHERE code = 'NJ'")
    assert isinstance(nanjing, int)
    stranger = await organisation.staff("stranger", "plant_lead", nanjing, AT)
    one = await propose(code, 5, operator)
    with pytest.raises(OutletUnknown):
        await propose(code, 5, stranger)
    for verb in (approve(one, stranger), adjustments.withdraw(one, stranger, stranger.reach(ROLES), AT)):
        with pytest.raises(AdjustmentUnknown):
            await verb
    await adjustments.withdraw(one, operator, operator.reach(ROLES), AT)
    assert await rows.fetch(db, STATES) == [("withdrawn", 5)]


async def test_two_at_once_share_the_limit_of_a_day(db: str, data_keys: DataKeys) -> None:
    code, operator, _ = await people(data_keys)
    for _ in range(3):
        await propose(code, 500, operator)
    async with asyncio.timeout(20):
        answers = await asyncio.gather(*(propose(code, 400, operator) for _ in range(2)), return_exceptions=True)
    assert sorted(type(one).__name__ for one in answers) == ["AdjustmentOverLimit", "int"]


async def test_two_approvals_at_once_pay_once(db: str, data_keys: DataKeys) -> None:
    code, operator, checker = await people(data_keys)
    one = await propose(code, 40, operator)
    async with asyncio.timeout(20):
        answers = await asyncio.gather(*(approve(one, checker) for _ in range(2)), return_exceptions=True)
    assert sorted(str(one if isinstance(one, int) else type(one).__name__) for one in answers) == [
        "40", "AdjustmentSettled",
    ]  # fmt: skip
    assert await rows.fetch(db, "SELECT balance FROM points_accounts") == [(40,)]


async def test_who_checks_has_limits_of_their_own_too(db: str, data_keys: DataKeys) -> None:
    code, _, _ = await people(data_keys)
    ((root,),) = await rows.fetch(db, "SELECT id FROM organisation_nodes WHERE parent_id IS NULL")
    ((shanghai,),) = await rows.fetch(db, "SELECT id FROM organisation_nodes WHERE code = 'SH'")
    assert isinstance(root, int)
    assert isinstance(shanghai, int)
    chief = await organisation.staff("chief", "admin", root, AT)
    lead = await organisation.staff("lead", "plant_lead", shanghai, AT)
    too_much = await propose(code, 1_001, chief)
    before = await rows.picture(db)
    with pytest.raises(AdjustmentOverLimit) as refused:
        await approve(too_much, lead)
    assert refused.value.data == {"field": "points", "limit_points": 1_000, "per": "一次"}
    assert await rows.picture(db) == before
    for number in range(9):
        await approve(await propose(code, 1_000, chief), lead)
        assert await rows.fetch(db, "SELECT balance FROM points_accounts") == [(1_000 * (number + 1),)]
    # What is taken counts as what is given; what is rejected counts not.
    await approve(await propose(code, -999, chief), lead)
    await adjustments.reject(await propose(code, 1_000, chief), "不行", lead, lead.reach(ROLES), AT)
    last, more = await propose(code, 1, chief), await propose(code, 1, chief)
    await approve(last, lead)
    with pytest.raises(AdjustmentOverLimit) as refused:
        await approve(more, lead)
    assert refused.value.data == {"field": "points", "limit_points": 10_000, "per": "一天"}
    tomorrow = datetime(2026, 11, 4, 16, 0, tzinfo=UTC)
    with pytest.raises(AdjustmentOverLimit):
        await adjustments.approve(more, "今天", lead, lead.reach(ROLES), tomorrow - timedelta(microseconds=1))
    assert await adjustments.approve(more, "明天", lead, lead.reach(ROLES), tomorrow) == 8_003
    await proven()


@pytest.mark.parametrize(
    ("role", "once"), [("operator", 500), ("marketer", 500), ("plant_lead", 2_000), ("admin", 20_000)]
)
async def test_each_role_proposes_up_to_its_limit(db: str, data_keys: DataKeys, role: Role, once: int) -> None:
    code, _, _ = await people(data_keys)
    ((shanghai,),) = await rows.fetch(db, "SELECT id FROM organisation_nodes WHERE code = 'SH'")
    assert isinstance(shanghai, int)
    one = await organisation.staff("one", role, shanghai, AT)
    for points in (once + 1, -once - 1):
        with pytest.raises(AdjustmentOverLimit) as refused:
            await propose(code, points, one)
        assert refused.value.data["limit_points"] == once
    await propose(code, once, one)
    await propose(code, -once, one)


@pytest.mark.parametrize("role", ["checker", "supervisor"])
async def test_a_role_without_a_limit_proposes_nothing(db: str, data_keys: DataKeys, role: Role) -> None:
    code, _, _ = await people(data_keys)
    ((shanghai,),) = await rows.fetch(db, "SELECT id FROM organisation_nodes WHERE code = 'SH'")
    assert isinstance(shanghai, int)
    one = await organisation.staff("one", role, shanghai, AT)
    with pytest.raises(AdjustmentOverLimit) as refused:
        await propose(code, 1, one)
    assert refused.value.data["limit_points"] == 0


async def test_a_role_elsewhere_gives_no_limit_here(db: str, data_keys: DataKeys) -> None:
    code, operator, _ = await people(data_keys)
    ((nanjing,),) = await rows.fetch(db, "SELECT id FROM organisation_nodes WHERE code = 'NJ'")
    assert isinstance(nanjing, int)
    async with transactions.begin():
        await grants.give(
            operator.id, "admin", nanjing, AT - timedelta(days=1), None, organisation.BY, AT - timedelta(days=1)
        )
    both = await organisation.again("operator", AT)
    assert both.roles == {"operator", "admin"}
    with pytest.raises(AdjustmentOverLimit) as refused:
        await propose(code, 501, both)
    assert refused.value.data["limit_points"] == 500


async def test_limits_are_a_rule_book_and_the_entry_names_its_version(db: str, data_keys: DataKeys) -> None:
    code, operator, checker = await people(data_keys)
    body = msgspec.structs.replace(
        ADJUSTMENTS.built_in, propose=ADJUSTMENTS.built_in.propose | {"operator": RoleLimit(600, 600)}
    )
    version = await rulebooks.plan(ADJUSTMENTS, body, date(2026, 11, 5), organisation.BY, "放宽", AT)
    with pytest.raises(AdjustmentOverLimit):
        await propose(code, 600, operator)
    later = AT + timedelta(days=1)
    one = await adjustments.propose(code, 600, "补记", operator, operator.reach(ROLES), later)
    with pytest.raises(AdjustmentOverLimit):
        await adjustments.propose(code, 1, "补记", operator, operator.reach(ROLES), later)
    await adjustments.approve(one, "核对过", checker, checker.reach(ROLES), later)
    assert await rows.fetch(db, "SELECT rule FROM ledger_entries") == [(f"adjustment_limits:{version}",)]


async def test_two_approvals_at_once_share_the_limit_of_a_day(db: str, data_keys: DataKeys) -> None:
    code, _, _ = await people(data_keys)
    ((shanghai,),) = await rows.fetch(db, "SELECT id FROM organisation_nodes WHERE code = 'SH'")
    assert isinstance(shanghai, int)
    chief = await organisation.staff("chief", "admin", shanghai, AT)
    lead = await organisation.staff("lead", "plant_lead", shanghai, AT)
    for _ in range(9):
        await approve(await propose(code, 1_000, chief), lead)
    two = [await propose(code, 600, chief) for _ in range(2)]
    async with asyncio.timeout(20):
        answers = await asyncio.gather(*(approve(one, lead) for one in two), return_exceptions=True)
    assert sorted(str(one if isinstance(one, int) else type(one).__name__) for one in answers) == [
        "9600", "AdjustmentOverLimit",
    ]  # fmt: skip
    await proven()


async def test_a_withdrawal_beside_an_approval_has_one_end(db: str, data_keys: DataKeys) -> None:
    code, operator, checker = await people(data_keys)
    one = await propose(code, 40, operator)
    async with asyncio.timeout(20):
        answers = await asyncio.gather(
            approve(one, checker),
            adjustments.withdraw(one, operator, operator.reach(ROLES), AT),
            return_exceptions=True,
        )
    assert sum(isinstance(answer, AdjustmentSettled) for answer in answers) == 1
    ((state, _),) = await rows.fetch(db, STATES)
    paid = await rows.fetch(db, "SELECT points FROM ledger_entries")
    assert (state, paid) in [("approved", [(40,)]), ("withdrawn", [])]


async def test_one_is_found_and_listed_only_within_reach(db: str, data_keys: DataKeys) -> None:
    code, operator, checker = await people(data_keys)
    ((nanjing,),) = await rows.fetch(db, "SELECT id FROM organisation_nodes WHERE code = 'NJ'")
    assert isinstance(nanjing, int)
    stranger = await organisation.staff("stranger", "checker", nanjing, AT)
    first, second, third = [
        await adjustments.propose(code, 1 + n, "漏记了", operator, operator.reach(ROLES), AT + timedelta(minutes=n))
        for n in range(3)
    ]
    await approve(first, checker)
    async with transactions.reader():
        found = await adjustments.find(second, checker.reach(ROLES), AT)
        listed = await adjustments.search(checker.reach(ROLES), "", "", 0, 10, AT)
        approved = await adjustments.search(checker.reach(ROLES), "approved", code, 0, 10, AT)
        assert await adjustments.search(stranger.reach(ROLES), "", "", 0, 10, AT) == []
        for number, reach in ((second, stranger.reach(ROLES)), (0, checker.reach(ROLES))):
            with pytest.raises(AdjustmentUnknown):
                await adjustments.find(number, reach, AT)
    assert (found.outlet_code, found.points, found.state, found.made_by) == (code, 2, "proposed", operator.id)
    assert [one.id for one in listed] == [second, third, first]
    assert [(one.id, one.checked_by) for one in approved] == [(first, checker.id)]
