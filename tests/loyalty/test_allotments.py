"""Allotments: units are taken while there are any, given back, and resized within what is taken."""

from collections.abc import Sequence

import asyncpg
import pytest

from loyalty import transactions
from loyalty.campaigns import allotments
from loyalty.campaigns.allotments import UNITS_MAX, Allotment
from loyalty.campaigns.errors import UnitsInvalid
from tests import rows
from tests.storefront import UNITS


async def make(*units: int) -> list[int]:
    """Set units aside for purposes of their own."""
    async with transactions.begin():
        return [await allotments.make(f"test:{n}", one) for n, one in enumerate(units)]


async def take(many: Sequence[int]) -> list[bool]:
    """Take units in a transaction of its own."""
    async with transactions.begin():
        return await allotments.take(many)


async def give_back(many: Sequence[int]) -> None:
    """Give units back in a transaction of its own."""
    async with transactions.begin():
        await allotments.give_back(many)


async def test_units_are_taken_in_the_order_asked_until_none_is_left(db: str) -> None:
    few, none, many = await make(2, 0, 5)
    assert await take([few, many, none, few, few, many]) == [True, True, False, True, False, True]
    assert await rows.fetch(db, UNITS) == [(2, 0, 0), (0, 0, 0), (5, 3, 0)]
    assert await take([few, 999_999]) == [False, False]
    assert await take([]) == []
    assert await rows.fetch(db, UNITS) == [(2, 0, 0), (0, 0, 0), (5, 3, 0)]


async def test_what_is_given_back_waits_until_it_is_freed(db: str) -> None:
    one, other = await make(3, 3)
    await take([one, one, other])
    await give_back([one, other, one])
    assert await rows.fetch(db, UNITS) == [(3, 1, 2), (3, 2, 1)]
    async with transactions.begin():
        assert [await allotments.free_returned(each) for each in (one, one, 999_999)] == [2, 0, 0]
    assert await rows.fetch(db, UNITS) == [(3, 3, 0), (3, 2, 1)]
    await give_back([])


async def test_no_more_than_were_taken_are_given_back(db: str) -> None:
    (one,) = await make(1)
    await take([one])
    with pytest.raises(asyncpg.CheckViolationError, match="allotments_within_total"):
        await give_back([one, one])
    assert await rows.fetch(db, UNITS) == [(1, 0, 0)]


async def test_how_they_stand_is_told(db: str) -> None:
    one, other = await make(4, 1)
    await take([one, one, one])
    await give_back([one])
    stands = {
        one: Allotment(one, "test:0", 4, 1, 1),
        other: Allotment(other, "test:1", 1, 1, 0),
    }
    assert stands[one].units_taken == 2
    async with transactions.reader():
        assert await allotments.read([one, other, 999_999]) == stands
        assert await allotments.read([]) == {}
    async with transactions.begin():
        assert await allotments.lock([other, one]) == stands
        assert await allotments.lock([]) == {}


@pytest.mark.parametrize(("total", "free"), [(3, 0), (4, 1), (10, 7), (UNITS_MAX, UNITS_MAX - 3)])
async def test_a_total_is_set_anew(db: str, total: int, free: int) -> None:
    (one,) = await make(5)
    await take([one, one, one])
    await give_back([one])
    async with transactions.begin():
        assert await allotments.resize(one, total) == Allotment(one, "test:0", 5, 2, 1)
    assert await rows.fetch(db, UNITS) == [(total, free, 1)]


@pytest.mark.parametrize("total", [-1, 0, 2, UNITS_MAX + 1])
async def test_never_fewer_than_are_taken_and_returned(db: str, total: int) -> None:
    (one,) = await make(5)
    await take([one, one, one])
    await give_back([one])
    with pytest.raises(UnitsInvalid) as refused:
        async with transactions.begin():
            await allotments.resize(one, total)
    assert refused.value.data == {"field": "units_total", "units_min": 3, "units_max": UNITS_MAX}
    assert refused.value.detail == f"请填 3 到 {UNITS_MAX} 之间的整数。"
    assert await rows.fetch(db, UNITS) == [(5, 2, 1)]


@pytest.mark.parametrize("units", [-1, UNITS_MAX + 1])
async def test_so_many_cannot_be_set_aside(db: str, units: int) -> None:
    with pytest.raises(UnitsInvalid):
        await make(units)
    assert await rows.fetch(db, UNITS) == []


async def test_nobody_moves_units_outside_of_a_transaction(db: str) -> None:
    (one,) = await make(1)
    for moved in (allotments.take([one]), allotments.give_back([one]), allotments.free_returned(one)):
        with pytest.raises(RuntimeError, match=r"transactions\.begin"):
            await moved
