"""What runs by the clock for ordering."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from celery import Task

from app.resources import Resources
from loyalty import clock
from loyalty.ordering import quotes
from loyalty.ordering.fulfilment import completions
from tasks import runtime
from tasks.celery import celery

FORGET_BATCHES_MAX = 200
ORDER_BATCHES_MAX = 50
"""One run settles at most 10,000 orders; the next is minutes away."""


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


@celery.task(name="tasks.complete_orders", bind=True)
def complete_orders(self: Task[..., Any]) -> int | None:
    """Complete orders that were delivered days ago and that nobody has received, a batch a transaction."""
    return runtime.run_often(self, lambda _resources: _in_batches(completions.complete))


@celery.task(name="tasks.release_order_points", bind=True)
def release_order_points(self: Task[..., Any]) -> int | None:
    """Pay the points of orders whose goods can no longer go back, a batch a transaction."""
    return runtime.run_often(self, lambda _resources: _in_batches(completions.release))


async def _in_batches(verb: Callable[[datetime], Awaitable[int]]) -> int:
    settled = 0
    for _ in range(ORDER_BATCHES_MAX):
        batch = await verb(clock.now())
        settled += batch
        if batch < completions.BATCH_MAX:
            break
    return settled
