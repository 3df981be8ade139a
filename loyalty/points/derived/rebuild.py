"""Setting accounts and lots to what the entries say, when a proof has found that they are not."""

import msgspec

from loyalty import transactions
from loyalty.points import locks
from loyalty.points.derived import queries

BATCH_OUTLETS_MAX = 1_000


class Rebuilt(msgspec.Struct, frozen=True):
    """How many accounts and lots were wrong and are right now, and how far the outlets have been gone through."""

    outlets: int
    accounts: int
    lots: int
    last_outlet_id: int


async def rebuild(after_outlet_id: int = 0) -> Rebuilt:
    """Rebuild at most BATCH_OUTLETS_MAX outlets behind one, in id order. Entry verb; the house may serve meanwhile.

    Called again with ``last_outlet_id`` until ``outlets`` is 0. Entries are never touched.
    """
    async with transactions.begin():
        outlet_ids = await queries.outlets_after(after_outlet_id, BATCH_OUTLETS_MAX)
        if not outlet_ids:
            return Rebuilt(0, 0, 0, after_outlet_id)
        return await _rebuilt(outlet_ids)


async def rebuild_one(outlet_id: int) -> Rebuilt:
    """Rebuild one outlet. Entry verb."""
    async with transactions.begin():
        return await _rebuilt([outlet_id])


async def rebuild_budgets() -> int:
    """Set what campaigns have spent to what their entries come to; return how many were wrong. Entry verb.

    Locks all campaigns; to be run while nobody pays out of one, since entries on their way are not seen.
    """
    async with transactions.begin():
        return await queries.rebuild_budgets()


async def _rebuilt(outlet_ids: list[int]) -> Rebuilt:
    await locks.ensure_accounts(outlet_ids)
    await locks.lock_accounts(outlet_ids)
    accounts, lots = await queries.rebuild(outlet_ids)
    return Rebuilt(len(outlet_ids), accounts, lots, outlet_ids[-1])
