"""What other points systems got wrong, each as a test that it cannot happen here."""

import asyncio
from datetime import date, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty import transactions
from loyalty.points import ledger, settlements
from loyalty.points.errors import InsufficientPoints
from loyalty.points.ledger import Accrued, Expired, Redeemed
from loyalty.points.rules import ExpiryTerms
from loyalty.points.settlements import Settled
from loyalty.points.statements import statements
from loyalty.points.statements.statements import Expiring
from loyalty.units import share_rounded_half_up
from tests import rows
from tests.loyalty.ledger_items import (
    ACCOUNTS,
    AT,
    ENTRIES,
    accrual,
    adjustment,
    expire,
    given_back,
    gone_back,
    lots,
    plan,
    proven,
    redemption,
    run,
    settlement,
)

WAIT_SECONDS = 20
NEXT_YEAR = AT + timedelta(days=365)
MADE = "SELECT count(*) FROM ledger_entries"


@pytest.fixture(autouse=True)
async def nothing_is_out_of_joint(db: str) -> Any:
    """Run the proofs after each test: whatever was tried, the books are right."""
    yield
    assert await proven() == []


async def test_a_balance_is_never_written_from_a_read_that_is_old(db: str) -> None:
    barrier = asyncio.Barrier(8)

    async def read_then_pay(number: int) -> int:
        async with transactions.begin():
            known = (await statements.accounts([1]))[1].balance
            await barrier.wait()
            await ledger.accrue([accrual(1, 5, f"{number}")])
            return known

    async with asyncio.timeout(WAIT_SECONDS):
        assert await asyncio.gather(*(read_then_pay(number) for number in range(8))) == [0] * 8
    assert await rows.fetch(db, ACCOUNTS) == [(1, 40, 0, 0)]


@pytest.mark.parametrize("take", [redemption(1, 11, "x"), adjustment(1, -11, "x")], ids=["redeem", "adjust"])
async def test_what_is_not_there_is_not_spent(db: str, take: Any) -> None:
    await run(ledger.accrue, accrual(1, 10, "a"))
    before = await rows.picture(db)
    verb: Any = ledger.redeem if isinstance(take, ledger.Redemption) else ledger.adjust
    (refused,) = await run(verb, take)
    assert isinstance(refused, InsufficientPoints)
    assert refused.data == {"balance_points": 10, "missing_points": 1}
    assert refused.detail == "还差 1 分，攒够了再来。"
    assert await rows.picture(db) == before


async def test_one_that_is_refused_leaves_its_neighbours_alone(db: str) -> None:
    await run(ledger.accrue, accrual(1, 10, "a"), accrual(2, 10, "b"))
    many = [redemption(1, 6, "x"), redemption(1, 6, "y"), redemption(2, 6, "z"), redemption(3, 1, "w")]
    first, refused, other, nobody = await run(ledger.redeem, *many)
    assert (first, other) == (Redeemed(4, repeated=False), Redeemed(4, repeated=False))
    assert [type(refused), type(nobody)] == [InsufficientPoints, InsufficientPoints]
    assert await rows.fetch(db, ACCOUNTS) == [(1, 4, 0, 0), (2, 4, 0, 0)]


async def test_a_replayed_message_moves_nothing(db: str) -> None:
    messages: list[tuple[Any, Any]] = [
        (ledger.accrue, accrual(1, 50, "a")),
        (ledger.pend, accrual(1, 20, "b")),
        (ledger.redeem, redemption(1, 10, "c")),
        (ledger.adjust, adjustment(1, 3, "d")),
        (ledger.adjust, adjustment(1, -2, "e")),
        (settlements.reverse, gone_back("a", (1, 2), "f")),
        (settlements.refund, given_back("c", (1, 2), "g")),
        (settlements.release, settlement("b")),
        (ledger.pend, accrual(1, 20, "h")),
        (settlements.cancel, settlement("h")),
    ]
    for verb, message in messages:
        (answer,) = await run(verb, message)
        assert answer.repeated is False
    before = await rows.picture(db)
    for verb, message in messages:
        # Once more by itself, and twice in one call.
        for many in ([message], [message, message]):
            assert [answer.repeated for answer in await run(verb, *many)] == [True] * len(many)
    assert await rows.picture(db) == before
    assert await rows.fetch(db, ACCOUNTS) == [(1, 50 - 10 + 3 - 2 - 25 + 5 + 20, 0, 0)]


