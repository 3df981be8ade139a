"""Answers whose header is mostly the same for every request, so that it is encoded once and not each time.

Sanic encodes and sanitises each header of each answer anew; with ours that was a sixth of a check-in's time. What is
put in here per request is made by us alone: a trace id of hexadecimal digits, and numbers.
"""

from collections.abc import Iterator
from typing import Any

from sanic import HTTPResponse

_SAME = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
)
_JSON = (*_SAME, (b"content-type", b"application/json"))


class Answer(HTTPResponse):
    """A JSON answer, or an empty one, of an endpoint."""

    __slots__ = ("_of_limit", "_trace_id")

    def __init__(self, body: bytes | None, status: int, trace_id: str, policy: bytes, calls: int, seconds: int) -> None:
        """Take the body, and what the limit's policy leaves the caller: so many calls, one more in so many seconds."""
        super().__init__(body, status)
        self._trace_id = trace_id.encode()
        name = policy.partition(b";")[0]
        self._of_limit = ((b"ratelimit-policy", policy), (b"ratelimit", b"%b;r=%d;t=%d" % (name, calls, seconds)))

    @property
    def processed_headers(self) -> Iterator[tuple[bytes, bytes]]:
        """Give the header as Sanic sends it."""
        headers: Any = self.headers
        yield from _JSON if self.body else _SAME
        yield from self._of_limit
        yield b"trace-id", self._trace_id
        length = headers.get("content-length")
        if length is not None:
            yield b"content-length", b"%d" % length
        yield b"connection", b"close" if headers.get("connection") == "close" else b"keep-alive"
