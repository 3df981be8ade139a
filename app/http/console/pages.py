"""Pages as values, as endpoints are: an area's pages with the roles that open them, so that none can forget to ask.

For every page, in this order: the trace id, the session, the forced change of password, the role, the limit, the form
and its token; then the function that calls the verbs; then the answer, the log line and the metrics. Who is not logged
in is sent to the log-in page and comes back from there.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec
from sanic import HTTPResponse, Request, Sanic

from app.http import errors
from app.http.console import cookies, forms, navigation, rendering, words
from app.http.console.components import Toast
from app.http.console.errors import FormExpired, LoginNeeded, PasswordChangeNeeded, RoleMissing
from app.http.endpoints import Context, caller_address
from app.http.errors import HttpRefusal
from app.http.limits import Limit
from app.http.observing import observed
from app.http.traces import trace_id
from app.resources import Resources
from loyalty import clock
from loyalty.errors import DatabaseUnavailable, Refusal
from loyalty.staff import logins
from loyalty.staff.people import Reach, Staff
from loyalty.staff.rules import Role

HTML = "text/html; charset=utf-8"
LOGIN_PATH = "/login"
PASSWORD_PATH = "/password"  # noqa: S105 - a path
VISITS = Limit("pages", 240, 60)
SECURITY_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}


class Visit(msgspec.Struct, frozen=True):
    """One request for a page after all checks."""

    context: Context
    page: "Page"
    staff: Staff
    params: dict[str, str]
    query: Mapping[str, list[str]]
    form: Mapping[str, list[str]]
    files: Mapping[str, bytes]
    """What was uploaded, by field."""
    at: datetime
    address: str
    page_path: str
    """The path of this very request."""
    wants_part: str
    """The id of the part of the page that is asked for alone; empty for the whole page."""

    @property
    def resources(self) -> Resources:
        """Give the process's resources."""
        return self.context.resources

    @property
    def reach(self) -> Reach:
        """Tell how far this person reaches in the roles that open this page: what every query of it is asked with."""
        return self.staff.reach(self.page.roles)

    def field(self, name: str) -> str:
        """Give a form's field, or one of the query for a page without a form; empty when it is not there."""
        given = self.form if self.page.method == "POST" else self.query
        return given.get(name, [""])[0].strip()


