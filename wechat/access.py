"""The access token: kept here, shared through a store, fetched by one worker at a time."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar

import structlog

from wechat.errors import Unavailable, WeChatError
from wechat.tokens import Token, TokenStore

STORE_SECONDS: Final = 1.0
MARGIN_SECONDS_MIN: Final = 60
MARGIN_SECONDS_MAX: Final = 240  # WeChat itself renews 300 s before the end; asked earlier it repeats the old token

T = TypeVar("T")
_log = structlog.get_logger(__name__)


def token_from(value: str, expires_in: float, now: float) -> Token:
    """Make the Token of an answer got at `now`, to be renewed 60 to 240 s before it expires.

    The margin is drawn per token, so that accounts do not renew in step; a short-lived token is used for at least
    half of its life, or each call would fetch one.
    """
    margin = MARGIN_SECONDS_MIN + secrets.randbelow(MARGIN_SECONDS_MAX - MARGIN_SECONDS_MIN + 1)
    return Token(value, renew_at=now + expires_in - min(margin, expires_in / 2), expires_at=now + expires_in)


class TokenKeeper:
    """Answers "which token now?" for one process.

    `fetch` asks WeChat and raises WeChatError. A store that raises, hangs or lies only costs extra fetches, which
    are harmless: stable_token repeats the same token.
    """

    def __init__(
        self,
        store: TokenStore,
        fetch: Callable[[], Awaitable[Token]],
        lock_seconds: float,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._fetch = fetch
        self._lock_seconds = lock_seconds
        self._now = now
        self._lock = asyncio.Lock()
        self._token: Token | None = None
        self._last: tuple[float, Token | WeChatError] | None = None

    async def current(self, refused: str | None = None) -> str:
        """Return a token that may be used; never `refused` unless WeChat was asked again and repeated it.

        Callers that wait share the outcome of a fetch begun after they asked, be it an error or the same token.
        """
        token = self._token
        if token is not None and self._usable(token, refused):
            return token.value
        asked_at = time.monotonic()
        async with self._lock:
            token = self._token
            if token is not None and self._usable(token, refused):
                return token.value
            if self._last is not None and self._last[0] >= asked_at:
                return _value_of(self._last[1])
            async with self._shared_lock():
                token = await self._ask_store(self._store.get)
                if token is None or not self._usable(token, refused):
                    token = await self._renew(refused)
                self._token = token
            return token.value

    def _usable(self, token: Token, refused: str | None) -> bool:
        return token.value != refused and self._now() < token.renew_at

    async def _renew(self, refused: str | None) -> Token:
        started_at = time.monotonic()
        try:
            token = await self._fetch()
        except WeChatError as error:
            old = self._token
            if isinstance(error, Unavailable) and old and old.value != refused and self._now() < old.expires_at:
                # WeChat gives no new one just now, and still takes the old one for a minute or more.
                _log.warning("wechat_token_not_renewed", error=str(error))
                self._last = (started_at, old)
                return old
            self._last = (started_at, error)
            raise
        self._last = (started_at, token)
        await self._ask_store(lambda: self._store.put(token))
        return token

    async def _ask_store(self, call: Callable[[], Awaitable[T]]) -> T | None:
        try:
            async with asyncio.timeout(STORE_SECONDS):
                return await call()
        except Exception as error:  # noqa: BLE001 - whatever a store raises, we go on with our own copy
            _log.warning("wechat_token_store_failed", error=type(error).__name__)
            return None

    @asynccontextmanager
    async def _shared_lock(self) -> AsyncIterator[None]:
        """Hold the store's lock, or go on without it when it can not be had in time."""
        held = None
        try:
            lock = self._store.lock()
            async with asyncio.timeout(self._lock_seconds):
                await lock.__aenter__()
                held = lock
        except Exception as error:  # noqa: BLE001 - as above
            _log.warning("wechat_token_lock_failed", error=type(error).__name__)
        try:
            yield
        finally:
            if held is not None:
                await self._release(held.__aexit__)

    async def _release(self, release: Callable[[None, None, None], Awaitable[object]]) -> None:
        await self._ask_store(lambda: release(None, None, None))


def _value_of(outcome: Token | WeChatError) -> str:
    if isinstance(outcome, Token):
        return outcome.value
    raise type(outcome)(outcome.path, outcome.errcode, outcome.rid, outcome.hint)
