"""One order as the rep sees it before a visit: read only, with what the shop itself may still do."""

from datetime import datetime

from app.http.console import order_parts
from app.http.console.navigation import VISITING
from app.http.console.pages import Answer, Page, View, Visit
from app.http.sfa.orders import ROOT_PATH
from loyalty import transactions
from loyalty.ordering.history import orders
from loyalty.ordering.history.orders import Whole

CRUMBS = (("门店订单", ROOT_PATH),)


async def show_order(visit: Visit) -> Answer:
    """Show one order of an outlet in reach."""
    async with transactions.reader():
        whole = await orders.read_for_staff(visit.params["number"], visit.reach, visit.at)
    root_path = f"{ROOT_PATH}/orders"
    return View(
        "console/sfa_order.html",
        f"订单 {whole.summary.number}",
        {
            "facts": order_parts.facts_of(whole, root_path),
            "money": order_parts.money_of(whole),
            "actions": (),
            "table": order_parts.lines_of(whole, f"{root_path}/{whole.summary.number}"),
            "gifts": order_parts.gifts_of(whole),
            "shortages": order_parts.shortages_of(whole),
            "moments": order_parts.moments_of(whole),
            "dialogs": (),
            "still": _still(whole, visit.at),
        },
        crumbs=CRUMBS,
    )


def _still(whole: Whole, at: datetime) -> tuple[str, ...]:
    """Tell what the member can do with it at this instant."""
    one = whole.summary
    cut_off = f"（{order_parts.moment(one.cut_off_at)} 前）" if one.status == "confirmed" else ""
    may = (
        (one.open_shortages > 0, "缺的商品：换别的、等下一趟，或者不要了"),
        (whole.may_cancel(at), f"取消这个订单{cut_off}"),
        (whole.may_receive, "货到了，点“确认收货”"),
    )
    return tuple(text for is_so, text in may if is_so)


PAGES = (Page("GET", "/orders/{number}", show_order, VISITING),)
