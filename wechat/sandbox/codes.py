"""One-use codes: what wx.login and the phone number button hand to the phone."""

import secrets
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final, Literal

from wechat.sandbox.clock import Clock
from wechat.sandbox.refusals import Refusal

Kind = Literal["login", "phone"]

LIFE_SECONDS: Final = 300
LIVE_MAX: Final = 10_000
USED_MAX: Final = 100_000


class TooManyCodes(Exception):  # noqa: N818 - read as a sentence
    """No code can be made until live ones are used or expire."""


@dataclass(frozen=True, slots=True)
class _Code:
    kind: Kind
    openid: str
    expires_at: float


class CodeBook:
    """Makes codes and redeems each once. All live equally long, so the oldest is always the first to expire."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._live: OrderedDict[str, _Code] = OrderedDict()
        self._used: OrderedDict[str, float] = OrderedDict()

    def issue(self, kind: Kind, openid: str) -> str:
        """Return a new code, or raise TooManyCodes."""
        self._forget_expired()
        if len(self._live) >= LIVE_MAX:
            raise TooManyCodes
        code = secrets.token_urlsafe(24)
        self._live[code] = _Code(kind, openid, self._clock.now() + LIFE_SECONDS)
        return code

    def redeem(self, kind: Kind, code: str, openid: str | None = None) -> str:
        """Return whose code this is and end it; refuse with 40163 (used) or 40029 (unknown, expired, other kind).

        With `openid`, a code of somebody else is refused and stays as it is.
        """
        self._forget_expired()
        if code in self._used:
            raise Refusal(40163)
        found = self._live.get(code)
        if found is None or found.kind != kind or (openid is not None and found.openid != openid):
            raise Refusal(40029)
        del self._live[code]
        self._used[code] = self._clock.now() + LIFE_SECONDS
        if len(self._used) > USED_MAX:
            self._used.popitem(last=False)
        return found.openid

    def _forget_expired(self) -> None:
        now = self._clock.now()
        while self._live and next(iter(self._live.values())).expires_at <= now:
            self._live.popitem(last=False)
        while self._used and next(iter(self._used.values())) <= now:
            self._used.popitem(last=False)
