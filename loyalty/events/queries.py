"""The only raw SQL of the events module."""

from collections.abc import Sequence
from datetime import date, datetime

import asyncpg
import msgspec

from loyalty.rowsets import rowset
from loyalty.transactions import Connection, reading, writing

STAMPED_MAX = 2_000
PARTITIONS_LOCK = 0x706172746974696F
"""An advisory lock's number, "partitio" in ASCII."""


class OutboxRow(msgspec.Struct, frozen=True):
    """An event on its way into the outbox, the n-th of its call."""

    n: int
    event_id: str
    feed: str
    type: str
    subject: str
    occurred_at: datetime
    data: dict[str, object]


OUTBOX_COLUMNS = """n int, event_id uuid, feed text, type text, subject text, occurred_at timestamptz, data jsonb"""
"""The columns of OutboxRow as a rowset brings them."""

PUT_INTO_OUTBOX = """
        INSERT INTO outbox (event_id, feed, type, subject, occurred_at, data)
        SELECT event_id, feed, type, subject, occurred_at, data FROM happened ORDER BY n
"""
"""Puts the relation ``happened``, with OUTBOX_COLUMNS, into the outbox. For the one statement of a hot verb; everybody
else calls ``outbox.record``."""


async def insert_outbox(rows: Sequence[OutboxRow]) -> None:
    """Insert outbox rows in the given order."""
    await writing().execute(
        f"WITH happened AS (SELECT * FROM json_to_recordset($1) AS e({OUTBOX_COLUMNS})) {PUT_INTO_OUTBOX}", rowset(rows)
    )


async def stamp(connection: Connection, at: datetime, on: date) -> int:
    """Move committed outbox rows, at most STAMPED_MAX, into the log with the next positions; return how many.

    The heads are locked first, in name order, so two stampers can never give the same position; a row that commits late
    simply gets a later position. Fails, changing nothing, when there is no partition for the day ``on``.
    """
    if not await connection.fetchval("SELECT EXISTS (SELECT FROM outbox)"):
        # Locking the heads for nothing would use up a transaction number and write to disk, fifty times a second.
        return 0
    moved = await connection.fetchval(
        """
        WITH heads AS MATERIALIZED (
            SELECT feed, position FROM feed_heads ORDER BY feed FOR UPDATE
        ), due AS MATERIALIZED (
            SELECT o.id FROM outbox o, (SELECT count(*) FROM heads) AS locked_first
             ORDER BY o.id LIMIT $1
        ), taken AS (
            DELETE FROM outbox WHERE id = ANY (ARRAY(SELECT id FROM due)) RETURNING *
        ), numbered AS (
            SELECT t.*, h.position + row_number() OVER (PARTITION BY t.feed ORDER BY t.id) AS next_position
              FROM taken t JOIN heads h USING (feed)
        ), logged AS (
            INSERT INTO event_log
                   (feed, position, recorded_on, event_id, type, subject, occurred_at, recorded_at, data)
            SELECT feed, next_position, $3, event_id, type, subject, occurred_at, $2, data FROM numbered
            RETURNING feed, position
        ), advanced AS (
            UPDATE feed_heads f SET position = l.position
              FROM (SELECT feed, max(position) AS position FROM logged GROUP BY feed) l
             WHERE f.feed = l.feed
        )
        SELECT count(*) FROM logged
        """,
        STAMPED_MAX,
        at,
        on,
    )
    return int(moved or 0)


async def waiting(limit: int) -> int:
    """Count outbox rows that have no position yet, up to ``limit``."""
    return int(await reading().fetchval("SELECT count(*) FROM (SELECT FROM outbox LIMIT $1) o", limit))


async def read_log(feed: str, after: int, limit: int) -> list[asyncpg.Record]:
    """Read rows of a feed with positions above ``after``, in order, at most ``limit``."""
    return await reading().fetch(
        """
        SELECT position, event_id, type, subject, occurred_at, recorded_at, data
          FROM event_log WHERE feed = $1 AND position > $2 ORDER BY position LIMIT $3
        """,
        feed,
        after,
        limit,
    )


async def of_subject(subject: str, limit: int) -> list[asyncpg.Record]:
    """Read the last events of an outlet, the latest first, those that have no position yet included."""
    return await reading().fetch(
        """
        SELECT type, occurred_at, data FROM (
            (SELECT type, occurred_at, data FROM event_log WHERE subject = $1 ORDER BY occurred_at DESC LIMIT $2)
            UNION ALL
            (SELECT type, occurred_at, data FROM outbox WHERE subject = $1 ORDER BY occurred_at DESC LIMIT $2)) e
         ORDER BY occurred_at DESC LIMIT $2
        """,
        subject,
        limit,
    )


async def head_position(feed: str) -> int:
    """Tell the last position given out in a feed; 0 when none was."""
    return int(await reading().fetchval("SELECT position FROM feed_heads WHERE feed = $1", feed) or 0)


async def lock_cursor(consumer: str, feed: str, at: datetime) -> int | None:
    """Lock a consumer's cursor, making it when it is missing; None when another run holds it."""
    await writing().execute(
        """
        INSERT INTO consumer_cursors (consumer, feed, position, moved_at) VALUES ($1, $2, 0, $3)
        ON CONFLICT (consumer, feed) DO NOTHING
        """,
        consumer,
        feed,
        at,
    )
    position = await writing().fetchval(
        """
        SELECT position FROM consumer_cursors WHERE consumer = $1 AND feed = $2 FOR UPDATE SKIP LOCKED
        """,
        consumer,
        feed,
    )
    return None if position is None else int(position)


async def move_cursor(consumer: str, feed: str, position: int, at: datetime) -> None:
    """Move a locked cursor forward."""
    await writing().execute(
        "UPDATE consumer_cursors SET position = $3, moved_at = $4 WHERE consumer = $1 AND feed = $2",
        consumer,
        feed,
        position,
        at,
    )


async def lock_partitions() -> None:
    """Let one transaction at a time make partitions: IF NOT EXISTS alone does not stand two at once."""
    await writing().execute("SELECT pg_advisory_xact_lock($1)", PARTITIONS_LOCK)


async def partitions() -> list[str]:
    """Name the partitions of the log that exist."""
    rows = await reading().fetch(
        "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'event_log'::regclass"
    )
    return [row["name"] for row in rows]


async def create_partition(name: str, first_on: date, next_on: date) -> None:
    """Make one partition of the log for the days from ``first_on`` until before ``next_on``; no error when there."""
    await writing().execute(
        f"CREATE TABLE IF NOT EXISTS {name} PARTITION OF event_log "
        f"FOR VALUES FROM ('{first_on.isoformat()}') TO ('{next_on.isoformat()}')"
    )
