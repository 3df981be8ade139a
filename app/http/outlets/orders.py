"""An outlet's orders, the latest ones, each with a way to its page."""

from app.http.console.components import Cell, Column, Empty, Table
from app.http.console.order_parts import moment, what_of
from loyalty import transactions
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


async def table_of(outlet_id: int, path: str, root_path: str) -> Table:
    """Give the table of an outlet's latest orders, each with a link below ``root_path``."""
    async with transactions.reader():
        found = await orders.of_outlet(outlet_id, None, SHOWN_MAX)
    return Table(
        id="orders",
        path=path,
        columns=COLUMNS,
        rows=tuple(_row(one, root_path) for one in found),
        empty=Empty("还没有订单", "店里在乐客通下单后会列在这里。"),
        caption="订单",
    )


def _row(one: Summary, root_path: str) -> tuple[Cell, ...]:
    return (
        Cell(one.number, href=f"{root_path}/{one.number}"),
        Cell(what_of(one), note=f"{one.cases:,} 箱"),
        Cell(f"{yuan(one.due_fen)} 元"),
        Cell(STATUS_WORDS[one.status], note="缺货待选" if one.open_shortages else None),
        Cell(moment(one.placed_at)),
        Cell(f"{one.eta_on or one.deliver_on:%m-%d}"),
    )
