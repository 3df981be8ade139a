"""What pages show of an order, the same at the desk and for the reps: badges, facts, lines, shortages, the timeline."""

from datetime import datetime
from urllib.parse import quote

from app.http.console.components import Cell, Column, Empty, Fact, Moment, Table, Tone
from loyalty.clock import SHANGHAI
from loyalty.ordering.fulfilment.rules import STATUS_WORDS, Line, Status
from loyalty.ordering.history.orders import Summary, Whole
from loyalty.ordering.history.timeline import text_of
from loyalty.ordering.rules import PAYMENT_WORDS
from loyalty.units import yuan

TONES: dict[Status, Tone | None] = {
    "placed": "info", "confirmed": "info", "shipped": "info", "delivered": "good", "completed": "good",
    "cancelled": "quiet", "rejected": "bad",
}  # fmt: skip
LINE_COLUMNS = (
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


def moment(at: datetime | None) -> str:
    """Tell an instant, short."""
    return "—" if at is None else f"{at.astimezone(SHANGHAI):%m-%d %H:%M}"


def outlet_path(code: str) -> str:
    """Give the address of an outlet's page, whatever signs its code has."""
    return f"/outlets/{quote(code, safe='')}"


def what_of(one: Summary) -> str:
    """Tell what was ordered, short."""
    return f"{one.first_name}等 {one.lines} 种" if one.lines > 1 else one.first_name


def facts_of(whole: Whole, root_path: str) -> tuple[Fact, ...]:
    """Tell about an order; orders that belong to it are linked below ``root_path``."""
    one = whole.summary
    linked = (("加在这单上", whole.joins), ("补这单的缺货", whole.follows), *(("加单", each) for each in whole.added))
    invoice = whole.invoice
    kind = "" if invoice is None else ("专票" if invoice.kind == "special" else "普票")
    return (
        Fact("状态", STATUS_WORDS[one.status], TONES[one.status]),
        *((Fact("注意", "仓库说法不一，请核实", "warn"),) if one.is_odd else ()),
        Fact("门店", f"{one.outlet_name}（{one.outlet_code}）", href=outlet_path(one.outlet_code)),
        Fact("下单", moment(one.placed_at)),
        Fact("送货日", f"{one.deliver_on:%Y-%m-%d}"),
        Fact("预计送到", "—" if one.eta_on is None else f"{one.eta_on:%Y-%m-%d}"),
        Fact("截单", moment(one.cut_off_at)),
        *(Fact(word, number, href=f"{root_path}/{number}") for word, number in linked if number),
        Fact("发票", "不开" if invoice is None else f"{kind} · {invoice.title} {invoice.tax_number}".strip()),
        Fact("备注", whole.note or "—"),
    )


def money_of(whole: Whole) -> tuple[Fact, ...]:
    """Tell what an order costs and what it earns."""
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


def lines_of(whole: Whole, path: str) -> Table:
    """Give the table of an order's lines."""
    return Table(
        id="lines",
        path=path,
        columns=LINE_COLUMNS,
        rows=tuple(_row(line) for line in whole.lines),
        empty=Empty("没有商品", ""),
        caption="商品",
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


def gifts_of(whole: Whole) -> tuple[str, ...]:
    """Tell which gifts come along."""
    return tuple(f"{gift.name}：{gift.item_name} {gift.quantity} {gift.unit}" for gift in whole.gifts)


def shortages_of(whole: Whole) -> tuple[tuple[str, str], ...]:
    """Tell what was short, and what came of it."""
    names = {line.line_number: line.name for line in whole.lines}
    return tuple(
        (
            f"{names[one.line_number]} 缺 {one.cases_short} 箱" + (f"（{one.reason}）" if one.reason else ""),
            SHORT_WORDS[one.state] + (f"，新订单 {one.follow_number}" if one.follow_number else ""),
        )
        for one in whole.shortages
    )


def moments_of(whole: Whole) -> tuple[Moment, ...]:
    """Tell what happened to an order, the latest first, with what was said and changed nothing."""
    names = {line.line_number: line.name for line in whole.lines}
    told = [Moment(whole.summary.placed_at, "下单", who="店里")]
    for step in whole.steps:
        verdict = VERDICTS.get(str(step.body.get("verdict")), "")
        who = WHO.get(step.made_by.partition(":")[0], step.made_by)
        told.append(Moment(step.at, text_of(step, names), verdict, who, None if step.applied else "warn"))
    return tuple(sorted(told, key=lambda one: one.at, reverse=True))
