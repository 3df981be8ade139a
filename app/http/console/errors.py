"""What only a page can refuse."""

from app.http.errors import HttpRefusal


class LoginNeeded(HttpRefusal):
    """Nobody is logged in; the browser is sent to the log-in page."""

    status, code = 401, "login_needed"
    title = "请先登录"
    sentence = "登录后会回到这个页面。"


class PasswordChangeNeeded(HttpRefusal):
    """The password was given by somebody else; the browser is sent to where it is changed."""

    status, code = 403, "password_change_needed"
    title = "先换一个自己的密码"
    sentence = "换好就能继续。"


class RoleMissing(HttpRefusal):
    """None of the person's live roles opens the page."""

    status, code = 403, "role_missing"
    title = "这个页面您暂时看不了"
    sentence = "如果工作需要，请管理员为您开通。"


class FormExpired(HttpRefusal):
    """The form does not belong to this browser's session, or came from another site."""

    status, code = 403, "form_expired"
    title = "页面放太久了"
    sentence = "请返回上一页刷新，再提交一次。"


class FormInvalid(HttpRefusal):
    """The form cannot be read."""

    status, code = 400, "form_invalid"
    title = "表单读不懂"
    sentence = "请返回上一页刷新，再提交一次。"
