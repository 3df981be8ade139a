"""Natural batching, promise by promise, and against a model."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty.batches import Batcher
from loyalty.errors import Conflict, DatabaseUnavailable, Overloaded, Refusal, TryAgain


class Closed(Conflict):
    """A refusal for tests."""

    code = "closed"
    title = "关门了"
    sentence = "明天再来。"


class Gate:
    """A verb that waits until it is let through, and keeps what it was given."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.open = asyncio.Event()
        self.entered = asyncio.Semaphore(0)
        self.poison: set[int] = set()
        self.lost = False

    async def __call__(self, items: Sequence[int]) -> list[int | Refusal]:
        self.batches.append(list(items))
        self.entered.release()
        await self.open.wait()
        if self.lost:
            raise DatabaseUnavailable
        if self.poison & set(items):
            raise ValueError("one of these is at fault")
        return [Closed() if item < 0 else item * 10 for item in items]


async def test_what_came_in_during_a_flush_is_the_next_one() -> None:
    gate = Gate()
    batcher = Batcher(gate)
    first = asyncio.create_task(batcher.submit(1))
    await gate.entered.acquire()
    others = [asyncio.create_task(batcher.submit(number)) for number in (2, -3, 4)]
    await asyncio.sleep(0)
    assert (gate.batches, batcher.waiting) == ([[1]], 3)
    gate.open.set()
    assert await first == 10
    answers = await asyncio.gather(*others, return_exceptions=True)
    assert gate.batches == [[1], [2, -3, 4]]
    assert (answers[0], type(answers[1]), answers[2]) == (20, Closed, 40)


async def test_a_batch_has_a_limit() -> None:
    gate = Gate()
    gate.open.set()
    batcher = Batcher(gate, batch_items_max=2)
    assert await asyncio.gather(*(batcher.submit(number) for number in range(5))) == [0, 10, 20, 30, 40]
    assert gate.batches == [[0, 1], [2, 3], [4]]


async def test_one_at_fault_is_found_and_its_neighbours_succeed() -> None:
    gate = Gate()
    gate.poison = {2}
    gate.open.set()
    batcher = Batcher(gate)
    answers = await asyncio.gather(*(batcher.submit(number) for number in (1, 2, 3)), return_exceptions=True)
    assert (answers[0], type(answers[1]), answers[2]) == (10, ValueError, 30)
    assert gate.batches == [[1, 2, 3], [1], [2], [3]]


