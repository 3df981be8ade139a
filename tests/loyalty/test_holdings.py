"""How points move in what an outlet holds: tables of the pure rules."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.points.holdings import Holding, Lots, Movement, unspent

JUNE, JULY, AUGUST = date(2026, 6, 30), date(2026, 7, 31), date(2026, 8, 31)
ON = date(2026, 7, 1)
Held = tuple[tuple[date, int], ...]


def state(holding: Holding) -> tuple[int, int, Held]:
    """Give what is owed and pending, and the lots that hold something."""
    return holding.owed, holding.pending, tuple((day, one) for day, one in sorted(holding.lots.items()) if one)


@pytest.mark.parametrize(
    ("on", "spendable"),
    [(date(2026, 6, 30), 60), (ON, 50), (JULY, 50), (date(2026, 8, 1), 30), (AUGUST, 30), (date(2026, 9, 1), 0)],
)
def test_a_lot_can_be_spent_on_its_last_day_and_not_after(on: date, spendable: int) -> None:
    assert Holding(lots=((AUGUST, 30), (JUNE, 10), (JULY, 20))).spendable(on) == spendable


@pytest.mark.parametrize(
    ("owed", "movement", "after"),
    [
        (0, Movement(10, 0, 0, ((JULY, 10),)), (0, 3, ((JULY, 15),))),
        (4, Movement(10, -4, 0, ((JULY, 6),)), (0, 3, ((JULY, 11),))),
        (10, Movement(10, -10, 0, ()), (0, 3, ((JULY, 5),))),
        (12, Movement(10, -10, 0, ()), (2, 3, ((JULY, 5),))),
    ],
)
def test_what_is_given_first_repays_what_is_owed(owed: int, movement: Movement, after: tuple[int, int, Held]) -> None:
    holding = Holding(owed, 3, ((JULY, 5),))
    assert holding.give(10, JULY) == movement
    assert state(holding) == after


def test_what_was_pending_arrives_by_one_movement() -> None:
    holding = Holding()
    assert holding.promise(10) == Movement(0, 0, 10)
    assert holding.give(7, JULY, -7) == Movement(7, 0, -7, ((JULY, 7),))
    assert state(holding) == (0, 3, ((JULY, 7),))


@pytest.mark.parametrize(
    ("owed", "wanted", "movement"),
    [
        (0, ((JULY, 5), (JUNE, 4)), Movement(9, 0, 0, ((JUNE, 4), (JULY, 5)))),
        (3, ((JULY, 5), (JUNE, 4)), Movement(9, -3, 0, ((JUNE, 1), (JULY, 5)))),
        (6, ((JULY, 5), (JUNE, 4)), Movement(9, -6, 0, ((JULY, 3),))),
        (9, ((JULY, 5), (JUNE, 4)), Movement(9, -9)),
        (2, ((JULY, 5), (JULY, 4)), Movement(9, -2, 0, ((JULY, 7),))),
    ],
)
def test_debts_are_repaid_out_of_what_ends_soonest(owed: int, wanted: Held, movement: Movement) -> None:
    assert Holding(owed).fill(wanted) == movement


@pytest.mark.parametrize(
    ("points", "lots"),
    [
        (0, ()),
        (1, ((JULY, -1),)),
        (20, ((JULY, -20),)),
        (21, ((JULY, -20), (AUGUST, -1))),
        (50, ((JULY, -20), (AUGUST, -30))),
    ],
)
def test_what_ends_soonest_is_spent_first_and_what_has_ended_never(points: int, lots: Lots) -> None:
    holding = Holding(lots=((AUGUST, 30), (JUNE, 10), (JULY, 20)))
    assert holding.take(points, ON) == Movement(-points, 0, 0, lots)
    assert holding.spendable(ON) == 50 - points


def test_a_spending_that_is_refused_moves_nothing() -> None:
    holding = Holding(1, 2, ((AUGUST, 30), (JUNE, 10), (JULY, 20)))
    assert holding.take(51, ON) is None
    assert state(holding) == (1, 2, ((JUNE, 10), (JULY, 20), (AUGUST, 30)))


@pytest.mark.parametrize(
    ("points", "pending", "filled", "movement"),
    [
        (5, 8, None, Movement(0, 0, -5)),
        (8, 8, None, Movement(0, 0, -8)),
        (9, 8, None, Movement(-1, 0, -8, ((JULY, -1),))),
        (9, 0, AUGUST, Movement(-9, 0, 0, ((AUGUST, -9),))),
        (35, 0, AUGUST, Movement(-35, 0, 0, ((JULY, -5), (AUGUST, -30)))),
        (35, 0, None, Movement(-35, 0, 0, ((JULY, -20), (AUGUST, -15)))),
        (60, 8, AUGUST, Movement(-52, 2, -8, ((JULY, -20), (AUGUST, -30)))),
        # Its own lot has ended: nothing of it is there any more.
        (5, 0, JUNE, Movement(-5, 0, 0, ((JULY, -5),))),
        (51, 0, JUNE, Movement(-51, 1, 0, ((JULY, -20), (AUGUST, -30)))),
        (0, 8, AUGUST, Movement(0)),
    ],
)
def test_what_goes_back_comes_from_pending_then_from_its_own_lot_then_soonest_first(
    points: int, pending: int, filled: date | None, movement: Movement
) -> None:
    holding = Holding(0, 8, ((AUGUST, 30), (JUNE, 10), (JULY, 20)))
    assert holding.take_back(points, pending, filled, ON) == movement
    assert (holding.owed, holding.pending) == (movement.owed_change, 8 + movement.pending_change)
    assert holding.spendable(ON) == 50 + sum(one for _, one in movement.lots)


SPENT: Lots = ((JUNE, -4), (JULY, -5), (AUGUST, -1))


@pytest.mark.parametrize(
    ("already", "points", "back"),
    [
        (0, 1, ((AUGUST, 1),)),
        (0, 3, ((JULY, 2), (AUGUST, 1))),
        (1, 3, ((JULY, 3),)),
        (3, 4, ((JUNE, 1), (JULY, 3))),
        (6, 4, ((JUNE, 4),)),
        (0, 10, ((JUNE, 4), (JULY, 5), (AUGUST, 1))),
        (10, 0, ()),
    ],
)
def test_a_refund_fills_the_lot_that_ends_last_first(already: int, points: int, back: Lots) -> None:
    assert unspent(SPENT, already, points) == back


@given(st.lists(st.integers(0, 10), max_size=6))
def test_refunds_in_parts_give_every_lot_back_what_it_gave(parts: list[int]) -> None:
    back: dict[date, int] = {}
    already = 0
    for part in [*parts, 10]:
        points = min(part, 10 - already)
        for day, one in unspent(SPENT, already, points):
            back[day] = back.get(day, 0) + one
        already += points
    assert back == {day: -one for day, one in SPENT}


@given(
    st.integers(0, 40),
    st.lists(st.tuples(st.sampled_from(["give", "take", "back"]), st.sampled_from([JUNE, JULY, AUGUST]),
                       st.integers(0, 40)), max_size=12),
)  # fmt: skip
def test_nothing_ever_goes_below_zero_and_every_movement_adds_up(owed: int, acts: list[tuple[str, date, int]]) -> None:
    holding = Holding(owed)
    for act, day, points in acts:
        moved: Movement | None
        if act == "give":
            moved = holding.give(points, day)
        elif act == "take":
            moved = holding.take(points, ON)
        else:
            moved = holding.take_back(points, 0, day, ON)
        if moved is not None:
            assert moved.points + moved.owed_change == sum(one for _, one in moved.lots)
        assert holding.owed >= 0
        assert min(holding.lots.values(), default=0) >= 0
