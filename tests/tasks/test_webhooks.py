"""Webhooks against real servers that are down, slow, broken, or hang up: nothing is lost and nobody else waits."""

import asyncio
import importlib
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import pytest
from cloudevents.v1.http import from_http
from standardwebhooks.webhooks import Webhook

from loyalty import transactions
from loyalty.customers.personal import DataKeys
from loyalty.events import outbox
from loyalty.events.outbox import Event
from loyalty.feeds.webhooks import consumers, deliveries, rules
from loyalty.feeds.webhooks.consumers import Consumer
from tests import factories, rows
from tests.organisation import BY
from tests.tasks.receivers import Receiver, receiving, says

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)
STATES = "SELECT subject, state, attempts FROM webhook_deliveries ORDER BY id"


@pytest.fixture
def sending(tasks: ModuleType) -> ModuleType:
    """Give tasks.webhooks."""
    return importlib.import_module("tasks.webhooks")


@pytest.fixture
def calls(tasks: ModuleType) -> ModuleType:
    """Give tasks.calls."""
    return importlib.import_module("tasks.calls")


async def consumer(receiver: Receiver, data_keys: DataKeys, code: str = "hub") -> tuple[Consumer, str]:
    """Make a consumer; give it with its secret."""
    url = f"http://127.0.0.1:{receiver.port}/in"
    secret = await consumers.add(code, code, url, ["orders"], data_keys, BY, AT, demo=True)
    async with transactions.reader():
        return await consumers.read(code), secret


async def happened(db: str, *subjects: str, first: int = 0) -> None:
    """Let orders of outlets be received, numbered from ``first``."""
    async with transactions.begin():
        await outbox.record(
            [Event("order.received", subject, AT, {"n": n}) for n, subject in enumerate(subjects, start=first)]
        )
    await factories.stamped(db, AT)


async def sent(
    sending: ModuleType, calls: ModuleType, data_keys: DataKeys, one: Consumer, at: datetime = AT, rounds: int = 1
) -> int:
    """Send rounds at an instant; give how many calls were made."""
    made = 0
    async with calls.open_pool(demo=True) as pool:
        for _ in range(rounds):
            made += await sending.send_once(data_keys, pool, one, lambda: at)
    return made


async def test_what_is_sent_is_a_standard_webhook_with_a_cloud_event(
    db: str, data_keys: DataKeys, sending: ModuleType, calls: ModuleType
) -> None:
    async with receiving(Receiver()) as receiver:
        one, secret = await consumer(receiver, data_keys)
        await happened(db, "S1")
        now = datetime.now(UTC)
        assert await sent(sending, calls, data_keys, one, now) == 1
        ((headers, body),) = receiver.calls
        verified = Webhook(secret).verify(body, headers)
        event = from_http(headers, body)
        assert (event["type"], event["subject"], event["source"], event["position"], event.data) == (
            "leketong.order.received", "S1", "leketong", "1", {"n": 0},
        )  # fmt: skip
        assert (event["id"], headers["webhook-id"]) == (verified["id"], verified["id"])
        new = await consumers.rotate("hub", data_keys, BY, now)
        async with transactions.reader():
            one = await consumers.read("hub")
        await happened(db, "S1", first=1)
        assert await sent(sending, calls, data_keys, one, now) == 1
        headers, body = receiver.calls[1]
        assert Webhook(secret).verify(body, headers) == Webhook(new).verify(body, headers)


async def test_an_outlets_events_come_in_order_and_others_do_not_wait(
    db: str, data_keys: DataKeys, sending: ModuleType, calls: ModuleType
) -> None:
    failing = Receiver()
    failing.answer = lambda n: says(500 if failing.numbers[n] == 0 else 200)
    async with receiving(failing) as receiver:
        one, _ = await consumer(receiver, data_keys)
        await happened(db, "S1", "S1", "S2", "S2")
        assert await sent(sending, calls, data_keys, one, rounds=4) == 3
        assert sorted(receiver.numbers) == [0, 2, 3]
        receiver.answer = lambda _: says(200)
        later = AT + timedelta(seconds=6)
        assert await sent(sending, calls, data_keys, one, later, rounds=3) == 2
        assert receiver.numbers[3:] == [0, 1]
    assert [state for _, state, _ in await rows.fetch(db, STATES)] == ["taken"] * 4


