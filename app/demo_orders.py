"""The demo's orders: some delivered, some on their way, one short of something, one that nobody has confirmed."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from loyalty.catalogue.rules import Search
from loyalty.catalogue.shelves import PageRequest, Shelves, ShownPage
from loyalty.customers.standings import MemberRef
from loyalty.ordering import orders, quotes
from loyalty.ordering.fulfilment import progress
from loyalty.ordering.fulfilment.progress import Progress
from loyalty.ordering.fulfilment.rules import Report, Reported
from loyalty.ordering.orders import Placed, Placing
from loyalty.ordering.quotes import Quoted
from loyalty.ordering.rules import Wish
from loyalty.ordering.working_out import QuoteRequest

STORIES: tuple[tuple[int, int, tuple[tuple[Report, int], ...], int], ...] = (
    (9, 0, (("confirmed", 1), ("shipped", 22), ("delivered", 26)), 0),
    (6, 1, (("confirmed", 2), ("shipped", 23), ("delivered", 28)), 0),
    (5, 2, (("rejected", 3),), 0),
    (2, 3, (("confirmed", 1), ("shipped", 24)), 0),
    (1, 4, (("confirmed", 1), ("shorted", 3)), 1),
    (1, 5, (("confirmed", 2),), 0),
    (0, 6, (), 0),
)
"""Days ago, which shop, what the hub reported after so many hours, and how many cases it was short of."""
LINES, CASES = 3, 4


async def load(owners: Mapping[str, MemberRef], at: datetime) -> None:
    """Let shops order over the last days, as far as they are offered anything. After an interrupted run, again."""
    shelves, members = Shelves(), list(owners.values())
    for days, number, reports, short in STORIES:
        when = at - timedelta(days=days, hours=3)
        member = members[number % len(members)]
        page = (await shelves.pages([PageRequest(member, Search(), 0, LINES, when)]))[0]
        if isinstance(page, ShownPage) and page.items:
            key = f"demo-order-{number}"
            order = await _order(shelves, member, page, key, when)
            if order is not None:
                await _report(order, reports, short, when, at)


async def _order(shelves: Shelves, member: MemberRef, page: ShownPage, key: str, at: datetime) -> Placed | None:
    lines = tuple(
        Wish(item.product.id, CASES * item.product.multiple_cases + n) if item.product.multiple_cases == 1
        else Wish(item.product.id, CASES * item.product.multiple_cases)
        for n, item in enumerate(page.items)
    )  # fmt: skip
    request = QuoteRequest(member, key, b"demo", lines, (), "cash", None, at)
    (quoted,) = await quotes.quote(shelves, [request])
    if not isinstance(quoted, Quoted):
        return None
    (placed,) = await orders.place(shelves, [Placing(member, key, b"demo", quoted.quote_id, None, "", at)])
    return placed if isinstance(placed, Placed) else None


async def _report(
    order: Placed, reports: tuple[tuple[Report, int], ...], short: int, placed_at: datetime, at: datetime
) -> None:
    for status, hours in reports:
        when = min(placed_at + timedelta(hours=hours), at)
        lines = (Reported(1, CASES - short, "仓库缺货"),) if status == "shorted" else ()
        await progress.report(
            Progress(order.number, f"demo-{status}", status, when, lines, order.deliver_on, "", b"demo"),
            when,
        )
