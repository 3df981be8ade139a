"""The sandbox as a Sanic application: WeChat's own paths, and the control calls beside them."""

import asyncio
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import parse_qsl

import httpx
import msgspec
from sanic import HTTPResponse, Request, Sanic
from sanic.exceptions import MethodNotAllowed, NotFound, PayloadTooLarge, SanicException
from sanic.response import raw

from wechat.sandbox import opening, sending, sessions
from wechat.sandbox.control import control
from wechat.sandbox.faults import Fault
from wechat.sandbox.pushes import Callback
from wechat.sandbox.refusals import Refusal
from wechat.sandbox.world import Account, CallRecord, Catalogue, Image, Json, Query, World

BODY_BYTES_MAX: Final = 64 * 1024
STOP_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Call:
    """One of WeChat's paths. `answer` is given query and body; jscode2session names its JSON text/plain."""

    method: str
    path: str
    answer: Callable[[World, Query, bytes], Json | Image]
    content_type: str = "application/json; encoding=utf-8"


CALLS: Final = (
    Call("GET", "/sns/jscode2session", sessions.jscode2session, "text/plain"),
    Call("GET", "/cgi-bin/token", sessions.token),
    Call("POST", "/cgi-bin/stable_token", sessions.stable_token),
    Call("GET", "/wxa/checksession", sessions.checksession),
    Call("POST", "/wxa/business/getuserphonenumber", sessions.getuserphonenumber),
    Call("POST", "/cgi-bin/message/subscribe/send", sending.subscribe_send),
    Call("POST", "/wxa/msg_sec_check", sending.msg_sec_check),
    Call("POST", "/wxa/getwxacodeunlimit", opening.getwxacodeunlimit),
    Call("POST", "/wxa/generate_urllink", opening.generate_urllink),
)


def create_sandbox(
    state_path: Path | None,
    account: Account,
    callback_url: str | None = None,
    catalogue: Catalogue | None = None,
) -> Sanic[Any, Any]:
    """Build the application for one account; it is opened and closed by the server that runs it.

    `state_path` is the SQLite file that keeps members, permissions and messages; None keeps them in memory.
    Permissions given through the control calls are told to `callback_url`, when there is one.
    """
    # Sanic holds applications by name in one table; the random end lets a test have several.
    app: Sanic[Any, Any] = Sanic(f"wechat_sandbox_{secrets.token_hex(4)}", env_prefix=None, configure_logging=False)
    app.config.TOUCHUP = False  # it rewrites Sanic's own classes, which works for one application per process only
    app.config.REQUEST_MAX_SIZE = BODY_BYTES_MAX
    app.config.GRACEFUL_SHUTDOWN_TIMEOUT = STOP_SECONDS
    app.config.FALLBACK_ERROR_FORMAT = "json"
    app.ctx.paths = frozenset(call.path for call in CALLS)

    @app.before_server_start
    async def start(app: Sanic[Any, Any]) -> None:
        app.ctx.world = World(account, catalogue or Catalogue(), state_path)
        app.ctx.callback = None
        if callback_url is not None:
            app.ctx.callback = Callback(callback_url, httpx.AsyncClient(trust_env=False, follow_redirects=False))

    @app.after_server_stop
    async def stop(app: Sanic[Any, Any]) -> None:
        if app.ctx.callback is not None:
            await app.ctx.callback.client.aclose()
        app.ctx.world.store.close()

    for call in CALLS:
        app.add_route(_route(call), call.path, methods=["GET", "POST"], name=call.path.strip("/").replace("/", "_"))
    app.blueprint(control)
    app.exception(SanicException)(_refuse_request)
    return app


def _route(call: Call) -> Callable[[Request], Coroutine[Any, Any, HTTPResponse]]:
    async def serve(request: Request) -> HTTPResponse:
        world: World = request.app.ctx.world
        errcode: int | None = None
        try:
            fault = world.faults.take(call.path)
            if fault is not None and fault.latency_ms is not None:
                await asyncio.sleep(fault.latency_ms / 1000)
            if fault is not None and fault.drop:
                return _drop(request)
            answer = _answer(call, world, request, fault)
            errcode = 0
        except Refusal as refusal:
            errcode = refusal.errcode
            answer = refusal.answer()
        finally:
            world.calls.append(CallRecord(world.clock.now(), request.method, call.path, errcode))
        if isinstance(answer, Image):
            return raw(answer.content, content_type=answer.content_type)
        return raw(msgspec.json.encode(answer), content_type=call.content_type)

    return serve


def _answer(call: Call, world: World, request: Request, fault: Fault | None) -> Json | Image:
    if fault is not None and fault.errcode is not None:
        raise Refusal(fault.errcode)
    if request.method != call.method:
        raise Refusal(43001 if call.method == "GET" else 43002)
    query = dict(parse_qsl(request.query_string, keep_blank_values=True))
    return call.answer(world, query, request.body)


def _drop(request: Request) -> HTTPResponse:
    """Cut the connection without an answer; what is returned goes nowhere."""
    cast("asyncio.Transport", request.transport).abort()
    return raw(b"")


async def _refuse_request(request: Request, error: SanicException) -> HTTPResponse:
    """Answer what no path took: WeChat says it with HTTP 200 and an errcode, the control calls with the status."""
    if request.path.startswith("/sandbox"):
        return raw(
            msgspec.json.encode({"error": str(error)}),
            status=error.status_code or 500,
            content_type="application/json",
        )
    errcode = -1
    if isinstance(error, NotFound):
        errcode = 40066
    elif isinstance(error, MethodNotAllowed):
        errcode = 43002
    elif isinstance(error, PayloadTooLarge):
        errcode = 47001
    return raw(msgspec.json.encode(Refusal(errcode).answer()), content_type="application/json; encoding=utf-8")
