"""What becomes of entries later: released, cancelled, taken back, given back, each once, never more than there was."""

from datetime import date, timedelta

import asyncpg
import pytest

from loyalty.points import ledger, settlements
from loyalty.points.errors import AlreadyReleased, SourceUnknown
from loyalty.points.ledger import Accrued, Pended
from loyalty.points.rules import ExpiryTerms
from loyalty.points.settlements import Settled
from tests import rows
from tests.loyalty.ledger_items import (
    ACCOUNTS,
    AT,
    ENTRIES,
    accrual,
    given_back,
    gone_back,
    lots,
    plan,
    proven,
    redemption,
    run,
    settlement,
)

OF = """
    SELECT e.kind, e.source_id, b.kind, b.source_id FROM ledger_entries e JOIN ledger_entries b ON b.id = e.of_entry_id
     ORDER BY e.id
"""


async def test_promised_points_are_not_spendable_until_they_are_released(db: str) -> None:
    assert await run(ledger.pend, accrual(1, 20, "a"), accrual(1, 5, "b"), accrual(2, 1, "c")) == [
        Pended(25, repeated=False), Pended(25, repeated=False), Pended(1, repeated=False),
    ]  # fmt: skip
    assert await rows.fetch(db, ACCOUNTS) == [(1, 0, 25, 0), (2, 0, 1, 0)]
    later = AT + timedelta(days=40)
    assert await run(settlements.release, settlement("a", later), settlement("c", later)) == [
        Settled(20, 20, 0, 20, repeated=False), Settled(1, 1, 0, 1, repeated=False),
    ]  # fmt: skip
    assert await rows.fetch(db, ACCOUNTS) == [(1, 20, 5, 0), (2, 1, 0, 0)]
    assert await rows.fetch(db, ENTRIES) == [
        ("pending", 0, 0, 20), ("pending", 0, 0, 5), ("pending", 0, 0, 1),
        ("accrual", 20, 0, -20), ("accrual", 1, 0, -1),
    ]  # fmt: skip
    assert await rows.fetch(db, OF) == [("accrual", "a", "pending", "a"), ("accrual", "c", "pending", "c")]
    assert await lots(db, 1) == [("2027-12-31", 20)]


async def test_points_are_released_under_the_terms_they_were_promised_under(db: str) -> None:
    version = await plan(ExpiryTerms(months=2), date(2026, 11, 10))
    await run(ledger.pend, accrual(1, 20, "old"), accrual(1, 30, "new", AT + timedelta(days=10)))
    await plan(ExpiryTerms(months=24), date(2026, 11, 20))
    later = AT + timedelta(days=40)
    await run(settlements.release, settlement("old", later), settlement("new", later))
    assert await lots(db, 1) == [("2027-02-28", 30), ("2027-12-31", 20)]
    kept = await rows.fetch(db, "SELECT source_id, terms_id FROM ledger_entries WHERE kind = 'accrual' ORDER BY id")
    assert kept == [("old", None), ("new", version)]


async def test_a_release_first_repays_what_is_owed(db: str) -> None:
    await run(ledger.accrue, accrual(1, 30, "a"))
    await run(ledger.redeem, redemption(1, 30, "x"))
    await run(settlements.reverse, gone_back("a", (1, 1), "r"))
    await run(ledger.pend, accrual(1, 20, "b"), accrual(1, 20, "c"))
    assert await run(settlements.release, settlement("b"), settlement("c")) == [
        Settled(20, 20, 20, 0, repeated=False), Settled(20, 20, 10, 10, repeated=False),
    ]  # fmt: skip
    assert await rows.fetch(db, ACCOUNTS) == [(1, 10, 0, 0)]


