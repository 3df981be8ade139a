"""Token buckets: taken, filled up, shared through a real Redis, and by whom they are counted."""

import asyncio
import ipaddress

import pytest
from redis.asyncio import Redis

from app.embedded import EmbeddedServers
from app.http.errors import TooManyRequests
from app.http.limits import BUCKETS_MAX, Left, Limit, Limits, address_of

FOUR_A_MINUTE = Limit("four", 4, 60)


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = 1_000_000_020.0

    def __call__(self) -> float:
        return self.now


def taken(limits: Limits, caller: str, calls: int) -> int:
    """Take so many calls; tell how many were given."""
    given = 0
    for _ in range(calls):
        try:
            limits.take(FOUR_A_MINUTE, caller)
        except TooManyRequests:
            continue
        given += 1
    return given


def test_a_bucket_empties_and_fills_up_again() -> None:
    clock = Clock()
    limits = Limits(None, clock)
    assert limits.take(FOUR_A_MINUTE, "a") == Left(3, 15)
    assert taken(limits, "a", 5) == 3
    with pytest.raises(TooManyRequests) as refused:
        limits.take(FOUR_A_MINUTE, "a")
    assert refused.value.data == {"retry_after_seconds": 15}
    clock.now += 14.9
    assert taken(limits, "a", 1) == 0
    clock.now += 0.2
    assert taken(limits, "a", 2) == 1
    clock.now += 3600
    assert taken(limits, "a", 9) == 4


def test_buckets_that_are_as_good_as_new_are_forgotten() -> None:
    clock = Clock()
    limits = Limits(None, clock)
    for number in range(100):
        taken(limits, f"once-{number}", 1)
    clock.now += 30
    assert taken(limits, "busy", 4) == 4
    assert limits.kept == 101
    # Their window is over; who has taken four half a minute ago is not full again.
    clock.now += 31
    for number in range(60):
        taken(limits, f"later-{number}", 1)
    assert limits.kept == 61
    assert taken(limits, "busy", 9) == 2
    clock.now += 3600
    for number in range(60):
        taken(limits, f"last-{number}", 1)
    assert limits.kept == 60


def test_callers_and_limits_do_not_share_a_bucket() -> None:
    limits = Limits(None, Clock())
    assert taken(limits, "a", 5) == 4
    assert taken(limits, "b", 5) == 4
    assert limits.take(Limit("other", 4, 60), "a").calls == 3


def test_memory_is_bounded_and_what_is_longest_unused_is_forgotten() -> None:
    limits = Limits(None, Clock())
    assert taken(limits, "first", 4) == 4
    for number in range(BUCKETS_MAX):
        limits.take(FOUR_A_MINUTE, str(number))
    assert len(limits._buckets) == BUCKETS_MAX
    assert taken(limits, "first", 1) == 1


async def test_workers_share_what_was_taken(servers: EmbeddedServers) -> None:
    clock = Clock()
    async with Redis.from_url(servers.redis_url) as redis:
        await redis.flushdb()
        one, other = Limits(redis, clock), Limits(redis, clock)
        assert (taken(one, "a", 1), taken(other, "a", 1)) == (1, 1)
        await one.share()
        await other.share()
        assert taken(one, "a", 3) == 3
        await one.share()
        assert taken(other, "a", 1) == 1
        await other.share()
        assert taken(other, "a", 1) == 0, "the other worker gave three since"


async def test_one_who_goes_from_worker_to_worker_gets_no_more_than_the_rate(servers: EmbeddedServers) -> None:
    clock = Clock()
    limit = Limit("rate", 60, 60)
    async with Redis.from_url(servers.redis_url) as redis:
        await redis.flushdb()
        workers = [Limits(redis, clock) for _ in range(4)]
        given = 0
        for _ in range(50 * 5):
            for worker in workers:
                try:
                    worker.take(limit, "a")
                    given += 1
                except TooManyRequests:
                    pass
            await asyncio.gather(*(worker.share() for worker in workers))
            clock.now += 0.2
    # Twenty calls a second for fifty seconds; the rate allows 60 at once and 50 more.
    assert given < 200


async def test_what_others_took_long_ago_refuses_nobody(servers: EmbeddedServers) -> None:
    clock = Clock()
    limit = Limit("old", 60, 60)
    async with Redis.from_url(servers.redis_url) as redis:
        await redis.flushdb()
        one, other = Limits(redis, clock), Limits(redis, clock)
        for _ in range(60):
            one.take(limit, "a")
        await one.share()
        clock.now += 39
        for _ in range(10):
            other.take(limit, "a")
        await other.share()
        clock.now += 1
        assert other.take(limit, "a").calls == 0


async def test_a_caller_with_a_call_or_two_costs_redis_nothing(servers: EmbeddedServers) -> None:
    limit = Limit("wide", 60, 60)
    async with Redis.from_url(servers.redis_url) as redis:
        await redis.flushdb()
        limits = Limits(redis, Clock())
        for _ in range(7):
            limits.take(limit, "a")
        await limits.share()
        assert await redis.dbsize() == 0
        limits.take(limit, "a")
        await limits.share()
        assert await redis.dbsize() == 1


@pytest.mark.parametrize(
    ("peer", "header", "address"),
    [
        ("203.0.113.9", None, "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "198.51.100.1, 10.0.0.7", "198.51.100.1"),
        ("10.0.0.1", "1.2.3.4, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "not an address", "not an address"),
    ],
    ids=["no proxy", "forged", "one proxy", "two proxies", "forged before a proxy", "empty", "garbage"],
)
def test_the_address_is_the_last_that_is_no_trusted_proxy(peer: str, header: str | None, address: str) -> None:
    assert address_of(peer, header, (ipaddress.ip_network("10.0.0.0/8"),)) == address


def test_without_trusted_proxies_the_header_says_nothing() -> None:
    assert address_of("10.0.0.1", "198.51.100.1", ()) == "10.0.0.1"
