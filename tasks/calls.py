"""Calls to other programs' servers: bounded in time and size, without redirects, and never into our own network.

An address is looked up once, judged, and that very one is connected to, so that a name cannot lead elsewhere between
the look and the call; TLS still proves the name.
"""

import asyncio
import socket
import time
from collections.abc import Iterable, Mapping
from typing import Any

import httpcore

from loyalty.feeds.webhooks import rules
from loyalty.feeds.webhooks.rules import Outcome

CALL_SECONDS_MAX = 5.0
ANSWER_BYTES_MAX = 16 * 1024
CONNECTIONS_MAX = 64
IDLE_SECONDS_MAX = 15.0


class PrivateAddress(httpcore.ConnectError):
    """A name that leads into a private network."""


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Connects to public addresses alone."""

    def __init__(self) -> None:
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's own signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the address that a name has now. Raises PrivateAddress when any of them is not public."""
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as fault:
            raise httpcore.ConnectError(f"no address: {fault.strerror}") from None
        addresses = [str(one[4][0]) for one in found]
        if not addresses or not all(rules.is_public(one) for one in addresses):
            raise PrivateAddress("a private address")
        return await self._inner.connect_tcp(addresses[0], port, timeout, local_address, socket_options)

    async def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        """Refuse: nobody outside listens there."""
        raise PrivateAddress("a socket of this machine")

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._inner.sleep(seconds)


def open_pool(*, demo: bool) -> httpcore.AsyncConnectionPool:
    """Give the connections for calls; in the demo, whose hub is on this machine, addresses are not judged."""
    return httpcore.AsyncConnectionPool(
        max_connections=CONNECTIONS_MAX,
        keepalive_expiry=IDLE_SECONDS_MAX,
        http2=False,
        retries=0,
        network_backend=None if demo else GuardedBackend(),
    )


async def post(
    pool: httpcore.AsyncConnectionPool, url: str, headers: Mapping[str, str], body: bytes, delivery_id: int
) -> Outcome:
    """Post once and tell how it ended; the answer's body is not kept. Never raises for what the other side does.

    Once a status is here it counts, whatever becomes of the connection after it.
    """
    started = time.monotonic()
    status: int | None = None
    error, retry_after = "", None
    try:
        async with (
            asyncio.timeout(CALL_SECONDS_MAX),
            pool.stream("POST", url, headers=list(headers.items()), content=body) as answer,
        ):
            status = answer.status
            retry_after = _seconds(dict(answer.headers).get(b"retry-after"))
            read = 0
            async for part in answer.aiter_stream():
                read += len(part)
                if read > ANSWER_BYTES_MAX:
                    break
    except PrivateAddress:
        error = "private_address"
    except TimeoutError:
        error = "timeout"
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError) as fault:
        error = type(fault).__name__
    except (httpcore.UnsupportedProtocol, httpcore.PoolTimeout, UnicodeError, ValueError) as fault:
        error = type(fault).__name__
    milliseconds = int((time.monotonic() - started) * 1000)
    return Outcome(delivery_id, status, "" if status is not None else error, milliseconds, retry_after)


def _seconds(value: bytes | None) -> int | None:
    text = (value or b"").decode("latin-1").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else None  # noqa: PLR2004 - months
