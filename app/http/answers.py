"""Answers whose header is mostly the same for every request, so that it is encoded once and not each time.

Sanic encodes and sanitises each header of each answer anew; with ours that was a sixth of a check-in's time. What is
put in here per request is made by us alone: a trace id of hexadecimal digits, and numbers.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

from sanic import HTTPResponse

_SAME = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
)
_JSON = (*_SAME, (b"content-type", b"application/json"))


@dataclass(frozen=True, slots=True)
class Policy:
    """A limit as the header RateLimit-Policy says it (draft-ietf-httpapi-ratelimit-headers)."""

    name: bytes
    header: tuple[bytes, bytes]

    @classmethod
    def of(cls, name: str, burst: int, window_seconds: int) -> Self:
        """Write it down."""
        quoted = b'"%b"' % name.encode()
        return cls(quoted, (b"ratelimit-policy", b"%b;q=%d;w=%d" % (quoted, burst, window_seconds)))


class Answer(HTTPResponse):
    """A JSON answer, or an empty one, of an endpoint."""

    __slots__ = ("_left", "_policy", "_trace_id")

    def __init__(
        self, body: bytes | None, status: int, trace_id: str, policy: Policy, calls: int, seconds: int
    ) -> None:
        """Take the body, and what the limit's policy leaves the caller: so many calls, one more in so many seconds."""
        super().__init__(body, status)
        self._trace_id = trace_id.encode()
        self._policy = policy.header
        self._left = b"%b;r=%d;t=%d" % (policy.name, calls, seconds)

    @property
    def processed_headers(self) -> Iterator[tuple[bytes, bytes]]:
        """Give the header as Sanic sends it."""
        headers: Any = self.headers
        yield from _JSON if self.body else _SAME
        yield self._policy
        yield b"ratelimit", self._left
        yield b"trace-id", self._trace_id
        length = headers.get("content-length")
        if length is not None:
            yield b"content-length", b"%d" % length
        yield b"connection", b"close" if headers.get("connection") == "close" else b"keep-alive"
