"""Many orders at once: choose them, confirm, and see what became of each."""

from collections.abc import Sequence

from app.http.console.components import Field, Form, reason_field, with_errors
from app.http.console.order_parts import moment
from app.http.console.pages import Answer, Page, View, Visit
from app.http.ops.orders import CHANGING, CRUMBS, ROOT_PATH
from loyalty import transactions
from loyalty.errors import Refusal
from loyalty.ordering.fulfilment import wishes
from loyalty.ordering.fulfilment.rules import STATUS_WORDS
from loyalty.ordering.history import orders
from loyalty.ordering.history.orders import Summary

CHOSEN_MAX = 100
WISHES = (("cancel", "取消订单"), ("seen", "标记已处理"))


async def choose(visit: Visit) -> Answer:
    """Show the orders that are stuck, to choose from."""
    return _page(await _stuck(visit), {}, {}, 200)


async def _stuck(visit: Visit) -> list[Summary]:
    async with transactions.reader():
        return await orders.find(visit.reach, "", "", "stuck", "placed", 0, CHOSEN_MAX, visit.at)


def _page(found: Sequence[Summary], given: dict[str, list[str]], faults: dict[str, str], status: int) -> View:
    options = tuple(
        (one.number, f"{one.number} · {one.outlet_name} · {STATUS_WORDS[one.status]} · {moment(one.placed_at)} 下单")
        for one in found
    )
    fields = (
        Field("numbers", "订单", kind="checks", options=options, required=True),
        Field("wish", "要做什么", kind="select", options=WISHES, required=True),
        reason_field("取消时门店会看到；都会写进操作记录。"),
    )
    form = Form(f"{ROOT_PATH}/bulk", fields, "下一步", cancel_href=ROOT_PATH)
    intro = f"这里是卡住的订单，最早的在前，最多 {CHOSEN_MAX} 个。选好后会再请您确认一次。"
    if not found:
        intro = "现在没有卡住的订单。"
    shown = with_errors(form, given, faults) if faults else form
    return View("console/form_page.html", "批量处理订单", {"form": shown, "intro": intro}, status, CRUMBS)


async def act(visit: Visit) -> Answer:
    """Ask once more, and then do it for each order by itself."""
    numbers = visit.form.get("numbers", [])[:CHOSEN_MAX]
    wish, reason = visit.field("wish"), visit.field("reason")
    faults = {
        **({} if numbers else {"numbers": "请至少选一个"}),
        **({} if wish in dict(WISHES) else {"wish": "请从列表里选"}),
        **({} if reason else {"reason": "请写一句原因"}),
    }
    if faults:
        return _page(await _stuck(visit), dict(visit.form), faults, 422)
    if visit.field("confirmed") != "yes":
        return _confirm(numbers, wish, reason)
    done = [(number, await _one(visit, number, wish, reason)) for number in numbers]
    return View("console/bulk_done.html", "批量处理完成", {"done": done, "back_href": ROOT_PATH}, crumbs=CRUMBS)


def _confirm(numbers: Sequence[str], wish: str, reason: str) -> View:
    fields = (
        Field("numbers", "订单", kind="checks", options=tuple((one, one) for one in numbers), values=tuple(numbers)),
        Field("wish", "要做什么", kind="hidden", value=wish),
        Field("reason", "原因", kind="hidden", value=reason),
        Field("confirmed", "确认", kind="hidden", value="yes"),
    )
    word = dict(WISHES)[wish]
    form = Form(
        f"{ROOT_PATH}/bulk",
        fields,
        f"确认{word}",
        "danger" if wish == "cancel" else "primary",
        cancel_href=f"{ROOT_PATH}/bulk",
    )
    intro = f"将对 {len(numbers)} 个订单{word}，原因：{reason}。请再看一眼。"
    return View("console/form_page.html", f"确认{word}", {"form": form, "intro": intro}, crumbs=CRUMBS)


async def _one(visit: Visit, number: str, wish: str, reason: str) -> str:
    """Do it for one order; what stands against it is told, and the others go on."""
    try:
        if wish == "cancel":
            await wishes.cancel_for_staff(number, visit.reach, visit.staff.actor, reason, visit.at)
        else:
            await wishes.see_to(number, visit.reach, visit.staff.actor, reason, visit.at)
    except Refusal as refusal:
        return refusal.title
    return "好了"


PAGES = (
    Page("GET", "/orders/bulk", choose, CHANGING),
    Page("POST", "/orders/bulk", act, CHANGING),
)
