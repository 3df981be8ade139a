"""The raw SQL of webhooks."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from loyalty.transactions import reading, writing

CONSUMER = """id, code, name, url, feeds, secret_sealed, old_secret_sealed, old_secret_until, state, note, failures,
       closed_until, made_at"""


async def consumers() -> list[asyncpg.Record]:
    """Read all consumers."""
    return await reading().fetch(f"SELECT {CONSUMER} FROM webhook_consumers ORDER BY code LIMIT 200")


async def consumer(code: str) -> asyncpg.Record | None:
    """Read a consumer."""
    return await reading().fetchrow(f"SELECT {CONSUMER} FROM webhook_consumers WHERE code = $1", code)


async def lock(code: str) -> asyncpg.Record | None:
    """Lock a consumer and give it."""
    return await writing().fetchrow(f"SELECT {CONSUMER} FROM webhook_consumers WHERE code = $1 FOR NO KEY UPDATE", code)


async def lock_by_id(consumer_id: int) -> asyncpg.Record | None:
    """Lock a consumer and give it."""
    return await writing().fetchrow(
        f"SELECT {CONSUMER} FROM webhook_consumers WHERE id = $1 FOR NO KEY UPDATE", consumer_id
    )


async def add(
    code: str, name: str, url: str, feeds: Sequence[str], secret_sealed: bytes, made_by: str, at: datetime
) -> int | None:
    """Store a consumer; None when its code is taken."""
    made: int | None = await writing().fetchval(
        """
        INSERT INTO webhook_consumers (code, name, url, feeds, secret_sealed, state, made_by, made_at)
        VALUES ($1, $2, $3, $4, $5, 'active', $6, $7) ON CONFLICT (code) DO NOTHING RETURNING id
        """,
        code,
        name,
        url,
        list(feeds),
        secret_sealed,
        made_by,
        at,
    )
    return made


async def change(consumer_id: int, name: str, url: str, feeds: Sequence[str]) -> None:
    """Change a locked consumer."""
    await writing().execute(
        "UPDATE webhook_consumers SET name = $2, url = $3, feeds = $4 WHERE id = $1",
        consumer_id,
        name,
        url,
        list(feeds),
    )


async def set_state(consumer_id: int, state: str, note: str) -> None:
    """Put a locked consumer into a state, its circuit closed."""
    await writing().execute(
        "UPDATE webhook_consumers SET state = $2, note = $3, failures = 0, closed_until = NULL WHERE id = $1",
        consumer_id,
        state,
        note,
    )


async def set_secret(consumer_id: int, sealed: bytes, old_sealed: bytes | None, old_until: datetime | None) -> None:
    """Give a locked consumer a new secret."""
    await writing().execute(
        """
        UPDATE webhook_consumers SET secret_sealed = $2, old_secret_sealed = $3, old_secret_until = $4 WHERE id = $1
        """,
        consumer_id,
        sealed,
        old_sealed,
        old_until,
    )


async def set_circuit(consumer_id: int, failures: int, closed_until: datetime | None) -> None:
    """Note how a locked consumer's calls go."""
    await writing().execute(
        "UPDATE webhook_consumers SET failures = $2, closed_until = $3 WHERE id = $1",
        consumer_id,
        failures,
        closed_until,
    )


async def count_due(consumer_id: int, limit: int) -> int:
    """Count what a consumer has not taken yet, up to ``limit``."""
    found: int = await reading().fetchval(
        "SELECT count(*) FROM (SELECT FROM webhook_deliveries WHERE consumer_id = $1 AND state = 'due' LIMIT $2) d",
        consumer_id,
        limit,
    )
    return found


async def take_in(consumer_id: int, rows: Sequence[tuple[str, int, UUID, str, str]], at: datetime) -> None:
    """Store events for a consumer: (feed, position, event id, type, subject). One that ended before is due again."""
    await writing().execute(
        """
        INSERT INTO webhook_deliveries AS d (consumer_id, feed, position, event_id, type, subject, state, next_at,
                                             taken_in_at)
        SELECT $1, feed, position, event_id, type, subject, 'due', $7, $7
          FROM unnest($2::text[], $3::bigint[], $4::uuid[], $5::text[], $6::text[])
            AS w(feed, position, event_id, type, subject)
         ORDER BY position
        ON CONFLICT (consumer_id, feed, position) DO UPDATE
           SET state = 'due', attempts = 0, next_at = excluded.next_at, ended_at = NULL, leased_until = NULL
         WHERE d.state <> 'due'
        """,
        consumer_id,
        [row[0] for row in rows],
        [row[1] for row in rows],
        [row[2] for row in rows],
        [row[3] for row in rows],
        [row[4] for row in rows],
        at,
    )


