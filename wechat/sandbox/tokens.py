"""Access tokens as WeChat issues them: two kinds, isolated from each other.

A token that was replaced lives on for five minutes; one that force_refresh replaced is dead at once.
"""

import secrets
from collections import OrderedDict, deque
from typing import Final

from wechat.sandbox.clock import Clock
from wechat.sandbox.refusals import Refusal

LIFE_SECONDS: Final = 7200
OVERLAP_SECONDS: Final = 300
PLAIN_PER_DAY: Final = 2000
FORCED_PER_DAY: Final = 20
FORCED_APART_SECONDS: Final = 30
REMEMBERED_MAX: Final = 2000
DAY_SECONDS: Final = 86_400


class TokenBook:
    """Issues tokens of both kinds and judges any token. It remembers a bounded number of old ones."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ends: OrderedDict[str, float] = OrderedDict()
        self._plain: str | None = None
        self._stable: str | None = None
        self._stable_ends = 0.0
        self._plain_at: deque[float] = deque(maxlen=PLAIN_PER_DAY)
        self._forced_at: deque[float] = deque(maxlen=FORCED_PER_DAY)

    def check(self, token: str) -> None:
        """Return when the token may be used; refuse with 41001 (none), 42001 (expired) or 40001 (unknown, dead)."""
        if not token:
            raise Refusal(41001)
        ends = self._ends.get(token)
        if ends is None:
            raise Refusal(40001)
        if ends <= self._clock.now():
            raise Refusal(42001)

    def plain(self) -> tuple[str, int]:
        """Return a new plain token and its seconds; each call replaces the one before."""
        now = self._clock.now()
        _count(self._plain_at, now)
        self._retire(self._plain, now)
        self._plain = self._issue(now)
        return self._plain, LIFE_SECONDS

    def stable(self, *, force_refresh: bool) -> tuple[str, int]:
        """Return the stable token and its seconds left; it is renewed only in its last five minutes, or by force."""
        now = self._clock.now()
        if force_refresh:
            if self._forced_at and now - self._forced_at[-1] < FORCED_APART_SECONDS:
                raise Refusal(45011)
            _count(self._forced_at, now)
            if self._stable is not None:
                self._ends.pop(self._stable, None)
        elif self._stable is not None and now < self._stable_ends - OVERLAP_SECONDS:
            return self._stable, int(self._stable_ends - now)
        else:
            self._retire(self._stable, now)
        self._stable = self._issue(now)
        self._stable_ends = now + LIFE_SECONDS
        return self._stable, LIFE_SECONDS

    def _issue(self, now: float) -> str:
        token = secrets.token_urlsafe(96)
        self._ends[token] = now + LIFE_SECONDS
        if len(self._ends) > REMEMBERED_MAX:
            oldest = next(iter(self._ends))
            if oldest == self._stable:  # the one in use is not forgotten for its age
                self._ends.move_to_end(oldest)
                oldest = next(iter(self._ends))
            del self._ends[oldest]
        return token

    def _retire(self, token: str | None, now: float) -> None:
        if token is not None and self._ends.get(token, 0.0) > now:
            self._ends[token] = now + OVERLAP_SECONDS


def _count(times: deque[float], now: float) -> None:
    """Note one use, or refuse with 45009 when the last `maxlen` uses all fall in one day."""
    if len(times) == times.maxlen and now - times[0] < DAY_SECONDS:
        raise Refusal(45009)
    times.append(now)