@pytest.mark.parametrize("broken", ["down", "500", "hang up", "garbage"])
async def test_an_outage_loses_nothing_and_uses_up_no_event(
    db: str, data_keys: DataKeys, sending: ModuleType, calls: ModuleType, broken: str
) -> None:
    answers: dict[str, Any] = {
        "500": lambda _: says(500), "hang up": lambda _: None, "garbage": lambda _: b"nonsense hang-up\r\n\r\n",
    }  # fmt: skip
    receiver = Receiver()
    async with receiving(receiver):
        one, _ = await consumer(receiver, data_keys)
        await happened(db, *(f"S{n}" for n in range(8)))
        if broken != "down":
            receiver.answer = answers[broken]
            await sent(sending, calls, data_keys, one)
    at = AT
    if broken == "down":
        await sent(sending, calls, data_keys, one)
    # The circuit is open: for three days one call an hour tries, and none is the worse for it.
    for _ in range(72):
        at += timedelta(hours=1)
        if broken == "down":
            assert await sent(sending, calls, data_keys, one, at, rounds=2) == 1
        else:
            async with receiving(receiver):
                assert await sent(sending, calls, data_keys, one, at, rounds=2) == 1
    assert max(int(str(attempts)) for _, _, attempts in await rows.fetch(db, STATES)) <= rules.FAILURES_BEFORE_OPEN
    receiver.answer = lambda _: says(200)
    receiver.calls.clear()
    async with receiving(receiver):
        assert await sent(sending, calls, data_keys, one, at + timedelta(hours=13), rounds=3) == 8
    assert sorted(receiver.numbers) == list(range(8))
    assert {state for _, state, _ in await rows.fetch(db, STATES)} == {"taken"}


