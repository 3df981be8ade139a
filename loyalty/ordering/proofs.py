"""What must always be true of orders."""

from loyalty.ordering.proving import queries as proving
from loyalty.proofs import DIFFERENCES_MAX, Difference, Proof


async def money(outlet_id: int | None = None) -> list[Difference]:
    """Every order's due sum is what its lines come to: cases that come and stay, at what they were placed for."""
    return [
        Difference(
            "ordering.money", f"order {row['number']} ({row['status']}): {row['due_fen']} due, {row['found']} found"
        )
        for row in await proving.wrong_money(DIFFERENCES_MAX, outlet_id)
    ]


async def held(outlet_id: int | None = None) -> list[Difference]:
    """Entitlements that an order names are its own: held until it is confirmed, then used up; let go when it ends."""
    return [
        Difference(
            "ordering.held",
            f"order {row['number']} ({row['status']}): entitlement {row['id']} is {row['state']} by {row['held_by']}",
        )
        for row in await proving.wrong_holds(DIFFERENCES_MAX, outlet_id)
    ]


async def points(outlet_id: int | None = None) -> list[Difference]:
    """Nothing is promised for an order that is not confirmed, has come to nothing, or whose points have arrived."""
    return [
        Difference("ordering.points", f"order {row['number']} ({row['status']}): {row['pending']} still promised")
        for row in await proving.wrong_points(DIFFERENCES_MAX, outlet_id)
    ]


async def shortages(outlet_id: int | None = None) -> list[Difference]:
    """Every shortage that a substitute or a later truck makes good has its order, and no other one has."""
    return [
        Difference("ordering.shortages", f"shortage {row['id']} of order {row['number']} ({row['state']})")
        for row in await proving.wrong_shortages(DIFFERENCES_MAX, outlet_id)
    ]


PROOFS: tuple[Proof, ...] = (money, held, points, shortages)
