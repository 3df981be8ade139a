"""Row locks of the organisation module, in id order, and the change that is made right under them."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from loyalty.transactions import writing


async def lock_named(node_ids: Sequence[int]) -> list[asyncpg.Record]:
    """Lock nodes against other names, not against children; columns id, name, parent_id, confirmed_at."""
    return await writing().fetch(
        """
        SELECT id, name, parent_id, confirmed_at FROM organisation_nodes
         WHERE id = ANY ($1::bigint[]) ORDER BY id FOR NO KEY UPDATE
        """,
        node_ids,
    )


async def name_nodes(names: Sequence[tuple[int, str]], at: datetime) -> None:
    """Give locked nodes their names, each (node id, name), which also confirms them."""
    await writing().execute(
        """
        UPDATE organisation_nodes n SET name = g.name, confirmed_at = coalesce(n.confirmed_at, $3)
          FROM unnest($1::bigint[], $2::text[]) AS g(id, name) WHERE n.id = g.id
        """,
        [node_id for node_id, _ in names],
        [name for _, name in names],
        at,
    )
