"""The only raw SQL of the switches module."""

from collections.abc import Sequence
from datetime import date, datetime

import asyncpg

from loyalty.transactions import reading, writing

_RULE = "enabled, killed, plants, value_classes, tags, percent_bps, from_at, until_at"


async def rows() -> list[asyncpg.Record]:
    """Read what was said of all features."""
    return await reading().fetch(f"SELECT feature, version, {_RULE}, changed_at, changed_by FROM switches")


async def store(feature: str, expected_version: int, rule: Sequence[object], at: datetime, by: str) -> int | None:
    """Put a rule in the order of SwitchRule's columns here; None when the version is not ``expected_version``.

    Version 0 is a feature of which nothing was said yet. Two at once: the second waits, and finds another version.
    """
    made: int | None = await writing().fetchval(
        f"""
        INSERT INTO switches AS s (feature, version, {_RULE}, changed_at, changed_by)
        SELECT $1, 1, $3, $4, $5::text[], $6::text[], $7::text[], $8, $9, $10, $11, $12
         WHERE $2 = 0 OR EXISTS (SELECT FROM switches WHERE feature = $1)
        ON CONFLICT (feature) DO UPDATE
           SET version = s.version + 1, enabled = $3, killed = $4, plants = $5::text[], value_classes = $6::text[],
               tags = $7::text[], percent_bps = $8, from_at = $9, until_at = $10, changed_at = $11, changed_by = $12
         WHERE s.version = $2
        RETURNING version
        """,
        feature,
        expected_version,
        *rule,
        at,
        by,
    )
    return made


async def add_uses(uses: Sequence[tuple[str, date, int]]) -> None:
    """Add to the counts of uses."""
    await writing().execute(
        """
        INSERT INTO feature_uses AS f (feature, on_date, uses)
        SELECT feature, on_date, sum(uses)
          FROM unnest($1::text[], $2::date[], $3::bigint[]) AS g(feature, on_date, uses)
         GROUP BY feature, on_date ORDER BY feature, on_date
        ON CONFLICT (feature, on_date) DO UPDATE SET uses = f.uses + excluded.uses
        """,
        [feature for feature, _, _ in uses],
        [on_date for _, on_date, _ in uses],
        [count for _, _, count in uses],
    )


async def uses_since(since: date) -> list[asyncpg.Record]:
    """Read the counts of uses from a day on."""
    return await reading().fetch(
        "SELECT feature, on_date, uses FROM feature_uses WHERE on_date >= $1 ORDER BY feature, on_date", since
    )


async def last_used() -> list[asyncpg.Record]:
    """Tell on which day each feature was used last."""
    return await reading().fetch("SELECT feature, max(on_date) AS on_date FROM feature_uses GROUP BY feature")
