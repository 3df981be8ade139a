"""How a webhook's consumer and its deliveries are shown."""

from datetime import datetime

from app.http.console.components import Action, Cell, Column, Dialog, Fact, Field, Form, Tone, reason_field
from loyalty.clock import SHANGHAI
from loyalty.feeds.webhooks.consumers import Consumer, KeptDelivery, Lag

STATES: dict[str, tuple[str, Tone]] = {
    "active": ("推送中", "good"), "paused": ("已暂停", "quiet"), "disabled": ("已停止", "bad"),
}  # fmt: skip
DELIVERIES: dict[str, tuple[str, Tone]] = {
    "due": ("等待中", "info"), "taken": ("已收下", "good"), "dead": ("没送到", "bad"),
}  # fmt: skip
SINCE = (("1", "1 小时前"), ("24", "1 天前"), ("168", "7 天前"))
DELIVERY_COLUMNS = (
    Column("at", "进入时间"),
    Column("type", "事件"),
    Column("subject", "门店"),
    Column("state", "状态"),
    Column("tries", "失败次数", numeric=True),
    Column("result", "最近一次"),
)


def moment(at: datetime | None) -> str:
    """Tell an instant, short."""
    return "—" if at is None else f"{at.astimezone(SHANGHAI):%m-%d %H:%M:%S}"


def facts_of(one: Consumer, lag: Lag) -> tuple[Fact, ...]:
    """Tell how it goes."""
    word, tone = STATES[one.state]
    circuit = (
        Fact("线路", f"连着 {one.failures} 次没送到，{moment(one.closed_until)} 再试", "warn")
        if one.closed_until
        else Fact("线路", "通畅", "good")
    )
    return (
        Fact("状态", f"{word}：{one.note}" if one.note else word, tone),
        circuit,
        Fact("等待中", f"{lag.due:,} 条" + (f"，最早 {moment(lag.oldest_at)}" if lag.oldest_at else "")),
        Fact("没送到", f"{lag.dead:,} 条", "bad" if lag.dead else None),
        Fact("最近收下", moment(lag.last_taken_at)),
        Fact("旧密钥", f"{moment(one.old_secret_until)} 前仍一起签名" if one.old_secret_until else "无"),
    )


def actions_of(one: Consumer, lag: Lag) -> tuple[Action, ...]:
    """Give what can be done."""
    state = (
        Action("暂停", dialog="pause", tone="plain") if one.state == "active" else Action("恢复推送", dialog="resume")
    )
    again = (Action("全部重推没送到的", dialog="revive"),) if lag.dead else ()
    return (
        *again,
        state,
        Action("从某时起重推", dialog="replay", tone="plain"),
        Action("更换密钥", dialog="rotate", tone="plain"),
    )


def dialogs_of(one: Consumer, path: str) -> tuple[Dialog, ...]:
    """Give the questions that are asked before it is done."""
    since = Field("since", "从什么时候起", kind="select", options=SINCE, value="1", required=True)
    replay = Form(f"{path}/replay", (since, reason_field()), "重新推送", id="replay-form")
    pause = Form(f"{path}/pause", (reason_field(),), "暂停", "danger", id="pause-form")
    rotating = Form(f"{path}/rotate", (), "更换", id="rotate-form")
    reviving = Form(f"{path}/revive", (), "全部重推", id="revive-form")
    resume = Form(f"{path}/resume", (reason_field(),), "恢复推送", id="resume-form")
    return (
        Dialog("pause", f"暂停推送给 {one.name}", "暂停期间的事件都留着，恢复后接着推送。", pause),
        Dialog("resume", f"恢复推送给 {one.name}", "马上接着推送等待中的事件。", resume),
        Dialog("replay", "从某时起重推", "对方按事件编号去重，重复的不会算两次。", replay),
        Dialog("rotate", "更换密钥", "新旧密钥一起签名 1 天，对方慢慢换。", rotating),
        Dialog("revive", "全部重推", "没送到的都重新推送一遍。", reviving),
    )


def delivery_text(one: KeptDelivery) -> str:
    """Tell a delivery in a line."""
    return f"{moment(one.taken_in_at)} {one.type} · {one.subject} · {_result(one)}"


def _result(one: KeptDelivery) -> str:
    if one.last_ms is None:
        return "还没推送"
    return f"{one.last_status or one.last_error}，{one.last_ms} 毫秒"


def delivery_row(one: KeptDelivery) -> tuple[Cell, ...]:
    """Show a delivery in the table."""
    word, tone = DELIVERIES[one.state]
    return (
        Cell(moment(one.taken_in_at)),
        Cell(one.type),
        Cell(one.subject),
        Cell(word, tone=tone, note=f"{moment(one.next_at)} 再试" if one.state == "due" and one.attempts else None),
        Cell(str(one.attempts)),
        Cell(_result(one)),
    )
