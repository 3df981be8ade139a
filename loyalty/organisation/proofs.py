"""What must always be true of the organisation."""

from loyalty.organisation import queries
from loyalty.proofs import DIFFERENCES_MAX, Difference, Proof


async def tree(outlet_id: int | None = None) -> list[Difference]:
    """Each node's closure and open placement are what its parents say; nothing of that is one outlet's."""
    if outlet_id is not None:
        return []
    return [
        Difference("organisation.tree", f"node {row['node_id']}: its {row['what']} is not what its parents say")
        for row in await queries.tree_differences(DIFFERENCES_MAX)
    ]


PROOFS: tuple[Proof, ...] = (tree,)
