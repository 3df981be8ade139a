"""Natural batching: many concurrent requests become one call of a verb that works on sets.

A flush starts when the one before has returned, never by a timer: an idle system answers at once, a busy one gathers
what came in meanwhile. So the cost of a commit is shared by as many requests as wait for it.

Answers are handed out in the order of the items, a few in each turn of the loop. Handed out all at once, the requests
they end and the new ones that follow would fill a single long turn, in which the next flush's statements wait for us,
and after which we wait for them. For the same reason a flush leaves some time for others to come: it starts when half
of all items in hand wait, or when every answer is out. How many a turn follows from who waits for whom;
docs/performance.md has the measurements.

Promises, each with a test:

- a request is answered only after the verb has returned, which is after its commit;
- an item is in at most one flush, unless it has to be tried alone;
- a Refusal that the verb returns for an item reaches that request alone;
- a flush that raises an ordinary exception is tried again item by item, so that the one item at fault is found and its
  neighbours succeed (the verb's transaction was rolled back, so nothing is done twice);
- a flush that raises DatabaseUnavailable answers it to all its items;
- no item is left behind: one that comes in while a flush ends starts the next;
- the queue is bounded: past it ``submit`` raises Overloaded at once;
- a request cancelled while it waits is dropped; once its flush has started, its effect stands and nobody is told;
- ``close`` lets everything accepted finish, and refuses what comes later.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Generic, TypeVar, cast

from loyalty.errors import DatabaseUnavailable, Overloaded, Refusal

Item = TypeVar("Item")
Answer = TypeVar("Answer")

_Waiter = tuple[Item, asyncio.Future[Answer]]
_Answered = tuple[asyncio.Future[Answer], Answer | Exception]

BATCH_ITEMS_MAX = 256
QUEUE_ITEMS_MAX = 4_096
ANSWERS_A_TURN_MIN = 4
ANSWERS_A_TURN_MAX = 16


class Batcher(Generic[Item, Answer]):
    """Feeds ``verb`` with batches. One event loop; not for use across threads.

    ``verb`` takes the items in the order they came and returns one answer, or one Refusal, for each. A second flush,
    where ``flushes_max`` allows it, starts beside the first when as many items wait as are being flushed or answered.
    """

    def __init__(
        self,
        verb: Callable[[Sequence[Item]], Awaitable[Sequence[Answer | Refusal]]],
        *,
        batch_items_max: int = BATCH_ITEMS_MAX,
        queue_items_max: int = QUEUE_ITEMS_MAX,
        flushes_max: int = 1,
    ) -> None:
        self._verb = verb
        self._batch_items_max = batch_items_max
        self._queue_items_max = queue_items_max
        self._flushes_max = flushes_max
        self._waiting: deque[_Waiter[Item, Answer]] = deque()
        self._flushes: set[asyncio.Task[None]] = set()
        self._answered: deque[_Answered[Answer]] = deque()
        self._answers_a_turn = ANSWERS_A_TURN_MIN
        self._in_flush = 0
        self._closed = False

    @property
    def waiting(self) -> int:
        """Tell how many items wait for a flush."""
        return len(self._waiting)

    async def submit(self, item: Item) -> Answer:
        """Give one item; return its answer, or raise its Refusal.

        Raises Overloaded when the queue is full or the batcher is closed.
        """
        if self._closed or len(self._waiting) >= self._queue_items_max:
            raise Overloaded
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, answer))
        if not self._flushes or (len(self._flushes) < self._flushes_max and self._enough_wait()):
            flush = asyncio.create_task(self._flush_until_empty())
            self._flushes.add(flush)
        return await answer

    async def close(self) -> None:
        """Refuse new items, and return when every accepted one is answered."""
        self._closed = True
        while self._flushes or self._answered:
            await asyncio.gather(*self._flushes)
            await asyncio.sleep(0)

    async def _flush_until_empty(self) -> None:
        try:
            while batch := self._take():
                self._in_flush += len(batch)
                answers = await self._flush(batch)
                self._in_flush -= len(batch)
                self._pace()
                self._answered.extend(answers)
                await self._deliver()
                if self._in_flush and not self._enough_wait():
                    break
        finally:
            # In this very step, not in a callback after it: an item that came between would wait for nobody.
            self._flushes.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    def _take(self) -> list[_Waiter[Item, Answer]]:
        batch: list[_Waiter[Item, Answer]] = []
        while self._waiting and len(batch) < self._batch_items_max:
            item, answer = self._waiting.popleft()
            if not answer.done():
                batch.append((item, answer))
        return batch

    async def _flush(self, batch: list[_Waiter[Item, Answer]]) -> list[_Answered[Answer]]:
        try:
            answers = await self._verb([item for item, _ in batch])
            if len(answers) != len(batch):
                # A bug in the verb: nobody may get a neighbour's answer.
                raise RuntimeError(f"{len(batch)} items got {len(answers)} answers")  # noqa: TRY301
        except DatabaseUnavailable as unavailable:
            return [(waiter, unavailable) for _, waiter in batch]
        except Exception as fault:  # noqa: BLE001 - whatever it is, it belongs to one item, which is found here
            if len(batch) == 1:
                return [(batch[0][1], fault)]
            return [answered for single in batch for answered in await self._flush([single])]
        return [(waiter, answer) for (_, waiter), answer in zip(batch, answers, strict=True)]

    def _pace(self) -> None:
        """Choose how many answers a turn: few where the database is waited for, more where our own work is."""
        if self._answered:
            self._answers_a_turn = min(self._answers_a_turn + 1, ANSWERS_A_TURN_MAX)
        else:
            self._answers_a_turn = max(self._answers_a_turn - 1, ANSWERS_A_TURN_MIN)

    def _enough_wait(self) -> bool:
        return len(self._waiting) >= self._in_flush + len(self._answered)

    async def _deliver(self) -> None:
        """Hand answers out, a few in each turn of the loop, until all are out or half of all items in hand wait.

        What is left then is handed out while the next flush runs.
        """
        while self._answered:
            self._deliver_a_few()
            if self._enough_wait():
                self._deliver_on()
                return
            await asyncio.sleep(0)

    def _deliver_on(self) -> None:
        if self._answered:
            self._deliver_a_few()
            asyncio.get_running_loop().call_soon(self._deliver_on)

    def _deliver_a_few(self) -> None:
        for _ in range(min(len(self._answered), self._answers_a_turn)):
            _answer(*self._answered.popleft())


def _answer(waiter: asyncio.Future[Answer], answer: Answer | Exception) -> None:
    # The request may have been cancelled while its flush ran.
    with suppress(asyncio.InvalidStateError):
        if isinstance(answer, Exception):
            waiter.set_exception(answer)
        else:
            waiter.set_result(answer)