async def test_a_lost_connection_answers_all_and_tries_nothing_again() -> None:
    gate = Gate()
    gate.lost = True
    gate.open.set()
    batcher = Batcher(gate)
    answers = await asyncio.gather(*(batcher.submit(number) for number in (1, 2)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [DatabaseUnavailable, DatabaseUnavailable]
    assert gate.batches == [[1, 2]]


async def test_the_queue_is_bounded() -> None:
    gate = Gate()
    batcher = Batcher(gate, queue_items_max=2)
    running = asyncio.create_task(batcher.submit(0))
    await gate.entered.acquire()
    waiting = [asyncio.create_task(batcher.submit(number)) for number in (1, 2)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await batcher.submit(3)
    gate.open.set()
    assert await asyncio.gather(running, *waiting) == [0, 10, 20]


async def test_one_cancelled_while_waiting_is_dropped() -> None:
    gate = Gate()
    batcher = Batcher(gate)
    running = asyncio.create_task(batcher.submit(0))
    await gate.entered.acquire()
    gone, stays = asyncio.create_task(batcher.submit(1)), asyncio.create_task(batcher.submit(2))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    gate.open.set()
    assert [*await asyncio.gather(running, stays)] == [0, 20]
    assert gate.batches == [[0], [2]]


async def test_one_cancelled_during_its_flush_does_not_disturb_the_others() -> None:
    gate = Gate()
    batcher = Batcher(gate)
    gone, stays = asyncio.create_task(batcher.submit(1)), asyncio.create_task(batcher.submit(2))
    await gate.entered.acquire()
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    gate.open.set()
    assert await stays == 20


async def test_close_lets_the_accepted_finish_and_refuses_the_rest() -> None:
    gate = Gate()
    batcher = Batcher(gate)
    accepted = [asyncio.create_task(batcher.submit(number)) for number in (1, 2)]
    await gate.entered.acquire()
    late = asyncio.create_task(batcher.submit(3))
    await asyncio.sleep(0)
    closing = asyncio.create_task(batcher.close())
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await batcher.submit(4)
    assert not closing.done()
    gate.open.set()
    await closing
    assert await asyncio.gather(*accepted, late) == [10, 20, 30]


async def test_one_that_comes_in_while_a_flush_ends_is_not_left_behind() -> None:
    gate = Gate()
    gate.open.set()
    batcher = Batcher(gate)
    async with asyncio.timeout(5):
        assert [await batcher.submit(number) for number in (1, 2, 3)] == [10, 20, 30]
    assert gate.batches == [[1], [2], [3]]


async def test_answers_go_out_in_order_a_few_a_turn_and_the_next_flush_goes_on_between_them() -> None:
    gate = Gate()
    gate.open.set()
    batcher = Batcher(gate)
    told: list[str] = []

    async def ask(number: int) -> None:
        await batcher.submit(number)
        told.append(str(number))

    async def verb_after(number: int) -> None:
        await ask(number)
        # Whoever was answered asks anew, as clients do.
        await ask(number + 100)

    await asyncio.gather(*(verb_after(number) for number in range(8)))
    assert [one for one in told if int(one) < 100] == [str(number) for number in range(8)]
    # The new items of those answered first went into a flush before the last ones had their answer.
    assert gate.batches[0] == list(range(8))
    assert gate.batches[1][0] == 100
    assert told.index("100") > told.index("3")
    assert [item for batch in gate.batches[1:] for item in batch] == [number + 100 for number in range(8)]


@pytest.mark.parametrize(("flushes_max", "in_flush"), [(1, [[0]]), (2, [[0], [1, 2]])])
async def test_a_second_flush_starts_when_as_many_wait_as_are_flushed(
    flushes_max: int, in_flush: list[list[int]]
) -> None:
    gate = Gate()
    batcher = Batcher(gate, flushes_max=flushes_max)
    first = asyncio.create_task(batcher.submit(0))
    await gate.entered.acquire()
    others = [asyncio.create_task(batcher.submit(number)) for number in (1, 2)]
    for _ in range(3):
        await asyncio.sleep(0)
    assert gate.batches == in_flush
    # Three are in hand and in flush: one that comes alone waits for the next flush.
    third = asyncio.create_task(batcher.submit(3))
    for _ in range(3):
        await asyncio.sleep(0)
    assert gate.batches == in_flush
    gate.open.set()
    assert await asyncio.gather(first, *others, third) == [0, 10, 20, 30]


async def test_answers_that_do_not_match_reach_nobody() -> None:
    async def forgetful(items: Sequence[int]) -> list[int | Refusal]:
        return [1] * (len(items) - 1)

    batcher = Batcher(forgetful)
    answers = await asyncio.gather(batcher.submit(1), batcher.submit(2), return_exceptions=True)
    assert [type(answer) for answer in answers] == [RuntimeError, RuntimeError]


@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("submit"), st.integers(-5, 20)),
            st.tuples(st.just("cancel"), st.integers(0, 30)),
            st.tuples(st.just("yield"), st.integers(1, 3)),
        ),
        max_size=60,
    ),
    poison=st.sets(st.integers(0, 20), max_size=3),
    batch_items_max=st.integers(1, 7),
    flushes_max=st.integers(1, 3),
)
@settings(max_examples=150, deadline=None)
def test_every_item_gets_its_own_answer_whatever_the_order(
    steps: list[tuple[str, int]], poison: set[int], batch_items_max: int, flushes_max: int
) -> None:
    async def scenario() -> None:
        done: list[int] = []

        async def verb(items: Sequence[int]) -> list[int | Refusal]:
            assert len(items) <= batch_items_max
            await asyncio.sleep(0)
            if poison & set(items):
                raise ValueError(str(items))
            done.extend(items)
            return [Closed() if item < 0 else item * 10 for item in items]

        batcher = Batcher(verb, batch_items_max=batch_items_max, flushes_max=flushes_max)
        tasks: list[tuple[int, asyncio.Task[int]]] = []
        cancelled: set[int] = set()
        for what, number in steps:
            if what == "submit":
                tasks.append((number, asyncio.create_task(batcher.submit(number))))
            elif what == "cancel" and number < len(tasks) and not tasks[number][1].done():
                tasks[number][1].cancel()
                cancelled.add(number)
            else:
                for _ in range(number):
                    await asyncio.sleep(0)
        answers = await asyncio.gather(*(task for _, task in tasks), return_exceptions=True)
        await batcher.close()
        for place, ((item, _), answer) in enumerate(zip(tasks, answers, strict=True)):
            if place in cancelled and isinstance(answer, asyncio.CancelledError):
                continue
            if item in poison:
                assert isinstance(answer, ValueError)
            elif item < 0:
                assert isinstance(answer, Closed)
            else:
                assert answer == item * 10
        good = [item for place, (item, _) in enumerate(tasks) if place not in cancelled and item not in poison]
        for item in set(good):
            assert good.count(item) <= done.count(item) <= [i for i, _ in tasks].count(item)
        assert batcher.waiting == 0

    asyncio.run(scenario())


async def test_one_that_met_another_does_not_refuse_its_neighbours() -> None:
    async def verb(items: Sequence[int]) -> list[int | Refusal]:
        if 2 in items:
            raise TryAgain
        return [item * 10 for item in items]

    batcher: Batcher[int, int] = Batcher(verb)
    answers = await asyncio.gather(*(batcher.submit(number) for number in (1, 2, 3)), return_exceptions=True)
    assert (answers[0], type(answers[1]), answers[2]) == (10, TryAgain, 30)
