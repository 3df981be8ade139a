"""What must always be true of check-ins."""

from games.checkin import queries
from loyalty.proofs import DIFFERENCES_MAX, Difference, Proof


async def paid() -> list[Difference]:
    """Every check-in was paid once, with the points it says."""
    return [
        Difference("checkin.paid", f"check-in {row['id']}: {row['points']} points promised, {row['paid'] or 0} paid")
        for row in await queries.unpaid(DIFFERENCES_MAX)
    ]


PROOFS: tuple[Proof, ...] = (paid,)
