"""Moving a part of the organisation: its outlets follow."""

from collections.abc import Sequence
from datetime import datetime

from loyalty import transactions
from loyalty.customers.territory import queries
from loyalty.organisation import tree
from loyalty.organisation.audit import Actor


async def move_node(node_id: int, parent_id: int, reach: Sequence[int], actor: Actor, reason: str, at: datetime) -> int:
    """Hang a node under another parent, with all below it and the outlets there; return how many outlets changed.

    Entry verb. Raises what ``tree.hang`` raises.
    """
    async with transactions.begin():
        await tree.hang(node_id, parent_id, reach, actor, reason, at)
        return await queries.follow(node_id)
