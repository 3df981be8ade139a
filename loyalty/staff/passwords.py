"""Passwords: argon2id with the parameters of RFC 9106's second choice, in a thread, a few at a time.

Each hash takes 64 MiB and a tenth of a second by design, so a storm of log-ins must not start them all: what waits
beyond WAITING_MAX is told to come again.
"""

import asyncio

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from loyalty.errors import Overloaded

AT_ONCE_MAX = 2
WAITING_MAX = 16

_hasher = PasswordHasher()
_of_nobody = _hasher.hash("nobody's password")


class _Turns:
    """Lets AT_ONCE_MAX hash at the same time, on whatever loop runs."""

    def __init__(self) -> None:
        self.waiting = 0
        self._turns: dict[asyncio.AbstractEventLoop, asyncio.Semaphore] = {}

    async def __aenter__(self) -> None:
        if self.waiting >= WAITING_MAX:
            raise Overloaded
        loop = asyncio.get_running_loop()
        turns = self._turns.get(loop)
        if turns is None:
            self._turns = {loop: asyncio.Semaphore(AT_ONCE_MAX)}
            turns = self._turns[loop]
        self.waiting += 1
        try:
            await turns.acquire()
        finally:
            self.waiting -= 1

    async def __aexit__(self, *_: object) -> None:
        self._turns[asyncio.get_running_loop()].release()


_turns = _Turns()


async def hashed(password: str) -> str:
    """Hash a password for keeping. Raises Overloaded when too many wait."""
    async with _turns:
        return await asyncio.to_thread(_hasher.hash, password)


async def matches(kept: str | None, password: str) -> bool:
    """Tell whether a password is the kept one; as long for nobody's as for somebody's. Raises Overloaded."""
    async with _turns:
        right = await asyncio.to_thread(_matches, kept or _of_nobody, password)
    return right and kept is not None


def is_outdated(kept: str) -> bool:
    """Tell whether a kept hash was made with weaker parameters than today's."""
    return _hasher.check_needs_rehash(kept)


def _matches(kept: str, password: str) -> bool:
    try:
        return _hasher.verify(kept, password)
    except (VerificationError, InvalidHashError):
        return False
