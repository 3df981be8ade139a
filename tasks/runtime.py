"""The runner: each Celery process keeps one event loop with open resources, and a task is one call on it."""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, TypeVar

from celery import Task
from celery.signals import setup_logging, worker_process_init, worker_process_shutdown

from app import house, logs, metrics, resources, settings
from app.resources import Resources
from loyalty.errors import Unavailable

Result = TypeVar("Result")
RETRIES_MAX = 5
LOG = logs.get("tasks")


class NotPrepared(Unavailable):
    """The process could not open its resources when it started; another try finds it ready, or a new process."""

    code = "task_process_not_ready"
    title = "任务进程还没准备好"
    sentence = "稍后会自动再试。"


class Runtime:
    """One process's event loop and resources."""

    def __init__(self) -> None:
        self._runner: asyncio.Runner | None = None
        self._stack = AsyncExitStack()
        self._resources: Resources | None = None

    def open(self) -> None:
        """Open the loop; resources are opened by the first task, where a failure can be seen and tried again."""
        self._runner = asyncio.Runner()

    def close(self) -> None:
        """Close everything."""
        if self._runner is not None:
            self._runner.run(self._stack.aclose())
            self._runner.close()
            self._runner = None

    def run(self, body: Callable[[Resources], Awaitable[Result]]) -> Result:
        """Run one task body on the loop."""
        if self._runner is None:
            raise NotPrepared
        return self._runner.run(self._run(body))

    async def _run(self, body: Callable[[Resources], Awaitable[Result]]) -> Result:
        if self._resources is None:
            config = settings.from_environment(house.environment(os.environ))
            self._resources = await self._stack.enter_async_context(
                resources.opened(config, pool_max=4, name="leketong-tasks", statement_seconds_max=None)
            )
        return await body(self._resources)


RUNTIME = Runtime()


@worker_process_init.connect
def _open(**_: Any) -> None:
    RUNTIME.open()


@worker_process_shutdown.connect
def _close(**_: Any) -> None:
    RUNTIME.close()


@setup_logging.connect
def _logging(**_: Any) -> None:
    logs.configure()
    # A line for each task that was due, taken and done says nothing that the metrics don't.
    for name in ("celery.beat", "celery.worker.strategy", "celery.app.trace"):
        logging.getLogger(name).setLevel(logging.WARNING)


def run_often(task: Task[..., Any], body: Callable[[Resources], Awaitable[Result]]) -> Result | None:
    """Run the body of a task that the schedule repeats within seconds: the next run is the other try."""
    try:
        return _run(task, body)
    except Unavailable:
        return None


def run(task: Task[..., Any], body: Callable[[Resources], Awaitable[Result]]) -> Result:
    """Run a task's body; only Unavailable is tried again, at most RETRIES_MAX times, later each time."""
    try:
        return _run(task, body)
    except Unavailable as unavailable:
        raise task.retry(exc=unavailable, countdown=2 ** (task.request.retries or 0), max_retries=RETRIES_MAX) from None


def _run(task: Task[..., Any], body: Callable[[Resources], Awaitable[Result]]) -> Result:
    try:
        result = RUNTIME.run(body)
    except Unavailable:
        metrics.TASKS.labels(task.name, "unavailable").inc()
        raise
    except Exception:
        metrics.TASKS.labels(task.name, "failed").inc()
        raise
    metrics.TASKS.labels(task.name, "done").inc()
    return result
