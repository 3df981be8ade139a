"""One order as the order desk sees it: its lines, its timeline, and what can still be done."""

from app.http.console.components import Action, Cell, Column, Dialog, Empty, Fact, Form, Moment, Table, reason_field
from app.http.console.pages import Answer, Page, Redirect, View, Visit
from app.http.ops.orders import CHANGING, CRUMBS, LOOKING, ROOT_PATH, TONES, moment
from loyalty import transactions
from loyalty.ordering.fulfilment import wishes
from loyalty.ordering.fulfilment.orders import BEFORE_LEAVING
from loyalty.ordering.fulfilment.rules import STATUS_WORDS, Line
from loyalty.ordering.history import orders
from loyalty.ordering.history.orders import Whole
from loyalty.ordering.history.timeline import text_of
from loyalty.ordering.rules import PAYMENT_WORDS
from loyalty.units import yuan

COLUMNS = (
    Column("line", "行", numeric=True),
    Column("name", "商品"),
    Column("price", "每箱", numeric=True),
    Column("cases", "订了", numeric=True),
    Column("due", "实送", numeric=True),
    Column("returned", "退回", numeric=True),
    Column("amount", "金额", numeric=True),
)
WHO = {"hub": "仓库", "member": "店里", "staff": "厂房", "clock": "系统"}
SHORT_WORDS = {
    "open": "等门店选",
    "substituted": "换了别的",
    "waiting": "等下一趟",
    "dropped": "不要了",
    "passed": "没选，已装车",
}
VERDICTS = {"late": "来晚了，不影响", "odd": "和已知的不符"}


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
            "facts": _facts(whole),
            "money": _money(whole),
            "actions": _actions(whole) if may else (),
            "table": Table(
                id="lines",
                path=path,
                columns=COLUMNS,
                rows=tuple(_row(line) for line in whole.lines),
                empty=Empty("没有商品", ""),
                caption="商品",
            ),
            "gifts": tuple(f"{gift.name}：{gift.item_name} {gift.quantity} {gift.unit}" for gift in whole.gifts),
            "shortages": _shortages(whole),
            "moments": _moments(whole),
            "dialogs": _dialogs(path) if may else (),
        },
        crumbs=CRUMBS,
    )


def _facts(whole: Whole) -> tuple[Fact, ...]:
    one = whole.summary
    linked = (("加在这单上", whole.joins), ("补这单的缺货", whole.follows), *(("加单", each) for each in whole.added))
    invoice = whole.invoice
    kind = "" if invoice is None else ("专票" if invoice.kind == "special" else "普票")
    return (
        Fact("状态", STATUS_WORDS[one.status], TONES[one.status]),
        *((Fact("注意", "仓库说法不一，请核实", "warn"),) if one.is_odd else ()),
        Fact("门店", f"{one.outlet_name}（{one.outlet_code}）", href=f"/outlets/{one.outlet_code}"),
        Fact("下单", moment(one.placed_at)),
        Fact("送货日", f"{one.deliver_on:%Y-%m-%d}"),
        Fact("预计送到", "—" if one.eta_on is None else f"{one.eta_on:%Y-%m-%d}"),
        Fact("截单", moment(one.cut_off_at)),
        *(Fact(word, number, href=f"{ROOT_PATH}/{number}") for word, number in linked if number),
        Fact("发票", "不开" if invoice is None else f"{kind} · {invoice.title} {invoice.tax_number}".strip()),
        Fact("备注", whole.note or "—"),
    )


def _money(whole: Whole) -> tuple[Fact, ...]:
    one = whole.summary
    points = f"{whole.points:,} 分"
    when = "已到账" if whole.released_at else (f"{whole.release_on:%m-%d} 到账" if whole.release_on else "待入账")
    return (
        Fact("商品", f"{yuan(whole.goods_fen)} 元"),
        Fact("优惠", f"{yuan(whole.discount_fen)} 元"),
        Fact("押金", f"{yuan(whole.deposit_fen)} 元"),
        Fact("下单时合计", f"{yuan(one.total_fen)} 元"),
        Fact("现在应付", f"{yuan(one.due_fen)} 元", "warn" if one.due_fen != one.total_fen else None),
        Fact("付款", PAYMENT_WORDS[one.payment]),
        Fact("积分", f"{points}，{when}" if whole.points else "—"),
    )


def _row(line: Line) -> tuple[Cell, ...]:
    special = f"{line.special_cases} 箱特价 {yuan(line.special_price_fen or 0)} 元" if line.special_cases else None
    return (
        Cell(str(line.line_number)),
        Cell(line.name, note=line.code),
        Cell(f"{yuan(line.price_fen)} 元", note=special),
        Cell(f"{line.cases:,}"),
        Cell(f"{line.cases_due:,}", tone="warn" if line.cases_due < line.cases else None),
        Cell(f"{line.cases_returned:,}", tone="warn" if line.cases_returned else None),
        Cell(f"{yuan(line.amount_fen(line.stays))} 元"),
    )


def _shortages(whole: Whole) -> tuple[tuple[str, str], ...]:
    names = {line.line_number: line.name for line in whole.lines}
    return tuple(
        (
            f"{names[one.line_number]} 缺 {one.cases_short} 箱" + (f"（{one.reason}）" if one.reason else ""),
            SHORT_WORDS[one.state] + (f"，新订单 {one.follow_number}" if one.follow_number else ""),
        )
        for one in whole.shortages
    )


def _moments(whole: Whole) -> tuple[Moment, ...]:
    names = {line.line_number: line.name for line in whole.lines}
    told = [Moment(whole.summary.placed_at, "下单", who="店里")]
    for step in whole.steps:
        verdict = VERDICTS.get(str(step.body.get("verdict")), "")
        who = WHO.get(step.made_by.partition(":")[0], step.made_by)
        told.append(Moment(step.at, text_of(step, names), verdict, who, None if step.applied else "warn"))
    return tuple(sorted(told, key=lambda one: one.at, reverse=True))


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
