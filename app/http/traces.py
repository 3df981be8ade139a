"""The trace id of a request: the caller's own when it sends a traceparent (W3C Trace Context), else one of ours."""

import random
import re

from sanic import Request

TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


def trace_id(request: Request) -> str:
    """Tell the request's trace id, 32 hexadecimal digits; the same each time it is asked for one request."""
    known: str | None = getattr(request.ctx, "trace_id", None)
    if known is None:
        given = request.headers.getone("traceparent", None)
        found = TRACEPARENT.fullmatch(given) if given else None
        known = request.ctx.trace_id = found[1] if found else f"{random.getrandbits(128):032x}"
    return known
