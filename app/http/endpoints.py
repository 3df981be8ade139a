"""Endpoints: each call of the contract as one value, from which routing, checks and the document follow.

A group is an audience's door with its endpoints behind it, so no route can forget who may come in. For every call, in
this order: the trace id, the door, the limit, the size and type of the body, the Idempotency-Key, the payload; then the
function that calls the verb; then the answer, the log line and the metrics.
"""

import asyncio
import re
from collections.abc import AsyncIterable, Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import msgspec
from sanic import HTTPResponse, Request, Sanic
from sanic.exceptions import PayloadTooLarge

from app.http import errors, payloads
from app.http.answers import Answer, Policy
from app.http.errors import BodyTooLarge, HttpRefusal, IdempotencyKeyInvalid, IdempotencyKeyMissing
from app.http.limits import Limit, Limits, address_of
from app.http.observing import observed
from app.http.principals import MemberTokens, Principal
from app.http.sfa_tokens import SfaTokens
from app.http.traces import trace_id
from app.resources import Resources
from app.switchboard import SwitchBoard
from loyalty import clock
from loyalty.errors import Refusal

KEY_FORM = re.compile(r"[\x21-\x7e]{8,64}")
MINI_BODY_BYTES_MAX = 64 * 1024
BODY_SECONDS_MAX = 15.0
JSON = "application/json"
CALLS = Limit("calls", 120, 60)


@dataclass(frozen=True, slots=True)
class Context:
    """What the web worker holds while it serves."""

    resources: Resources
    tokens: MemberTokens
    limits: Limits
    switches: SwitchBoard
    sfa_tokens: SfaTokens


class Call(msgspec.Struct, frozen=True):
    """One request after all checks."""

    context: Context
    principal: Any
    params: dict[str, str]
    query: Any
    body: Any
    key: str
    at: datetime

    @property
    def resources(self) -> Resources:
        """Give the process's resources."""
        return self.context.resources


class Reply(msgspec.Struct, frozen=True):
    """An answer with a status of its own, one of the endpoint's."""

    value: object
    status: int


class Door(Protocol):
    """Proves who a request is from. Raises HttpRefusal or Refusal."""

    scheme: str | None
    """The security scheme in the document; None for a public door."""
    refusals: tuple[type[Refusal] | type[HttpRefusal], ...]

    async def __call__(self, request: Request, context: Context, endpoint: "Endpoint", at: datetime, /) -> Principal:
        """Tell the principal."""
        ...


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One call of the contract."""

    method: str
    path: str
    """Below the group's prefix, parameters in braces."""
    summary: str
    call: Callable[[Call], Awaitable[object]]
    answer: Any
    """The type of the answer; None for an empty one."""
    statuses: tuple[int, ...] = (200,)
    body: Any = None
    query: Any = None
    keyed: bool = False
    """Whether it takes an Idempotency-Key."""
    scope: str | None = None
    """The scope that a system key needs."""
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What a path parameter may be, where the contract lists it."""
    rows: Any = None
    """The type of each row of the body, where rows are judged one by one."""
    stored: bool = True
    """Whether the answer needs the database."""
    limit: Limit = CALLS
    by_address: bool = False
    body_bytes_max: int = MINI_BODY_BYTES_MAX
    refusals: tuple[type[Refusal] | type[HttpRefusal], ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """An audience's endpoints behind one door."""

    name: str
    prefix: str
    door: Door
    endpoints: tuple[Endpoint, ...] = field(default=())


def mount(app: Sanic[Any, Any], groups: tuple[Group, ...]) -> None:
    """Route every endpoint of every group."""
    for group in groups:
        for endpoint in group.endpoints:
            path = re.sub(r"\{(\w+)\}", r"<\1:str>", group.prefix + endpoint.path)
            name = re.sub(r"\W+", "_", f"{endpoint.method}_{group.prefix}{endpoint.path}").lower()
            # Streamed, so that the door, the limit and the declared size come before the body is read.
            app.add_route(_handler(group, endpoint), path, {endpoint.method}, name=name, stream=True, unquote=True)


