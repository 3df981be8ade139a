"""WeChat's pushes: proven by their signature, answered within their five seconds, each counted once."""

from typing import Any, cast

from sanic import HTTPResponse, Request, Sanic

from app import logs
from app.http import errors
from app.http.endpoints import read_body
from app.http.errors import HttpRefusal
from app.http.traces import trace_id
from app.resources import wechat_config
from loyalty import clock
from loyalty.notices import grants
from loyalty.notices.grants import GrantReport
from wechat import callbacks
from wechat.config import WeChatConfig
from wechat.errors import CallbackRefused

PATH = "/wechat/callback"
BODY_BYTES_MAX = 64 * 1024
LOG = logs.get("wechat")


def mount(app: Sanic[Any, Any]) -> None:
    """Route WeChat's check of our address and its pushes."""
    app.add_route(_echo, PATH, {"GET"}, name="wechat_echo")
    app.add_route(_push, PATH, {"POST"}, name="wechat_push", stream=True)


def _asked(request: Request) -> tuple[WeChatConfig, dict[str, str]]:
    config = wechat_config(request.app.ctx.context.resources.settings)
    return config, {name: values[0] for name, values in request.args.items()}


async def _echo(request: Request) -> HTTPResponse:
    try:
        return HTTPResponse(callbacks.echo(*_asked(request)), 200, content_type="text/plain")
    except CallbackRefused:
        return HTTPResponse("", 403)


async def _push(request: Request) -> HTTPResponse:
    at = clock.now()
    try:
        body = await read_body(request, BODY_BYTES_MAX)
    except HttpRefusal as refusal:
        return errors.render(refusal, trace_id(request))
    try:
        pushes = callbacks.read(*_asked(request), body, at)
    except CallbackRefused as refused:
        LOG.warning("push_refused", reason=str(refused), trace_id=trace_id(request))
        return HTTPResponse("", 403)
    await grants.note([report for push in pushes if (report := _report(push)) is not None], at)
    return HTTPResponse("success", 200, content_type="text/plain")


def _report(push: callbacks.Push) -> GrantReport | None:
    if push.kind not in {callbacks.POPUP, callbacks.CHANGE} or push.template_id is None:
        return None
    if push.status not in {"accept", "reject"} or (push.kind == callbacks.POPUP and push.status == "reject"):
        # Saying no to the question takes nothing away that was granted before.
        return None
    if push.kind == callbacks.CHANGE and push.status == "accept":
        # Switching messages on again in the settings grants no message by itself.
        return None
    return GrantReport(push.dedupe_key, push.openid, push.template_id, cast(Any, push.status))
