"""Rule books: versions from a day to come, never changed, and what was promised stays."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
import msgspec
import pytest

from app.rule_books import BY_CODE, RULE_BOOKS
from loyalty import transactions
from loyalty.organisation.errors import ReasonMissing
from loyalty.points import ledger, settlements
from loyalty.points.ledger import Accrual
from loyalty.points.rules import DAY_CAP, EXPIRY, DayCap, ExpiryTerms
from loyalty.points.settlements import Settlement
from loyalty.rulebooks import rulebooks
from loyalty.rulebooks.books import RuleBook
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


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE rule_versions SET body = '{}'",
        "UPDATE rule_versions SET effective_on = effective_on - 1",
        "UPDATE rule_versions SET reason = '别的'",
        "UPDATE rule_versions SET made_by = 'staff:1'",
        "UPDATE rule_versions SET withdrawn_at = now(), body = '{}'",
        "DELETE FROM rule_versions",
    ],
)
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


async def test_a_withdrawn_version_stays_withdrawn(db: str) -> None:
    made = await plan(SIX, date(2026, 11, 10))
    await rulebooks.withdraw(EXPIRY, made, BY, "不要了", AT)
    with pytest.raises(asyncpg.RaiseError, match="never changed"):
        await rows.execute(db, "UPDATE rule_versions SET withdrawn_at = NULL")
    async with transactions.reader():
        assert (await rulebooks.in_force(EXPIRY, [date(2026, 11, 10)]))[date(2026, 11, 10)].id is None
        (kept,) = await rulebooks.versions(EXPIRY)
    assert (kept.id, kept.body, kept.withdrawn_at) == (made, SIX, AT)


async def test_a_version_is_withdrawn_until_it_is_settled(db: str) -> None:
    made = await plan(SIX, date(2026, 11, 6))
    last = datetime(2026, 11, 5, 15, 49, 59, 999_999, tzinfo=UTC)
    await rulebooks.withdraw(EXPIRY, made, BY, "来得及", last)


async def test_a_version_of_another_book_is_none_of_this_one(db: str) -> None:
    made = await plan(SIX, date(2026, 11, 10))
    with pytest.raises(RuleVersionUnknown):
        await rulebooks.withdraw(DAY_CAP, made, BY, "串了", AT)
    async with transactions.reader():
        assert await rulebooks.versions(DAY_CAP) == []
        assert (await rulebooks.in_force(DAY_CAP, [date(2026, 11, 10)]))[date(2026, 11, 10)].id is None


async def test_what_is_planned_between_two_says_what_it_changes(db: str) -> None:
    await plan(SIX, date(2026, 11, 20))
    await plan(ExpiryTerms(months=9), date(2026, 11, 10))
    await plan(ExpiryTerms(), date(2026, 11, 30))
    found = await rows.fetch(
        db,
        "SELECT before->>'months', after->>'months', after->>'effective_on', reason FROM audit_entries"
        " WHERE action = 'rule.planned' ORDER BY id",
    )
    assert found == [
        ("12", "6", "2026-11-20", "试一试"), ("12", "9", "2026-11-10", "试一试"), ("6", "12", "2026-11-30", "试一试"),
    ]  # fmt: skip
    days = [date(2026, 11, day) for day in (9, 10, 19, 20, 29, 30)]
    async with transactions.reader():
        held = await rulebooks.in_force(EXPIRY, days)
    assert [held[day].body.months for day in days] == [12, 9, 9, 6, 6, 12]


@pytest.mark.parametrize("reason", ["", "  ", "长" * 501])
async def test_a_reason_is_asked_for(db: str, reason: str) -> None:
    made = await plan(SIX, date(2026, 11, 10))
    before = await rows.picture(db)
    with pytest.raises(ReasonMissing):
        await rulebooks.plan(EXPIRY, ExpiryTerms(months=7), date(2026, 11, 12), BY, reason, AT)
    with pytest.raises(ReasonMissing):
        await rulebooks.withdraw(EXPIRY, made, BY, reason, AT)
    assert await rows.picture(db) == before


async def test_two_plans_at_once_for_a_day_leave_one(db: str) -> None:
    on = date(2026, 11, 10)
    async with asyncio.timeout(20):
        answers = await asyncio.gather(plan(SIX, on), plan(ExpiryTerms(months=7), on), return_exceptions=True)
    assert sorted(type(one).__name__ for one in answers) == ["RuleDayTaken", "int"]
    assert await rows.fetch(db, "SELECT count(*) FROM rule_versions") == [(1,)]


@pytest.mark.parametrize("book", RULE_BOOKS, ids=lambda book: book.code)
def test_every_book_is_sound_as_it_comes(book: RuleBook[Any]) -> None:
    assert book.fault(book.built_in) is None
    assert msgspec.convert(msgspec.to_builtins(book.built_in), book.body_type) == book.built_in
    assert book.examples(book.built_in)
    assert set(book.words) == set(book.body_type.__struct_fields__)
    assert BY_CODE[book.code] is book


@pytest.mark.parametrize(
    ("book", "body", "field"),
    [
        (EXPIRY, ExpiryTerms(months=61), "months"),
        (EXPIRY, ExpiryTerms(grace_days=-1), "grace_days"),
        (DAY_CAP, DayCap(0), "outlet_day_points_max"),
    ],
)
async def test_what_could_not_be_read_back_is_not_kept(db: str, book: RuleBook[Any], body: Any, field: str) -> None:
    before = await rows.picture(db)
    with pytest.raises(RuleInvalid) as refused:
        await rulebooks.plan(book, body, date(2026, 11, 10), BY, "试试", AT)
    assert refused.value.data["field"] == field
    assert await rows.picture(db) == before
