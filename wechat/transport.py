"""One HTTP exchange with WeChat: bounded in time and size, and silent about what it carries.

httpx's errors hold the request, whose URL holds the secret or the token. None of them leaves this file, not even as
the context of another error.
"""

import logging
from collections.abc import Mapping
from typing import Final, Literal

import httpx
import msgspec

from wechat.errors import Busy, Unreachable, WeChatError

CONNECT_SECONDS: Final = 2.0
ANSWER_BYTES_MAX: Final = 4 * 1024 * 1024
CONNECTIONS_MAX: Final = 64

Method = Literal["GET", "POST"]


class Transport:
    """Connections to one origin, shared by all calls of one event loop."""

    def __init__(self, base_url: str, timeout_seconds: float) -> None:
        # At INFO and below these two log every URL in full, query and all.
        for name in ("httpx", "httpcore"):
            logging.getLogger(name).setLevel(logging.WARNING)
        self._client = httpx.AsyncClient(
            base_url=base_url,
            timeout=httpx.Timeout(timeout_seconds, connect=min(CONNECT_SECONDS, timeout_seconds)),
            limits=httpx.Limits(max_connections=CONNECTIONS_MAX),
            follow_redirects=False,
            # Over http there is nothing to verify, and reading the certificates is the slowest part of starting.
            verify=base_url.startswith("https://"),
            # A proxy from the environment sees only a TLS tunnel, so it is used for https alone.
            trust_env=base_url.startswith("https://"),
        )

    async def exchange(
        self, method: Method, path: str, params: Mapping[str, str], body: Mapping[str, object] | None
    ) -> bytes:
        """Send one request and return the body of a 200.

        Raise Busy for 429 and 5xx, Unreachable for any other trouble. It tries once.
        """
        content = None if body is None else msgspec.json.encode(body)
        headers = {} if body is None else {"Content-Type": "application/json"}
        outcome: bytes | WeChatError
        try:
            async with self._client.stream(
                method, path, params=dict(params), content=content, headers=headers
            ) as answer:
                outcome = await _read(answer, path)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError) as error:
            outcome = Unreachable(path, hint=type(error).__name__)
        # Raised out here so that the httpx error is not even the context of ours.
        if isinstance(outcome, WeChatError):
            raise outcome
        return outcome

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()


async def _read(answer: httpx.Response, path: str) -> bytes | WeChatError:
    status = answer.status_code
    if status == httpx.codes.TOO_MANY_REQUESTS or status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return Busy(path, hint=f"HTTP {status}")
    if status != httpx.codes.OK:
        return Unreachable(path, hint=f"HTTP {status}")
    chunks = bytearray()
    async for chunk in answer.aiter_bytes():
        chunks += chunk
        if len(chunks) > ANSWER_BYTES_MAX:
            return Unreachable(path, hint="answer too long")
    return bytes(chunks)
