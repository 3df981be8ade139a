"""Refusals of the organisation module."""

from loyalty.errors import Conflict, Invalid


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
