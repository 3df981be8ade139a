"""Is the process alive, and can the house serve? Asked by load balancers, so cheap and never behind a limit."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import msgspec
from redis.exceptions import RedisError
from sanic import HTTPResponse, Request, Sanic

from app import database
from app.http import errors, payloads
from app.http.errors import HttpRefusal
from app.http.traces import trace_id
from app.resources import CELERY_HEARTBEAT, Resources
from loyalty import transactions
from loyalty.errors import Unavailable
from loyalty.events import queries

CHECK_SECONDS_MAX = 1.0
KEPT_SECONDS = 5.0
OUTBOX_ROWS_MAX = 20_000
"""More unstamped events than the stamper moves in a second mean that it is down."""


class Live(msgspec.Struct, frozen=True):
    """The process answers."""

    status: str = "live"


class Ready(msgspec.Struct, frozen=True):
    """The house serves; what is down besides costs something, but no fact."""

    degraded: list[str]
    status: str = "ready"


class NotReady(HttpRefusal):
    """PostgreSQL is out of reach, or migrations are behind."""

    status, code = 503, "not_ready"
    title = "系统正在准备"
    sentence = "请过几秒再试一次。"


class Health:
    """Asks the parts, each at most once in KEPT_SECONDS, so that nobody can ask them to death."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._kept: dict[str, tuple[float, bool]] = {}
        self._migrated = False

    async def ready(self) -> Ready:
        """Tell what is degraded. Raises NotReady."""
        try:
            async with asyncio.timeout(CHECK_SECONDS_MAX), transactions.reader():
                waiting = await queries.waiting(OUTBOX_ROWS_MAX)
        except (Unavailable, TimeoutError, asyncpg.UndefinedTableError):
            raise NotReady from None
        if not self._migrated and await database.behind():
            raise NotReady
        self._migrated = True
        parts = {"redis": self._redis, "celery": self._celery, "wechat": self._wechat}
        up = await asyncio.gather(*(self._up(name, check) for name, check in parts.items()))
        degraded = [name for name, fine in zip(parts, up, strict=True) if not fine]
        return Ready([*degraded, "stamper"] if waiting >= OUTBOX_ROWS_MAX else degraded)

    async def _up(self, name: str, check: Callable[[], Awaitable[bool]]) -> bool:
        asked_at, fine = self._kept.get(name, (-math.inf, False))
        if time.monotonic() - asked_at < KEPT_SECONDS:
            return fine
        fine = False
        with suppress(RedisError, OSError, TimeoutError):
            async with asyncio.timeout(CHECK_SECONDS_MAX):
                fine = await check()
        self._kept[name] = (time.monotonic(), fine)
        return fine

    async def _redis(self) -> bool:
        return bool(await self._resources.redis.ping())

    async def _celery(self) -> bool:
        return bool(await self._resources.redis.exists(CELERY_HEARTBEAT))

    async def _wechat(self) -> bool:
        parts = urlsplit(self._resources.settings.wechat_base_url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        _, writer = await asyncio.open_connection(parts.hostname, port)
        writer.close()
        return True


def mount(app: Sanic[Any, Any]) -> None:
    """Route /health/live and /health/ready."""

    async def live(_request: Request) -> HTTPResponse:
        return _json(Live())

    async def ready(request: Request) -> HTTPResponse:
        try:
            return _json(await request.app.ctx.health.ready())
        except NotReady as refusal:
            return errors.render(refusal, trace_id(request))

    app.add_route(live, "/health/live", {"GET"}, name="health_live")
    app.add_route(ready, "/health/ready", {"GET"}, name="health_ready")


def _json(value: object) -> HTTPResponse:
    return HTTPResponse(payloads.encode(value), 200, {"cache-control": "no-store"}, "application/json")
