"""An order's timeline in words: what happened, for members and for staff."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import msgspec

from loyalty.ordering.history.orders import StepSeen, Whole


class TimelineMoment(msgspec.Struct, frozen=True):
    """Something that happened to an order."""

    at: datetime
    kind: str
    text: str


def moments(whole: Whole) -> list[TimelineMoment]:
    """Tell what happened to an order, the earliest first. What changed nothing is left out."""
    names = {line.line_number: line.name for line in whole.lines}
    told = [TimelineMoment(whole.summary.placed_at, "placed", "下单成功，等仓库确认")]
    told += [TimelineMoment(step.at, step.kind, text_of(step, names)) for step in whole.steps if step.applied]
    return sorted(told, key=lambda one: one.at)


def text_of(step: StepSeen, names: dict[int, str]) -> str:
    """Tell one step in words."""
    body, who = step.body, step.made_by.partition(":")[0]
    eta = body.get("eta_on")
    reason = f"：{body['reason']}" if body.get("reason") else ""
    coming = f"，预计 {_day(eta)}送到" if eta else ""
    texts = {
        "confirmed": f"仓库已确认{coming}",
        "shorted": f"{_named(body, names)}缺货，请选换货、等货或不要",
        "shipped": f"已装车，送货中{coming}",
        "delivered": "已送达",
        "returned": f"退货：{_named(body, names)}",
        "received": "已确认收货",
        "completed": "已自动确认收货",
        "cancelled": f"{_BY.get(who, '')}取消了订单{reason}",
        "rejected": f"仓库没有接单{reason}",
        "shortage_decided": _decided(body),
    }
    return texts.get(step.kind, step.kind)


_BY = {"member": "店里", "hub": "仓库", "staff": "厂房"}
_CHOICES = {"substitute": "换别的商品", "wait": "等下一趟送", "cancel": "缺的不要了"}


def _day(text: str) -> str:
    day = date.fromisoformat(text)
    return f"{day.month} 月 {day.day} 日"


def _named(body: dict[str, Any], names: dict[int, str]) -> str:
    lines: Sequence[dict[str, Any]] = body.get("lines") or ()
    known = [names[line["line_number"]] for line in lines if line["line_number"] in names]
    return "、".join(known[:3]) + (f"等 {len(known)} 种" if len(known) > 3 else "") if known else "部分商品"  # noqa: PLR2004


def _decided(body: dict[str, Any]) -> str:
    follow = f"，新订单 {body['follow_number']}" if body.get("follow_number") else ""
    return f"选了：{_CHOICES.get(str(body.get('choice')), '')}{follow}"
