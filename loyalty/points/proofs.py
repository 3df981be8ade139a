"""What must always be true of points."""

from loyalty.points import queries
from loyalty.proofs import DIFFERENCES_MAX, Difference, Proof

NOTHING = "none"


async def balances(outlet_id: int | None = None) -> list[Difference]:
    """Every balance is the sum of the outlet's entries, and the sum of its lots."""
    return [
        Difference(
            "points.balances",
            f"outlet {row['outlet_id']}: account {_told(row['account'])}, entries {_told(row['entries'])},"
            f" lots {_told(row['lots'])}",
        )
        for row in await queries.differences(DIFFERENCES_MAX, outlet_id)
    ]


async def orphans(outlet_id: int | None = None) -> list[Difference]:
    """Every account belongs to an outlet."""
    return [
        Difference("points.orphans", f"account of outlet {row['outlet_id']}, which does not exist")
        for row in await queries.orphans(DIFFERENCES_MAX, outlet_id)
    ]


def _told(points: int | None) -> str:
    return NOTHING if points is None else str(points)


PROOFS: tuple[Proof, ...] = (balances, orphans)
