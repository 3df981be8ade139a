"""Refusals of the staff module."""

from loyalty.errors import Conflict, Forbidden, Invalid, NotFound


class StaffUnknown(NotFound):
    """There is no such staff member in reach."""

    code = "staff_unknown"
    title = "没找到这位同事"
    sentence = "请核对工号，或确认 TA 在您的管理范围内。"


class StaffCodeTaken(Conflict):
    """Somebody has this staff code."""

    code = "staff_code_taken"
    title = "工号已被使用"
    sentence = "已经有同事用这个工号，请核对后再试。"


class StaffCodeInvalid(Invalid):
    """A staff code has characters that it may not have."""

    code = "staff_code_invalid"
    title = "工号不合规"
    sentence = "工号用字母、数字、点、横线和下划线，最长 32 个字符。"


class StaffLeft(Conflict):
    """The person has left."""

    code = "staff_left"
    title = "这位同事已离职"
    sentence = "请换一位在职的同事。"


class RoleUnknown(Invalid):
    """A role that does not exist."""

    code = "role_unknown"
    title = "没有这个角色"
    sentence = "请从列出的角色里选一个。"


class RoleFromAbove(Forbidden):
    """Administrators and checkers of a part are made by somebody above it."""

    code = "role_from_above"
    title = "这个角色要由上级来给"
    sentence = "管理员和复核员由上级管理员授予，这样更稳妥。"


class GrantExists(Conflict):
    """The person has the role at this node for some of this time."""

    code = "grant_exists"
    title = "已经有这个授权"
    sentence = "同一个角色在同一个组织、同一段时间里只需授一次。"


class GrantUnknown(NotFound):
    """There is no such live grant."""

    code = "grant_unknown"
    title = "没找到这个授权"
    sentence = "它可能已经结束了，请刷新看看。"


class GrantTimesWrong(Invalid):
    """The end is not after the start, or it is over already."""

    code = "grant_times_wrong"
    title = "起止时间不对"
    sentence = "结束时间要晚于开始时间，也要晚于现在。"


class OwnGrants(Conflict):
    """Nobody changes their own rights."""

    code = "own_grants"
    title = "不能改自己的权限"
    sentence = "请另一位管理员来操作，这样更稳妥。"


class LastAdmin(Conflict):
    """Nobody would be left who administers the whole."""

    code = "last_admin"
    title = "至少要留一位总管理员"
    sentence = "请先让另一位同事担任集团总部的管理员。"


class OutOfReach(Forbidden):
    """The person also works where the administrator has no say."""

    code = "out_of_reach"
    title = "超出您的管理范围"
    sentence = "其中有您管理范围之外的权限或门店，请上级来操作。"


class SuccessorWrong(Invalid):
    """Work can be handed over only to another rep who is here."""

    code = "successor_wrong"
    title = "接手人不合适"
    sentence = "请选另一位在职、范围包含这些门店的业务员。"


class LoginRefused(Forbidden):
    """The staff code or the password is wrong; which of the two is not told."""

    code = "login_refused"
    title = "工号或密码不对"
    sentence = "请核对后再试。忘了密码，请管理员帮您重置。"


class LoginLocked(Forbidden):
    """Too many wrong passwords."""

    code = "login_locked"
    title = "密码错误次数过多"
    sentence = "为了安全先锁定一会儿，请 {minutes} 分钟后再试，或请管理员解锁。"


class TemporaryPasswordExpired(Forbidden):
    """The temporary password is right, and too old."""

    code = "temporary_password_expired"
    title = "临时密码过期了"
    sentence = "请管理员再给您一个，三天内登录就好。"


class PasswordWeak(Invalid):
    """A chosen password that is too easy to guess."""

    code = "password_weak"
    title = "换一个更安全的密码"
    sentence = "提示：{why}。"


class PasswordSame(Invalid):
    """The new password is the old one."""

    code = "password_same"
    title = "新密码和原来一样"
    sentence = "请换一个没用过的密码。"


class PasswordWrong(Invalid):
    """The current password is not right."""

    code = "password_wrong"
    title = "当前密码不对"
    sentence = "请再输入一次当前的密码。"


class SessionUnknown(NotFound):
    """There is no such live session."""

    code = "session_unknown"
    title = "没找到这次登录"
    sentence = "它可能已经结束了，请刷新看看。"
