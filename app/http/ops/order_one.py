"""One order as the order desk sees it: its lines, its timeline, and what can still be done."""

from app.http.console import order_parts
from app.http.console.components import Action, Dialog, Form, reason_field
from app.http.console.pages import Answer, Page, Redirect, View, Visit
from app.http.ops.orders import CHANGING, CRUMBS, LOOKING, ROOT_PATH
from loyalty import transactions
from loyalty.ordering.fulfilment import wishes
from loyalty.ordering.fulfilment.orders import BEFORE_LEAVING
from loyalty.ordering.history import orders
from loyalty.ordering.history.orders import Whole


async def show_order(visit: Visit) -> Answer:
    """Show one order."""
    async with transactions.reader():
        whole = await orders.read_for_staff(visit.params["number"], visit.reach, visit.at)
    one = whole.summary
    path = f"{ROOT_PATH}/{one.number}"
    may = bool(visit.staff.reach(CHANGING).node_ids)
    return View(
        "console/order.html",
        f"订单 {one.number}",
        {
            "facts": order_parts.facts_of(whole, ROOT_PATH),
            "money": order_parts.money_of(whole),
            "actions": _actions(whole) if may else (),
            "table": order_parts.lines_of(whole, path),
            "gifts": order_parts.gifts_of(whole),
            "shortages": order_parts.shortages_of(whole),
            "moments": order_parts.moments_of(whole),
            "dialogs": _dialogs(path) if may else (),
        },
        crumbs=CRUMBS,
    )


def _actions(whole: Whole) -> tuple[Action, ...]:
    one = whole.summary
    return (
        *((Action("标记已处理", dialog="seen"),) if one.is_odd else ()),
        *((Action("取消订单", dialog="cancel", tone="danger"),) if one.status in BEFORE_LEAVING else ()),
    )


def _dialogs(path: str) -> tuple[Dialog, ...]:
    reason = reason_field("门店会看到，也会写进操作记录。")
    cancel = Form(f"{path}/cancel", (reason,), "取消订单", "danger", id="cancel-form")
    seen = Form(f"{path}/seen", (reason_field(),), "已处理", id="seen-form")
    return (
        Dialog("cancel", "取消订单", "仓库会马上收到，门店的券和特价退回。不能恢复。", cancel),
        Dialog("seen", "标记已处理", "核实过了就标记，不再列在卡住的里。", seen),
    )


async def cancel_order(visit: Visit) -> Answer:
    """Take an order back."""
    number = visit.params["number"]
    await wishes.cancel_for_staff(number, visit.reach, visit.staff.actor, visit.field("reason"), visit.at)
    return Redirect(f"{ROOT_PATH}/{number}", "order_cancelled")


async def see_to(visit: Visit) -> Answer:
    """Say that what was odd is seen to."""
    number = visit.params["number"]
    await wishes.see_to(number, visit.reach, visit.staff.actor, visit.field("reason"), visit.at)
    return Redirect(f"{ROOT_PATH}/{number}", "order_seen")


PAGES = (
    Page("GET", "/orders/{number}", show_order, LOOKING),
    Page("POST", "/orders/{number}/cancel", cancel_order, CHANGING),
    Page("POST", "/orders/{number}/seen", see_to, CHANGING),
)
