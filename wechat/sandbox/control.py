"""The sandbox's own calls under /sandbox: a person or a test plays the members with them."""

import re
import time
from dataclasses import asdict
from typing import Annotated, Any, Final, Literal, TypeVar
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta
from sanic import Blueprint, HTTPResponse, Request
from sanic.response import html, raw

from wechat.sandbox import pushes
from wechat.sandbox.codes import TooManyCodes
from wechat.sandbox.faults import TIMES_MAX, Fault, TooManyFaults
from wechat.sandbox.page import PAGE
from wechat.sandbox.store import MEMBERS_MAX, StoreFull
from wechat.sandbox.world import Json, World

MESSAGES_SHOWN_MAX: Final = 1000
LATENCY_MS_MAX: Final = 30_000
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_PHONE = re.compile(r"1[3-9][0-9]{9}|\+[1-9][0-9]{0,2}-[0-9]{5,14}", re.ASCII)

control = Blueprint("sandbox_control", url_prefix="/sandbox")
T = TypeVar("T")


class BadInput(Exception):  # noqa: N818 - read as a sentence
    """The text is a sentence that names the field."""


class NewMember(msgspec.Struct, forbid_unknown_fields=True):
    """A person to be made."""

    phone: str | None = None


class NewCode(msgspec.Struct, forbid_unknown_fields=True):
    """A tap that gives a code."""

    openid: str
    kind: Literal["login", "phone"]


class NewGrant(msgspec.Struct, forbid_unknown_fields=True):
    """A tap that allows or refuses one message."""

    openid: str
    template_id: str
    accept: bool


class NewFault(msgspec.Struct, forbid_unknown_fields=True):
    """What the next calls of a path shall meet."""

    path: str
    errcode: Annotated[int, Meta(ge=-1, le=99_999_999)] | None = None
    latency_ms: Annotated[int, Meta(ge=1, le=LATENCY_MS_MAX)] | None = None
    drop: bool = False
    times: Annotated[int, Meta(ge=1, le=TIMES_MAX)] = 1


class Advance(msgspec.Struct, forbid_unknown_fields=True):
    """A turn of the clock."""

    advance_seconds: Annotated[int, Meta(ge=0)]


@control.get("/")
async def show_page(_request: Request) -> HTTPResponse:
    """Say in Chinese what this is."""
    return html(PAGE)


@control.get("/health")
async def health(_request: Request) -> HTTPResponse:
    """Answer 200 while the sandbox serves."""
    return _json({"status": "ok"})


@control.post("/members")
async def make_member(request: Request) -> HTTPResponse:
    """{phone?} → {openid, unionid}."""
    told = _read(request, NewMember)
    if told.phone is not None and not _PHONE.fullmatch(told.phone):
        raise BadInput("phone must be a mainland mobile number, or +country-number")
    try:
        member = _world(request).store.add_member(told.phone)
    except StoreFull:
        raise BadInput(f"phone: no more than {MEMBERS_MAX} members can be made") from None
    return _json({"openid": member.openid, "unionid": member.unionid})


@control.post("/codes")
async def make_code(request: Request) -> HTTPResponse:
    """{openid, kind} → {code}."""
    world, told = _world(request), _read(request, NewCode)
    member = world.store.member(told.openid)
    if member is None:
        raise BadInput("openid is not that of a member made here")
    if told.kind == "phone" and member.phone is None:
        raise BadInput("kind is phone, but this member was made without a phone")
    try:
        return _json({"code": world.codes.issue(told.kind, told.openid)})
    except TooManyCodes:
        raise BadInput("kind: too many codes are waiting to be used; use some or advance the clock") from None


@control.post("/grants")
async def make_grant(request: Request) -> HTTPResponse:
    """{openid, template_id, accept} → {credits, callback}: counts the permission, and tells our callback URL."""
    world, told = _world(request), _read(request, NewGrant)
    mode = _choice(request, "mode", ("safe", "plain"))
    fmt = _choice(request, "format", ("json", "xml"))
    list_form = _choice(request, "list", ("object", "array"))
    if world.store.member(told.openid) is None:
        raise BadInput("openid is not that of a member made here")
    if not world.catalogue.has_template(told.template_id):
        raise BadInput("template_id is not one of this account's templates")
    try:
        if told.accept:
            world.store.grant(told.openid, told.template_id)
    except StoreFull:
        raise BadInput("template_id: the sandbox holds too many permissions") from None
    callback: pushes.Callback | None = request.app.ctx.callback
    said = None
    if callback is not None:
        status = "accept" if told.accept else "reject"
        item = {"TemplateId": told.template_id, "SubscribeStatusString": status, "PopupScene": "0"}
        # The machine's own time: the receiver compares it with its own, which nobody advances.
        now = int(time.time())
        at = world.store.next_push_at(told.openid, now)
        content = pushes.message(world.account, told.openid, pushes.POPUP, [item], at, fmt=fmt, list_form=list_form)
        sealed = pushes.seal(world.account, told.openid, content, now, mode=mode, fmt=fmt)
        said = await pushes.deliver(callback, sealed)
    return _json({"credits": world.store.credits_of(told.openid, told.template_id), "callback": said})


