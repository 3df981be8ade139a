"""What must always be true of check-ins."""

from games.checkin import queries
from loyalty.proofs import DIFFERENCES_MAX, Difference, Proof


async def paid(outlet_id: int | None = None) -> list[Difference]:
    """Every check-in was paid once, with the points it says."""
    return [
        Difference("checkin.paid", f"check-in {row['id']}: {row['points']} points promised, {row['paid'] or 0} paid")
        for row in await queries.unpaid(DIFFERENCES_MAX, outlet_id)
    ]


async def streaks(outlet_id: int | None = None) -> list[Difference]:
    """Every outlet's streak is what its last check-in says, and counts all of its check-ins."""
    return [
        Difference(
            "checkin.streaks",
            f"outlet {row['outlet_id']}: streak {row['streak_days'] or 0} on {row['last_on'] or 'no day'} after"
            f" {row['checkins'] or 0} check-ins; made {row['made_days'] or 0} on {row['made_on'] or 'no day'} after"
            f" {row['made'] or 0}",
        )
        for row in await queries.broken_streaks(DIFFERENCES_MAX, outlet_id)
    ]


PROOFS: tuple[Proof, ...] = (paid, streaks)
