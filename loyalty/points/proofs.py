"""What must always be true of points."""

from loyalty.points import queries
from loyalty.proofs import DIFFERENCES_MAX, Difference, Proof


async def balances() -> list[Difference]:
    """Every balance is the sum of the outlet's entries, and the sum of its lots."""
    return [
        Difference(
            "points.balances",
            f"outlet {row['outlet_id']}: account {row['account']}, entries {row['entries']}, lots {row['lots']}",
        )
        for row in await queries.differences(DIFFERENCES_MAX)
    ]


async def orphans() -> list[Difference]:
    """Every account belongs to an outlet."""
    return [
        Difference("points.orphans", f"account of outlet {row['outlet_id']}, which does not exist")
        for row in await queries.orphans(DIFFERENCES_MAX)
    ]


PROOFS: tuple[Proof, ...] = (balances, orphans)