async def test_what_was_cancelled_is_neither_released_nor_cancelled_again(db: str) -> None:
    await run(ledger.pend, accrual(1, 20, "a"))
    assert await run(settlements.cancel, settlement("a"), settlement("a")) == [
        Settled(20, 20, 0, 0, repeated=False), Settled(0, 0, 0, 0, repeated=True),
    ]  # fmt: skip
    assert await run(settlements.release, settlement("a")) == [Settled(0, 0, 0, 0, repeated=False)]
    assert await run(settlements.reverse, gone_back("a", (1, 1), "r")) == [Settled(0, 0, 0, 0, repeated=False)]
    assert await rows.fetch(db, ENTRIES) == [("pending", 0, 0, 20), ("reversal", 0, 0, -20)]


async def test_what_has_arrived_is_not_cancelled(db: str) -> None:
    await run(ledger.pend, accrual(1, 20, "a"))
    await run(settlements.release, settlement("a"))
    before = await rows.picture(db)
    (refused,) = await run(settlements.cancel, settlement("a"))
    assert isinstance(refused, AlreadyReleased)
    assert await rows.picture(db) == before


async def test_nothing_is_settled_that_was_not_promised(db: str) -> None:
    await run(ledger.accrue, accrual(1, 20, "paid"))
    before = await rows.picture(db)
    released = await run(settlements.release, settlement("paid"), settlement("nobody"))
    cancelled = await run(settlements.cancel, settlement("paid"), settlement("nobody"))
    assert [type(one) for one in [*released, *cancelled]] == [SourceUnknown] * 4
    assert await rows.picture(db) == before


async def test_only_what_earned_is_reversed_and_only_what_spent_is_refunded(db: str) -> None:
    await run(ledger.accrue, accrual(1, 20, "a"))
    await run(ledger.redeem, redemption(1, 5, "x"))
    before = await rows.picture(db)
    crossed = settlements.Reversal("redemption", "x", 1, 1, "return", "r", "退", AT)
    back = settlements.Reversal("order", "a", 1, 1, "return", "r", "退", AT)
    (one,) = await run(settlements.reverse, crossed)
    (other,) = await run(settlements.refund, back)
    assert [type(one), type(other)] == [SourceUnknown, SourceUnknown]
    assert await rows.picture(db) == before


async def test_part_goes_back_before_the_release_and_part_after(db: str) -> None:
    await run(ledger.pend, accrual(1, 100, "a"))
    assert await run(settlements.reverse, gone_back("a", (3, 10), "r1")) == [Settled(30, 30, 0, 0, repeated=False)]
    assert await run(settlements.release, settlement("a")) == [Settled(70, 70, 0, 70, repeated=False)]
    assert await run(settlements.reverse, gone_back("a", (5, 10), "r2")) == [Settled(20, 0, 0, 50, repeated=False)]
    # A share that is smaller than what went back already gives nothing and takes nothing.
    assert await run(settlements.reverse, gone_back("a", (1, 10), "r3")) == [Settled(0, 0, 0, 50, repeated=False)]
    assert await run(settlements.reverse, gone_back("a", (10, 10), "r4")) == [Settled(50, 0, 0, 0, repeated=False)]
    assert await rows.fetch(db, ACCOUNTS) == [(1, 0, 0, 0)]
    assert [row[1] for row in await rows.fetch(db, OF)] == ["r1", "a", "r2", "r4"]
    assert await proven() == []


async def test_several_parts_of_one_document_in_one_call(db: str) -> None:
    await run(ledger.accrue, accrual(1, 100, "a"))
    await run(ledger.redeem, redemption(1, 90, "x"))
    parts = [gone_back("a", (part, 3), f"r{part}") for part in (1, 2, 3)]
    assert await run(settlements.reverse, *parts) == [
        Settled(33, 0, 23, 0, repeated=False), Settled(34, 0, 34, 0, repeated=False),
        Settled(33, 0, 33, 0, repeated=False),
    ]  # fmt: skip
    assert await run(settlements.refund, given_back("x", (1, 2), "g1"), given_back("x", (2, 2), "g2")) == [
        Settled(45, 0, 45, 0, repeated=False), Settled(45, 0, 45, 0, repeated=False),
    ]  # fmt: skip
    assert await rows.fetch(db, ACCOUNTS) == [(1, 0, 0, 0)]
    assert await proven() == []


