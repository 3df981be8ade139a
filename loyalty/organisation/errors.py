"""Refusals of the organisation module."""

from loyalty.errors import Conflict, Invalid, NotFound


class SystemNameTaken(Conflict):
    """A system key of this name exists."""

    code = "system_name_taken"
    title = "名称已被使用"
    sentence = "已经有一个叫“{name}”的系统密钥，请换一个名称。"


class SystemNameInvalid(Invalid):
    """A system's name has characters that it may not have."""

    code = "system_name_invalid"
    title = "名称不合规"
    sentence = "名称只用小写字母、数字、点、横线和下划线，最长 64 个字符。"


class ScopeUnknown(Invalid):
    """A scope that does not exist, or none at all."""

    code = "scope_unknown"
    title = "权限范围不存在"
    sentence = "权限范围只能从这些里选，至少一个：{known}。"


class SystemKeyUnknown(NotFound):
    """There is no such system key, or it is revoked."""

    code = "system_key_unknown"
    title = "没找到这个密钥"
    sentence = "它可能已经停用了，请刷新看看。"


class OldKeyTimeWrong(Invalid):
    """The key before a rotation may open for a while longer, not for ever."""

    code = "old_key_time_wrong"
    title = "旧密钥保留的时间不对"
    sentence = "旧密钥可以马上停用，最多保留 {days} 天。"


class NodeUnknown(NotFound):
    """There is no such node in reach."""

    code = "node_unknown"
    title = "没找到这个组织"
    sentence = "它可能已经调整过，请刷新后再选。"


class NodeCodeTaken(Conflict):
    """A sibling has the code."""

    code = "node_code_taken"
    title = "编码已被使用"
    sentence = "同一级里已经有编码 {node_code}，请换一个。"


class NodeCodeInvalid(Invalid):
    """A node's code is empty, too long or has spaces."""

    code = "node_code_invalid"
    title = "编码不合规"
    sentence = "编码 1 到 64 个字符，不含空格。"


class NameMissing(Invalid):
    """A node or a person without a name."""

    code = "name_missing"
    title = "还缺名称"
    sentence = "请填写名称，最长 64 个字。"


class ParentKindWrong(Invalid):
    """A node may not hang under one of this kind."""

    code = "parent_kind_wrong"
    title = "不能放在这里"
    sentence = "工厂放在集团下，营业所放在工厂下，线路放在营业所或工厂下。"


class TreeCycle(Conflict):
    """The move would put a node below itself."""

    code = "tree_cycle"
    title = "不能放到自己下面"
    sentence = "请选一个不在它下面的上级。"


class ReasonMissing(Invalid):
    """A change that needs a reason has none."""

    code = "reason_missing"
    title = "请写一句原因"
    sentence = "写清为什么这样做，方便以后查，最长 200 个字。"
