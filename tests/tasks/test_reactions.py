"""Reactions, from a check-in to the daily roll-up, once each."""

import importlib
from datetime import UTC, date, datetime, timedelta
from types import ModuleType

import pytest

from games.checkin import checkins
from loyalty.customers.personal import DataKeys
from tests import factories, rows

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)
DAYS = "SELECT outlet_code, on_date, checkins FROM outlet_days ORDER BY 1, 2"


@pytest.fixture
def reactions(tasks: ModuleType) -> ModuleType:
    """Give tasks.reactions."""
    return importlib.import_module("tasks.reactions")


async def test_check_ins_are_counted_once_into_the_day_on_which_they_happened(
    db: str, data_keys: DataKeys, reactions: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reactions, "BATCH_EVENTS_MAX", 2)
    shops = [await factories.outlet(AT, data_keys) for _ in range(3)]
    people = [await factories.bound(shop, AT, data_keys) for shop in shops]
    late = datetime(2026, 11, 4, 16, 0, tzinfo=UTC)
    await checkins.make([factories.play(person, AT) for person in people])
    await checkins.make([factories.play(people[0], late)])
    await factories.stamped(db, late + timedelta(seconds=1))
    assert [await reactions.react_once() for _ in range(2)] == [4, 0]
    counted = [(shop, date(2026, 11, 4), 1) for shop in shops]
    counted.insert(1, (shops[0], date(2026, 11, 5), 1))
    assert await rows.fetch(db, DAYS) == counted
    position = "SELECT feed, position FROM consumer_cursors WHERE consumer = 'engagement'"
    assert await rows.fetch(db, position) == [("engagement", 4)]


async def test_one_run_is_bounded(
    db: str, data_keys: DataKeys, reactions: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reactions, "BATCH_EVENTS_MAX", 1)
    monkeypatch.setattr(reactions, "BATCHES_MAX", 2)
    people = [await factories.bound(await factories.outlet(AT, data_keys), AT, data_keys) for _ in range(3)]
    await checkins.make([factories.play(person, AT) for person in people])
    await factories.stamped(db, AT)
    assert [await reactions.react_once() for _ in range(3)] == [2, 1, 0]
    assert await rows.fetch(db, "SELECT sum(checkins)::int FROM outlet_days") == [(3,)]
