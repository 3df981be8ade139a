"""What becomes of orders: the table of changes, shortages and their answers, returns; the ledger exact to the point."""

from datetime import date, timedelta
from typing import Any

import pytest

from loyalty.catalogue.shelves import Shelves
from loyalty.customers.personal import DataKeys
from loyalty.customers.standings import MemberRef
from loyalty.errors import Refusal
from loyalty.ordering.errors import (
    LineUnknown,
    OrderNotCancellable,
    OrderNotReceivable,
    OrderUnknown,
    ProgressReused,
    ReportTooEarly,
    ShortageUnknown,
    SubstituteUnfit,
)
from loyalty.ordering.fulfilment import completions, rules, shortages
from loyalty.ordering.fulfilment.rules import NEXT, Line, Reported, Status, Step
from loyalty.ordering.fulfilment.shortages import Decided, Decision
from loyalty.ordering.history import orders as history
from loyalty.ordering.rules import Wish
from tests import rows
from tests.catalogue import AT, price, product, put_prices, put_products, stocked
from tests.ordering import balance, entitled, ids, later, owner, placed, report, standing_of, wished

STATUSES: tuple[Status, ...] = ("placed", "confirmed", "shipped", "delivered", "completed", "cancelled", "rejected")
STEPS: tuple[Step, ...] = (
    "confirmed", "shorted", "shipped", "delivered", "returned", "cancelled", "rejected", "received", "completed",
)  # fmt: skip


def line(cases: int = 10, **changes: Any) -> Line:
    """Give a line of cases at 48.00 yuan, three of them at 10.00."""
    values: dict[str, Any] = {
        "line_number": 1, "product_id": 1, "code": "A", "name": "汽水", "category": "汽水", "units_per_case": 24,
        "cases": cases, "price_fen": 4_800, "special_cases": 3, "special_price_fen": 1_000, "entitlement_id": None,
        "deposit_fen": 200 * cases, "cases_due": cases,
    }  # fmt: skip
    return Line(**values | changes)


def test_a_status_only_goes_on() -> None:
    rank = {status: n for n, status in enumerate(STATUSES)}
    for (status, _), after in NEXT.items():
        assert rank[after] >= rank[status]
    assert {status for status, _ in NEXT}.isdisjoint(rules.ENDED)
    assert not rules.BEHIND & set(NEXT)
    assert {(a, b) for a in STATUSES for b in STEPS if rules.verdict_on(a, b) == "odd"} == {
        ("placed", "received"), ("placed", "completed"), ("confirmed", "received"), ("confirmed", "completed"),
        ("shipped", "completed"), ("shipped", "rejected"), ("delivered", "cancelled"), ("delivered", "rejected"),
        ("completed", "cancelled"), ("completed", "rejected"), ("completed", "received"), ("completed", "completed"),
        *((a, b) for a in ("cancelled", "rejected") for b in ("shipped", "delivered", "returned")),
        *((a, b) for a in ("cancelled", "rejected") for b in ("received", "completed")),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("step", "quantity", "before", "after"),
    [
        ("confirmed", 8, (10, 0), (8, 0)),
        ("confirmed", 12, (10, 0), (10, 0)),
        ("shipped", 10, (8, 0), (8, 0)),
        ("returned", 3, (8, 0), (8, 3)),
        ("returned", 2, (8, 3), (8, 3)),
        ("returned", 9, (8, 0), (8, 8)),
        ("delivered", 2, (8, 3), (2, 2)),
        ("shorted", 0, (10, 0), (0, 0)),
    ],
)
def test_what_comes_only_falls_and_what_went_back_only_grows(
    step: Step, quantity: int, before: tuple[int, int], after: tuple[int, int]
) -> None:
    one = line(cases_due=before[0], cases_returned=before[1])
    changed = rules.with_report({1: one}, step, [Reported(1, quantity)]).get(1, one)
    assert (changed.cases_due, changed.cases_returned) == after


@pytest.mark.parametrize(
    ("due", "returned", "discount", "expected"),
    [
        (10, 0, 0, 3 * 1_000 + 7 * 4_800 + 10 * 200),
        (10, 8, 0, 2 * 1_000 + 2 * 200),
        (2, 0, 500, 2 * 1_000 - 500 + 2 * 200),
        (1, 0, 5_000, 200),
        (0, 0, 500, 0),
    ],
)
def test_what_is_due_counts_cases_at_the_special_price_first(
    due: int, returned: int, discount: int, expected: int
) -> None:
    assert rules.due_fen([line(cases_due=due, cases_returned=returned)], discount) == expected


@pytest.mark.parametrize(("due", "short", "special"), [(8, 2, 0), (2, 8, 1), (0, 10, 3), (0, 2, 2), (3, 7, 0)])
def test_special_cases_are_missed_last(due: int, short: int, special: int) -> None:
    assert rules.special_of_short(line(cases_due=due), short) == special


