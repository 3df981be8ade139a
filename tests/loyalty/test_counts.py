"""Counts over many outlets: what the task counts, what of it a reach sees, and what a rep's own are."""

from datetime import UTC, date, datetime, timedelta

from loyalty import transactions
from loyalty.customers.care import counts
from loyalty.customers.care.counts import Totals
from loyalty.customers.personal import DataKeys
from loyalty.customers.territory import assignments
from loyalty.customers.territory import queries as territory_queries
from loyalty.staff.people import Reach
from loyalty.staff.rules import Role
from tests import factories, organisation, rows

REP: tuple[Role, ...] = ("rep",)
AT = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


async def test_counts_are_those_of_the_places_in_reach(db: str, data_keys: DataKeys) -> None:
    places = await organisation.planted(AT)
    old = AT - timedelta(days=8)
    for code, at, plant_code in (("A1", old, "SH"), ("A2", AT, "SH"), ("B1", AT, "NJ"), ("B2", AT, "NJ")):
        await factories.outlet(at, data_keys, code, plant_code=plant_code)
    await rows.execute(db, "UPDATE outlets SET status = 'closed' WHERE code = 'B2'")
    await factories.bound("A1", AT - timedelta(days=1), data_keys)
    await factories.bound("B1", AT, data_keys)
    whole, plant, nothing = Reach((places.root,)), Reach((places.shanghai,)), Reach(())
    assert await counts.totals(whole, AT) == Totals(0, 0, 0, None)
    assert await counts.count_places(AT) == 2
    assert await counts.totals(whole, AT) == Totals(3, 2, 2, AT)
    assert await counts.totals(plant, AT) == Totals(2, 1, 1, AT)
    assert await counts.totals(nothing, AT) == Totals(0, 0, 0, None)
    days = dict(await counts.bindings_per_day(whole, AT))
    assert len(days) == counts.DAYS
    assert {day: made for day, made in days.items() if made} == {date(2026, 11, 22): 1, date(2026, 11, 23): 1}
    assert dict(await counts.bindings_per_day(plant, AT))[date(2026, 11, 23)] == 0
    later = AT + timedelta(minutes=5)
    await rows.execute(db, "UPDATE outlets SET status = 'closed' WHERE code = 'A2'")
    await counts.count_places(later)
    assert await counts.totals(plant, later) == Totals(1, 1, 0, later)


async def test_a_reps_own_outlets_are_counted_at_once(db: str, data_keys: DataKeys) -> None:
    places = await organisation.planted(AT)
    rep = await organisation.staff("rep1", "rep", places.shanghai, AT)
    for code in ("A1", "A2", "A3"):
        await factories.outlet(AT, data_keys, code, plant_code="SH")
    await factories.bound("A1", AT, data_keys)
    async with transactions.begin():
        outlets = await territory_queries.lock_outlets(["A1", "A2"])
        await assignments.assign([(row["id"], rep.id) for row in outlets], "tests", AT - timedelta(minutes=1))
    reach = rep.reach(REP)
    assert await counts.totals(reach, AT) == Totals(2, 1, 2, AT)
    assert dict(await counts.bindings_per_day(reach, AT))[date(2026, 11, 23)] == 1