@dataclass(frozen=True, slots=True)
class View:
    """A page to show."""

    template: str
    title: str
    context: Mapping[str, Any]
    status: int = 200
    crumbs: tuple[tuple[str, str | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Redirect:
    """Where to go on after something was done, and what to say there: a name of ``words.DONE``."""

    path: str
    done: str = ""


@dataclass(frozen=True, slots=True)
class Download:
    """A file to keep."""

    content: bytes
    filename: str
    content_type: str = "text/csv; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Unchanged:
    """Nothing new for the part of a page that asks again: it stays as it is."""


Answer = View | Redirect | Download | Unchanged


@dataclass(frozen=True, slots=True)
class Page:
    """One page, or the form that it sends."""

    method: str
    path: str
    call: Callable[[Visit], Awaitable[Answer]]
    roles: tuple[Role, ...] = ()
    """Who may; empty for everybody who is logged in."""
    with_temporary_password: bool = False
    """Whether it opens before the first password is changed."""
    limit: Limit = VISITS
    upload_bytes_max: int = 0
    """How large a form with a file may be; 0 for a form that brings none."""


@dataclass(frozen=True, slots=True)
class Area:
    """An audience's pages below one prefix."""

    name: str
    prefix: str
    pages: tuple[Page, ...] = field(default=())


def route_name(method: str, path: str) -> str:
    """Give the name under which Sanic keeps a route."""
    return "page_" + re.sub(r"\W+", "_", f"{method}_{path}").lower()


def mount(app: Sanic[Any, Any], areas: tuple[Area, ...]) -> None:
    """Route every page of every area."""
    for area in areas:
        for page in area.pages:
            path = re.sub(r"\{(\w+)\}", r"<\1:str>", area.prefix + page.path)
            app.add_route(
                observed(page.method, area.prefix + page.path, _respond(page), refuse),
                path,
                {page.method},
                name=route_name(page.method, path),
                stream=True,
                unquote=True,
            )


def _respond(page: Page) -> Callable[[Request, dict[str, str]], Awaitable[HTTPResponse]]:
    async def respond(request: Request, params: dict[str, str]) -> HTTPResponse:
        context: Context = request.app.ctx.context
        at = clock.now()
        staff = await _staff(request, at)
        if staff.password_is_temporary and not page.with_temporary_password:
            raise PasswordChangeNeeded
        if page.roles and not staff.roles & set(page.roles):
            await forms.note_refusal(request, context, staff.actor, "page.refused", at)
            raise RoleMissing
        context.limits.take(page.limit, f"Staff:{staff.id}")
        form: Mapping[str, list[str]] = {}
        files: Mapping[str, bytes] = {}
        if page.method == "POST":
            if page.upload_bytes_max and forms.brings_files(request):
                form, files = await forms.read_upload(request, page.upload_bytes_max)
            else:
                form = await forms.read_form(request)
            if not forms.is_own_form(request, context, cookies.session_token(request) or "", form):
                await forms.note_refusal(request, context, staff.actor, "form.refused", at)
                raise FormExpired
        visit = Visit(
            context=context,
            page=page,
            staff=staff,
            params=params,
            query=_query(request),
            form=form,
            files=files,
            at=at,
            address=caller_address(request, context),
            page_path=request.path,
            wants_part=request.headers.get("hx-target", "") if "hx-request" in request.headers else "",
        )
        try:
            answer = await page.call(visit)
        except RoleMissing:
            await forms.note_refusal(request, context, staff.actor, "page.refused", at)
            raise
        return _answered(request, answer, staff, at)

    return respond


def _query(request: Request) -> dict[str, list[str]]:
    # Sanic's own mapping gives the first value where a mapping of lists would give the list. PostgreSQL keeps no NUL.
    given = dict(request.get_args(keep_blank_values=True))
    return {name: [value.replace("\0", "") for value in values] for name, values in given.items()}


async def _staff(request: Request, at: datetime) -> Staff:
    token = cookies.session_token(request)
    staff = await logins.recognise(token, at) if token else None
    if staff is None:
        raise LoginNeeded
    return staff


def _answered(request: Request, answer: Answer, staff: Staff, at: datetime) -> HTTPResponse:
    if isinstance(answer, Redirect):
        return redirected(request, answer.path + (_joined(answer.path) + f"done={answer.done}" if answer.done else ""))
    headers = {**SECURITY_HEADERS, "trace-id": trace_id(request)}
    if isinstance(answer, Unchanged):
        return HTTPResponse(None, 204, headers)
    if isinstance(answer, Download):
        headers["content-disposition"] = f"attachment; filename*=UTF-8''{quote(answer.filename)}"
        return HTTPResponse(answer.content, 200, headers, answer.content_type)
    body = rendering.page(
        answer.template,
        **frame(request, staff, at),
        title=answer.title,
        crumbs=answer.crumbs,
        **answer.context,
    )
    return HTTPResponse(body, answer.status, headers, HTML)


def _joined(path: str) -> str:
    return "&" if "?" in path else "?"


def frame(request: Request, staff: Staff | None, at: datetime) -> dict[str, Any]:
    """Give what every page's layout needs."""
    context: Context = request.app.ctx.context
    config = context.resources.settings
    cookie = cookies.session_token(request) if staff is not None else cookies.guest_token(request)
    said = words.DONE.get(request.args.get("done", "")) if request.query_string else None
    return {
        "me": None if staff is None else Me(staff.name, "、".join(words.ROLES[role] for role in sorted(staff.roles))),
        "nav": () if staff is None else navigation.areas(staff, request.path),
        "csrf": cookies.form_token(config.secret_keys[0], cookie) if cookie else "",
        "toast": None if said is None else Toast(said),
        "demo": config.demo,
        "now": at,
    }


@dataclass(frozen=True, slots=True)
class Me:
    """The person in front of the page, as its frame names them."""

    name: str
    roles_text: str


def redirected(request: Request, path: str) -> HTTPResponse:
    """Send the browser on; htmx, which would follow by itself and swap the page into a part, by its own header."""
    # A header carries no other signs; what is quoted already stays.
    path = quote(path, safe="/?&=%+,;:@!$'()*~")
    headers = {**SECURITY_HEADERS, "trace-id": trace_id(request)}
    if "hx-request" in request.headers:
        return HTTPResponse(None, 204, headers | {"hx-redirect": path})
    return HTTPResponse(None, 303, headers | {"location": path})


def _back(request: Request) -> str | None:
    """Give where a form was sent from, so that nobody is left standing on a refusal."""
    sent_from = urlsplit(request.headers.get("referer", ""))
    if request.method != "POST" or sent_from.netloc != request.headers.get("host", "") or not sent_from.path:
        return None
    return quote(sent_from.path, safe="/%") + (f"?{sent_from.query}" if sent_from.query else "")


async def refuse(request: Request, refusal: Refusal | HttpRefusal) -> HTTPResponse:
    """Render a refusal as a page, or send the browser to where it can be cured."""
    if isinstance(refusal, LoginNeeded):
        back = request.path + (f"?{request.query_string}" if request.query_string else "")
        return redirected(
            request, f"{LOGIN_PATH}?next={quote(back, safe='')}" if request.method == "GET" else LOGIN_PATH
        )
    if isinstance(refusal, PasswordChangeNeeded):
        return redirected(request, PASSWORD_PATH)
    status = refusal.status if isinstance(refusal, HttpRefusal) else errors.status_of(refusal)
    at = clock.now()
    staff: Staff | None = None
    if status < 500:  # noqa: PLR2004 - with the database away there is nobody to ask who this is
        try:
            staff = await _staff(request, at)
        except (LoginNeeded, DatabaseUnavailable):
            staff = None
    body = rendering.page(
        "console/error.html",
        **frame(request, staff, at),
        title=refusal.title,
        crumbs=(),
        status=status,
        heading=refusal.title,
        sentence=refusal.detail,
        trace_id=trace_id(request),
        home_href="/" if staff is not None else LOGIN_PATH,
        back_href=_back(request),
    )
    headers = {**SECURITY_HEADERS, "trace-id": trace_id(request)}
    if "retry_after_seconds" in refusal.data:
        headers["retry-after"] = str(refusal.data["retry_after_seconds"])
    return HTTPResponse(body, status, headers, HTML)
