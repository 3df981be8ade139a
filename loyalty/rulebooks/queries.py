"""The only raw SQL of the rulebooks module."""

from collections.abc import Sequence
from datetime import date, datetime

import asyncpg

from loyalty.transactions import reading, writing

IN_FORCE = """
    LEFT JOIN LATERAL (SELECT id, body::text AS body FROM rule_versions
                        WHERE book = '{book}' AND effective_on <= {on} AND withdrawn_at IS NULL
                        ORDER BY effective_on DESC LIMIT 1) {alias} ON true
"""
"""Joins the version of a book that is in force on a day: id and body, both null for the built-in one."""


async def in_force(book: str, days: Sequence[date]) -> list[asyncpg.Record]:
    """Read for each day, in order, the id and body of the version in force."""
    return await reading().fetch(
        f"SELECT d.on_date, v.id, v.body FROM unnest($1::date[]) WITH ORDINALITY AS d(on_date, n)"
        f" {IN_FORCE.format(book=book, on='d.on_date', alias='v')} ORDER BY d.n",
        days,
    )


async def by_id(version_ids: Sequence[int]) -> list[asyncpg.Record]:
    """Read versions by their ids."""
    return await reading().fetch(
        "SELECT id, body::text AS body FROM rule_versions WHERE id = ANY ($1::bigint[])", version_ids
    )


async def versions(book: str) -> list[asyncpg.Record]:
    """Read all versions of a book, the latest first day first, withdrawn ones too."""
    return await reading().fetch(
        """
        SELECT id, effective_on, body::text AS body, made_by, made_at, reason, withdrawn_at FROM rule_versions
         WHERE book = $1 ORDER BY effective_on DESC, id DESC LIMIT 200
        """,
        book,
    )


async def add(book: str, on: date, body: str, made_by: str, at: datetime, reason: str) -> int | None:
    """Store a version; None when the day is taken."""
    found: int | None = await writing().fetchval(
        """
        INSERT INTO rule_versions (book, effective_on, body, made_by, made_at, reason)
        VALUES ($1, $2, $3::jsonb, $4, $5, $6)
        ON CONFLICT (book, effective_on) WHERE withdrawn_at IS NULL DO NOTHING RETURNING id
        """,
        book,
        on,
        body,
        made_by,
        at,
        reason,
    )
    return found


async def withdraw(book: str, version_id: int, after: date, at: datetime) -> bool:
    """Withdraw a version that takes effect after a day; tell whether there was such one."""
    found = await writing().fetchval(
        """
        UPDATE rule_versions SET withdrawn_at = $4
         WHERE id = $1 AND book = $2 AND effective_on > $3 AND withdrawn_at IS NULL
        RETURNING true
        """,
        version_id,
        book,
        after,
        at,
    )
    return found is not None
