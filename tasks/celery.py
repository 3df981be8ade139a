"""The Celery application and the schedule: one table of everything that runs by the clock."""

import os
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from celery import Celery
from celery.schedules import crontab

from app import house, settings

VISIBILITY_SECONDS = 3_600
"""Longer than the longest task: a task given back while it still runs would run twice at once."""


def broker_url(redis_url: str) -> str:
    """Give a Redis address in Celery's words; a unix socket has a scheme of its own there."""
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return redis_url
    return f"redis+socket://{parts.path}?virtual_host={parse_qs(parts.query).get('db', ['0'])[0]}"


EXPIRES_SECONDS_MIN = 60.0
"""A worker that has fallen one run behind, as after a restart of what it uses, finds each run just as the next is sent:
were it to expire by then, every run would be dropped and the worker would never catch up."""


def every(task: str, seconds: float) -> dict[str, Any]:
    """Schedule a task at a fixed pace; a run that nobody took for long is dropped, so no queue grows without end."""
    expires = max(EXPIRES_SECONDS_MIN, seconds)
    return {"task": task, "schedule": timedelta(seconds=seconds), "options": {"expires": expires}}


def nightly(task: str, hour: int, minute: int) -> dict[str, Any]:
    """Schedule a task once a night, Shanghai time."""
    return {"task": task, "schedule": crontab(hour=str(hour), minute=str(minute)), "options": {"expires": 3_600}}


SCHEDULE: dict[str, dict[str, Any]] = {
    "heartbeat": every("tasks.heartbeat", 10),
    "reactions": every("tasks.react", 2),
    "partitions": nightly("tasks.make_partitions", 1, 10),
    "sessions": nightly("tasks.forget_sessions", 2, 20),
    "proofs": nightly("tasks.prove", 3, 0),
    "reseal": every("tasks.reseal_phones", 600),
    "counts": every("tasks.count_places", 300),
    "expiry": every("tasks.expire_points", 600),
    "lapses": every("tasks.lapse_entitlements", 60),
    "quotes": every("tasks.forget_quotes", 3_600),
    "completions": every("tasks.complete_orders", 300),
    "order-points": every("tasks.release_order_points", 300),
    "webhooks": every("tasks.send_webhooks", 1),
    "messages": every("tasks.send_messages", 5),
    "expiring": nightly("tasks.tell_expiring", 9, 0),
    "old-notices": nightly("tasks.forget_notices", 2, 40),
    "old-webhooks": every("tasks.forget_webhooks", 3_600),
    "budgets": every("tasks.watch_budgets", 60),
}

SENDING = "sending"
"""The queue of tasks that wait for other programs' servers: a worker of its own takes it, so nothing else waits."""
ROUTES = {name: {"queue": SENDING} for name in ("tasks.send_webhooks", "tasks.send_messages")}

celery = Celery(
    "leketong",
    include=[
        "tasks.upkeep",
        "tasks.points",
        "tasks.ordering",
        "tasks.webhooks",
        "tasks.messages",
        "tasks.reactions",
    ],
)
celery.conf.update(
    broker_url=broker_url(settings.from_environment(house.environment(os.environ)).redis_url),
    broker_connection_retry_on_startup=True,
    broker_transport_options={"visibility_timeout": VISIBILITY_SECONDS, "unacked_restore_throttle": 1},
    beat_schedule=SCHEDULE,
    task_routes=ROUTES,
    timezone="Asia/Shanghai",
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    task_time_limit=VISIBILITY_SECONDS - 600,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    worker_cancel_long_running_tasks_on_connection_loss=True,
    worker_max_tasks_per_child=10_000,
)
