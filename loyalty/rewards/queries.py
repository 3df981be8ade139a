"""The raw SQL of rewards and redemptions."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import asyncpg
import msgspec

from loyalty.campaigns.queries import TAKE_UNITS
from loyalty.customers.queries import standings_of
from loyalty.events.queries import OUTBOX_COLUMNS, PUT_INTO_OUTBOX, OutboxRow
from loyalty.points.queries import ENTER, ENTRY_COLUMNS, EntryRow
from loyalty.rowsets import rowset
from loyalty.transactions import reading, writing

REWARD = """id, type, name, description, picture_id, terms::text AS terms, cost_points, cost_fen, allotment_id,
       campaign_id, outlet_max, outlet_month_max, plants, value_classes, tags, from_at, until_at, days_valid, state,
       version, made_by, made_at"""


class Asked(msgspec.Struct, frozen=True, gc=False):
    """What is asked for a redemption, the n-th of its call."""

    n: int
    member_id: int
    key: str


class DueRow(msgspec.Struct, frozen=True, gc=False):
    """A redemption on its way into its table, the n-th of its call, with the entitlement that it buys."""

    n: int
    outlet_id: int
    member_id: int
    binding_id: int
    reward_id: int
    type: str
    name: str
    terms: msgspec.Raw
    allotment_id: int | None
    cost_points: int
    idempotency_key: str
    input_hash: bytes
    at: datetime
    expires_at: datetime


_STATES = f"""
    WITH standing AS MATERIALIZED (
        {standings_of("$2::bigint[]")}
    )
    SELECT m.*, k.*
      FROM json_to_recordset($1) AS w(n int, member_id bigint, key text)
      LEFT JOIN standing m ON m.member_id = w.member_id
      LEFT JOIN LATERAL (SELECT id AS redemption_id, outlet_id AS key_outlet_id, reward_id AS key_reward_id,
                                cost_points AS key_cost_points, input_hash
                           FROM redemptions WHERE member_id = w.member_id AND idempotency_key = w.key LIMIT 1) k ON true
     ORDER BY w.n
"""


async def states(asked: Sequence[Asked]) -> list[asyncpg.Record]:
    """Read, for each redemption in order: the member's standing, and what the key bought before."""
    return await reading().fetch(_STATES, rowset(asked), [one.member_id for one in asked])


async def rewards(reward_ids: Sequence[int]) -> list[asyncpg.Record]:
    """Read rewards by id."""
    return await reading().fetch(f"SELECT {REWARD} FROM rewards WHERE id = ANY ($1::bigint[])", reward_ids)


async def had(wanted: Sequence[tuple[int, int, date]]) -> list[asyncpg.Record]:
    """Count what outlets have redeemed of rewards in all and in a month: (outlet, reward, the month's first day)."""
    return await reading().fetch(
        """
        SELECT w.outlet_id, w.reward_id, w.month, r.had, r.this_month
          FROM unnest($1::bigint[], $2::bigint[], $3::date[]) AS w(outlet_id, reward_id, month)
               -- An outlet's few redemptions are looked through. With a bare reward_id a plan made while the table was
               -- new would look through the reward's, which are all there are.
         CROSS JOIN LATERAL (
               SELECT count(*) AS had,
                      count(*) FILTER (WHERE (at AT TIME ZONE 'Asia/Shanghai') >= w.month
                                         AND (at AT TIME ZONE 'Asia/Shanghai') < w.month + interval '1 month')
                          AS this_month
                 FROM redemptions
                WHERE outlet_id = w.outlet_id AND reward_id + 0 = w.reward_id AND cancelled_at IS NULL) r
        """,
        [one[0] for one in wanted],
        [one[1] for one in wanted],
        [one[2] for one in wanted],
    )


_STORE = f"""
    WITH due AS MATERIALIZED (
        SELECT * FROM json_to_recordset($1)
            AS w(n int, outlet_id bigint, member_id bigint, binding_id bigint, reward_id bigint, type text, name text,
                 terms jsonb, allotment_id bigint, cost_points bigint, idempotency_key text, input_hash text,
                 at timestamptz, expires_at timestamptz)
    ), made AS (
        INSERT INTO redemptions (outlet_id, member_id, reward_id, cost_points, idempotency_key, input_hash, at)
        SELECT outlet_id, member_id, reward_id, cost_points, idempotency_key, decode(input_hash, 'base64'), at
          FROM due WHERE EXISTS (SELECT FROM bindings b WHERE b.id = due.binding_id AND b.ended_at IS NULL)
         ORDER BY n
        RETURNING id, member_id, idempotency_key
    ), won AS MATERIALIZED (
        SELECT due.*, made.id AS redemption_id FROM due JOIN made USING (member_id, idempotency_key)
    ), granted AS (
        INSERT INTO entitlements (outlet_id, member_id, reward_id, type, name, terms, allotment_id, source_kind,
                                  source_id, state, granted_at, expires_at)
        SELECT outlet_id, member_id, reward_id, type, name, terms, allotment_id, 'redemption', redemption_id::text,
               'free', at, expires_at FROM won ORDER BY n
        RETURNING id, source_id
    ), {TAKE_UNITS}, moves AS MATERIALIZED (
        SELECT e.n, e.outlet_id, e.member_id, e.kind, e.points, e.owed_change, e.pending_change, e.expires_on,
               e.lot_dates, e.lot_points, e.source_kind, won.redemption_id::text AS source_id, e.rule, e.why, e.at,
               e.of_entry_id, e.campaign_id, e.terms_id
          FROM json_to_recordset($2) AS e({ENTRY_COLUMNS}) JOIN won USING (n)
    ), {ENTER}, happened AS (
        SELECT e.* FROM json_to_recordset($3) AS e({OUTBOX_COLUMNS}) JOIN won USING (n)
    ), told AS (
        {PUT_INTO_OUTBOX}
    )
    SELECT won.n, won.redemption_id, granted.id AS entitlement_id
      FROM won JOIN granted ON granted.source_id = won.redemption_id::text
"""


