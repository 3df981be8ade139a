"""The pure rules of notices and messages: what is told, how often, when, and in which words."""

from datetime import date, datetime, time, timedelta
from typing import Any, Literal

import msgspec

from loyalty.clock import SHANGHAI

Template = Literal["order_status", "shortage", "flash_opening"]
TEMPLATES: dict[Template, str] = {"order_status": "订单进度", "shortage": "缺货提醒", "flash_opening": "闪促开抢"}
DAY_NOTICES_MAX = 20
"""Of an outlet on a day; what asks for an answer always comes."""
DAY_MESSAGES_MAX = 5
"""To a member on a day; shortages always come, since the truck does not wait."""
QUIET_FROM_HOUR, QUIET_UNTIL_HOUR = 21, 8
MORNING = time.fromisoformat("08:00")
EXPIRING_DAYS = (30, 7)
BACK_OFF_MINUTES = (1, 5, 30, 120)
STATUS_GOOD_FOR = timedelta(days=1)
THING_LENGTH_MAX = 20
ORDER_PAGE = "pages/order/order?number="


class Told(msgspec.Struct, frozen=True):
    """A notice in words."""

    kind: str
    title: str
    text: str
    asks: bool = False


class Worded(msgspec.Struct, frozen=True):
    """A message in words: field of the template to its text."""

    template: Template
    fields: dict[str, str]
    good_until: datetime


def notice_of(event_type: str, data: dict[str, Any]) -> Told | None:
    """Tell what an event of an order says in the inbox; None for what nobody needs to be told."""
    number, reason = data["number"], f"：{data['reason']}" if data.get("reason") else ""
    eta = data.get("eta_on") or data.get("deliver_on")
    if event_type == "order.shorted":
        names = _named(data["lines"])
        if data.get("asks"):
            text = f"订单 {number} 的{names}缺货，请在装车前选换货、等货或不要。"
            return Told("shortage", "有商品缺货", text, asks=True)
        return Told("shortage", "有商品没装上车", f"订单 {number} 的{names}缺货，这次没有送，不收钱。")
    returned = sum(one["cases"] for one in data.get("lines", ()))
    texts = {
        "order.confirmed": ("订单已确认", f"订单 {number} 仓库已确认" + (f"，预计 {_day(eta)}送到。" if eta else "。")),
        "order.shipped": ("送货中", f"订单 {number} 已装车" + (f"，预计 {_day(eta)}送到。" if eta else "。")),
        "order.delivered": ("已送达", f"订单 {number} 送到了，点一下收货，过几天积分到账。"),
        "order.returned": ("退货已登记", f"订单 {number} 退了 {returned} 箱。"),
        "order.completed": ("已自动收货", f"订单 {number} 已完成，过了退货期积分就到账。"),
        "order.cancelled": ("订单已取消", f"订单 {number} 取消了{reason}，用的券已退回。"),
        "order.rejected": ("订单没接成", f"订单 {number} 仓库没有接{reason}，用的券已退回。"),
    }
    if event_type not in texts or (event_type == "order.cancelled" and data.get("by") == "member"):
        return None
    return Told("order", *texts[event_type])


_STATUS: dict[str, str] = {
    "order.confirmed": "已确认",
    "order.shipped": "送货中",
    "order.delivered": "已送达",
    "order.cancelled": "已取消",
    "order.rejected": "未接单",
}
_HINTS: dict[str, str] = {
    "order.confirmed": "仓库已确认，按时送到",
    "order.shipped": "已装车，请留人收货",
    "order.delivered": "点一下确认收货",
    "order.cancelled": "用的券已退回",
    "order.rejected": "请联系业务员",
}


def message_of(event_type: str, data: dict[str, Any], at: datetime) -> Worded | None:
    """Tell what an event of an order says in a message; None for one that the inbox is enough for."""
    if event_type == "order.shorted" and data.get("asks"):
        first, short = data["lines"][0], sum(one["cases_short"] for one in data["lines"])
        until = datetime.combine(date.fromisoformat(data["deliver_on"]), time.min, SHANGHAI)
        fields = {
            "character_string1": data["number"],
            "thing2": thing(first["name"]),
            "number3": str(short),
            "thing4": "请选换货、等货或不要",
        }
        return Worded("shortage", fields, until)
    if event_type not in _STATUS or (event_type == "order.cancelled" and data.get("by") == "member"):
        return None
    fields = {
        "character_string1": data["number"],
        "phrase2": _STATUS[event_type],
        "time3": clock_text(at),
        "thing4": _HINTS[event_type],
    }
    return Worded("order_status", fields, at + STATUS_GOOD_FOR)


def flash_message(name: str, opens_at: datetime) -> Worded:
    """Tell that a flash session opens; worth nothing once it has opened."""
    fields = {"thing1": thing(name), "time2": clock_text(opens_at), "thing3": "先到先得，别错过"}
    return Worded("flash_opening", fields, opens_at)


def thing(text: str) -> str:
    """Cut a text on purpose to what a field of kind thing takes."""
    return text if len(text) <= THING_LENGTH_MAX else text[: THING_LENGTH_MAX - 1] + "…"


def clock_text(at: datetime) -> str:
    """Write an instant as a field of kind time takes it."""
    local = at.astimezone(SHANGHAI)
    return f"{local.year}年{local.month}月{local.day}日 {local:%H:%M}"


def due_at(at: datetime) -> datetime:
    """Tell when a message may go out: now, or in the morning where it is quiet, from 21:00 to before 08:00 Shanghai."""
    local = at.astimezone(SHANGHAI)
    if local.hour >= QUIET_FROM_HOUR:
        local = datetime.combine(local.date() + timedelta(days=1), MORNING, SHANGHAI)
    elif local.hour < QUIET_UNTIL_HOUR:
        local = datetime.combine(local.date(), MORNING, SHANGHAI)
    else:
        return at
    return local.astimezone(at.tzinfo)


def day_start(at: datetime) -> datetime:
    """Tell when the business date of an instant began."""
    return datetime.combine(at.astimezone(SHANGHAI).date(), time.min, SHANGHAI)


def may_tell(told: Told, told_today: int) -> bool:
    """Tell whether an outlet's inbox takes one more on a day."""
    return told.asks or told_today < DAY_NOTICES_MAX


def may_send(template: Template, queued_today: int) -> bool:
    """Tell whether a member gets one more message on a day."""
    return template == "shortage" or queued_today < DAY_MESSAGES_MAX


def expiring_notice(points: int, expires_on: date) -> Told:
    """Tell that points end."""
    day = f"{expires_on.month} 月 {expires_on.day} 日"
    return Told("points", "积分快到期了", f"有 {points:,} 分 {day}到期，去兑换商城看看吧。")


def _day(text: str) -> str:
    day = date.fromisoformat(text)
    return f"{day.month} 月 {day.day} 日"


def _named(lines: list[dict[str, Any]]) -> str:
    names = [str(one["name"]) for one in lines]
    return names[0] if len(names) == 1 else f"{names[0]}等 {len(names)} 种"