@control.get("/messages")
async def list_messages(request: Request) -> HTTPResponse:
    """?openid= → {items}: the newest messages of one member, or of all, oldest first."""
    found = _world(request).store.messages(request.args.get("openid"), MESSAGES_SHOWN_MAX)
    items = [{"message_id": str(number), **asdict(said), "sent_at": at} for number, said, at in found]
    return _json({"items": items})


@control.post("/faults")
async def order_fault(request: Request) -> HTTPResponse:
    """{path, errcode|latency_ms|drop, times} → {path, pending}."""
    told = _read(request, NewFault)
    if told.path not in request.app.ctx.paths:
        raise BadInput("path is not one of WeChat's paths that the sandbox answers")
    if (told.errcode is not None) + (told.latency_ms is not None) + told.drop != 1:
        raise BadInput("errcode, latency_ms, drop: exactly one must be given")
    if told.errcode == 0:
        raise BadInput("errcode must not be 0, which is success")
    try:
        fault = Fault(told.errcode, told.latency_ms, told.drop)
        pending = _world(request).faults.order(told.path, fault, told.times)
    except TooManyFaults:
        raise BadInput("path has too many faults waiting") from None
    return _json({"path": told.path, "pending": pending})


@control.delete("/faults")
async def clear_faults(request: Request) -> HTTPResponse:
    """Forget every fault that waits → {}."""
    _world(request).faults.clear()
    return _json({})


@control.post("/clock")
async def advance_clock(request: Request) -> HTTPResponse:
    """{advance_seconds} → {now}, seconds since 1970 on the sandbox's clock."""
    world, told = _world(request), _read(request, Advance)
    try:
        world.clock.advance(told.advance_seconds)
    except ValueError as error:
        raise BadInput(str(error)) from None
    return _json({"now": int(world.clock.now())})


@control.get("/calls")
async def list_calls(request: Request) -> HTTPResponse:
    """Answer {items}: the newest calls of WeChat's paths, oldest first."""
    return _json({"items": [asdict(call) for call in _world(request).calls]})


async def preflight(_request: Request) -> HTTPResponse:
    """Let the browser build of the mini-program ask."""
    return raw(b"", status=204)


async def allow_neighbours(request: Request, response: HTTPResponse) -> None:
    """Let pages of this machine, or of the host that the sandbox was called by, read the answer."""
    origin = request.headers.get("origin", "")
    host = urlsplit(origin).hostname
    if host in LOOPBACK or (host and host == request.server_name):
        response.headers.update(
            {
                "Access-Control-Allow-Origin": origin,
                "Access-Control-Allow-Headers": "content-type",
                "Access-Control-Allow-Methods": "GET, POST, DELETE",
                "Vary": "Origin",
            }
        )


async def refuse(_request: Request, error: BadInput) -> HTTPResponse:
    """Answer 400 with the sentence."""
    return _json({"error": str(error)}, 400)


# Called, not written as decorators, which Sanic does not type for these three.
for _path in ("members", "codes", "grants", "messages", "faults", "clock", "calls"):
    control.add_route(preflight, f"/{_path}", methods=["OPTIONS"], name=f"preflight_{_path}")
control.middleware(allow_neighbours, "response")
control.exception(BadInput)(refuse)


def _read(request: Request, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(request.body or b"{}", type=kind)
    except msgspec.ValidationError as error:
        raise BadInput(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadInput("the body must be a JSON object") from None


def _choice(request: Request, name: str, choices: tuple[Any, ...]) -> Any:
    """Return the query's choice; the first is the default."""
    value = request.args.get(name, choices[0])
    if value not in choices:
        raise BadInput(f"{name} must be one of {', '.join(choices)}")
    return value


def _world(request: Request) -> World:
    world: World = request.app.ctx.world
    return world


def _json(answer: Json, status: int = 200) -> HTTPResponse:
    return raw(msgspec.json.encode(answer), status=status, content_type="application/json")
