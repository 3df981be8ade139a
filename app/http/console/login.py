"""The log-in page, open to everybody, and what everybody who is logged in may do: their password, their sessions."""

import re
from typing import Any

from sanic import HTTPResponse, Request, Sanic

from app import demo_accounts
from app.http import errors
from app.http.console import cookies, forms, navigation, pages, rendering
from app.http.console.components import Field, Form, with_errors
from app.http.console.errors import FormExpired
from app.http.console.pages import HTML, SECURITY_HEADERS, Answer, Page, Redirect, View, Visit
from app.http.console.paths import int_id
from app.http.endpoints import Context, caller_address
from app.http.errors import HttpRefusal
from app.http.limits import Limit
from app.http.observing import observed
from app.http.traces import trace_id
from loyalty import clock
from loyalty.errors import Refusal
from loyalty.organisation.audit import Actor
from loyalty.staff import logins, rules

LOGINS = Limit("staff-logins", 60, 600)
"""By address: a whole office behind one address logs in within ten minutes; a storm does not."""
PASSWORDS = Limit("password-changes", 10, 600)
DEVICES = (
    (r"MicroMessenger", "微信"),
    (r"iPhone|iPad", "苹果手机或平板"),
    (r"Android", "安卓手机"),
    (r"Windows", "Windows 电脑"),
    (r"Macintosh", "苹果电脑"),
    (r"Linux|X11", "Linux 电脑"),
)
NEXT = re.compile(r"/(?![/\\])[^\x00-\x1f\\]{0,500}")


def mount(app: Sanic[Any, Any]) -> None:
    """Route the log-in page."""
    for method, respond in (("GET", _show), ("POST", _log_in)):
        app.add_route(
            observed(method, pages.LOGIN_PATH, respond, pages.refuse),
            pages.LOGIN_PATH,
            {method},
            name=pages.route_name(method, pages.LOGIN_PATH),
            stream=True,
        )


def device_of(user_agent: str) -> str:
    """Name a browser as its owner would."""
    return next((name for form, name in DEVICES if re.search(form, user_agent)), "其他设备")


def safe_next(path: str) -> str:
    """Give where to go on after the log-in: a path of ours, never another site."""
    return path if NEXT.fullmatch(path) and not path.startswith(pages.LOGIN_PATH) else "/"


def _form(next_path: str) -> Form:
    return Form(
        action=pages.LOGIN_PATH,
        submit="登录",
        fields=(
            Field("code", "工号", required=True, autocomplete="username", length_max=32),
            Field(
                "password",
                "密码",
                kind="password",
                required=True,
                autocomplete="current-password",
                length_max=rules.PASSWORD_LENGTH_MAX,
            ),
            Field("next", "", kind="hidden", value=next_path, length_max=600),
        ),
        id="login",
    )


async def _show(request: Request, _params: dict[str, str]) -> HTTPResponse:
    context: Context = request.app.ctx.context
    at = clock.now()
    token = cookies.session_token(request)
    next_path = safe_next(request.args.get("next", "/"))
    if token and await logins.recognise(token, at) is not None:
        return pages.redirected(request, next_path)
    return _page(request, context, _form(next_path), 200)


def _page(request: Request, context: Context, form: Form, status: int, retry_after: int | None = None) -> HTTPResponse:
    guest = cookies.guest_token(request) or cookies.new_guest_token()
    config = context.resources.settings
    frame = pages.frame(request, None, clock.now()) | {"csrf": cookies.form_token(config.secret_keys[0], guest)}
    body = rendering.page(
        "console/login.html",
        **frame,
        title="登录",
        crumbs=(),
        form=form,
        accounts=demo_accounts.ACCOUNTS if config.demo else (),
        password=demo_accounts.PASSWORD if config.demo else "",
    )
    headers = {**SECURITY_HEADERS, "trace-id": trace_id(request)}
    if retry_after is not None:
        headers["retry-after"] = str(retry_after)
    answer = HTTPResponse(body, status, headers, HTML)
    cookies.put_guest(answer, guest, secure=is_secure(context))
    return answer


def is_secure(context: Context) -> bool:
    """Tell whether browsers reach us by https, so that cookies must not travel otherwise."""
    return context.resources.settings.public_url.startswith("https://")