def _handler(group: Group, endpoint: Endpoint) -> Callable[..., Coroutine[Any, Any, HTTPResponse]]:
    policy = Policy.of(endpoint.limit.name, endpoint.limit.burst, endpoint.limit.window_seconds)

    async def respond(request: Request, params: dict[str, str]) -> HTTPResponse:
        return await _answer(group, endpoint, policy, request, params)

    async def refuse(request: Request, refusal: Refusal | HttpRefusal) -> HTTPResponse:
        return errors.render(refusal, trace_id(request))

    return observed(endpoint.method, group.prefix + endpoint.path, respond, refuse)


async def _answer(
    group: Group, endpoint: Endpoint, policy: Policy, request: Request, params: dict[str, str]
) -> HTTPResponse:
    context: Context = request.app.ctx.context
    at = clock.now()
    principal = await group.door(request, context, endpoint, at)
    left = context.limits.take(endpoint.limit, _caller(endpoint, principal, request, context))
    given = await _body(endpoint, request)
    call = Call(
        context,
        principal,
        params,
        None
        if endpoint.query is None
        else payloads.from_query(request.get_args(keep_blank_values=True), endpoint.query),
        given,
        _key(endpoint, request),
        at,
    )
    result = await endpoint.call(call)
    value, status = (result.value, result.status) if isinstance(result, Reply) else (result, endpoint.statuses[0])
    body = None if value is None else payloads.encode(value)
    return Answer(body, status, trace_id(request), policy, left.calls, left.seconds)


def _caller(endpoint: Endpoint, principal: Principal, request: Request, context: Context) -> str:
    number = getattr(principal, "id", None)
    if number is not None and not endpoint.by_address:
        return f"{type(principal).__name__}:{number}"
    return caller_address(request, context)


def caller_address(request: Request, context: Context) -> str:
    """Tell the address that a request comes from, through the proxies that are trusted."""
    return address_of(
        request.conn_info.client if request.conn_info else "",
        ",".join(request.headers.getall("x-forwarded-for", [])),
        context.resources.settings.trusted_proxies,
    )


def _key(endpoint: Endpoint, request: Request) -> str:
    if not endpoint.keyed:
        return ""
    key = request.headers.get("idempotency-key")
    if key is None:
        raise IdempotencyKeyMissing
    if not KEY_FORM.fullmatch(key):
        raise IdempotencyKeyInvalid
    return str(key)


async def _body(endpoint: Endpoint, request: Request) -> Any:
    if endpoint.body is None:
        return None
    limit = endpoint.body_bytes_max
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise BodyTooLarge(limit_bytes=limit)
    media_type = request.headers.get("content-type", "")
    if media_type != JSON and media_type.partition(";")[0].strip().lower() != JSON:
        raise errors.MediaTypeUnsupported
    return payloads.decode(await read_body(request, limit), endpoint.body)


async def read_body(request: Request, limit_bytes: int) -> bytes:
    """Read a streamed body, keeping no more than ``limit_bytes`` of it.

    Raises BodyTooLarge, and RequestInvalid for one that does not arrive within BODY_SECONDS_MAX.
    """
    stream: Any = request.stream
    try:
        # A small body came with its header: nothing has to be waited for, so no clock has to be set.
        if 0 < stream.request_bytes_left <= len(stream.recv_buffer):
            return await _read(stream, limit_bytes)
        async with asyncio.timeout(BODY_SECONDS_MAX):
            return await _read(stream, limit_bytes)
    except TimeoutError:
        raise errors.RequestInvalid from None
    except PayloadTooLarge:
        raise BodyTooLarge(limit_bytes=limit_bytes) from None


async def _read(stream: AsyncIterable[bytes], limit_bytes: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in stream:
        size += len(chunk)
        if size > limit_bytes:
            raise BodyTooLarge(limit_bytes=limit_bytes)
        chunks.append(chunk)
    return b"".join(chunks)
