"""A process that works through the ledger in batches, each a transaction, until it is done or killed.

It writes a line after each commit. Run as ``python -m tests.faults.ledger_work DATABASE_URL WORK``.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta

from app import database
from loyalty import transactions
from loyalty.points import ledger, settlements
from tests.loyalty.ledger_items import AT, gone_back, settlement

NEXT_YEAR = AT + timedelta(days=400)


DOCUMENTS = 2_400
BATCH = 20


async def _release(first: int) -> bool:
    await settlements.release([settlement(f"{number}", AT) for number in range(first, first + BATCH)])
    return first + BATCH < DOCUMENTS


async def _reverse(first: int) -> bool:
    await settlements.reverse([gone_back(f"{one}", (1, 3), f"r{one}") for one in range(first, first + BATCH)])
    return first + BATCH < DOCUMENTS


async def _expire(_first: int) -> bool:
    swept = await ledger.expire(NEXT_YEAR.date(), BATCH, NEXT_YEAR)
    return swept.lots == BATCH


WORKS: dict[str, Callable[[int], Awaitable[bool]]] = {"release": _release, "reverse": _reverse, "expire": _expire}


async def _work(url: str, batch: Callable[[int], Awaitable[bool]]) -> None:
    async with database.opened(url, pool_max=1, name="leketong-ledger-work"):
        first, more = 0, True
        while more and first < 2 * DOCUMENTS:
            async with transactions.begin():
                more = await batch(first)
            first += BATCH
            sys.stdout.write(f"{first}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_work(sys.argv[1], WORKS[sys.argv[2]]))
