"""The only raw SQL of the notices module."""

from collections.abc import Collection, Sequence
from datetime import datetime

import asyncpg
import msgspec

from loyalty.notices.rules import Template
from loyalty.rowsets import rowset
from loyalty.transactions import reading, writing


class NoticeRow(msgspec.Struct, frozen=True):
    """A line on its way into an inbox."""

    outlet_id: int
    kind: str
    about_kind: str
    about_id: str
    title: str
    text: str
    asks: bool
    dedupe_key: str
    at: datetime


class MessageRow(msgspec.Struct, frozen=True):
    """A message on its way into the queue."""

    member_id: int
    outlet_id: int
    template: Template
    about_id: str
    body: dict[str, str]
    page: str
    due_at: datetime
    good_until: datetime
    dedupe_key: str
    made_at: datetime


async def remember(dedupe_keys: Sequence[str], at: datetime) -> set[str]:
    """Keep the keys of pushes; return those that were not known before."""
    rows = await writing().fetch(
        """
        INSERT INTO wechat_pushes (dedupe_key, received_at)
        SELECT DISTINCT key, $2::timestamptz FROM unnest($1::text[]) AS g(key) ORDER BY key
        ON CONFLICT (dedupe_key) DO NOTHING RETURNING dedupe_key
        """,
        dedupe_keys,
        at,
    )
    return {row["dedupe_key"] for row in rows}


async def change_grant(openid: str, template_id: str, *, accepted: bool, at: datetime) -> None:
    """Add one message to a grant, or take all away."""
    await writing().execute(
        """
        INSERT INTO message_grants AS g (openid, template_id, credits, changed_at)
        VALUES ($1, $2, CASE WHEN $3 THEN 1 ELSE 0 END, $4)
        ON CONFLICT (openid, template_id) DO UPDATE
           SET credits = CASE WHEN $3 THEN g.credits + 1 ELSE 0 END, changed_at = $4
        """,
        openid,
        template_id,
        accepted,
        at,
    )


async def use_grant(openid: str, template_id: str, at: datetime) -> None:
    """Use one permission up."""
    await writing().execute(
        """
        UPDATE message_grants SET credits = greatest(credits - 1, 0), changed_at = $3
         WHERE openid = $1 AND template_id = $2
        """,
        openid,
        template_id,
        at,
    )


async def grants_of(member_id: int) -> dict[str, int]:
    """Read how many messages a member allows, by template id."""
    rows = await reading().fetch(
        """
        SELECT g.template_id, g.credits FROM message_grants g JOIN members m ON m.openid = g.openid WHERE m.id = $1
        """,
        member_id,
    )
    return {row["template_id"]: row["credits"] for row in rows}


async def outlets_by_code(codes: Collection[str]) -> dict[str, int]:
    """Give outlets' ids by code."""
    rows = await reading().fetch("SELECT code, id FROM outlets WHERE code = ANY ($1::text[])", list(codes))
    return {row["code"]: row["id"] for row in rows}


async def told_since(outlet_ids: Collection[int], since: datetime) -> dict[int, int]:
    """Count what inboxes were told since an instant."""
    rows = await reading().fetch(
        """
        SELECT outlet_id, count(*) AS told FROM notices
         WHERE outlet_id = ANY ($1::bigint[]) AND at >= $2 GROUP BY outlet_id
        """,
        list(outlet_ids),
        since,
    )
    return {row["outlet_id"]: row["told"] for row in rows}


async def add_notices(rows: Sequence[NoticeRow]) -> None:
    """Add lines to inboxes, each once; earlier ones of the same kind about the same go."""
    if not rows:
        return
    await writing().execute(
        """
        WITH new AS MATERIALIZED (
            SELECT * FROM json_to_recordset($1)
                AS w(outlet_id bigint, kind text, about_kind text, about_id text, title text, text text, asks boolean,
                     dedupe_key text, at timestamptz)
        ), gone AS (
            DELETE FROM notices n USING new
             WHERE n.outlet_id = new.outlet_id AND n.kind = new.kind AND n.about_kind = new.about_kind
               AND n.about_id = new.about_id AND n.dedupe_key <> new.dedupe_key
        )
        INSERT INTO notices (outlet_id, kind, about_kind, about_id, title, text, asks, dedupe_key, at)
        SELECT outlet_id, kind, about_kind, about_id, title, text, asks, dedupe_key, at FROM new
        ON CONFLICT (dedupe_key) DO NOTHING
        """,
        rowset(rows),
    )


