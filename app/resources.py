"""Opens and closes what a process needs: database, Redis, WeChat client, batchers. Shared by app and tasks."""

import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

import msgspec
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from app import database
from app.homes import Home, HomeRequest, read_homes
from app.settings import Settings
from games.base import Play, Played
from games.registry import GAMES
from loyalty.batches import Batcher
from loyalty.catalogue.shelves import PageRequest, Shelves, ShownPage
from loyalty.customers.personal import DataKeys
from loyalty.ordering import orders, quotes
from loyalty.ordering.orders import Placed, Placing
from loyalty.ordering.quotes import Quoted
from loyalty.ordering.working_out import QuoteRequest
from loyalty.rewards import redemptions
from loyalty.rewards.redemptions import Redeemed, Redemption
from wechat.client import AsyncWeChatClient
from wechat.config import WeChatConfig
from wechat.tokens import Token

REDIS_TIMEOUT_SECONDS = 1.0
TOKEN_LOCK_SECONDS = 10.0
CELERY_HEARTBEAT = "leketong:celery:heartbeat"
"""Set by the schedule, gone a minute after it stops."""
TOKEN_NAME = "leketong:wechat:token"  # noqa: S105 - the name of a key in Redis


@dataclass(frozen=True)
class Resources:
    """What verbs' callers are handed. One per process."""

    settings: Settings
    redis: Redis
    wechat: AsyncWeChatClient
    data_keys: DataKeys
    plays: dict[str, Batcher[Play, Played]]
    homes: Batcher[HomeRequest, Home]
    redemptions: Batcher[Redemption, Redeemed]
    shelves: Batcher[PageRequest, ShownPage]
    quotes: Batcher[QuoteRequest, Quoted]
    orders: Batcher[Placing, Placed]
    kept_shelves: Shelves
    """For calls that look at a shelf by the way."""


@asynccontextmanager
async def opened(
    settings: Settings,
    *,
    name: str,
    pool_max: int = database.POOL_MAX,
    short_statements: bool = False,
    statement_seconds_max: float | None = database.STATEMENT_SECONDS_MAX,
) -> AsyncIterator[Resources]:
    """Open everything, and close it in turn: batchers drain first, the database goes last."""
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(
            database.opened(
                settings.database_url,
                pool_max=pool_max,
                name=name,
                short_statements=short_statements,
                statement_seconds_max=statement_seconds_max,
            )
        )
        redis = open_redis(settings)
        stack.push_async_callback(redis.aclose)
        wechat = AsyncWeChatClient(wechat_config(settings), RedisTokenStore(redis))
        stack.push_async_callback(wechat.aclose)
        plays = {game.code: Batcher(game.play) for game in GAMES}
        homes = Batcher(read_homes)
        redeeming = Batcher(redemptions.redeem)
        kept = Shelves()
        shelves = Batcher(kept.pages)
        quoting = Batcher(partial(quotes.quote, kept))
        placing = Batcher(partial(orders.place, kept))
        stack.push_async_callback(homes.close)
        stack.push_async_callback(shelves.close)
        stack.push_async_callback(quoting.close)
        stack.push_async_callback(placing.close)
        stack.push_async_callback(redeeming.close)
        for batcher in plays.values():
            stack.push_async_callback(batcher.close)
        yield Resources(
            settings,
            redis,
            wechat,
            DataKeys(settings.data_keys),
            plays,
            homes,
            redeeming,
            shelves,
            quoting,
            placing,
            kept,
        )


def open_redis(settings: Settings) -> Redis:
    """Give a Redis client that answers or fails within a second: nothing here may wait for Redis."""
    return Redis.from_url(
        settings.redis_url,
        socket_timeout=REDIS_TIMEOUT_SECONDS,
        socket_connect_timeout=REDIS_TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 1),
        max_connections=20,
    )


def wechat_config(settings: Settings) -> WeChatConfig:
    """Give the WeChat package its own settings."""
    return WeChatConfig(
        appid=settings.wechat_appid,
        secret=settings.wechat_secret,
        token=settings.wechat_token,
        aes_key=settings.wechat_aes_key,
        base_url=settings.wechat_base_url,
    )


class RedisTokenStore:
    """Shares WeChat's access token between workers. It may fail at any time: the client then uses its own copy."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def get(self) -> Token | None:
        """Read the token that was put last, or None."""
        kept = await self._redis.get(TOKEN_NAME)
        return None if kept is None else Token(**msgspec.json.decode(kept))

    async def put(self, token: Token) -> None:
        """Keep the token until it expires."""
        seconds = max(1, int(token.expires_at - time.time()))
        await self._redis.set(TOKEN_NAME, msgspec.json.encode(token), ex=seconds)

    def lock(self) -> AbstractAsyncContextManager[object]:
        """Let one worker at a time fetch; a holder that dies loses the lock after TOKEN_LOCK_SECONDS."""
        return self._redis.lock(f"{TOKEN_NAME}:lock", timeout=TOKEN_LOCK_SECONDS, blocking_timeout=TOKEN_LOCK_SECONDS)
