"""Rule books: versions from a day to come, never changed, and what was promised stays."""

from datetime import UTC, date, datetime, timedelta

import asyncpg
import pytest

from loyalty import transactions
from loyalty.points import ledger, settlements
from loyalty.points.ledger import Accrual
from loyalty.points.rules import EXPIRY, ExpiryTerms
from loyalty.points.settlements import Settlement
from loyalty.rulebooks import rulebooks
from loyalty.rulebooks.errors import (
    RuleDayTaken,
    RuleInForce,
    RuleInvalid,
    RuleTooEarly,
    RuleUnchanged,
    RuleVersionUnknown,
)
from tests import rows
from tests.organisation import BY

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)
SIX = ExpiryTerms(months=6)


async def plan(body: ExpiryTerms, on: date, at: datetime = AT) -> int:
    """Plan a version."""
    return await rulebooks.plan(EXPIRY, body, on, BY, "试一试", at)


@pytest.mark.parametrize(
    ("at", "earliest"),
    [
        (datetime(2026, 11, 4, 2, 0, tzinfo=UTC), date(2026, 11, 5)),
        (datetime(2026, 11, 4, 15, 49, 59, tzinfo=UTC), date(2026, 11, 5)),
        (datetime(2026, 11, 4, 15, 50, tzinfo=UTC), date(2026, 11, 6)),
        (datetime(2026, 11, 4, 16, 0, tzinfo=UTC), date(2026, 11, 6)),
    ],
)
async def test_the_next_days_rules_are_settled_ten_minutes_before(db: str, at: datetime, earliest: date) -> None:
    assert rulebooks.earliest_on(at) == earliest
    with pytest.raises(RuleTooEarly):
        await plan(SIX, earliest - timedelta(days=1), at)
    await plan(SIX, earliest, at)


async def test_a_version_is_in_force_from_its_day(db: str) -> None:
    made = await plan(SIX, date(2026, 11, 10))
    async with transactions.reader():
        found = await rulebooks.in_force(EXPIRY, [date(2026, 11, 9), date(2026, 11, 10), date(2027, 1, 1)])
    assert {on: (one.id, one.body.months) for on, one in found.items()} == {
        date(2026, 11, 9): (None, 12), date(2026, 11, 10): (made, 6), date(2027, 1, 1): (made, 6),
    }  # fmt: skip


async def test_what_cannot_be_planned_is_refused_and_nothing_kept(db: str) -> None:
    await plan(SIX, date(2026, 11, 10))
    before = await rows.picture(db)
    with pytest.raises(RuleDayTaken):
        await plan(ExpiryTerms(months=7), date(2026, 11, 10))
    with pytest.raises(RuleUnchanged):
        await plan(SIX, date(2026, 11, 11))
    with pytest.raises(RuleInvalid):
        await plan(ExpiryTerms(kind="fixed"), date(2026, 11, 11))
    assert await rows.picture(db) == before


async def test_only_what_is_not_in_force_is_withdrawn(db: str) -> None:
    made = await plan(SIX, date(2026, 11, 6))
    too_late = datetime(2026, 11, 5, 15, 50, tzinfo=UTC)
    with pytest.raises(RuleInForce):
        await rulebooks.withdraw(EXPIRY, made, BY, "晚了", too_late)
    await rulebooks.withdraw(EXPIRY, made, BY, "不要了", AT)
    with pytest.raises(RuleVersionUnknown):
        await rulebooks.withdraw(EXPIRY, made, BY, "再来", AT)
    await plan(ExpiryTerms(months=3), date(2026, 11, 6))


@pytest.mark.parametrize("statement", ["UPDATE rule_versions SET body = '{}'", "DELETE FROM rule_versions"])
async def test_a_version_is_never_changed(db: str, statement: str) -> None:
    await plan(SIX, date(2026, 11, 10))
    with pytest.raises(asyncpg.RaiseError, match="never changed"):
        await rows.execute(db, statement)


async def test_what_was_promised_stays(db: str) -> None:
    order = Accrual(1, None, 100, "order", "SO1", "order_points:built_in", "订货", AT)
    async with transactions.begin():
        await ledger.pend([order])
    await plan(SIX, date(2026, 11, 5))
    later = AT + timedelta(days=10)
    async with transactions.begin():
        await settlements.release([Settlement("order", "SO1", "到账", later)])
        await ledger.accrue([Accrual(1, None, 7, "order", "SO2", "order_points:built_in", "订货", later)])
    assert await rows.fetch(db, "SELECT expires_on, points_left FROM points_lots ORDER BY 1") == [
        (date(2027, 5, 31), 7), (date(2027, 11, 30), 100),
    ]  # fmt: skip
