"""The web process: create_app(settings), and `python -m app.server --fd N` for one worker on an inherited socket."""

import argparse
import asyncio
import os
import socket
import sys
from contextlib import AsyncExitStack
from typing import Any

from sanic import HTTPResponse, Request, Sanic
from sanic.exceptions import MethodNotAllowed as SanicMethodNotAllowed
from sanic.exceptions import NotFound as SanicNotFound
from sanic.exceptions import PayloadTooLarge, SanicException, ServiceUnavailable

from app import logs, readiness, resources, settings
from app.http import docs, endpoints, errors, health, openapi, pictures, wechat
from app.http.admin.pages import ADMIN
from app.http.console import assets, login, pages
from app.http.console.overview import CONSOLE
from app.http.console.pages import Area
from app.http.endpoints import Context, Group
from app.http.errors import HttpRefusal
from app.http.limits import Limits
from app.http.marketing.pages import MARKETING
from app.http.mini.endpoints import MINI
from app.http.ops.pages import OPS
from app.http.outlets.pages import OUTLETS
from app.http.principals import MemberTokens
from app.http.sfa.endpoints import SFA
from app.http.sfa.pages import VISITS
from app.http.sfa_tokens import SfaTokens
from app.http.systems.endpoints import SYSTEMS
from app.http.traces import trace_id
from app.settings import Settings
from app.switchboard import SwitchBoard
from loyalty.errors import Overloaded, Refusal

GROUPS: tuple[Group, ...] = (*MINI, SFA, SYSTEMS)
AREAS: tuple[Area, ...] = (CONSOLE, OUTLETS, OPS, VISITS, MARKETING, ADMIN)
REQUEST_BYTES_MAX = 16 * 1024 * 1024
"""Twice what any route takes: what is too large by less is read away, so that its sender sees the refusal."""
GRACEFUL_SECONDS = 3
"""Longer than any call takes; a half-sent request must not hold up a stop until the supervisor's patience ends."""
LOG = logs.get("server")


def create_app(config: Settings) -> Sanic[Any, Any]:
    """Compose the web application. Nothing is opened before it serves."""
    app: Sanic[Any, Any] = Sanic("leketong", configure_logging=False)
    app.config.update(
        {
            "REQUEST_MAX_SIZE": REQUEST_BYTES_MAX,
            "REQUEST_TIMEOUT": 30,
            "RESPONSE_TIMEOUT": 30,
            "KEEP_ALIVE_TIMEOUT": 75,
            "GRACEFUL_SHUTDOWN_TIMEOUT": GRACEFUL_SECONDS,
            "ACCESS_LOG": False,
            "MOTD": False,
            "FALLBACK_ERROR_FORMAT": "json",
        }
    )
    app.error_handler.add(Exception, _refuse)
    endpoints.mount(app, GROUPS)
    health.mount(app)
    wechat.mount(app)
    login.mount(app)
    pages.mount(app, AREAS)
    assets.mount(app)
    pictures.mount(app)
    docs.mount(app, openapi.document(GROUPS, config.public_url))
    stack = AsyncExitStack()

    async def open_all(app: Sanic[Any, Any]) -> None:
        opened = await stack.enter_async_context(resources.opened(config, name="leketong-web", short_statements=True))
        limits = Limits(opened.redis)
        switches = SwitchBoard()
        # With the database away there is nothing to switch; the board reads on until it is back.
        await switches.start()
        stack.push_async_callback(switches.close)
        app.ctx.context = Context(
            opened, MemberTokens(config.secret_keys), limits, switches, SfaTokens(config.sfa_jwks)
        )
        app.ctx.health = health.Health(opened)
        app.ctx.helpers = [
            asyncio.create_task(limits.share_for_ever()),
            asyncio.create_task(_flush_logs_for_ever()),
        ]

    async def close_all(app: Sanic[Any, Any]) -> None:
        for helper in app.ctx.helpers:
            helper.cancel()
        await asyncio.gather(*app.ctx.helpers, return_exceptions=True)
        await stack.aclose()
        logs.BUFFER.flush()

    async def tell_ready(_app: Sanic[Any, Any]) -> None:
        readiness.tell()

    app.before_server_start(open_all)
    app.after_server_start(tell_ready)
    # After the drain: a request that was accepted still needs everything.
    app.after_server_stop(close_all)
    return app


async def _flush_logs_for_ever() -> None:
    while True:
        await asyncio.sleep(logs.FLUSH_SECONDS)
        logs.BUFFER.flush()


async def _refuse(request: Request, fault: Exception) -> HTTPResponse:
    """Render what no endpoint has rendered: Sanic's own refusals, and bugs outside of endpoints."""
    refusal: Refusal | HttpRefusal | None = None
    match fault:
        case Refusal():
            refusal = fault
        case SanicNotFound():
            refusal = errors.PathUnknown()
        case SanicMethodNotAllowed():
            allowed = fault.headers.get("Allow") or ", ".join(sorted(fault.context or ()))
            refusal = errors.MethodNotAllowed(allowed=str(allowed))
        case PayloadTooLarge():
            refusal = errors.BodyTooLarge(limit_bytes=REQUEST_BYTES_MAX)
        case ServiceUnavailable():
            # Sanic's own, when an answer takes longer than RESPONSE_TIMEOUT.
            refusal = Overloaded()
        case SanicException() if fault.status_code < 500:  # noqa: PLR2004
            refusal = errors.RequestInvalid()
    if refusal is not None:
        return errors.render(refusal, trace_id(request))
    LOG.error("unexpected", exc_info=fault, trace_id=trace_id(request))
    return errors.render(errors.Unexpected(), trace_id(request))


def main(arguments: list[str]) -> int:
    """Serve as one web worker on the listening socket that the supervisor passes."""
    parser = argparse.ArgumentParser(prog="python -m app.server")
    parser.add_argument("--fd", type=int, required=True, help="the number of an inherited listening socket")
    fd = parser.parse_args(arguments).fd
    logs.configure(buffered=True)
    app = create_app(settings.from_environment(os.environ))
    app.run(sock=socket.socket(fileno=fd), single_process=True, motd=False, access_log=False)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
