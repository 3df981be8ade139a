"""Every proof there is, run as one."""

from app import metrics
from games.checkin.proofs import PROOFS as CHECKIN_PROOFS
from loyalty import transactions
from loyalty.points.proofs import PROOFS as POINTS_PROOFS
from loyalty.proofs import Difference, Proof

PROOFS: tuple[Proof, ...] = (*POINTS_PROOFS, *CHECKIN_PROOFS)


async def prove() -> list[Difference]:
    """Recompute everything that must always be true; return each difference, and count them for the alarm."""
    differences: list[Difference] = []
    async with transactions.reader():
        for proof in PROOFS:
            found = await proof()
            metrics.DIFFERENCES.labels(f"{proof.__module__}.{proof.__name__}").set(len(found))
            differences += found
    return differences
