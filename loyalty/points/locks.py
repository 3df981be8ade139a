"""Locks of the points module: accounts, in outlet order, always the last lock that a verb takes."""

from collections.abc import Sequence

import asyncpg

from loyalty.transactions import writing


async def ensure_accounts(outlet_ids: Sequence[int]) -> None:
    """Make the accounts that outlets lack, so that there is something to lock."""
    await writing().execute(
        "INSERT INTO points_accounts (outlet_id) SELECT unnest($1::bigint[]) ON CONFLICT (outlet_id) DO NOTHING",
        sorted(set(outlet_ids)),
    )


async def lock_accounts(outlet_ids: Sequence[int]) -> list[asyncpg.Record]:
    """Lock the accounts of outlets in outlet order, and give them. A statement after this one sees their lots.

    An outlet that has no account has no row.
    """
    return await writing().fetch(
        """
        SELECT outlet_id, balance, pending, owed FROM points_accounts
         WHERE outlet_id = ANY ($1::bigint[]) ORDER BY outlet_id FOR UPDATE
        """,
        list(set(outlet_ids)),
    )
