"""What must always be true of rewards."""

from loyalty.proofs import DIFFERENCES_MAX, Difference, Proof
from loyalty.rewards.results import queries


async def units(outlet_id: int | None = None) -> list[Difference]:
    """Of every allotment so many units are out as entitlements stand on it. Not a question of one outlet."""
    if outlet_id is not None:
        return []
    return [
        Difference("rewards.units", f"allotment {row['id']} ({row['purpose']}): {row['taken']} out, {row['held']} held")
        for row in await queries.wrong_units(DIFFERENCES_MAX)
    ]


async def redemptions(outlet_id: int | None = None) -> list[Difference]:
    """Every redemption has its ledger entry of its cost, its entitlement, and when cancelled its refund; no more."""
    return [
        Difference(
            "rewards.redemptions",
            f"redemption {row['id']}: cost {row['cost_points']}, paid {row['paid']}, refunded {row['refunded']},"
            f" entitlement {row['state']}",
        )
        for row in await queries.wrong_redemptions(DIFFERENCES_MAX, outlet_id)
    ]


PROOFS: tuple[Proof, ...] = (units, redemptions)
