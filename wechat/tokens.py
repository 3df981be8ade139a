"""The access token and where workers share it."""

import asyncio
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Token:
    """An access token of one account; its repr does not show it. Times are seconds since 1970.

    From `renew_at` on, somebody should fetch the next one; until `expires_at` WeChat still takes this one.
    """

    value: str = field(repr=False)
    renew_at: float
    expires_at: float


class TokenStore(Protocol):
    """Where the workers of one account share its token.

    Every method may raise anything or be slow: the client then goes on with its own copy.
    """

    async def get(self) -> Token | None:
        """Return the token that was put last, or None."""

    async def put(self, token: Token) -> None:
        """Keep the token at most until it expires."""

    def lock(self) -> AbstractAsyncContextManager[object]:
        """Let one worker at a time fetch; a holder that dies must lose the lock within seconds."""


class MemoryTokenStore:
    """Shares a token between the clients of one event loop; for one process, and for tests."""

    def __init__(self) -> None:
        self._token: Token | None = None
        self._lock = asyncio.Lock()

    async def get(self) -> Token | None:
        """Return the token that was put last, or None."""
        return self._token

    async def put(self, token: Token) -> None:
        """Keep the token."""
        self._token = token

    def lock(self) -> AbstractAsyncContextManager[object]:
        """Let one client at a time fetch."""
        return self._lock