async def ordered(db: str, data_keys: DataKeys, cases: int = 10) -> tuple[MemberRef, str]:
    """Place an order of two products, ten cases of one and five of the other."""
    await stocked("A", "B", "C")
    found, member = await ids(db), await owner(data_keys)
    order = await placed(member, Wish(found["A"], cases), Wish(found["B"], 5))
    return member, order.number


async def test_the_ledger_is_exact_through_a_shortage_and_a_partial_return(db: str, data_keys: DataKeys) -> None:
    member, number = await ordered(db, data_keys)
    await report(number, "confirmed")
    assert await balance(db, member) == (0, 15 * 2 + 50)
    await report(number, "shorted", (1, 7))
    assert await balance(db, member) == (0, 12 * 2 + 50)
    assert await standing_of(db, number) == ("confirmed", 12 * 4_800, [(7, 0), (5, 0)])
    await report(number, "shipped", eta_on=date(2026, 11, 5))
    await report(number, "delivered", at=later(days=1))
    await report(number, "returned", (1, 2), at=later(days=2))
    assert await balance(db, member) == (0, 10 * 2 + 50)
    done = await wished(member, number, "received", later(days=2))
    assert (done.status, done.repeated) == ("completed", False)
    ((release_on,),) = await rows.fetch(db, "SELECT release_on FROM orders")
    assert release_on == date(2026, 11, 14)
    assert await completions.release(later(days=9)) == 0
    assert await completions.release(later(days=10)) == 1
    assert await completions.release(later(days=10)) == 0
    assert await balance(db, member) == (70, 0)
    await report(number, "returned", (1, 5), (2, 5), at=later(days=11))
    assert await balance(db, member) == (2 * 2 + 50, 0)
    await report(number, "returned", (1, 7), at=later(days=12))
    assert await balance(db, member) == (0, 0)
    assert await standing_of(db, number) == ("completed", 0, [(7, 7), (5, 5)])


async def test_a_return_told_before_its_delivery_counts_the_same(db: str, data_keys: DataKeys) -> None:
    member, number = await ordered(db, data_keys)
    early = await report(number, "returned", (1, 2))
    assert (early.status, early.applied) == ("placed", False)
    await report(number, "delivered")
    await report(number, "confirmed")
    assert await balance(db, member) == (0, 13 * 2 + 50)
    assert await standing_of(db, number) == ("delivered", 13 * 4_800, [(10, 2), (5, 0)])


async def test_a_report_counts_once_and_a_wrong_one_changes_nothing(db: str, data_keys: DataKeys) -> None:
    _, number = await ordered(db, data_keys)
    first = await report(number, "shorted", (1, 7), progress_id="p1")
    before = await rows.picture(db)
    again = await report(number, "shorted", (1, 7), progress_id="p1")
    assert (first.applied, first.repeated, again.applied, again.repeated) == (True, False, True, True)
    with pytest.raises(ProgressReused):
        await report(number, "shipped", progress_id="p1")
    with pytest.raises(LineUnknown) as unknown:
        await report(number, "shipped", (1, 1), (3, 1))
    assert unknown.value.data == {"field": "lines[1].line_number"}
    with pytest.raises(ReportTooEarly):
        await report(number, "shipped", at=later(minutes=6), now=AT)
    with pytest.raises(OrderUnknown):
        await report("L000", "shipped")
    assert await rows.picture(db) == before


async def test_what_does_not_fit_is_kept_and_shown(db: str, data_keys: DataKeys) -> None:
    member, number = await ordered(db, data_keys)
    await wished(member, number, "cancelled")
    odd = await report(number, "shipped", at=later(hours=1))
    assert (odd.status, odd.applied) == ("cancelled", False)
    assert await rows.fetch(db, "SELECT odd_at, due_fen FROM orders") == [(later(hours=1), 0)]
    steps = await rows.fetch(db, "SELECT kind, made_by, applied FROM order_steps ORDER BY id")
    assert steps == [("cancelled", f"member:{member.id}", True), ("shipped", "hub", False)]


async def test_a_member_takes_an_order_back_until_its_truck_is_loaded(db: str, data_keys: DataKeys) -> None:
    member, number = await ordered(db, data_keys)
    await report(number, "confirmed")
    cut_off, other = AT.replace(hour=8), await owner(data_keys)
    before = await rows.picture(db)
    with pytest.raises(OrderNotReceivable):
        await wished(member, number, "received")
    with pytest.raises(OrderNotCancellable):
        await wished(member, number, "cancelled", cut_off)
    with pytest.raises(OrderUnknown):
        await wished(other, number, "cancelled")
    assert await rows.picture(db) == before
    first, again = [await wished(member, number, "cancelled", cut_off - timedelta(seconds=1)) for _ in range(2)]
    assert (first.status, first.repeated, again.status, again.repeated) == ("cancelled", False, "cancelled", True)
    assert await balance(db, member) == (0, 0)


async def decided(
    member: MemberRef, number: str, choice: Any, product_id: int | None = None, **changes: Any
) -> Decided:
    """Answer the shortage of the first line."""
    values: dict[str, Any] = {
        "member": member, "key": "decide", "input_hash": b"decide", "number": number, "line_number": 1,
        "choice": choice, "product_id": product_id, "at": AT,
    }  # fmt: skip
    return await shortages.decide(Shelves(), Decision(**values | changes))


