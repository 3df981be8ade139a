"""Deliveries: what is brought to a consumer, in order for each outlet, until it is taken or dead.

Each step is a transaction of its own and none is open during a call. A sender leases what it sends; if it dies, the
lease ends and somebody sends it again: at least once, and the event's id tells a repeat.
"""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import msgspec

from loyalty import transactions
from loyalty.events import log
from loyalty.events.log import LoggedEvent
from loyalty.events.rules import FEED_OF
from loyalty.feeds.cloudevents import CloudEvent, cloud_event
from loyalty.feeds.webhooks import consumers, queries, rules
from loyalty.feeds.webhooks.consumers import Consumer
from loyalty.feeds.webhooks.rules import Outcome

BACKLOG_MAX = 10_000
"""Past this a consumer is brought nothing new: the log keeps it, and its cursor waits."""
INTAKE_MAX = 500
CLAIMED_MAX = 16
LEASE = timedelta(seconds=30)
TAKEN_KEPT = timedelta(days=7)
DEAD_KEPT = timedelta(days=60)
FORGOTTEN_MAX = 5_000


class Claimed(msgspec.Struct, frozen=True):
    """A delivery that is ours to send until its lease ends."""

    delivery_id: int
    attempts: int
    event: CloudEvent


async def active() -> list[Consumer]:
    """List the consumers that events are brought to. Entry read."""
    async with transactions.reader():
        return [one for one in await consumers.listed() if one.state == "active"]


async def take_in(consumer: Consumer, at: datetime) -> int:
    """Read the log on for a consumer, as far as its backlog lets; return how many positions. Entry verb."""
    async with transactions.reader():
        room = BACKLOG_MAX - await queries.count_due(consumer.id, BACKLOG_MAX)
    read = 0
    for feed in consumer.feeds:
        if room > read:
            verb = partial(_record, consumer.id, feed, at)
            reactions = {kind: verb for kind, of in FEED_OF.items() if of == feed}
            read += await log.react(consumer.cursor_name, feed, reactions, min(INTAKE_MAX, room - read), at)
    return read


async def _record(consumer_id: int, feed: str, at: datetime, events: Sequence[LoggedEvent]) -> None:
    rows = [(feed, one.position, UUID(one.event_id), one.type, one.subject) for one in events]
    await queries.take_in(consumer_id, rows, at)


async def claim(consumer_id: int, at: datetime) -> list[Claimed]:
    """Lease what can be sent to a consumer now; one delivery alone where its circuit is open. Entry verb."""
    async with transactions.begin():
        row = await queries.lock_by_id(consumer_id)
        if row is None or row["state"] != "active" or (row["closed_until"] is not None and at < row["closed_until"]):
            return []
        limit = CLAIMED_MAX if row["closed_until"] is None else 1
        if row["closed_until"] is not None:
            # Nobody else tries while this one does.
            await queries.set_circuit(consumer_id, row["failures"], at + LEASE)
        found = await queries.claim(consumer_id, limit, at, at + LEASE)
        if not found and row["closed_until"] is not None:
            await queries.set_circuit(consumer_id, row["failures"], row["closed_until"])
    return [
        Claimed(
            one["delivery_id"],
            one["attempts"],
            cloud_event(
                LoggedEvent(
                    one["position"],
                    str(one["event_id"]),
                    one["type"],
                    one["subject"],
                    one["occurred_at"],
                    one["recorded_at"],
                    msgspec.json.decode(one["data"]),
                )
            ),
        )
        for one in found
    ]


async def settle(consumer_id: int, claimed: Sequence[Claimed], outcomes: Sequence[Outcome], at: datetime) -> None:
    """Note how calls ended, in the order in which they did, and what follows for the consumer. Entry verb.

    A consumer that answers 410 wants nothing more and is disabled; what it has not taken stays due.
    """
    attempts = {one.delivery_id: one.attempts for one in claimed}
    async with transactions.begin():
        row = await queries.lock_by_id(consumer_id)
        if row is None:
            return
        failures, rows = row["failures"], []
        for one in outcomes:
            is_open = failures >= rules.FAILURES_BEFORE_OPEN
            jitter = random.randrange(rules.JITTER_BPS + 1)  # noqa: S311 - spreads load, guards nothing
            verdict = rules.verdict_on(one, attempts[one.delivery_id], jitter, at, circuit_open=is_open)
            failures = 0 if one.is_taken else failures + 1
            error = one.error[: rules.ERROR_LENGTH_MAX]
            rows.append(
                (one.delivery_id, verdict.state, verdict.attempts, verdict.next_at, one.status, error, one.milliseconds)
            )
        await queries.settle(rows, at)
        await queries.set_circuit(consumer_id, failures, rules.closed_until(failures, at))
        if any(one.status == rules.GONE for one in outcomes):
            await queries.set_state(consumer_id, "disabled", "对方回复 410，不再接收")


async def waiting(at: datetime) -> dict[str, float]:
    """Tell for each consumer, paused ones too, for how many seconds its oldest event has waited; 0 for none. A read."""
    async with transactions.reader():
        oldest = {one.code: (await consumers.lag(one.id)).oldest_at for one in await consumers.listed()}
    return {code: 0.0 if since is None else (at - since).total_seconds() for code, since in oldest.items()}


async def forget(at: datetime) -> int:
    """Delete what was taken a week ago, and what died two months ago; return how many. Entry verb."""
    async with transactions.begin():
        return await queries.forget(at - TAKEN_KEPT, at - DEAD_KEPT, FORGOTTEN_MAX)