async def test_points_that_expire_take_no_debit_with_them(db: str) -> None:
    await run(ledger.accrue, accrual(1, 30, "a"), accrual(1, 20, "b", AT + timedelta(days=31)))
    await run(ledger.redeem, redemption(1, 10, "x"))
    assert await expire(date(2027, 11, 30)) == Expired(0, 0)
    assert await expire(date(2027, 12, 1), at=NEXT_YEAR) == Expired(1, 20)
    # Credits dropped from a sum would have left 20 - 10.
    assert await rows.fetch(db, ACCOUNTS) == [(1, 20, 0, 0)]
    assert await rows.fetch(db, ENTRIES) == [
        ("accrual", 30, 0, 0), ("accrual", 20, 0, 0), ("redemption", -10, 0, 0), ("expiry", -20, 0, 0),
    ]  # fmt: skip
    assert await expire(date(2027, 12, 1), at=NEXT_YEAR) == Expired(0, 0)


async def test_what_has_ended_is_not_spent_before_the_sweep_comes(db: str) -> None:
    await run(ledger.accrue, accrual(1, 30, "a"), accrual(1, 20, "b", AT + timedelta(days=31)))
    late = datetime.fromisoformat("2027-12-01T00:00:00+08:00")
    (refused,) = await run(ledger.redeem, redemption(1, 21, "x", late))
    assert isinstance(refused, InsufficientPoints)
    assert refused.data == {"balance_points": 20, "missing_points": 1}
    assert await run(ledger.redeem, redemption(1, 50, "y", late - timedelta(seconds=1))) == [
        Redeemed(0, repeated=False)
    ]


async def test_pending_points_stay_pending_when_the_balance_cannot_take_them(db: str) -> None:
    await run(ledger.pend, accrual(1, 20, "a"))
    before = await rows.picture(db)
    await rows.execute(db, "ALTER TABLE points_accounts ADD CONSTRAINT full_up CHECK (balance < 20)")
    try:
        with pytest.raises(asyncpg.CheckViolationError, match="full_up"):
            await run(settlements.release, settlement("a"))
        assert await rows.picture(db) == before
    finally:
        await rows.execute(db, "ALTER TABLE points_accounts DROP CONSTRAINT full_up")
    assert await run(settlements.release, settlement("a")) == [Settled(20, 20, 0, 20, repeated=False)]
    assert await rows.fetch(db, ACCOUNTS) == [(1, 20, 0, 0)]
    assert await run(settlements.release, settlement("a")) == [Settled(0, 0, 0, 20, repeated=True)]


async def test_spent_points_come_back_with_their_own_last_day(db: str) -> None:
    await run(ledger.accrue, accrual(1, 30, "a"), accrual(1, 20, "b", AT + timedelta(days=31)))
    await run(ledger.redeem, redemption(1, 40, "x"))
    assert await lots(db, 1) == [("2027-12-31", 10)]
    later = AT + timedelta(days=200)
    assert await run(settlements.refund, given_back("x", (1, 1), "r", later)) == [Settled(40, 0, 0, 50, repeated=False)]
    assert await lots(db, 1) == [("2027-11-30", 30), ("2027-12-31", 20)]


async def test_spent_points_whose_day_has_passed_come_back_for_days_of_grace(db: str) -> None:
    await run(ledger.accrue, accrual(1, 30, "a"), accrual(1, 20, "b", AT + timedelta(days=31)))
    await run(ledger.redeem, redemption(1, 40, "x"))
    on_the_last = datetime.fromisoformat("2027-11-30T23:59:59+08:00")
    await run(settlements.refund, given_back("x", (1, 4), "r1", on_the_last))
    assert await lots(db, 1) == [("2027-12-31", 20)]
    await run(settlements.refund, given_back("x", (2, 4), "r2", on_the_last))
    assert await lots(db, 1) == [("2027-11-30", 10), ("2027-12-31", 20)]
    await run(settlements.refund, given_back("x", (3, 4), "r3", on_the_last + timedelta(seconds=1)))
    assert await lots(db, 1) == [("2027-11-30", 10), ("2027-12-31", 30)]
    await plan(ExpiryTerms(grace_days=5), date(2027, 12, 5))
    await run(settlements.refund, given_back("x", (4, 4), "r4", on_the_last + timedelta(days=5)))
    assert await lots(db, 1) == [("2027-11-30", 10), ("2027-12-10", 10), ("2027-12-31", 30)]


