"""What ends by the clock: points, entitlements and budgets; by a real worker and, for the bounds, by the bodies."""

import importlib
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from redis import Redis

from app import metrics
from loyalty import clock
from loyalty.campaigns import campaigns
from loyalty.campaigns.campaigns import CampaignPlan
from loyalty.customers.personal import DataKeys
from loyalty.customers.standings import MemberRef
from loyalty.rewards.entitlements import entitlements
from tests import rows, storefront
from tests.storefront import BY, UNITS, buy, outlet_of, pay, proven, reward, rich
from tests.tasks.test_worker import until, worker

LOTS = "SELECT count(*) FILTER (WHERE points_left > 0), sum(points_left)::int FROM points_lots"
STATES = "SELECT state, count(*) FROM entitlements GROUP BY 1 ORDER BY 1"
LONG_AGO = timedelta(days=500)
"""After so long points have ended under the built-in rule, and entitlements as well."""


@pytest.fixture
def points(tasks: ModuleType) -> ModuleType:
    """Give tasks.points."""
    return importlib.import_module("tasks.points")


@pytest.fixture
def body_of(points: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Callable[[], Awaitable[Any]]]:
    """Give the body of a task, to be awaited on the test's own loop and database."""
    monkeypatch.setattr(points.runtime, "run_often", lambda _task, body: body)

    def found(name: str) -> Callable[[], Awaitable[Any]]:
        body = getattr(points, name)()
        return lambda: body(None)

    return found


async def aged(db: str, data_keys: DataKeys, count: int = 3) -> tuple[list[MemberRef], datetime]:
    """Give owners who long ago got 150 points and bought a coupon with a unit each, and who got 50 points now."""
    now = clock.now()
    then = now - LONG_AGO
    coupon = await reward(units=count, from_at=then - timedelta(days=1), until_at=now)
    owners = []
    for _ in range(count):
        owner = await rich(data_keys, 150, at=then)
        await buy(owner, coupon, at=then)
        await pay(await outlet_of(db, owner), 50, f"now-{owner.id}", now)
        owners.append(owner)
    return owners, now


async def test_a_worker_lets_points_and_entitlements_end(
    db: str, data_keys: DataKeys, tasks: ModuleType, environ: dict[str, str], redis: Redis, tmp_path: Path
) -> None:
    await aged(db, data_keys)
    log = tmp_path / "worker.log"

    async def ended() -> bool:
        gone = await rows.fetch(db, LOTS) == [(3, 150)]
        return gone and await rows.fetch(db, STATES) == [("lapsed", 3)]

    assert await rows.fetch(db, LOTS) == [(6, 300)]
    async with worker(environ, log):
        for _ in range(2):
            tasks.celery.send_task("tasks.expire_points")
            tasks.celery.send_task("tasks.lapse_entitlements")
        await until(ended, log)
    tasks.celery.close()
    expired = "SELECT kind, points, count(*) FROM ledger_entries WHERE points < 0 GROUP BY 1, 2 ORDER BY 1"
    assert await rows.fetch(db, expired) == [("expiry", -50, 3), ("redemption", -100, 3)]
    assert await rows.fetch(db, "SELECT balance FROM points_accounts") == [(50,)] * 3
    assert await rows.fetch(db, UNITS) == [(3, 0, 3)]
    events = "SELECT count(*) FROM outbox WHERE type = 'entitlement.lapsed'"
    assert await rows.fetch(db, events) == [(3,)]
    await proven()


async def test_a_run_of_expiry_is_bounded_and_the_next_goes_on(
    db: str, data_keys: DataKeys, points: ModuleType, body_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await aged(db, data_keys, 5)
    monkeypatch.setattr(points, "LOTS_MAX", 1)
    monkeypatch.setattr(points, "EXPIRY_BATCHES_MAX", 2)
    run = body_of("expire_points")
    assert [await run() for _ in range(4)] == [2, 2, 1, 0]
    assert await rows.fetch(db, LOTS) == [(5, 250)]
    await proven()


async def test_a_run_of_lapsing_is_bounded_and_the_next_goes_on(
    db: str, data_keys: DataKeys, points: ModuleType, body_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await aged(db, data_keys, 5)
    lapse = entitlements.lapse
    monkeypatch.setattr(entitlements, "LAPSES_MAX", 1)
    monkeypatch.setattr(entitlements, "lapse", lambda at: lapse(at, 1))
    monkeypatch.setattr(points, "LAPSE_BATCHES_MAX", 2)
    run = body_of("lapse_entitlements")
    assert [await run() for _ in range(4)] == [2, 2, 1, 0]
    assert await rows.fetch(db, STATES) == [("lapsed", 5)]
    assert await rows.fetch(db, UNITS) == [(5, 0, 5)]
    await proven()


async def test_one_run_sees_everything_off_in_as_many_batches_as_it_takes(
    db: str, data_keys: DataKeys, points: ModuleType, body_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await aged(db, data_keys, 5)
    monkeypatch.setattr(points, "LOTS_MAX", 2)
    assert await body_of("expire_points")() == 5
    assert await body_of("lapse_entitlements")() == 5
    assert [await body_of(name)() for name in ("expire_points", "lapse_entitlements")] == [0, 0]
    await proven()


async def test_budgets_are_told_while_their_campaigns_run(db: str, body_of: Any) -> None:
    now = clock.now()
    day = timedelta(days=1)
    times = {
        "runs": (now - day, now + day),
        "endless": (now - day, now + day),
        "over": (now - 2 * day, now - day),
        "to-come": (now + day, now + 2 * day),
    }
    for code, (from_at, until_at) in times.items():
        budget = None if code == "endless" else 1_000
        plan = CampaignPlan(name=code, from_at=from_at, until_at=until_at, budget_points=budget)
        await campaigns.add(code, plan, BY, "活动", storefront.AT)
    await rows.execute(db, "UPDATE campaigns SET spent_points = 850")
    assert await body_of("watch_budgets")() == 4
    told = {
        sample.labels["campaign"]: sample.value
        for family in metrics.BUDGET_USED.collect()
        for sample in family.samples
        if sample.labels["campaign"] in times
    }
    assert told == {"runs": 0.85, "endless": 0.0, "over": 0.0, "to-come": 0.0}