async def of_outlet(outlet_id: int, before_id: int | None, after_id: int, limit: int) -> list[asyncpg.Record]:
    """Read an inbox, the latest first, between two ids."""
    return await reading().fetch(
        """
        SELECT id, kind, about_kind, about_id, title, text, asks, at FROM notices
         WHERE outlet_id = $1 AND ($2::bigint IS NULL OR id < $2) AND id > $3 ORDER BY id DESC LIMIT $4
        """,
        outlet_id,
        before_id,
        after_id,
        limit,
    )


async def count_after(outlet_id: int, after_id: int) -> int:
    """Count the lines of an inbox above an id, up to 100."""
    found: int = await reading().fetchval(
        "SELECT count(*) FROM (SELECT FROM notices WHERE outlet_id = $1 AND id > $2 LIMIT 100) n", outlet_id, after_id
    )
    return found


async def mark_of(member_id: int, outlet_id: int) -> int:
    """Tell how far a member has read an inbox."""
    found: int | None = await reading().fetchval(
        "SELECT read_up_to FROM notice_marks WHERE member_id = $1 AND outlet_id = $2", member_id, outlet_id
    )
    return found or 0


async def mark(member_id: int, outlet_id: int, up_to_id: int) -> None:
    """Note how far a member has read an inbox, never past its last line and never backwards."""
    await writing().execute(
        """
        INSERT INTO notice_marks AS m (member_id, outlet_id, read_up_to)
        SELECT $1, $2, least($3, coalesce((SELECT max(id) FROM notices WHERE outlet_id = $2), 0))
        ON CONFLICT (member_id, outlet_id) DO UPDATE SET read_up_to = greatest(m.read_up_to, excluded.read_up_to)
        """,
        member_id,
        outlet_id,
        up_to_id,
    )


async def reachable(pairs: Sequence[tuple[int, int]]) -> set[tuple[int, int]]:
    """Tell which members, by (member, outlet), are bound there and have allowed some message."""
    rows = await reading().fetch(
        """
        SELECT DISTINCT w.member_id, w.outlet_id FROM unnest($1::bigint[], $2::bigint[]) AS w(member_id, outlet_id)
          JOIN members m ON m.id = w.member_id
          JOIN bindings b ON b.member_id = w.member_id AND b.outlet_id = w.outlet_id AND b.ended_at IS NULL
         WHERE EXISTS (SELECT FROM message_grants g WHERE g.openid = m.openid AND g.credits > 0)
        """,
        [pair[0] for pair in pairs],
        [pair[1] for pair in pairs],
    )
    return {(row["member_id"], row["outlet_id"]) for row in rows}


async def queued_since(member_ids: Collection[int], since: datetime) -> dict[int, int]:
    """Count messages that were queued for members since an instant and not taken back."""
    rows = await reading().fetch(
        """
        SELECT member_id, count(*) AS queued FROM messages
         WHERE member_id = ANY ($1::bigint[]) AND made_at >= $2 AND state <> 'expired' GROUP BY member_id
        """,
        list(member_ids),
        since,
    )
    return {row["member_id"]: row["queued"] for row in rows}


async def replace_queued(member_id: int, template: str, about_id: str, at: datetime) -> None:
    """Take back what is still queued of the same, unless it is being sent."""
    await writing().execute(
        """
        UPDATE messages SET state = 'expired', ended_at = $4
         WHERE member_id = $1 AND template = $2 AND about_id = $3 AND state = 'queued'
           AND (leased_until IS NULL OR leased_until <= $4)
        """,
        member_id,
        template,
        about_id,
        at,
    )


