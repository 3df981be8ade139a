"""The order desk: find orders, see what is stuck and what is short."""

from collections.abc import Sequence
from typing import cast

from app.http.console import lists
from app.http.console.components import Action, Cell, Column, Empty, Filter
from app.http.console.lists import Listing
from app.http.console.order_parts import TONES, moment, what_of
from app.http.console.pages import Answer, Page, Visit
from app.http.console.tables import TableQuery
from loyalty import transactions
from loyalty.ordering.fulfilment.rules import STATUS_WORDS
from loyalty.ordering.history import orders
from loyalty.ordering.history.orders import Only, ShortLine, Summary
from loyalty.staff.rules import Role
from loyalty.units import yuan

ROOT_PATH = "/ops/orders"
CRUMBS = (("订单", ROOT_PATH),)
LOOKING: tuple[Role, ...] = ("admin", "plant_lead", "operator", "rep", "supervisor")
CHANGING: tuple[Role, ...] = ("admin", "plant_lead", "operator")
ONLY: tuple[tuple[str, str], ...] = (("stuck", "卡住的"), ("short", "缺货待选"), ("tomorrow", "明天送"))
COLUMNS = (
    Column("number", "订单", whole=True),
    Column("outlet", "门店"),
    Column("what", "商品"),
    Column("total", "金额", sortable=True, numeric=True),
    Column("status", "状态"),
    Column("placed", "下单", sortable=True, whole=True),
    Column("deliver", "送货日", sortable=True, whole=True),
)
SHORT_COLUMNS = (
    Column("told", "什么时候告知", whole=True),
    Column("order", "订单", whole=True),
    Column("outlet", "门店"),
    Column("product", "缺什么"),
    Column("cases", "缺几箱", numeric=True),
    Column("deliver", "送货日", whole=True),
)


async def list_orders(visit: Visit) -> Answer:
    """List orders within reach."""

    async def fetch(state: TableQuery, skip: int, limit: int) -> Sequence[Summary]:
        async with transactions.reader():
            return await orders.find(
                visit.reach,
                state.q,
                state.filters.get("status", ""),
                cast(Only, state.filters.get("only", "")),
                f"{'-' if state.descending else ''}{state.sort or 'placed'}",
                skip,
                limit,
                visit.at,
            )

    async with transactions.reader():
        stuck = await orders.count_stuck(visit.reach, visit.at)
    bulk = (Action("批量处理", f"{ROOT_PATH}/bulk", tone="plain"),) if visit.staff.reach(CHANGING).node_ids else ()
    return await lists.show(
        visit,
        Listing(
            id="orders",
            title="订单",
            columns=COLUMNS,
            row=row_of,
            fetch=fetch,
            empty=Empty("还没有订单", "门店在乐客通下单后马上会出现。"),
            default_sort="-placed",
            search="订单号、门店编号或店名",
            filters=(
                Filter("only", "只看", ONLY),
                Filter("status", "状态", tuple(STATUS_WORDS.items())),
            ),
            intro=f"有 {stuck:,} 个订单卡住了，选“卡住的”看看。" if stuck else "没有卡住的订单，很好。",
            actions=(*bulk, Action("缺货", f"{ROOT_PATH}/shortages", tone="plain")),
        ),
    )


def row_of(one: Summary) -> tuple[Cell, ...]:
    """Show an order in a list."""
    before = f"下单时 {yuan(one.total_fen)} 元"
    notes = [word for word, is_so in (("缺货待选", one.open_shortages > 0), ("仓库说法不一", one.is_odd)) if is_so]
    return (
        Cell(one.number, href=f"{ROOT_PATH}/{one.number}"),
        Cell(one.outlet_name, note=one.outlet_code),
        Cell(what_of(one), note=f"{one.cases:,} 箱"),
        Cell(f"{yuan(one.due_fen)} 元", note=before if one.due_fen != one.total_fen else None),
        Cell(STATUS_WORDS[one.status], tone=TONES[one.status], note="、".join(notes) or None),
        Cell(moment(one.placed_at)),
        Cell(f"{one.eta_on or one.deliver_on:%m-%d}"),
    )


async def list_shortages(visit: Visit) -> Answer:
    """List what is short and waits for an answer."""

    async def fetch(_state: TableQuery, skip: int, limit: int) -> Sequence[ShortLine]:
        async with transactions.reader():
            return await orders.short(visit.reach, skip, limit, visit.at)

    return await lists.show(
        visit,
        Listing(
            id="shortages",
            title="缺货待选",
            columns=SHORT_COLUMNS,
            row=_short_row,
            fetch=fetch,
            empty=Empty("没有等门店选的缺货", "仓库报缺货后会列在这里，直到门店选好或装车。"),
            default_sort="told",
            crumbs=CRUMBS,
        ),
    )


def _short_row(one: ShortLine) -> tuple[Cell, ...]:
    return (
        Cell(moment(one.told_at)),
        Cell(one.number, href=f"{ROOT_PATH}/{one.number}"),
        Cell(one.outlet_name, note=one.outlet_code),
        Cell(one.name, note=one.reason or None),
        Cell(f"{one.cases_short:,} / {one.cases:,}"),
        Cell(f"{one.deliver_on:%m-%d}"),
    )


PAGES = (
    Page("GET", "/orders", list_orders, LOOKING),
    Page("GET", "/orders/shortages", list_shortages, LOOKING),
)
