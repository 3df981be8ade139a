"""What keeps the house in order by the clock."""

from typing import Any

from celery import Task

from app import logs, proofs
from app.resources import CELERY_HEARTBEAT, Resources
from loyalty import clock
from loyalty.customers import members
from loyalty.customers.care import counts
from loyalty.events import log
from loyalty.staff import logins
from tasks import runtime
from tasks.celery import celery

HEARTBEAT_SECONDS = 60
RESEAL_BATCHES_MAX = 50
FORGET_BATCHES_MAX = 50
LOG = logs.get("tasks")


@celery.task(name="tasks.heartbeat", bind=True)
def heartbeat(self: Task[..., Any]) -> None:
    """Show that schedule and worker live."""

    async def body(resources: Resources) -> None:
        await resources.redis.set(CELERY_HEARTBEAT, "1", ex=HEARTBEAT_SECONDS)

    runtime.run_often(self, body)


@celery.task(name="tasks.make_partitions", bind=True)
def make_partitions(self: Task[..., Any]) -> int:
    """Make the log's partitions of the months to come."""

    async def body(_resources: Resources) -> int:
        return await log.make_partitions(clock.business_date(clock.now()))

    return runtime.run(self, body)


@celery.task(name="tasks.prove", bind=True)
def prove(self: Task[..., Any]) -> int:
    """Prove every balance; a difference is logged as an error and counted for the alarm."""

    async def body(_resources: Resources) -> int:
        differences = await proofs.prove()
        for difference in differences:
            LOG.error("proof_difference", proof=difference.proof, what=difference.what)
        return len(differences)

    return runtime.run(self, body)


@celery.task(name="tasks.reseal_phones", bind=True)
def reseal_phones(self: Task[..., Any]) -> int:
    """Seal phones anew that an older data key sealed, a bounded number each time."""

    async def body(resources: Resources) -> int:
        sealed = 0
        for _ in range(RESEAL_BATCHES_MAX):
            batch = await members.reseal(resources.data_keys)
            sealed += batch
            if not batch:
                break
        if sealed:
            LOG.info("phones_resealed", count=sealed)
        return sealed

    return runtime.run(self, body)


@celery.task(name="tasks.forget_sessions", bind=True)
def forget_sessions(self: Task[..., Any]) -> int:
    """Delete staff sessions that ended long ago, a bounded number each night."""

    async def body(_resources: Resources) -> int:
        forgotten, now = 0, clock.now()
        for _ in range(FORGET_BATCHES_MAX):
            batch = await logins.forget_old_sessions(now)
            forgotten += batch
            if not batch:
                break
        return forgotten

    return runtime.run(self, body)


@celery.task(name="tasks.count_places", bind=True)
def count_places(self: Task[..., Any]) -> int:
    """Count the outlets and bindings of every place for the pages that show them."""

    async def body(_resources: Resources) -> int:
        return await counts.count_places(clock.now())

    return runtime.run(self, body)
