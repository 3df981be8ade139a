"""Row locks of the organisation module, in id order, and the change that is made right under them."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from loyalty.organisation.queries import below
from loyalty.transactions import writing

TREE_LOCK = 0x6F7267616E697365
"""An advisory lock's number, "organise" in ASCII: one move at a time."""


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


async def lock_parents(node_ids: Sequence[int]) -> None:
    """Hold nodes in their place, in id order, while something is hung under them."""
    await writing().execute(
        "SELECT FROM organisation_nodes WHERE id = ANY ($1::bigint[]) ORDER BY id FOR KEY SHARE", node_ids
    )


async def lock_tree() -> None:
    """Let one move at a time happen: two at once could each put the other's node below its own."""
    await writing().execute("SELECT pg_advisory_xact_lock($1)", TREE_LOCK)


async def share_tree() -> None:
    """Keep every node where it is while outlets are given their plant and office: any number at once, but no move.

    Taken before any outlet is locked, as a move takes its lock first, so that the two cannot wait for each other.
    """
    await writing().execute("SELECT pg_advisory_xact_lock_shared($1)", TREE_LOCK)


async def lock_subtree(node_id: int) -> None:
    """Lock a node and all below it, in id order."""
    await writing().execute(
        f"SELECT FROM organisation_nodes WHERE id IN ({below('ARRAY[$1::bigint]')}) ORDER BY id FOR UPDATE", node_id
    )
