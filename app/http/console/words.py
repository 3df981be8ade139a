"""The words that staff read for what the code calls by its own names."""

from loyalty.organisation.rules import Kind
from loyalty.rewards.rules import State
from loyalty.staff.rules import Role

ROLES: dict[Role, str] = {
    "admin": "管理员",
    "plant_lead": "工厂负责人",
    "operator": "厂房运营",
    "marketer": "市场",
    "checker": "复核员",
    "rep": "业务员",
    "supervisor": "业务主管",
}

KINDS: dict[Kind, str] = {"group": "集团", "plant": "工厂", "office": "营业所", "route": "线路"}

MEMBER_ROLES: dict[str, str] = {"owner": "店主", "clerk": "店员"}

ENTRY_KINDS: dict[str, str] = {
    "pending": "待入账",
    "accrual": "获得",
    "redemption": "使用",
    "expiry": "过期",
    "reversal": "冲回",
    "adjustment": "调整",
}

SOURCES: dict[str, str] = {
    "checkin": "签到",
    "order": "订单",
    "reward": "奖品",
    "redemption": "兑换",
    "order_cancelled": "订单已取消，仓库会收到",
    "order_seen": "已标记处理",
    "orders_done": "批量操作完成",
    "webhook_saved": "已保存",
    "webhook_active": "已恢复推送",
    "webhook_paused": "已暂停，事件都留着",
    "webhook_replayed": "会从那时起重新推送",
    "webhook_revived": "马上重新推送",
    "redemption_cancelled": "取消兑换",
    "lot": "到期",
    "adjustment": "调整",
}
"""Kind of the document that an entry was made for → what people call it."""

REWARD_STATES: dict[State, str] = {"draft": "草稿", "live": "已上架", "paused": "暂停", "ended": "已结束"}

EVENTS: dict[str, str] = {
    "checkin.made": "签到",
    "binding.made": "绑定门店",
    "binding.ended": "解除绑定",
    "reward.redeemed": "积分兑换",
    "reward.cancelled": "取消兑换",
    "entitlement.redeemed": "用了权益",
    "entitlement.lapsed": "权益过期",
}

ACTIONS: dict[str, str] = {
    "staff.added": "新增同事",
    "staff.renamed": "改了姓名",
    "staff.left": "办理离职",
    "staff.returned": "恢复在职",
    "grant.added": "授予角色",
    "grant.ended": "结束角色",
    "login.made": "登录",
    "login.refused": "登录没通过",
    "login.unlocked": "解除锁定",
    "session.ended": "结束登录",
    "password.changed": "改了密码",
    "password.reset": "重置密码",
    "node.added": "新增组织",
    "node.renamed": "组织改名",
    "node.confirmed": "确认组织",
    "node.moved": "组织调整上级",
    "node.move_refused": "调整上级没通过",
    "node.named": "同步组织",
    "assignment.changed": "调整负责人",
    "assignment.handed_over": "工作交接",
    "assignments.handed_over": "工作交接",
    "key.added": "新增系统密钥",
    "key.rotated": "更换系统密钥",
    "key.scopes_changed": "调整密钥权限",
    "key.revoked": "停用系统密钥",
    "switch.changed": "调整功能开关",
    "switch.killed": "紧急关闭功能",
    "switch.revived": "恢复功能",
    "binding.ended": "解除门店绑定",
    "binding.restored": "恢复门店绑定",
    "binding.owner_changed": "更换店主",
    "rule.planned": "新增规则版本",
    "rule.withdrawn": "撤回规则版本",
    "campaign.added": "新增活动",
    "campaign.changed": "调整活动",
    "reward.added": "新增奖品",
    "reward.changed": "修改奖品",
    "reward.moved": "奖品上下架",
    "redemption.cancelled": "取消兑换",
    "adjustment.proposed": "提出积分调整",
    "adjustment.approved": "复核通过积分调整",
    "adjustment.rejected": "驳回积分调整",
    "adjustment.withdrawn": "撤回积分调整",
    "list.exported": "导出列表",
    "form.refused": "表单来源不可信",
    "page.refused": "越权访问",
    "sfa_token.refused": "SFA 令牌被拒",
}

SUBJECTS: dict[str, str] = {
    "staff": "同事",
    "node": "组织",
    "system_key": "系统密钥",
    "switch": "功能开关",
    "rule_book": "积分规则",
    "campaign": "活动",
    "reward": "奖品",
    "outlet": "门店",
    "page": "页面",
    "list": "列表",
    "call": "接口",
}

DONE: dict[str, str] = {
    "welcome": "欢迎回来",
    "logged_out": "已退出，下次见",
    "password_changed": "密码改好了，其他设备已退出",
    "session_ended": "这次登录已结束",
    "staff_added": "已添加，记得为 TA 设密码",
    "grant_added": "角色已授予",
    "grant_ended": "角色已结束",
    "unlocked": "已解锁，TA 现在就能登录",
    "sessions_ended": "TA 的登录都结束了",
    "staff_left": "已办理离职",
    "staff_returned": "已恢复在职，记得重新给角色和密码",
    "handed_over": "已交接好",
    "node_added": "已添加",
    "node_saved": "已保存",
    "node_moved": "已调整，历史保留着",
    "node_confirmed": "已确认",
    "key_changed": "权限已更新",
    "key_revoked": "密钥已停用",
    "switch_saved": "已保存，一秒内生效",
    "switch_killed": "已关闭，一秒内生效",
    "switch_revived": "已恢复，一秒内生效",
    "unbound": "已解除绑定",
    "rebound": "已恢复绑定",
    "owner_changed": "店主已更换",
    "rule_planned": "已保存，到生效日自动启用",
    "rule_withdrawn": "已撤回",
    "campaign_added": "活动已建好",
    "campaign_saved": "已保存",
    "reward_added": "草稿存好了，检查无误再上架",
    "reward_saved": "已保存",
    "reward_moved": "已更新，马上生效",
    "adjustment_proposed": "已提交，等同事复核",
    "adjustment_approved": "已通过，积分到账了",
    "adjustment_rejected": "已驳回",
    "adjustment_withdrawn": "已撤回",
    "order_cancelled": "订单已取消，仓库会收到",
    "order_seen": "已标记处理",
    "orders_done": "批量操作完成",
    "webhook_saved": "已保存",
    "webhook_active": "已恢复推送",
    "webhook_paused": "已暂停，事件都留着",
    "webhook_replayed": "会从那时起重新推送",
    "webhook_revived": "马上重新推送",
    "redemption_cancelled": "已取消，积分退回原来的有效期",
}
"""What a page says once after something was done, by a short name that its address carries."""