async def store(
    due: Sequence[DueRow], entries: Sequence[EntryRow], events: Sequence[OutboxRow]
) -> dict[int, asyncpg.Record]:
    """Store redemptions with entitlements, units, entries and events; return n → (redemption_id, entitlement_id).

    Allotments and accounts are locked. One is left out when its binding has ended meanwhile. UniqueViolationError when
    its key was used meanwhile.
    """
    rows = await writing().fetch(_STORE, rowset(due), rowset(entries), rowset(events))
    return {row["n"]: row for row in rows}


async def bought(redemption_ids: Sequence[int]) -> list[asyncpg.Record]:
    """Read the entitlements that redemptions bought."""
    return await reading().fetch(
        """
        SELECT source_id, id, type, name, terms::text AS terms, expires_at FROM entitlements
         WHERE source_kind = 'redemption' AND source_id = ANY ($1::text[])
        """,
        [str(one) for one in redemption_ids],
    )


async def live(at: datetime, limit: int) -> list[asyncpg.Record]:
    """Read the rewards that points buy now or soon, paused ones too."""
    return await reading().fetch(
        f"""
        SELECT {REWARD} FROM rewards
         WHERE state IN ('live', 'paused') AND until_at > $1 AND cost_points IS NOT NULL
         ORDER BY from_at > $1, cost_points, id LIMIT $2
        """,
        at,
        limit,
    )


async def search(text: str, state: str, kind: str, skip: int, limit: int) -> list[asyncpg.Record]:
    """Read rewards for staff, the latest first; ``text`` is part of the name."""
    return await reading().fetch(
        f"""
        SELECT {REWARD} FROM rewards
         WHERE ($1 = '' OR strpos(name, $1) > 0) AND ($2 = '' OR state = $2) AND ($3 = '' OR type = $3)
         ORDER BY id DESC OFFSET $4 LIMIT $5
        """,
        text,
        state,
        kind,
        skip,
        limit,
    )


async def insert(values: Sequence[Any]) -> int:
    """Store a draft."""
    made: int = await writing().fetchval(
        """
        INSERT INTO rewards (type, name, description, picture_id, terms, cost_points, cost_fen, campaign_id, outlet_max,
                             outlet_month_max, plants, value_classes, tags, from_at, until_at, days_valid, state,
                             made_by, made_at)
        VALUES ($1, $2, $3, $4, $5::jsonb, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, 'draft', $17, $18)
        RETURNING id
        """,
        *values,
    )
    return made


async def lock(reward_id: int) -> asyncpg.Record | None:
    """Lock a reward and give it."""
    return await writing().fetchrow(f"SELECT {REWARD} FROM rewards WHERE id = $1 FOR NO KEY UPDATE", reward_id)


async def update(reward_id: int, values: Sequence[Any]) -> None:
    """Change a locked reward; its type stays."""
    await writing().execute(
        """
        UPDATE rewards SET name = $2, description = $3, picture_id = $4, terms = $5::jsonb, cost_points = $6,
               cost_fen = $7, campaign_id = $8, outlet_max = $9, outlet_month_max = $10, plants = $11,
               value_classes = $12, tags = $13, from_at = $14, until_at = $15, days_valid = $16, version = version + 1
         WHERE id = $1
        """,
        reward_id,
        *values,
    )


async def set_state(reward_id: int, state: str) -> None:
    """Put a locked reward into a state."""
    await writing().execute("UPDATE rewards SET state = $2, version = version + 1 WHERE id = $1", reward_id, state)


async def set_picture(reward_id: int, digest: str) -> None:
    """Give a locked reward its picture."""
    await writing().execute(
        "UPDATE rewards SET picture_id = $2, version = version + 1 WHERE id = $1", reward_id, digest
    )


async def set_allotment(reward_id: int, allotment_id: int | None) -> None:
    """Give a locked reward its allotment."""
    await writing().execute("UPDATE rewards SET allotment_id = $2 WHERE id = $1", reward_id, allotment_id)
