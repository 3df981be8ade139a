"""The only raw SQL of the notices module."""

from collections.abc import Sequence
from datetime import datetime

from loyalty.transactions import writing


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


async def change_grant(openid: str, template_id: str, accepted: bool, at: datetime) -> None:  # noqa: FBT001
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
