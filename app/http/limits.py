"""Limits of calls: token buckets in worker memory, shared between workers through Redis.

Each worker takes from its own bucket at once. Every 200 ms one pipeline adds what it has taken to counters in Redis and
reads what all have taken; what the others took is taken from its own buckets too. Only buckets less than half full are
shared: the many callers with a call or two cost Redis nothing, and one who goes from worker to worker gains half a
bucket on each. Without Redis each worker limits what it sees itself: callers get at most as many times more as there
are workers, and nobody is refused wrongly.
"""

import asyncio
import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.http.errors import TooManyRequests

SHARE_EVERY_SECONDS = 0.2
BUCKETS_MAX = 200_000
SHARED_MAX = 10_000
"""Buckets shared in one pipeline; the rest waits for the next."""


class Limit(msgspec.Struct, frozen=True):
    """At most ``burst`` calls at once, filled up again over ``window_seconds``."""

    name: str
    burst: int
    window_seconds: int

    @property
    def policy(self) -> bytes:
        """Say it as the header RateLimit-Policy does (draft-ietf-httpapi-ratelimit-headers)."""
        return b'"%b";q=%d;w=%d' % (self.name.encode(), self.burst, self.window_seconds)


class Left(msgspec.Struct, frozen=True):
    """What the caller has left: calls now, and seconds until the next one more."""

    calls: int
    seconds: int


class _Bucket:
    __slots__ = ("filled_at", "level", "own", "unshared", "window")

    def __init__(self, level: float, filled_at: float) -> None:
        self.level = level
        self.filled_at = filled_at
        self.unshared = 0
        self.window = 0
        self.own = 0


class Limits:
    """All buckets of one worker."""

    def __init__(self, redis: Redis | None, clock: Callable[[], float] = time.time) -> None:
        self._redis = redis
        self._clock = clock
        self._buckets: OrderedDict[tuple[Limit, str], _Bucket] = OrderedDict()
        self._touched: dict[tuple[Limit, str], None] = {}

    def take(self, limit: Limit, caller: str) -> Left:
        """Take one call. Raises TooManyRequests with the seconds to wait when the bucket is empty."""
        now = self._clock()
        bucket = self._bucket(limit, caller, now)
        per_second = limit.burst / limit.window_seconds
        bucket.level = min(limit.burst, bucket.level + (now - bucket.filled_at) * per_second)
        bucket.filled_at = now
        if bucket.level < 1:
            raise TooManyRequests(retry_after_seconds=max(1, math.ceil((1 - bucket.level) / per_second)))
        bucket.level -= 1
        bucket.unshared += 1
        if bucket.level < limit.burst / 2:
            self._touched[limit, caller] = None
        return Left(int(bucket.level), math.ceil(1 / per_second))

    def _bucket(self, limit: Limit, caller: str, now: float) -> _Bucket:
        key = (limit, caller)
        bucket = self._buckets.get(key)
        if bucket is None:
            if len(self._buckets) >= BUCKETS_MAX:
                # The one longest unused is the fullest: forgetting it gives away the least.
                self._buckets.popitem(last=False)
            bucket = self._buckets[key] = _Bucket(limit.burst, now)
        else:
            self._buckets.move_to_end(key)
        return bucket

    async def share(self) -> None:
        """Tell the others what was taken here since the last time, and take what they took. Raises RedisError."""
        if self._redis is None:
            return
        now = self._clock()
        shared = []
        async with self._redis.pipeline(transaction=False) as pipeline:
            for key in list(self._touched)[:SHARED_MAX]:
                del self._touched[key]
                bucket = self._buckets.get(key)
                if bucket is None:
                    continue
                limit, caller = key
                window = int(now // limit.window_seconds)
                if bucket.window != window:
                    bucket.window, bucket.own = window, 0
                taken, bucket.unshared = bucket.unshared, 0
                bucket.own += taken
                name = f"leketong:limit:{limit.name}:{caller}:{window}"
                pipeline.incrby(name, taken)
                pipeline.expire(name, limit.window_seconds * 2)
                shared.append((bucket, key))
            if not shared:
                return
            totals = (await pipeline.execute())[::2]
        for (bucket, _), total in zip(shared, totals, strict=True):
            others = int(total) - bucket.own
            bucket.own = int(total)
            bucket.level -= max(0, others)

    async def share_for_ever(self) -> None:
        """Share every 200 ms until cancelled; a Redis that is away is asked again the next time."""
        while True:
            await asyncio.sleep(SHARE_EVERY_SECONDS)
            with suppress(RedisError, OSError):
                await self.share()


def address_of(
    peer: str,
    forwarded_for: str | None,
    trusted: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...],
) -> str:
    """Tell the caller's address: the last one in X-Forwarded-For that is not a trusted proxy's.

    Without trusted proxies the header is ignored: anybody could write it.
    """
    address = peer
    hops = [hop.strip() for hop in (forwarded_for or "").split(",") if hop.strip()]
    while hops and _within(address, trusted):
        address = hops.pop()
    return address


def _within(address: str, networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)