async def test_a_reversal_takes_from_its_own_lot_first(db: str) -> None:
    await run(ledger.accrue, accrual(1, 10, "soon"), accrual(1, 20, "late", AT + timedelta(days=31)))
    await run(settlements.reverse, gone_back("late", (1, 2), "r1"))
    assert await lots(db, 1) == [("2027-11-30", 10), ("2027-12-31", 10)]
    await run(ledger.redeem, redemption(1, 15, "x"))
    await run(settlements.reverse, gone_back("soon", (1, 1), "r2"))
    # Its own lot is spent: it takes from what there is, and owes the rest.
    assert await rows.fetch(db, ACCOUNTS) == [(1, 0, 0, 5)]
    assert await proven() == []


async def test_a_document_that_was_paid_at_once_and_promised_too_is_paid_once(db: str) -> None:
    await run(ledger.accrue, accrual(1, 20, "a"))
    await run(ledger.pend, accrual(1, 20, "a"))
    assert await run(settlements.release, settlement("a")) == [Settled(0, 0, 0, 20, repeated=True)]
    assert await run(settlements.cancel, settlement("a")) == [Settled(20, 20, 0, 20, repeated=False)]
    assert await rows.fetch(db, ACCOUNTS) == [(1, 20, 0, 0)]


async def test_a_cancel_after_a_reversal_in_the_documents_own_name_moves_nothing(db: str) -> None:
    await run(ledger.pend, accrual(1, 20, "a"))
    own = settlements.Reversal("order", "a", 1, 2, "order", "a", "退一半", AT)
    assert await run(settlements.reverse, own) == [Settled(10, 10, 0, 0, repeated=False)]
    assert await run(settlements.cancel, settlement("a")) == [Settled(0, 0, 0, 0, repeated=True)]
    assert await rows.fetch(db, ACCOUNTS) == [(1, 0, 10, 0)]


async def test_each_item_is_answered_by_itself(db: str) -> None:
    await run(ledger.accrue, accrual(1, 20, "a"), accrual(2, 8, "b"))
    unknown, done, again, other = await run(
        settlements.reverse,
        gone_back("nobody", (1, 1), "r0"),
        gone_back("a", (1, 4), "r1"),
        gone_back("a", (1, 4), "r1"),
        gone_back("b", (1, 1), "r2"),
    )
    assert isinstance(unknown, SourceUnknown)
    assert done == Settled(5, 0, 0, 15, repeated=False)
    assert again == Settled(0, 0, 0, 15, repeated=True)
    assert other == Settled(8, 0, 0, 0, repeated=False)


@pytest.mark.parametrize("share", [(2, 1), (-1, 2), (1, 0)])
async def test_a_share_of_more_than_all_is_a_bug_and_moves_nothing(db: str, share: tuple[int, int]) -> None:
    await run(ledger.accrue, accrual(1, 20, "a"))
    before = await rows.picture(db)
    with pytest.raises(ValueError, match="no share of anything"):
        await run(settlements.reverse, gone_back("a", share, "r"))
    assert await rows.picture(db) == before


async def test_the_database_pays_a_document_once_whatever_the_verbs_do(db: str) -> None:
    assert await run(ledger.accrue, accrual(1, 20, "a")) == [Accrued(20, repeated=False)]
    with pytest.raises(asyncpg.UniqueViolationError, match="ledger_entries_paid_once"):
        await rows.execute(
            db,
            "INSERT INTO ledger_entries (outlet_id, kind, points, expires_on, source_kind, source_id, rule, why, at)"
            " SELECT outlet_id, kind, points, expires_on, source_kind, source_id, rule, why, at FROM ledger_entries",
        )