async def test_a_shortage_is_answered_once_by_a_substitute(db: str, data_keys: DataKeys) -> None:
    member, number = await ordered(db, data_keys)
    await put_products(product("C", multiple_cases=2))
    await put_prices(price("C", 5_000, plant_code="P1"))
    await report(number, "shorted", (1, 7))
    found = await ids(db)
    seen = await history.read(Shelves(), member, number, AT)
    (short,) = seen.shortages
    assert (short.cases_short, short.state, [item.product.code for item in short.substitutes]) == (3, "open", ["C"])
    before = await rows.picture(db)
    for wrong in (found["A"], 10**9, None):
        with pytest.raises(SubstituteUnfit):
            await decided(member, number, "substitute", wrong)
    with pytest.raises(ShortageUnknown):
        await decided(member, number, "wait", line_number=2)
    assert await rows.picture(db) == before
    done, again = [await decided(member, number, "substitute", found["C"]) for _ in range(2)]
    assert (done.repeated, again.repeated, again.follow_number) == (False, True, done.follow_number)
    assert done.deliver_on == date(2026, 11, 5)
    assert await standing_of(db, str(done.follow_number)) == ("placed", 4 * 5_000, [(4, 0)])
    with pytest.raises(ShortageUnknown):
        await decided(member, number, "cancel", key="other")
    after = await history.read(Shelves(), member, number, AT)
    assert (after.shortages[0].state, after.shortages[0].follow_number) == ("substituted", done.follow_number)
    assert (await history.read(Shelves(), member, str(done.follow_number), AT)).follows == number


async def test_waiting_keeps_the_price_that_was_promised(db: str, data_keys: DataKeys) -> None:
    await stocked("A")
    found, member = await ids(db), await owner(data_keys)
    special = await entitled(
        db, member, "price", '{"product_code": "A", "product_name": "汽水", "price_fen": 1000, "cases_max": 3}'
    )
    order = await placed(member, Wish(found["A"], 5, special))
    await put_prices(price("A", 9_900, plant_code="P1"))
    await report(order.number, "shorted", (1, 1))
    done = await decided(member, order.number, "wait")
    assert done.deliver_on == date(2026, 11, 6)
    assert await standing_of(db, order.number) == ("placed", 1_000, [(1, 0)])
    assert await standing_of(db, str(done.follow_number)) == ("placed", 2 * 1_000 + 2 * 4_800, [(4, 0)])


async def test_a_shortage_passes_when_the_truck_leaves(db: str, data_keys: DataKeys) -> None:
    member, number = await ordered(db, data_keys)
    await report(number, "shorted", (1, 7))
    await report(number, "shorted", (1, 6))
    assert await rows.fetch(db, "SELECT cases_short, state FROM order_shortages") == [(4, "open")]
    await report(number, "shipped", (2, 4))
    assert await rows.fetch(db, "SELECT line_number, cases_short, state FROM order_shortages ORDER BY id") == [
        (1, 4, "passed"), (2, 1, "passed"),
    ]  # fmt: skip
    with pytest.raises(ShortageUnknown):
        await decided(member, number, "wait")


async def test_nobody_has_to_receive(db: str, data_keys: DataKeys) -> None:
    member, number = await ordered(db, data_keys)
    await report(number, "delivered")
    assert await completions.complete(later(days=3)) == 0
    assert await completions.complete(later(days=3, seconds=1)) == 1
    assert (await standing_of(db, number))[0] == "completed"
    assert await completions.release(later(days=12)) == 1
    assert await balance(db, member) == (80, 0)


async def test_the_first_order_that_comes_to_something_is_the_first(db: str, data_keys: DataKeys) -> None:
    await stocked("A")
    found, member = await ids(db), await owner(data_keys)
    one, two = [await placed(member, Wish(found["A"], 3), key=f"key-{n}") for n in range(2)]
    await report(one.number, "confirmed")
    await report(two.number, "confirmed")
    assert await balance(db, member) == (0, 6 + 50 + 6)
    await report(one.number, "cancelled")
    assert await balance(db, member) == (0, 6)
    three = await placed(member, Wish(found["A"], 3), key="key-3")
    await report(two.number, "cancelled")
    await report(three.number, "confirmed")
    assert await balance(db, member) == (0, 6 + 50)


async def test_last_order_again_is_what_is_offered_today(db: str, data_keys: DataKeys) -> None:
    member, number = await ordered(db, data_keys, cases=3)
    await put_products(product("A", multiple_cases=2), product("B", status="ended"))
    for wanted in (None, number):
        again = await history.again(Shelves(), member, wanted, AT)
        assert ([(item.product.code, cases) for item, cases in again.offered], again.missing) == (
            [("A", 4)],
            ("汽水B",),
        )
    other = await owner(data_keys)
    for wanted in (None, number):
        with pytest.raises(Refusal) as refused:
            await history.again(Shelves(), other, wanted, AT)
        assert refused.value.code == "order_unknown"
