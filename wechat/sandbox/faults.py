"""Faults that somebody ordered for the next calls of a path: an errcode, a delay or a dropped connection."""

from collections import deque
from dataclasses import dataclass
from typing import Final

TIMES_MAX: Final = 10_000
QUEUE_MAX: Final = 100


class TooManyFaults(Exception):  # noqa: N818 - read as a sentence
    """The path has enough faults waiting."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What one call meets; exactly one of the three is set."""

    errcode: int | None = None
    latency_ms: int | None = None
    drop: bool = False


class FaultTable:
    """Faults by path, met in the order in which they were ordered."""

    def __init__(self) -> None:
        self._queues: dict[str, deque[tuple[Fault, int]]] = {}

    def order(self, path: str, fault: Fault, times: int) -> int:
        """Let the next `times` calls of the path meet the fault, after those already waiting; return how many wait."""
        queue = self._queues.setdefault(path, deque())
        if len(queue) >= QUEUE_MAX:
            raise TooManyFaults
        queue.append((fault, times))
        return sum(left for _, left in queue)

    def take(self, path: str) -> Fault | None:
        """Return the fault that this call meets, if any."""
        queue = self._queues.get(path)
        if not queue:
            return None
        fault, left = queue.popleft()
        if left > 1:
            queue.appendleft((fault, left - 1))
        return fault

    def clear(self) -> None:
        """Forget every fault."""
        self._queues.clear()