async def test_points_for_goods_that_went_back_are_not_kept(db: str) -> None:
    await run(ledger.accrue, accrual(1, 30, "a"))
    await run(ledger.redeem, redemption(1, 25, "x"))
    assert await run(settlements.reverse, gone_back("a", (1, 1), "r")) == [Settled(30, 0, 25, 0, repeated=False)]
    assert await rows.fetch(db, ACCOUNTS) == [(1, 0, 0, 25)]
    # What comes next repays it, whatever it comes from, before anything can be spent.
    assert await run(ledger.accrue, accrual(1, 10, "b")) == [Accrued(0, repeated=False)]
    assert await run(ledger.adjust, adjustment(1, 10, "c")) == [Redeemed(0, repeated=False)]
    assert await run(settlements.refund, given_back("x", (1, 1), "g")) == [Settled(25, 0, 5, 20, repeated=False)]
    assert await rows.fetch(db, ACCOUNTS) == [(1, 20, 0, 0)]


REFUNDS = [
    # total, denominator, what each further part gives back
    (100, 3, [33, 34, 33]),
    (10, 4, [3, 2, 3, 2]),
    (1, 3, [0, 1, 0]),
    (2, 7, [0, 1, 0, 0, 0, 1, 0]),
    (50, 1, [50]),
]


@pytest.mark.parametrize(("total", "parts", "given_each"), REFUNDS)
async def test_partial_refunds_and_reversals_do_not_drift(
    db: str, total: int, parts: int, given_each: list[int]
) -> None:
    await run(ledger.accrue, accrual(1, total, "a"), accrual(2, total, "b"))
    await run(ledger.redeem, redemption(2, total, "x"))
    shares = [(part, parts) for part in range(1, parts + 1)]
    back = [(await run(settlements.reverse, gone_back("a", share, f"r{share[0]}")))[0] for share in shares]
    given = [(await run(settlements.refund, given_back("x", share, f"g{share[0]}")))[0] for share in shares]
    assert [one.points for one in back if isinstance(one, Settled)] == given_each
    assert [one.points for one in given if isinstance(one, Settled)] == given_each
    assert sum(given_each) == total
    assert await rows.fetch(db, ACCOUNTS) == [(1, 0, 0, 0), (2, total, 0, 0)]


@given(st.integers(0, 10**9), st.lists(st.integers(1, 10**6), min_size=1, max_size=30))
def test_no_sequence_of_parts_drifts(total: int, parts: list[int]) -> None:
    whole, so_far, given_back_points = sum(parts), 0, 0
    for part in parts:
        so_far += part
        now = share_rounded_half_up(total, so_far, whole) - given_back_points
        # Each step is within one of the exact share of its part, all steps together within half of one.
        assert abs(now * whole - total * part) <= whole
        given_back_points += now
        assert 2 * abs(given_back_points * whole - total * so_far) <= whole
    assert given_back_points == total


async def test_spending_does_not_lower_what_was_earned(db: str) -> None:
    await run(ledger.accrue, accrual(1, 30, "a"), accrual(1, 20, "b"))

    async def earned() -> int:
        async with transactions.reader():
            return (await statements.statement(1, date(2026, 11, 1))).by_kind["accrual"]

    assert await earned() == 50
    await run(ledger.redeem, redemption(1, 45, "x"))
    await run(settlements.refund, given_back("x", (1, 2), "g"))
    await expire(date(2027, 12, 1))
    assert await rows.fetch(db, ACCOUNTS) == [(1, 0, 0, 0)]
    assert await earned() == 50


async def test_everything_that_expires_is_shown_by_its_day(db: str) -> None:
    months = [AT + timedelta(days=31 * number) for number in range(4)]
    await run(ledger.accrue, *(accrual(1, 10 + number, f"{number}", at) for number, at in enumerate(months)))
    await run(ledger.redeem, redemption(1, 10, "x"))
    async with transactions.reader():
        shown = await statements.expiring(1, date(2026, 11, 4))
        balance = (await statements.accounts([1]))[1].balance
    assert shown == [
        Expiring(date(2027, 12, 31), 11), Expiring(date(2028, 1, 31), 12), Expiring(date(2028, 2, 29), 13),
    ]  # fmt: skip
    assert balance == sum(one.points for one in shown) == 36


async def test_a_new_rule_changes_nothing_that_was_promised(db: str) -> None:
    await run(ledger.pend, accrual(1, 20, "a"))
    await run(ledger.accrue, accrual(1, 5, "b"))
    await plan(ExpiryTerms(months=1), date(2026, 11, 10))
    after = AT + timedelta(days=10)
    await run(settlements.release, settlement("a", after))
    await run(ledger.accrue, accrual(1, 7, "c", after))
    assert await lots(db, 1) == [("2026-12-31", 7), ("2027-11-30", 25)]
    assert (await rows.fetch(db, MADE)) == [(4,)]
