"""Manual adjustments: two people, each within the limit of their role, and nothing moves before both have agreed."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from loyalty.customers.errors import OutletUnknown
from loyalty.customers.personal import DataKeys
from loyalty.organisation.errors import ReasonMissing
from loyalty.points.adjustments import adjustments
from loyalty.points.adjustments.errors import (
    AdjustmentOverLimit,
    AdjustmentPointsInvalid,
    AdjustmentSettled,
    AdjustmentUnknown,
    SamePerson,
)
from loyalty.points.errors import InsufficientPoints
from loyalty.staff.people import Staff
from loyalty.staff.rules import ROLES
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
    with pytest.raises(InsufficientPoints):
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
