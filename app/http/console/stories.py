"""Audit entries and events as sentences that staff read."""

from datetime import datetime
from typing import Any

from app.http.console import words
from app.http.console.components import Moment, Tone
from loyalty.clock import SHANGHAI
from loyalty.organisation.audit import KeptEntry

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
    "percent_bps": "比例（万分之）",
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
}
UNTOLD = {"session"}
"""Numbers that say nothing to a reader."""
KNOWN: dict[str, str] = dict([*words.ROLES.items(), *words.KINDS.items(), *words.MEMBER_ROLES.items()])


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
        else:
            parts.append(f"{title}：{_value(name, before.get(name, after.get(name)))}")
    return "；".join(parts)


def _value(name: str, value: Any) -> str:
    if name in {"role", "kind"}:
        return KNOWN.get(value, _text(value))
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
    return str(value)


def moment_of(entry: KeptEntry) -> Moment:
    """Give an audit entry for a timeline."""
    text = "。".join(part for part in (change_of(entry), f"原因：{entry.reason}" if entry.reason else "") if part)
    return Moment(
        entry.at, words.ACTIONS.get(entry.action, entry.action), text, actor_of(entry), TONES.get(entry.action)
    )
