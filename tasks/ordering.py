"""What runs by the clock for ordering."""

from typing import Any

from celery import Task

from app.resources import Resources
from loyalty import clock
from loyalty.ordering import quotes
from tasks import runtime
from tasks.celery import celery

FORGET_BATCHES_MAX = 200


@celery.task(name="tasks.forget_quotes", bind=True)
def forget_quotes(self: Task[..., Any]) -> int | None:
    """Delete quotes that ended two days ago, a batch a transaction."""

    async def body(_resources: Resources) -> int:
        forgotten = 0
        for _ in range(FORGET_BATCHES_MAX):
            batch = await quotes.forget(clock.now())
            forgotten += batch
            if batch < quotes.FORGOTTEN_MAX:
                break
        return forgotten

    return runtime.run_often(self, body)
