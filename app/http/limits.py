"""Limits of calls: token buckets in worker memory, shared between workers through Redis.

Each worker takes from its own bucket at once. Every 200 ms one pipeline adds what it has taken to counters in Redis and
reads what all have taken; what the others took is taken from its own buckets too. A caller is shared once a worker has
given them an eighth of a bucket within the limit's window, so the many with a call or two cost Redis nothing. Without
Redis each worker limits what it sees itself: callers get at most as many times more as there are workers, and nobody is
refused wrongly.
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
FORGOTTEN_AT_ONCE = 2
SHARED_FROM = 8
SHARED_MAX = 10_000
"""Buckets shared in one pipeline; the rest waits for the next."""


class Limit(msgspec.Struct, frozen=True):
    """At most ``burst`` calls at once, filled up again over ``window_seconds``."""

    name: str
    burst: int
    window_seconds: int


class Left(msgspec.Struct, frozen=True):
    """What the caller has left: calls now, and seconds until the next one more."""

    calls: int
    seconds: int


class _Bucket:
    """Of one caller under one limit. A worker keeps many, so what follows from the rest is not stored."""

    __slots__ = ("filled_at", "known", "level", "limit", "taken", "unshared")

    def __init__(self, limit: Limit, now: float) -> None:
        self.limit = limit
        self.level: float = limit.burst
        self.filled_at = now
        self.open_window()

    @property
    def window(self) -> int:
        """Tell the window of the last call, as Redis counts it."""
        return int(self.filled_at // self.limit.window_seconds)

    def is_as_new(self, now: float) -> bool:
        """Tell whether it is full again and its window is over, so that a new one is as good."""
        limit = self.limit
        seconds = now - self.filled_at
        is_full = self.level + seconds * limit.burst / limit.window_seconds >= limit.burst
        return is_full and now // limit.window_seconds != self.filled_at // limit.window_seconds

    def open_window(self) -> None:
        """Count anew: the window that Redis counts in has changed."""
        self.taken = 0
        self.unshared = 0
        self.known: int | None = None
        """What all workers together had taken when we last looked; None before the first look."""


class Limits:
    """All buckets of one worker."""

    def __init__(self, redis: Redis | None, clock: Callable[[], float] = time.time) -> None:
        self._redis = redis
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._touched: dict[str, Limit] = {}

    @property
    def kept(self) -> int:
        """Tell how many buckets are kept."""
        return len(self._buckets)

    def take(self, limit: Limit, caller: str) -> Left:
        """Take one call. Raises TooManyRequests with the seconds to wait when the bucket is empty."""
        now = self._clock()
        key = f"{limit.name}:{caller}"
        bucket = self._bucket(limit, key, now)
        per_second = limit.burst / limit.window_seconds
        bucket.level = min(limit.burst, bucket.level + (now - bucket.filled_at) * per_second)
        bucket.filled_at = now
        if bucket.level < 1:
            raise TooManyRequests(retry_after_seconds=max(1, math.ceil((1 - bucket.level) / per_second)))
        bucket.level -= 1
        bucket.taken += 1
        bucket.unshared += 1
        if bucket.taken * SHARED_FROM >= limit.burst:
            self._touched[key] = limit
        return Left(int(bucket.level), math.ceil(1 / per_second))

    def _bucket(self, limit: Limit, key: str, now: float) -> _Bucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            self._forget(now)
            if len(self._buckets) >= BUCKETS_MAX:
                # The one longest unused is the fullest: forgetting it gives away the least.
                self._buckets.popitem(last=False)
            bucket = self._buckets[key] = _Bucket(limit, now)
        else:
            self._buckets.move_to_end(key)
            if bucket.window != int(now // limit.window_seconds):
                bucket.open_window()
        return bucket

    def _forget(self, now: float) -> None:
        """Let a few go that are as good as new, the one longest unused first: they come slower than they go."""
        for _ in range(FORGOTTEN_AT_ONCE):
            oldest = next(iter(self._buckets.values()), None)
            if oldest is None or not oldest.is_as_new(now):
                return
            self._buckets.popitem(last=False)

    async def share(self) -> None:
        """Tell the others what was taken here since the last time, and take what they took. Raises RedisError."""
        if self._redis is None:
            return
        shared = []
        async with self._redis.pipeline(transaction=False) as pipeline:
            for key in list(self._touched)[:SHARED_MAX]:
                limit = self._touched.pop(key)
                bucket = self._buckets.get(key)
                if bucket is None:
                    continue
                taken, bucket.unshared = bucket.unshared, 0
                name = f"leketong:limit:{key}:{bucket.window}"
                pipeline.incrby(name, taken)
                pipeline.expire(name, limit.window_seconds * 2)
                shared.append((bucket, limit, taken))
            if not shared:
                return
            totals = (await pipeline.execute())[::2]
        for (bucket, limit, taken), total in zip(shared, totals, strict=True):
            _charge(bucket, limit, int(total), taken)

    async def share_for_ever(self) -> None:
        """Share every 200 ms until cancelled; a Redis that is away is asked again the next time."""
        while True:
            await asyncio.sleep(SHARE_EVERY_SECONDS)
            with suppress(RedisError, OSError):
                await self.share()


def _charge(bucket: _Bucket, limit: Limit, total: int, taken: int) -> None:
    """Take from a bucket what the other workers took since we last looked."""
    if bucket.known is None:
        # How long ago they took it is not known, and it has been filling up since: nobody is refused for that.
        bucket.level = max(0.0, bucket.level - (total - taken))
    else:
        bucket.level = max(-limit.burst, bucket.level - (total - taken - bucket.known))
    bucket.known = total


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
