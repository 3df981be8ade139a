"""What every request of ours leaves behind, whatever it asks for: a duration, a count, a log line, a trace id."""

from collections.abc import Awaitable, Callable, Coroutine
from time import perf_counter
from typing import Any

from sanic import HTTPResponse, Request
from sanic.exceptions import SanicException

from app import logs, metrics
from app.http.errors import HttpRefusal, PathUnknown, Unexpected
from app.http.traces import trace_id
from loyalty.errors import Refusal

LOG = logs.get("http")

Respond = Callable[[Request, dict[str, str]], Awaitable[HTTPResponse]]
Refuse = Callable[[Request, Refusal | HttpRefusal], Awaitable[HTTPResponse]]


def _check(params: dict[str, str]) -> None:
    # PostgreSQL keeps no NUL in a text, so nothing of ours has such a name.
    if any("\0" in value for value in params.values()):
        raise PathUnknown


def observed(
    method: str, route: str, respond: Respond, refuse: Refuse
) -> Callable[..., Coroutine[Any, Any, HTTPResponse]]:
    """Give Sanic's handler for a route: ``respond`` answers, ``refuse`` renders what it raises.

    Anything but a refusal is a bug: logged with its trace id, rendered as Unexpected. Sanic's own exceptions pass.
    """
    seconds = metrics.REQUEST_SECONDS.labels(method, route)
    counts: dict[int, Any] = {}

    async def serve(request: Request, **params: str) -> HTTPResponse:
        started = perf_counter()
        trace = trace_id(request)
        try:
            _check(params)
            answer = await respond(request, params)
        except (Refusal, HttpRefusal) as refusal:
            answer = await refuse(request, refusal)
        except SanicException:
            raise
        except Exception:
            LOG.exception("unexpected", route=route, method=method, trace_id=trace)
            answer = await refuse(request, Unexpected())
        elapsed = perf_counter() - started
        seconds.observe(elapsed)
        count = counts.get(answer.status)
        if count is None:
            count = counts[answer.status] = metrics.REQUESTS.labels(method, route, answer.status)
        count.inc()
        logs.request(method, route, answer.status, round(elapsed * 1000, 2), trace)
        return answer

    return serve