async def add_messages(rows: Sequence[MessageRow]) -> None:
    """Queue messages, each once."""
    await writing().execute(
        """
        INSERT INTO messages (member_id, outlet_id, template, about_id, body, page, state, due_at, good_until,
                              dedupe_key, made_at)
        SELECT member_id, outlet_id, template, about_id, body, page, 'queued', due_at, good_until, dedupe_key, made_at
          FROM json_to_recordset($1)
            AS w(member_id bigint, outlet_id bigint, template text, about_id text, body jsonb, page text,
                 due_at timestamptz, good_until timestamptz, dedupe_key text, made_at timestamptz)
        ON CONFLICT (dedupe_key, member_id, template) DO NOTHING
        """,
        rowset(rows),
    )


async def claim(
    codes: Sequence[str], template_ids: Sequence[str], at: datetime, until: datetime, limit: int
) -> list[asyncpg.Record]:
    """Lease queued messages of templates that are due, with who gets them and how many they allow."""
    return await writing().fetch(
        """
        WITH known AS (SELECT * FROM unnest($1::text[], $2::text[]) AS k(code, template_id)), chosen AS (
            SELECT id FROM messages
             WHERE state = 'queued' AND due_at <= $3 AND (leased_until IS NULL OR leased_until <= $3)
               AND template = ANY ($1::text[])
             ORDER BY due_at, id LIMIT $5 FOR NO KEY UPDATE SKIP LOCKED
        ), leased AS (
            UPDATE messages q SET leased_until = $4 FROM chosen WHERE q.id = chosen.id RETURNING q.*
        )
        SELECT q.id, q.template, k.template_id, q.body::text AS body, q.page, q.attempts, q.good_until, m.openid,
               coalesce(g.credits, 0) AS credits,
               EXISTS (SELECT FROM bindings b WHERE b.member_id = q.member_id AND b.outlet_id = q.outlet_id
                                                AND b.ended_at IS NULL) AS is_bound
          FROM leased q JOIN known k ON k.code = q.template JOIN members m ON m.id = q.member_id
          LEFT JOIN message_grants g ON g.openid = m.openid AND g.template_id = k.template_id
         ORDER BY q.due_at, q.id
        """,
        codes,
        template_ids,
        at,
        until,
        limit,
    )


async def end(rows: Sequence[tuple[int, str, datetime]]) -> None:
    """End messages: (id, state, at)."""
    await writing().execute(
        """
        UPDATE messages q SET state = w.state, ended_at = w.at, leased_until = NULL
          FROM unnest($1::bigint[], $2::text[], $3::timestamptz[]) AS w(id, state, at)
         WHERE q.id = w.id AND q.state = 'queued'
        """,
        [row[0] for row in rows],
        [row[1] for row in rows],
        [row[2] for row in rows],
    )


async def put_off(message_id: int, attempts: int, due_at: datetime) -> None:
    """Try a message later."""
    await writing().execute(
        "UPDATE messages SET attempts = $2, due_at = $3, leased_until = NULL WHERE id = $1 AND state = 'queued'",
        message_id,
        attempts,
        due_at,
    )


async def forget(notices_before: datetime, messages_before: datetime, pushes_before: datetime, limit: int) -> int:
    """Delete old lines, messages and pushes, at most ``limit`` of each; return how many."""
    forgotten: int = await writing().fetchval(
        """
        WITH n AS (DELETE FROM notices WHERE id = ANY (ARRAY(
                       SELECT id FROM notices WHERE at < $1 ORDER BY at LIMIT $4)) RETURNING 1),
             q AS (DELETE FROM messages WHERE id = ANY (ARRAY(
                       SELECT id FROM messages WHERE ended_at < $2 ORDER BY ended_at LIMIT $4)) RETURNING 1),
             p AS (DELETE FROM wechat_pushes WHERE id = ANY (ARRAY(
                       SELECT id FROM wechat_pushes WHERE received_at < $3 ORDER BY id LIMIT $4)) RETURNING 1)
        SELECT (SELECT count(*) FROM n) + (SELECT count(*) FROM q) + (SELECT count(*) FROM p)
        """,
        notices_before,
        messages_before,
        pushes_before,
        limit,
    )
    return forgotten
