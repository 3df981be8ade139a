"""Statements by month: where a month begins, that they add up, and why each entry is there."""

from datetime import date, datetime, timedelta

import pytest

from loyalty import transactions
from loyalty.customers.errors import BindingRequired, SessionEnded
from loyalty.customers.personal import DataKeys
from loyalty.customers.standings import MemberRef
from loyalty.points import ledger, settlements
from loyalty.points.statements import statements
from loyalty.points.statements.statements import Account, Expiring, Statement
from tests import factories, rows
from tests.loyalty.ledger_items import (
    AT,
    accrual,
    adjustment,
    expire,
    given_back,
    gone_back,
    redemption,
    run,
    settlement,
)

NOVEMBER, DECEMBER, JANUARY = date(2026, 11, 1), date(2026, 12, 1), date(2027, 1, 1)


async def statement(month: date, outlet_id: int = 1) -> Statement:
    """Read a statement, and see that it adds up."""
    async with transactions.reader():
        told = await statements.statement(outlet_id, month)
    assert told.opening.balance + sum(line.entry.balance_change for line in told.lines) == told.closing.balance
    assert told.opening.pending + sum(line.entry.pending_change for line in told.lines) == told.closing.pending
    assert told.opening.owed + sum(line.entry.owed_change for line in told.lines) == told.closing.owed
    balance = told.opening.balance
    for line in told.lines:
        balance += line.entry.balance_change
        assert line.balance_after == balance
    assert sum(told.by_kind.values()) == sum(line.entry.points for line in told.lines)
    return told


@pytest.mark.parametrize(
    ("at", "month"),
    [
        ("2026-11-01T00:00:00+08:00", NOVEMBER),
        ("2026-10-31T16:00:00+00:00", NOVEMBER),
        ("2026-11-30T23:59:59.999999+08:00", NOVEMBER),
        ("2026-12-01T00:00:00+08:00", DECEMBER),
        ("2026-11-30T16:00:00+00:00", DECEMBER),
        ("2026-12-31T15:59:59.999999+00:00", DECEMBER),
        ("2026-12-31T16:00:00+00:00", JANUARY),
    ],
)
async def test_a_month_begins_at_midnight_in_shanghai(db: str, at: str, month: date) -> None:
    await run(ledger.accrue, accrual(1, 5, "a", datetime.fromisoformat(at)))
    told = {one: len((await statement(one)).lines) for one in (NOVEMBER, DECEMBER, JANUARY)}
    assert told == {one: int(one == month) for one in (NOVEMBER, DECEMBER, JANUARY)}
    assert (await statement(month)).month == month


@pytest.mark.parametrize("day", [date(2028, 2, 1), date(2028, 2, 15), date(2028, 2, 29)])
async def test_any_day_of_a_month_asks_for_it(db: str, day: date) -> None:
    await run(ledger.accrue, accrual(1, 5, "a", datetime.fromisoformat("2028-02-29T23:59:59+08:00")))
    told = await statement(day)
    assert (told.month, told.closing) == (date(2028, 2, 1), Account(5, 0, 0))


async def test_each_month_opens_as_the_one_before_closed(db: str) -> None:
    later, latest = AT + timedelta(days=30), AT + timedelta(days=60)
    await run(ledger.accrue, accrual(1, 50, "a"), accrual(2, 99, "other"))
    await run(ledger.pend, accrual(1, 20, "b"))
    await run(ledger.redeem, redemption(1, 40, "x"))
    await run(settlements.reverse, gone_back("a", (1, 1), "r", later))
    await run(settlements.release, settlement("b", later))
    await run(ledger.adjust, adjustment(1, 60, "m", later), adjustment(1, -5, "n", latest))
    await run(settlements.refund, given_back("x", (1, 4), "g", latest))
    first, second, third = await statement(NOVEMBER), await statement(DECEMBER), await statement(JANUARY)
    assert (first.opening, first.closing) == (Account(), Account(10, 20, 0))
    assert first.by_kind == {"accrual": 50, "pending": 0, "redemption": -40}
    assert (second.opening, second.closing) == (Account(10, 20, 0), Account(40, 0, 0))
    assert second.by_kind == {"reversal": -50, "accrual": 20, "adjustment": 60}
    assert (third.opening, third.closing) == (Account(40, 0, 0), Account(45, 0, 0))
    assert [line.balance_after for line in second.lines] == [0, 0, 40]
    assert (await statement(date(2027, 2, 1))).opening == third.closing
    async with transactions.reader():
        assert (await statements.accounts([1]))[1] == third.closing