async def test_a_connection_that_ends_after_its_200_has_taken_the_event(
    db: str, data_keys: DataKeys, sending: ModuleType, calls: ModuleType
) -> None:
    receiver = Receiver(lambda _: b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nhang-up")
    async with receiving(receiver):
        one, _ = await consumer(receiver, data_keys)
        await happened(db, "S1", "S1")
        assert await sent(sending, calls, data_keys, one, rounds=3) == 2
    assert await rows.fetch(db, STATES) == [("S1", "taken", 0), ("S1", "taken", 0)]


async def test_a_slow_receiver_keeps_nobody_else_waiting(
    db: str, data_keys: DataKeys, sending: ModuleType, calls: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "IDLE_SECONDS", 0.01)
    slow, quick = Receiver(gate=asyncio.Event()), Receiver()
    async with receiving(slow), receiving(quick), calls.open_pool(demo=True) as pool:
        await consumer(slow, data_keys, "slow")
        await consumer(quick, data_keys, "quick")
        await happened(db, "S1", "S1", "S1")
        run = asyncio.create_task(sending.send_for(data_keys, pool, 0.0))
        # While the slow one holds its first call, the other gets all of its own, and what happens meanwhile too.
        await rows.until(lambda: len(quick.calls) == 3)
        await happened(db, "S2", first=3)
        await rows.until(lambda: len(quick.calls) == 4)
        assert (slow.numbers, quick.numbers, run.done()) == ([0], [0, 1, 2, 3], False)
        assert slow.gate is not None
        slow.gate.set()
        await run


async def test_a_call_that_is_never_answered_ends(
    db: str, data_keys: DataKeys, sending: ModuleType, calls: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "CALL_SECONDS_MAX", 0.05)
    receiver = Receiver(gate=asyncio.Event())
    async with receiving(receiver):
        one, _ = await consumer(receiver, data_keys)
        await happened(db, "S1")
        assert await sent(sending, calls, data_keys, one) == 1
        assert receiver.gate is not None
        receiver.gate.set()
    assert await rows.fetch(db, "SELECT state, attempts, last_error FROM webhook_deliveries") == [("due", 1, "timeout")]


async def test_what_a_killed_sender_had_in_hand_is_sent_again(
    db: str, data_keys: DataKeys, sending: ModuleType, calls: ModuleType
) -> None:
    async with receiving(Receiver()) as receiver:
        one, _ = await consumer(receiver, data_keys)
        await happened(db, "S1")
        await deliveries.take_in(one, AT)
        assert len(await deliveries.claim(one.id, AT)) == 1
        assert await sent(sending, calls, data_keys, one, AT + deliveries.LEASE - timedelta(seconds=1)) == 0
        assert await sent(sending, calls, data_keys, one, AT + deliveries.LEASE) == 1
        assert receiver.numbers == [0]


async def test_two_senders_at_once_send_each_event_once(
    db: str, data_keys: DataKeys, sending: ModuleType, calls: ModuleType
) -> None:
    async with receiving(Receiver()) as receiver:
        one, _ = await consumer(receiver, data_keys)
        await happened(db, *(f"S{n}" for n in range(12)))
        await asyncio.gather(*(sent(sending, calls, data_keys, one) for _ in range(3)))
        assert sorted(receiver.numbers) == list(range(12))


async def test_a_poisoned_event_dies_and_comes_back_when_it_is_asked_for(
    db: str, data_keys: DataKeys, sending: ModuleType, calls: ModuleType
) -> None:
    receiver = Receiver()
    receiver.answer = lambda n: says(422 if receiver.numbers[n] == 0 else 200)
    async with receiving(receiver):
        one, _ = await consumer(receiver, data_keys)
        await happened(db, "S1", "S1")
        at = AT
        for n in range(len(rules.BACK_OFF) + 1):
            await sent(sending, calls, data_keys, one, at)
            # Others of its consumer are taken meanwhile, so the circuit stays closed.
            await happened(db, f"T{n}", first=10 + n)
            await sent(sending, calls, data_keys, one, at)
            at += timedelta(days=1)
        assert (await rows.fetch(db, STATES))[0] == ("S1", "dead", 11)
        await sent(sending, calls, data_keys, one, at)
        assert (await rows.fetch(db, STATES))[1] == ("S1", "taken", 0)
        receiver.answer = lambda _: says(200)
        assert await consumers.revive("hub", None, BY, at) == 1
        assert await sent(sending, calls, data_keys, one, at) == 1
        assert receiver.numbers[-1] == 0


async def test_gone_is_gone_until_somebody_says_otherwise(
    db: str, data_keys: DataKeys, sending: ModuleType, calls: ModuleType
) -> None:
    receiver = Receiver(lambda _: says(410))
    async with receiving(receiver):
        one, _ = await consumer(receiver, data_keys)
        await happened(db, "S1")
        await sent(sending, calls, data_keys, one)
        assert await rows.fetch(db, "SELECT state, note FROM webhook_consumers") == [
            ("disabled", "对方回复 410，不再接收")
        ]
        assert [one.code for one in await deliveries.active()] == []
        receiver.answer = lambda _: says(200)
        await consumers.set_state("hub", "active", BY, "对方修好了", AT)
        assert await sent(sending, calls, data_keys, one, AT + timedelta(minutes=1)) == 1


async def test_what_was_sent_since_an_instant_is_sent_again(
    db: str, data_keys: DataKeys, sending: ModuleType, calls: ModuleType
) -> None:
    async with receiving(Receiver()) as receiver:
        one, _ = await consumer(receiver, data_keys)
        await happened(db, "S1", "S2")
        assert await sent(sending, calls, data_keys, one) == 2
        await consumers.replay("hub", AT - timedelta(minutes=1), BY, "对方丢了数据", AT)
        assert await sent(sending, calls, data_keys, one) == 2
        assert sorted(receiver.numbers) == [0, 0, 1, 1]


async def test_a_backlog_is_bounded_and_the_log_keeps_the_rest(
    db: str, data_keys: DataKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "BACKLOG_MAX", 3)
    one, _ = await consumer(Receiver(port=9), data_keys)
    await happened(db, *(f"S{n}" for n in range(5)))
    assert [await deliveries.take_in(one, AT) for _ in range(2)] == [3, 0]
    monkeypatch.setattr(deliveries, "BACKLOG_MAX", 10)
    assert await deliveries.waiting(AT + timedelta(minutes=5)) == {"hub": 300.0}
    assert await deliveries.take_in(one, AT) == 2


async def test_outside_the_demo_a_name_that_leads_into_our_network_is_not_called(
    db: str, data_keys: DataKeys, calls: ModuleType
) -> None:
    async with receiving(Receiver()) as receiver, calls.open_pool(demo=False) as pool:
        for host in ("localhost", "127.0.0.1", "[::1]", "0.0.0.0", "[::ffff:127.0.0.1]"):  # noqa: S104
            outcome = await calls.post(pool, f"http://{host}:{receiver.port}/in", {"x": "y"}, b"{}", 1)
            assert (outcome.status, outcome.error) == (None, "private_address")
        assert receiver.calls == []