async def _log_in(request: Request, _params: dict[str, str]) -> HTTPResponse:
    context: Context = request.app.ctx.context
    at = clock.now()
    given = await forms.read_form(request)
    code, password = given.get("code", [""])[0], given.get("password", [""])[0]
    form = _form(safe_next(given.get("next", ["/"])[0]))
    address = caller_address(request, context)
    try:
        if not forms.is_own_form(request, context, cookies.guest_token(request) or "", given):
            await forms.note_refusal(request, context, Actor("nobody", address, ""), "form.refused", at)
            raise FormExpired
        context.limits.take(LOGINS, address)
        device = device_of(request.headers.get("user-agent", ""))
        logged_in = await logins.log_in(code, password, address, device, at)
    except (Refusal, HttpRefusal) as refusal:
        status = refusal.status if isinstance(refusal, HttpRefusal) else errors.status_of(refusal)
        said = f"{refusal.title}。{refusal.detail}"
        wait = refusal.data.get("retry_after_seconds")
        shown = with_errors(form, given, {"": said})
        return _page(request, context, shown, status, int(str(wait)) if wait is not None else None)
    to = safe_next(given.get("next", ["/"])[0])
    if logged_in.password_is_temporary:
        to = pages.PASSWORD_PATH
    elif to == "/" and (staff := await logins.recognise(logged_in.token, at)) is not None:
        to = navigation.landing(staff.roles)
    answer = pages.redirected(request, to)
    cookies.put_session(answer, logged_in.token, secure=is_secure(context))
    return answer


async def log_out(visit: Visit) -> Answer:
    """End this very session."""
    if visit.staff.session_id is not None:
        await logins.end_session(visit.staff.session_id, visit.staff, visit.at)
    return Redirect(pages.LOGIN_PATH, "logged_out")


def _password_form() -> Form:
    length = rules.PASSWORD_LENGTH_MAX
    return Form(
        action=pages.PASSWORD_PATH,
        submit="换成新密码",
        fields=(
            Field(
                "current",
                "当前密码",
                kind="password",
                required=True,
                autocomplete="current-password",
                length_max=length,
            ),
            Field(
                "new",
                "新密码",
                kind="password",
                required=True,
                autocomplete="new-password",
                length_max=length,
                hint=f"至少 {rules.PASSWORD_LENGTH_MIN} 个字符，一句只有您知道的话最好记。",
            ),
            Field(
                "again",
                "再输一次新密码",
                kind="password",
                required=True,
                autocomplete="new-password",
                length_max=length,
            ),
        ),
        id="password",
    )


def _password_view(visit: Visit, form: Form, status: int = 200) -> View:
    return View(
        "console/password.html",
        "换密码",
        {"form": form, "is_first": visit.staff.password_is_temporary},
        status,
    )


async def show_password(visit: Visit) -> Answer:
    """Show the form that changes one's password."""
    return _password_view(visit, _password_form())


async def change_password(visit: Visit) -> Answer:
    """Change one's password."""
    current, new, again = (visit.form.get(name, [""])[0] for name in ("current", "new", "again"))
    if new != again:
        return _password_view(
            visit, with_errors(_password_form(), visit.form, {"again": "两次输入的不一样，请再输一次。"}), 422
        )
    try:
        await logins.change_password(visit.staff, current, new, visit.at)
    except Refusal as refusal:
        wrong = {str(refusal.data.get("field", "")): refusal.detail}
        return _password_view(visit, with_errors(_password_form(), visit.form, wrong), errors.status_of(refusal))
    return Redirect(navigation.landing(visit.staff.roles), "password_changed")


async def end_session(visit: Visit) -> Answer:
    """End one of my sessions."""
    await logins.end_session(int_id(visit.params["id"]), visit.staff, visit.at)
    return Redirect("/me", "session_ended")


ME = (
    Page("POST", "/logout", log_out, with_temporary_password=True),
    Page("GET", pages.PASSWORD_PATH, show_password, with_temporary_password=True),
    Page("POST", pages.PASSWORD_PATH, change_password, with_temporary_password=True, limit=PASSWORDS),
    Page("POST", "/me/sessions/{id}/end", end_session),
)
"""What everybody may do about their own log-in."""
