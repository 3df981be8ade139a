"""Sending webhooks: each consumer by itself and all at once, so that a slow one keeps nobody else waiting."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpcore
import msgspec
from celery import Task

from app import metrics
from app.resources import Resources
from loyalty import clock
from loyalty.customers.personal import DataKeys
from loyalty.feeds.webhooks import deliveries, rules
from loyalty.feeds.webhooks.consumers import Consumer
from loyalty.feeds.webhooks.deliveries import Claimed
from loyalty.feeds.webhooks.rules import Outcome
from tasks import calls, runtime
from tasks.celery import celery

RUN_SECONDS = 8.0
IDLE_SECONDS = 0.25
FORGET_BATCHES_MAX = 100
MEDIA_TYPE = "application/cloudevents+json; charset=utf-8"


@celery.task(name="tasks.send_webhooks", bind=True)
def send_webhooks(self: Task[..., Any]) -> int | None:
    """Bring consumers what is due, for some seconds; the next run follows at once."""

    async def body(resources: Resources) -> int:
        async with calls.open_pool(demo=resources.settings.demo) as pool:
            sent = await send_for(resources.data_keys, pool, RUN_SECONDS)
        for code, seconds in (await deliveries.waiting(clock.now())).items():
            metrics.WEBHOOK_WAITING.labels(code).set(seconds)
        return sent

    return runtime.run_often(self, body)


@celery.task(name="tasks.forget_webhooks", bind=True)
def forget_webhooks(self: Task[..., Any]) -> int | None:
    """Delete deliveries that ended long ago, a batch a transaction."""

    async def body(_resources: Resources) -> int:
        forgotten = 0
        for _ in range(FORGET_BATCHES_MAX):
            batch = await deliveries.forget(clock.now())
            forgotten += batch
            if batch < deliveries.FORGOTTEN_MAX:
                break
        return forgotten

    return runtime.run_often(self, body)


async def send_for(data_keys: DataKeys, pool: httpcore.AsyncConnectionPool, seconds: float) -> int:
    """Send until nothing is due, for some seconds at most; return how many calls were made.

    While somebody else is in a call, who has nothing to send looks again: a slow one keeps nobody else waiting.
    """
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + seconds
    busy: set[int] = set()

    async def go_on(consumer: Consumer) -> int:
        sent = 0
        while True:
            busy.add(consumer.id)
            made = await send_once(data_keys, pool, consumer, clock.now)
            busy.discard(consumer.id)
            sent += made
            over = loop.time() >= ends_at
            if not busy and (over or not made):
                return sent
            if loop.time() >= ends_at + calls.CALL_SECONDS_MAX:
                return sent
            if not made:
                await asyncio.sleep(IDLE_SECONDS)

    return sum(await asyncio.gather(*(go_on(one) for one in await deliveries.active())))


async def send_once(
    data_keys: DataKeys, pool: httpcore.AsyncConnectionPool, consumer: Consumer, now: Callable[[], datetime]
) -> int:
    """Take in what is new for a consumer and send one round of it; return how many calls were made."""
    await deliveries.take_in(consumer, now())
    claimed = await deliveries.claim(consumer.id, now())
    if not claimed:
        return 0
    secrets = consumer.secrets(data_keys, now())
    ended: list[Outcome] = []

    async def send(one: Claimed) -> None:
        ended.append(await _call(pool, consumer, secrets, one, now()))

    await asyncio.gather(*(send(one) for one in claimed))
    await deliveries.settle(consumer.id, claimed, ended, now())
    for outcome in ended:
        metrics.WEBHOOKS.labels(consumer.code, "taken" if outcome.is_taken else "failed").inc()
    return len(ended)


async def _call(
    pool: httpcore.AsyncConnectionPool, consumer: Consumer, secrets: list[str], one: Claimed, at: datetime
) -> Outcome:
    body = msgspec.json.encode(one.event)
    timestamp = int(at.timestamp())
    signatures = " ".join(rules.signature(secret, one.event.id, timestamp, body) for secret in secrets)
    headers = {
        "content-type": MEDIA_TYPE,
        "user-agent": "leketong",
        "webhook-id": one.event.id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signatures,
    }
    return await calls.post(pool, consumer.url, headers, body, one.delivery_id)