async def test_an_entry_made_late_belongs_to_the_month_it_is_of(db: str) -> None:
    await run(ledger.accrue, accrual(1, 5, "a", AT + timedelta(days=40)))
    await run(ledger.accrue, accrual(1, 7, "b"))
    assert [line.entry.source_id for line in (await statement(NOVEMBER)).lines] == ["b"]
    assert (await statement(DECEMBER)).opening == Account(7, 0, 0)


async def test_each_entry_tells_why_and_which_lots_it_touched(db: str) -> None:
    await run(ledger.accrue, accrual(1, 10, "a"), accrual(1, 20, "b", AT + timedelta(days=31)))
    await run(ledger.redeem, redemption(1, 15, "x", AT + timedelta(days=31)))
    await run(ledger.pend, accrual(1, 3, "c", AT + timedelta(days=31)))
    lines = [line.entry for line in (await statement(DECEMBER)).lines]
    soon, late = date(2027, 11, 30), date(2027, 12, 31)
    assert [(one.kind, one.lots) for one in lines] == [
        ("accrual", ((late, 20),)), ("redemption", ((soon, -10), (late, -5))), ("pending", ()),
    ]  # fmt: skip
    assert [(one.rule, one.source_kind, one.source_id, one.why) for one in lines] == [
        ("orders:1", "order", "b", "订货得分"), ("shop:1", "redemption", "x", "换了礼品"),
        ("orders:1", "order", "c", "订货得分"),
    ]  # fmt: skip


async def test_what_expired_is_told_with_its_day(db: str) -> None:
    await run(ledger.accrue, accrual(1, 10, "a"))
    await expire(date(2027, 12, 1), at=datetime.fromisoformat("2027-12-01T00:10:00+08:00"))
    (line,) = (await statement(date(2027, 12, 1))).lines
    assert (line.entry.kind, line.entry.points, line.balance_after) == ("expiry", -10, 0)
    assert line.entry.why == "有效期到 2027年11月30日，没用完的 10 分过期了"


async def test_a_very_long_month_says_that_it_is_cut(db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await run(ledger.accrue, *(accrual(1, 1, f"{number}", AT + timedelta(minutes=number)) for number in range(5)))
    assert (await statement(NOVEMBER)).cut is False
    monkeypatch.setattr(statements, "STATEMENT_ENTRIES_MAX", 4)
    told = await statement(NOVEMBER)
    assert (told.cut, len(told.lines), told.closing) == (True, 4, Account(4, 0, 0))


async def test_an_outlet_without_points_has_an_empty_statement(db: str) -> None:
    told = await statement(NOVEMBER, 7)
    assert (told.opening, told.closing, told.lines, told.by_kind, told.cut) == (Account(), Account(), [], {}, False)


async def test_a_member_reads_the_statement_of_the_own_outlet(db: str, data_keys: DataKeys) -> None:
    owner = await factories.bound(await factories.outlet(AT, data_keys), AT, data_keys)
    ((outlet_id,),) = await rows.fetch(db, "SELECT id FROM outlets")
    await run(ledger.accrue, accrual(int(str(outlet_id)), 5, "a"), accrual(int(str(outlet_id)) + 1, 9, "b"))
    assert (await statements.statement_of(owner, NOVEMBER)).closing == Account(5, 0, 0)
    stranger = await factories.member(AT, data_keys)
    for member, refusal in ((stranger, BindingRequired), (MemberRef(stranger.id, 7), SessionEnded)):
        with pytest.raises(refusal):
            await statements.statement_of(member, NOVEMBER)


async def test_points_that_have_ended_are_not_in_the_balance_that_a_member_sees(db: str, data_keys: DataKeys) -> None:
    owner = await factories.bound(await factories.outlet(AT, data_keys), AT, data_keys)
    await run(ledger.accrue, accrual(1, 10, "a"), accrual(1, 20, "b", AT + timedelta(days=31)))
    midnight = datetime.fromisoformat("2027-12-01T00:00:00+08:00")
    before, _ = await statements.account_of(owner, midnight - timedelta(seconds=1))
    after, expiring = await statements.account_of(owner, midnight)
    assert (before.balance, after.balance) == (30, 20)
    assert expiring == [Expiring(date(2027, 12, 31), 20)]
