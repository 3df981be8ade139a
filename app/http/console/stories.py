"""Audit entries and events as sentences that staff read."""

from datetime import datetime
from typing import Any

from app.http.console import typed, words
from app.http.console.components import Moment, Tone
from loyalty.clock import SHANGHAI
from loyalty.organisation.audit import KeptEntry
from loyalty.rewards.types import registry
from loyalty.units import yuan

TONES: dict[str, Tone] = {
    "login.refused": "warn",
    "form.refused": "bad",
    "node.move_refused": "warn",
    "page.refused": "bad",
    "sfa_token.refused": "bad",
    "switch.killed": "bad",
    "staff.left": "warn",
    "key.revoked": "warn",
}
ACTORS = {"system": "系统", "command": "服务器命令", "nobody": "未登录"}
FIELDS = {
    "role": "角色",
    "place": "范围",
    "successor": "接手人",
    "outlets": "门店",
    "from_at": "开始",
    "until_at": "结束",
    "name": "名称",
    "code": "编码",
    "kind": "类型",
    "parent": "上级",
    "parent_id": "新的上级",
    "session": "登录",
    "count": "数量",
    "scopes": "权限",
    "enabled": "打开",
    "killed": "紧急关闭",
    "plants": "工厂",
    "value_classes": "价值级",
    "tags": "标签",
    "percent_bps": "比例",
    "member_id": "成员",
    "owner": "店主",
    "address": "来自",
    "trace_id": "编号",
    "rows": "行数",
    "q": "搜索",
    "bound": "绑定",
    "status": "状态",
    "inserted": "新增",
    "updated": "更新",
    "made": "新建组织",
    "named": "确认或改名",
    "state": "状态",
    "type": "类型",
    "description": "说明",
    "cost_points": "兑换积分",
    "cost_fen": "一份的成本",
    "units": "份数",
    "days_valid": "有效天数",
    "outlet_max": "每店限兑",
    "outlet_month_max": "每店每月限兑",
    "terms": "内容",
    "budget_points": "积分预算",
    "outlet_points_max": "每店最多得",
    "outlet_day_points_max": "每店一天最多得",
    "stopped": "停止发放",
    "effective_on": "生效日",
    "points": "积分",
    "reward": "奖品",
    "base_points": "每天基础分",
    "extra_points": "加分",
    "months": "月数",
    "period": "取整到",
    "dates": "到期日",
    "grace_days": "宽限天数",
    "points_per_case": "每箱积分",
    "category_points": "分品类积分",
    "multiplier_bps": "倍数",
    "first_order_points": "首单奖励",
    "propose": "提出额度",
    "approve": "复核额度",
    "off_fen": "减",
    "minimum_fen": "满",
    "item_code": "物料",
    "item_name": "礼品",
    "quantity": "数量",
    "unit": "单位",
    "product_code": "产品编号",
    "product_name": "产品",
    "price_fen": "每箱",
    "cases_max": "最多箱数",
    "cut_off_hour": "截单时间",
    "days_ahead": "最远提前几天",
    "quote_minutes": "报价保留几分钟",
    "cash_minimum_fen": "货到付款起订",
    "cash_maximum_fen": "货到付款最多",
    "account_minimum_fen": "账期起订",
    "account_maximum_fen": "账期最多",
    "once_points_max": "一次最多",
    "day_points_max": "一天最多",
}
UNTOLD = {"session", "picture_id", "campaign_id", "adjustment_id"}
"""Numbers that say nothing to a reader."""
KNOWN: dict[str, str] = dict(
    [
        *words.ROLES.items(),
        *words.KINDS.items(),
        *words.MEMBER_ROLES.items(),
        *words.REWARD_STATES.items(),
        *((one.code, one.title) for one in registry.TYPES),
    ]
)
"""What codes in entries are called."""
NOTHING: tuple[Any, ...] = (None, "", [], {})
"""What a thing that was just made did not get says nothing."""


def actor_of(entry: KeptEntry) -> str:
    """Name who did it."""
    kind = ACTORS.get(entry.actor_kind, "")
    return " ".join(part for part in (kind, entry.actor_name or entry.actor_id) if part)


def change_of(entry: KeptEntry) -> str:
    """Tell what changed: 名称：旧 → 新."""
    before, after = entry.before or {}, entry.after or {}
    parts = []
    for name in dict.fromkeys([*before, *after]):
        if name in UNTOLD:
            continue
        title = FIELDS.get(name, name)
        if name in before and name in after:
            parts.append(f"{title}：{_value(name, before[name])} → {_value(name, after[name])}")
        elif before or after.get(name) not in NOTHING:
            parts.append(f"{title}：{_value(name, before.get(name, after.get(name)))}")
    return "；".join(parts)


def _value(name: str, value: Any) -> str:
    if name in {"role", "kind", "state", "type"}:
        return KNOWN.get(value, _text(value))
    if name.endswith("_bps") and isinstance(value, int):
        return f"{typed.percent(value)}%"
    if name.endswith("_fen") and isinstance(value, int):
        return f"{yuan(value)} 元"
    if name.endswith("_at") and isinstance(value, str):
        return f"{datetime.fromisoformat(value).astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
    return _text(value)


def _text(value: Any) -> str:
    if value is None or value == "":
        return "无"
    if isinstance(value, list):
        return "、".join(_text(one) for one in value) or "无"
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, dict):
        told = (f"{KNOWN.get(name, FIELDS.get(name, name))} {_value(name, one)}" for name, one in value.items())
        return "，".join(told) or "无"
    return str(value)


def moment_of(entry: KeptEntry) -> Moment:
    """Give an audit entry for a timeline."""
    parts = (change_of(entry), f"原因：{entry.reason}" if entry.reason else "")
    text = "。".join(part.rstrip("。") for part in parts if part)
    return Moment(
        entry.at, words.ACTIONS.get(entry.action, entry.action), text, actor_of(entry), TONES.get(entry.action)
    )
