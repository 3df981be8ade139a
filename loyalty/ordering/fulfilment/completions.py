"""What the clock does about orders: those that nobody received are completed, and points arrive when they may."""

from datetime import datetime, timedelta

from loyalty import transactions
from loyalty.clock import business_date
from loyalty.ordering.fulfilment import earning, orders, queries
from loyalty.ordering.fulfilment.orders import Told
from loyalty.ordering.rules import ORDER_TERMS
from loyalty.rulebooks import rulebooks

BATCH_MAX = 200


async def complete(at: datetime, limit: int = BATCH_MAX) -> int:
    """Complete orders that were delivered days ago, as many as the rule book says. Entry verb; return how many.

    Called again until it returns less than the limit.
    """
    async with transactions.begin():
        on = business_date(at)
        days = (await rulebooks.in_force(ORDER_TERMS, [on]))[on].body.complete_days
        found = await queries.delivered_before(at - timedelta(days=days), limit)
        completed = 0
        for state in await orders.locked_many(found):
            if state.status == "delivered":
                await orders.advance(state, Told("completed", "clock", at, at))
                completed += 1
        return completed


async def release(at: datetime, limit: int = BATCH_MAX) -> int:
    """Pay the points of completed orders whose goods can no longer go back. Entry verb; return how many orders.

    Called again until it returns less than the limit. Paid once: the entries' documents see to it.
    """
    async with transactions.begin():
        found = await queries.due_for_release(business_date(at), limit)
        due = [state for state in await orders.locked_many(found) if state.released_at is None]
        if due:
            await earning.release([(state.number, list(state.lines.values())) for state in due], at)
            await queries.released([state.id for state in due], at)
        return len(due)
