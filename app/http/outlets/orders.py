"""An outlet's orders, the latest ones, each with a way to the order desk."""

from app.http.console.components import Cell, Column, Empty, Table
from loyalty import transactions
from loyalty.clock import SHANGHAI
from loyalty.ordering.fulfilment.rules import STATUS_WORDS
from loyalty.ordering.history import orders
from loyalty.ordering.history.orders import Summary
from loyalty.units import yuan

SHOWN_MAX = 100
COLUMNS = (
    Column("number", "订单", whole=True),
    Column("what", "商品"),
    Column("total", "金额", numeric=True),
    Column("status", "状态"),
    Column("placed", "下单", whole=True),
    Column("deliver", "送货日", whole=True),
)


async def table_of(outlet_id: int, path: str) -> Table:
    """Give the table of an outlet's latest orders."""
    async with transactions.reader():
        found = await orders.of_outlet(outlet_id, None, SHOWN_MAX)
    return Table(
        id="orders",
        path=path,
        columns=COLUMNS,
        rows=tuple(_row(one) for one in found),
        empty=Empty("还没有订单", "店里在乐客通下单后会列在这里。"),
        caption="订单",
    )


def _row(one: Summary) -> tuple[Cell, ...]:
    what = f"{one.first_name}等 {one.lines} 种" if one.lines > 1 else one.first_name
    return (
        Cell(one.number, href=f"/ops/orders/{one.number}"),
        Cell(what, note=f"{one.cases:,} 箱"),
        Cell(f"{yuan(one.due_fen)} 元"),
        Cell(STATUS_WORDS[one.status], note="缺货待选" if one.open_shortages else None),
        Cell(f"{one.placed_at.astimezone(SHANGHAI):%m-%d %H:%M}"),
        Cell(f"{one.eta_on or one.deliver_on:%m-%d}"),
    )
