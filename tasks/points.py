"""What ends by the clock: points whose last day has passed, and entitlements that nobody used."""

from typing import Any

from celery import Task

from app import logs, metrics
from app.resources import Resources
from loyalty import clock, transactions
from loyalty.campaigns import campaigns
from loyalty.points import ledger
from loyalty.rewards.entitlements import entitlements
from tasks import runtime
from tasks.celery import celery

LOTS_MAX = 20_000
EXPIRY_BATCHES_MAX = 200
"""Four million lots a run; the next run is ten minutes away."""
LAPSE_BATCHES_MAX = 50
LOG = logs.get("tasks")


@celery.task(name="tasks.expire_points", bind=True)
def expire_points(self: Task[..., Any]) -> int | None:
    """Let lots go whose last day has passed, one transaction a batch. A killed run goes on where it was."""

    async def body(_resources: Resources) -> int:
        expired = points = 0
        for _ in range(EXPIRY_BATCHES_MAX):
            at = clock.now()
            async with transactions.begin():
                batch = await ledger.expire(clock.business_date(at), LOTS_MAX, at)
            expired, points = expired + batch.lots, points + batch.points
            if batch.lots < LOTS_MAX:
                break
        if expired:
            LOG.info("points_expired", lots=expired, points=points)
        return expired

    return runtime.run_often(self, body)


@celery.task(name="tasks.lapse_entitlements", bind=True)
def lapse_entitlements(self: Task[..., Any]) -> int | None:
    """Let entitlements lapse whose time is over, and give their units back."""

    async def body(_resources: Resources) -> int:
        lapsed = 0
        for _ in range(LAPSE_BATCHES_MAX):
            batch = await entitlements.lapse(clock.now())
            lapsed += batch
            if batch < entitlements.LAPSES_MAX:
                break
        return lapsed

    return runtime.run_often(self, body)


@celery.task(name="tasks.watch_budgets", bind=True)
def watch_budgets(self: Task[..., Any]) -> int | None:
    """Show how much of each running campaign's budget is given, for the alarm that warns marketing."""

    async def body(_resources: Resources) -> int:
        async with transactions.reader():
            found = await campaigns.read_all()
        at = clock.now()
        for one in found:
            # One that is over must be told as well: what was told last would stand for ever.
            runs = one.from_at <= at < one.until_at
            used = one.spent_points / one.budget_points if one.budget_points is not None and runs else 0.0
            metrics.BUDGET_USED.labels(one.code).set(used)
        return len(found)

    return runtime.run_often(self, body)
