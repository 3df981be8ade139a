"""The switches in a process's memory, at most a second old, and the counting of what is used.

A request asks the board without waiting for anything. With the database away the last known board stands: a feature
does not vanish because a server restarts.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime

from app import logs
from loyalty.clock import business_date
from loyalty.errors import Refusal
from loyalty.switches import switches
from loyalty.switches.rules import Board

REFRESH_SECONDS = 0.5
FLUSH_SECONDS = 5.0
LOG = logs.get("switchboard")


class SwitchBoard:
    """Reads the rules twice a second; adds up uses and stores them every five seconds, and at the end."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._board = Board({})
        self._read_at = float("-inf")
        self._uses: Counter[tuple[str, date]] = Counter()
        self._refreshed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def board(self) -> Board:
        """Give the rules as they are known."""
        return self._board

    @property
    def age_seconds(self) -> float:
        """Tell how long ago the rules were read."""
        return self._clock() - self._read_at

    def used(self, feature: str, at: datetime) -> None:
        """Count a use of a feature."""
        self._uses[feature, business_date(at)] += 1

    async def start(self) -> None:
        """Read the rules and go on reading them; with the database away the defaults stand until it is back."""
        with suppress(Refusal):
            await self.refresh()
        self._tasks = [asyncio.create_task(self._refresh_for_ever()), asyncio.create_task(self._flush_for_ever())]

    async def close(self) -> None:
        """Stop reading, and store what was counted."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with suppress(Refusal):
            await self.flush()

    async def refresh(self) -> None:
        """Read the rules. Raises DatabaseUnavailable."""
        self._board = await switches.read_board()
        self._read_at = self._clock()
        self._refreshed.set()
        self._refreshed = asyncio.Event()

    async def refreshed(self) -> None:
        """Return when the rules have been read anew."""
        await self._refreshed.wait()

    async def flush(self) -> None:
        """Store what was counted. Raises Refusal, keeping the counts for the next time."""
        counted, self._uses = self._uses, Counter()
        try:
            await switches.add_uses(dict(counted))
        except BaseException:
            self._uses.update(counted)
            raise

    async def _refresh_for_ever(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            try:
                await self.refresh()
            except Refusal:
                LOG.warning("switches not read", age_seconds=round(self.age_seconds, 1))
            except Exception:
                # A bug, or a table not migrated yet. If the reading ended here, no kill would ever reach this process.
                LOG.exception("switches not read", age_seconds=round(self.age_seconds, 1))

    async def _flush_for_ever(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            try:
                with suppress(Refusal):
                    await self.flush()
            except Exception:
                LOG.exception("uses not stored")