async def claim(consumer_id: int, limit: int, at: datetime, until: datetime) -> list[asyncpg.Record]:
    """Lease what can be sent now, of each outlet and feed the oldest alone; give it with its event."""
    return await writing().fetch(
        """
        WITH heads AS (
            SELECT DISTINCT ON (feed, subject) id, next_at, leased_until FROM webhook_deliveries
             WHERE consumer_id = $1 AND state = 'due' ORDER BY feed, subject, position
        ), chosen AS (
            SELECT id FROM heads WHERE next_at <= $2 AND (leased_until IS NULL OR leased_until <= $2)
             ORDER BY next_at, id LIMIT $3
        ), leased AS (
            UPDATE webhook_deliveries d SET leased_until = $4
              FROM chosen
             WHERE d.id = chosen.id AND d.state = 'due' AND (d.leased_until IS NULL OR d.leased_until <= $2)
            RETURNING d.id, d.feed, d.position, d.attempts
        )
        SELECT l.id AS delivery_id, l.attempts, e.position, e.event_id, e.type, e.subject, e.occurred_at, e.recorded_at,
               e.data
          FROM leased l JOIN event_log e ON e.feed = l.feed AND e.position = l.position
         ORDER BY l.id
        """,
        consumer_id,
        at,
        limit,
        until,
    )


async def settle(rows: Sequence[tuple[int, str, int, datetime, int | None, str, int]], at: datetime) -> None:
    """Note how calls ended: (delivery, state, attempts, next_at, status, error, milliseconds)."""
    await writing().execute(
        """
        UPDATE webhook_deliveries d
           SET state = w.state, attempts = w.attempts, next_at = w.next_at, last_status = w.status,
               last_error = w.error, last_ms = w.ms, leased_until = NULL,
               ended_at = CASE WHEN w.state <> 'due' THEN $8::timestamptz END
          FROM unnest($1::bigint[], $2::text[], $3::int[], $4::timestamptz[], $5::int[], $6::text[], $7::int[])
            AS w(id, state, attempts, next_at, status, error, ms)
         WHERE d.id = w.id AND d.state = 'due'
        """,
        *[[row[n] for row in rows] for n in range(7)],
        at,
    )


async def revive(consumer_id: int, delivery_id: int | None, at: datetime) -> int:
    """Make dead deliveries due again, one or all of a consumer; return how many."""
    rows = await writing().fetch(
        """
        UPDATE webhook_deliveries SET state = 'due', attempts = 0, next_at = $3, ended_at = NULL
         WHERE consumer_id = $1 AND state = 'dead' AND ($2::bigint IS NULL OR id = $2) RETURNING id
        """,
        consumer_id,
        delivery_id,
        at,
    )
    return len(rows)


async def position_at(feed: str, at: datetime) -> int:
    """Give the last position of a feed that was recorded before an instant."""
    found: int = await reading().fetchval(
        "SELECT coalesce(max(position), 0) FROM event_log WHERE feed = $1 AND recorded_at < $2", feed, at
    )
    return found


async def put_cursor(consumer: str, feed: str, position: int, at: datetime) -> None:
    """Set where a consumer reads on in a feed."""
    await writing().execute(
        """
        INSERT INTO consumer_cursors (consumer, feed, position, moved_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (consumer, feed) DO UPDATE SET position = excluded.position, moved_at = excluded.moved_at
        """,
        consumer,
        feed,
        position,
        at,
    )


async def lag(consumer_id: int) -> asyncpg.Record:
    """Read how far behind a consumer is."""
    row = await reading().fetchrow(
        """
        SELECT count(*) FILTER (WHERE state = 'due') AS due, count(*) FILTER (WHERE state = 'dead') AS dead,
               min(taken_in_at) FILTER (WHERE state = 'due') AS oldest_at,
               max(ended_at) FILTER (WHERE state = 'taken') AS last_taken_at
          FROM webhook_deliveries WHERE consumer_id = $1
        """,
        consumer_id,
    )
    assert row is not None  # noqa: S101 - an aggregate has one row
    return row


async def deliveries(consumer_id: int, state: str, skip: int, limit: int) -> list[asyncpg.Record]:
    """Read a consumer's deliveries, the latest first; an empty ``state`` for all."""
    return await reading().fetch(
        """
        SELECT id, feed, position, event_id, type, subject, state, attempts, next_at, last_status, last_error, last_ms,
               taken_in_at, ended_at
          FROM webhook_deliveries WHERE consumer_id = $1 AND ($2 = '' OR state = $2)
         ORDER BY id DESC OFFSET $3 LIMIT $4
        """,
        consumer_id,
        state,
        skip,
        limit,
    )


async def forget(taken_before: datetime, dead_before: datetime, limit: int) -> int:
    """Delete deliveries that ended long ago; return how many."""
    rows = await writing().fetch(
        """
        DELETE FROM webhook_deliveries WHERE id = ANY (ARRAY(
            SELECT id FROM webhook_deliveries
             WHERE (state = 'taken' AND ended_at < $1) OR (state = 'dead' AND ended_at < $2) LIMIT $3)) RETURNING id
        """,
        taken_before,
        dead_before,
        limit,
    )
    return len(rows)
