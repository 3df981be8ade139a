"""Staff and their grants, as administrators see and change them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import cast

from app.http import errors
from app.http.console import lists, words
from app.http.console.components import (
    Action,
    Cell,
    Column,
    Dialog,
    Empty,
    Fact,
    Field,
    Filter,
    Form,
    Tone,
    with_errors,
)
from app.http.console.lists import Listing
from app.http.console.pages import Answer, Page, Redirect, View, Visit
from app.http.console.paths import day_start, int_id
from app.http.console.stories import moment_of
from app.http.console.tables import TableQuery
from loyalty import transactions
from loyalty.clock import business_date
from loyalty.customers.territory import assignments
from loyalty.errors import Refusal
from loyalty.organisation import audit, tree
from loyalty.organisation.audit import AuditSearch
from loyalty.organisation.tree import Node
from loyalty.staff import grants, logins, people
from loyalty.staff.errors import OwnGrants, StaffLeft
from loyalty.staff.grants import KeptGrant
from loyalty.staff.people import Listed, Profile, State
from loyalty.staff.rules import Role, is_live

ADMIN: tuple[Role, ...] = ("admin",)
STORY_MAX = 30
COLUMNS = (
    Column("name", "姓名", sortable=True),
    Column("code", "工号", sortable=True),
    Column("roles", "角色"),
    Column("places", "范围"),
    Column("state", "状态"),
    Column("seen", "最近登录", sortable=True),
)
FILTERS = (
    Filter("role", "角色", tuple(words.ROLES.items())),
    Filter("state", "状态", (("here", "在职"), ("left", "已离职"), ("locked", "已锁定"))),
)
CRUMBS = (("同事和授权", "/admin/staff"),)


async def list_staff(visit: Visit) -> Answer:
    """List the staff whom this administrator sees."""

    async def fetch(state: TableQuery, skip: int, limit: int) -> Sequence[Listed]:
        async with transactions.reader():
            return await people.find(
                visit.reach.node_ids,
                state.q,
                cast(Role, state.filters.get("role", "")),
                cast(State, state.filters.get("state", "")),
                lists.order_of(state),
                skip,
                limit,
                visit.at,
            )

    return await lists.show(
        visit,
        Listing(
            id="staff",
            title="同事和授权",
            columns=COLUMNS,
            row=lambda one: _row(one, visit.at),
            fetch=fetch,
            empty=Empty("还没有同事", "添加第一位同事，给 TA 一个角色就能开始。", "/admin/staff/new", "添加同事"),
            default_sort="code",
            search="姓名或工号",
            filters=FILTERS,
            actions=(Action("添加同事", "/admin/staff/new"),),
        ),
    )


def _row(one: Listed, at: datetime) -> tuple[Cell, ...]:
    state, tone = _state(one.left_at is not None, one.locked, one.may_log_in)
    seen = "—" if one.last_login_at is None else f"{business_date(one.last_login_at):%Y-%m-%d}"
    return (
        Cell(one.name, href=f"/admin/staff/{one.id}"),
        Cell(one.code),
        Cell("、".join(words.ROLES[role] for role in one.roles) or "—"),
        Cell("、".join(one.places) or "—"),
        Cell(state, tone=tone),
        Cell("今天" if one.last_login_at and business_date(one.last_login_at) == business_date(at) else seen),
    )


def _state(has_left: bool, locked: bool, may_log_in: bool) -> tuple[str, Tone]:  # noqa: FBT001 - three facts of a row
    if has_left:
        return "已离职", "quiet"
    if locked:
        return "已锁定", "bad"
    return ("在职", "good") if may_log_in else ("还没密码", "warn")


async def _node_options(visit: Visit) -> tuple[tuple[str, str], ...]:
    async with transactions.reader():
        nodes = await tree.find(visit.reach.node_ids)
    return tuple((str(node.id), _node_title(node)) for node in nodes)


def _node_title(node: Node) -> str:
    above = f"{node.parent_name} › " if node.parent_name and node.kind in {"office", "route"} else ""
    return f"{words.KINDS[node.kind]} · {above}{node.name}（{node.code}）"


def _grant_fields(nodes: tuple[tuple[str, str], ...]) -> tuple[Field, ...]:
    return (
        Field("role", "角色", kind="select", required=True, options=tuple(words.ROLES.items())),
        Field("node_id", "在哪里有效", kind="select", required=True, options=nodes, hint="包括它下面的所有组织。"),
        Field("until_on", "到哪天为止", kind="date", hint="这一天结束时自动失效；不填就一直有效。"),
    )


async def _new_form(visit: Visit) -> Form:
    return Form(
        action="/admin/staff/new",
        submit="添加",
        cancel_href="/admin/staff",
        fields=(
            Field("code", "工号", required=True, hint="和 SFA 里一样，登录时用它。", length_max=32),
            Field("name", "姓名", required=True, length_max=64, autocomplete="off"),
            *_grant_fields(await _node_options(visit)),
        ),
    )


def _form_page(title: str, form: Form, status: int = 200, intro: str = "") -> View:
    return View("console/form_page.html", title, {"form": form, "intro": intro}, status, CRUMBS)


async def new_staff(visit: Visit) -> Answer:
    """Show the form that takes somebody in."""
    return _form_page("添加同事", await _new_form(visit))


async def add_staff(visit: Visit) -> Answer:
    """Take somebody in with their first role."""
    form = await _new_form(visit)
    wrong = _missing(visit, ("code", "name", "role", "node_id"))
    if wrong:
        return _form_page("添加同事", with_errors(form, visit.form, wrong), 422)
    try:
        staff_id = await grants.hire(
            visit.field("code"),
            visit.field("name"),
            cast(Role, visit.field("role")),
            int_id(visit.field("node_id")),
            _end_of(visit.field("until_on")),
            visit.staff,
            visit.at,
        )
    except Refusal as refusal:
        return _form_page("添加同事", with_errors(form, visit.form, fault_of(refusal)), errors.status_of(refusal))
    return Redirect(f"/admin/staff/{staff_id}", "staff_added")


def _missing(visit: Visit, names: Sequence[str]) -> dict[str, str]:
    return {name: "请填写这一项。" for name in names if not visit.field(name)}


def fault_of(refusal: Refusal) -> dict[str, str]:
    """Give a refusal as what is wrong at a field of a form, or with the form."""
    field = str(refusal.data.get("field", ""))
    return {"until_on" if field == "until_at" else field: f"{refusal.title}。{refusal.detail}"}


def _end_of(day: str) -> datetime | None:
    """Give the end of a day that a date field names; None for none."""
    return None if not day else day_start(day) + timedelta(days=1)


async def show_staff(visit: Visit) -> Answer:
    """Show one of the staff."""
    return await _shown(visit, int_id(visit.params["id"]))


async def _shown(visit: Visit, staff_id: int, grant_form: Form | None = None, status: int = 200) -> View:
    reach = visit.reach.node_ids
    async with transactions.reader():
        profile = await people.read(staff_id, reach)
        held = await grants.of(staff_id)
        story = await audit.search(reach, AuditSearch(subject_kind="staff", subject_id=str(staff_id)), 0, STORY_MAX)
        outlets = (await assignments.counts([staff_id], visit.at)).get(staff_id, 0)
        others = [one for one in await people.choices(reach, ("rep",), "", visit.at) if one.id != staff_id]
    sessions = await logins.sessions(staff_id, visit.at)
    locked = profile.locked_until is not None and profile.locked_until > visit.at
    state, tone = _state(profile.left_at is not None, locked, profile.has_password)
    successors = tuple((str(one.id), f"{one.name}（{one.code}）") for one in others)
    return View(
        "console/staff.html",
        profile.name,
        {
            "profile": profile,
            "facts": (
                Fact("工号", profile.code),
                Fact("状态", state, tone),
                Fact("负责门店", f"{outlets} 家"),
                Fact("登录着的设备", f"{len(sessions)} 台"),
                Fact("密码", _password_state(profile)),
            ),
            "grants": [(one, *_grant_state(one, visit.at)) for one in held],
            "role_words": words.ROLES,
            "kind_words": words.KINDS,
            "actions": _actions(visit, profile, locked=locked),
            "dialogs": _dialogs(profile, outlets, successors, held, visit.at),
            "grant_form": grant_form
            or Form(
                action=f"/admin/staff/{staff_id}/grants",
                submit="授予角色",
                fields=_grant_fields(await _node_options(visit)),
                id="grant",
            ),
            "moments": tuple(moment_of(one) for one in story),
            "is_me": profile.id == visit.staff.id,
        },
        status,
        CRUMBS,
    )


def _password_state(profile: Profile) -> str:
    if not profile.has_password:
        return "还没设置"
    return "临时密码，等 TA 登录后更换" if profile.password_is_temporary else "本人设置的"


def _grant_state(one: KeptGrant, at: datetime) -> tuple[str, Tone]:
    if is_live(one.from_at, one.until_at, at):
        return "有效", "good"
    return ("未开始", "info") if one.from_at > at else ("已结束", "quiet")


def _actions(visit: Visit, profile: Profile, *, locked: bool) -> tuple[Action, ...]:
    if profile.left_at is not None or profile.id == visit.staff.id:
        return ()
    unlock = (Action("解锁", dialog="unlock"),) if locked else ()
    return (
        *unlock,
        Action("重置密码" if profile.has_password else "设置密码", dialog="reset", tone="plain"),
        Action("结束登录", dialog="end-sessions", tone="plain"),
        Action("办理离职", dialog="leave", tone="danger"),
    )


def _dialogs(
    profile: Profile, outlets: int, successors: tuple[tuple[str, str], ...], held: Sequence[KeptGrant], at: datetime
) -> tuple[Dialog, ...]:
    path = f"/admin/staff/{profile.id}"
    reason = Field("reason", "原因", required=True, length_max=audit.REASON_LENGTH_MAX, hint="会写进操作记录。")
    handing = Field(
        "successor_id",
        f"{outlets} 家门店交给谁",
        kind="select",
        options=successors,
        hint="不选的话，这些门店暂时没有业务员。",
    )
    ends = tuple(
        Dialog(
            f"end-grant-{one.id}",
            f"结束“{words.ROLES[one.role]}”角色",
            f"{profile.name}在{one.node_name}的这个角色会马上失效，历史会保留。",
            Form(f"{path}/grants/{one.id}/end", (reason,), "结束角色", "danger", id=f"end-grant-form-{one.id}"),
        )
        for one in held
        if one.until_at is None or one.until_at > at
    )
    return (
        Dialog(
            "reset",
            "给一个临时密码",
            "TA 现有的登录会全部退出，锁定也会解除。临时密码只显示一次。",
            Form(f"{path}/password", (), "生成临时密码", id="reset-form"),
        ),
        Dialog("unlock", "解锁", "TA 马上就能再试密码。", Form(f"{path}/unlock", (), "解锁", id="unlock-form")),
        Dialog(
            "end-sessions",
            "结束所有登录",
            "TA 在所有设备上都要重新登录。",
            Form(f"{path}/sessions/end", (), "结束登录", id="end-sessions-form"),
        ),
        Dialog(
            "leave",
            f"为{profile.name}办理离职",
            "所有角色和登录马上结束，做过的事都会保留。",
            Form(f"{path}/leave", (*((handing,) if outlets else ()), reason), "办理离职", "danger", id="leave-form"),
        ),
        *ends,
    )


async def add_grant(visit: Visit) -> Answer:
    """Give a role."""
    staff_id = int_id(visit.params["id"])
    form = Form(
        action=f"/admin/staff/{staff_id}/grants",
        submit="授予角色",
        fields=_grant_fields(await _node_options(visit)),
        id="grant",
    )
    wrong = _missing(visit, ("role", "node_id"))
    if wrong:
        return await _shown(visit, staff_id, with_errors(form, visit.form, wrong), 422)
    try:
        await grants.add(
            staff_id,
            cast(Role, visit.field("role")),
            int_id(visit.field("node_id")),
            visit.at,
            _end_of(visit.field("until_on")),
            visit.staff,
            visit.at,
        )
    except (OwnGrants, StaffLeft):
        # Their page has no such form to say it at.
        raise
    except Refusal as refusal:
        again = with_errors(form, visit.form, fault_of(refusal))
        return await _shown(visit, staff_id, again, errors.status_of(refusal))
    return Redirect(f"/admin/staff/{staff_id}", "grant_added")


async def end_grant(visit: Visit) -> Answer:
    """End a role."""
    await grants.end(int_id(visit.params["grant_id"]), visit.staff, visit.field("reason"), visit.at)
    return Redirect(f"/admin/staff/{int_id(visit.params['id'])}", "grant_ended")


async def reset_password(visit: Visit) -> Answer:
    """Make a temporary password and show it this once."""
    staff_id = int_id(visit.params["id"])
    password = await logins.reset_password(staff_id, visit.staff, visit.at)
    async with transactions.reader():
        profile = await people.read(staff_id, visit.reach.node_ids)
    return View(
        "console/secret.html",
        "临时密码",
        {
            "sentence": f"请告诉{profile.name}（工号 {profile.code}），第一次登录时换成自己的。",
            "secret": password,
            "back_href": f"/admin/staff/{staff_id}",
        },
        crumbs=(*CRUMBS, (profile.name, f"/admin/staff/{staff_id}")),
    )


async def unlock(visit: Visit) -> Answer:
    """Let somebody who is locked try again."""
    staff_id = int_id(visit.params["id"])
    await logins.unlock(staff_id, visit.staff, visit.at)
    return Redirect(f"/admin/staff/{staff_id}", "unlocked")


async def end_sessions(visit: Visit) -> Answer:
    """End somebody's sessions."""
    staff_id = int_id(visit.params["id"])
    await logins.end_all_sessions(staff_id, visit.staff, visit.at)
    return Redirect(f"/admin/staff/{staff_id}", "sessions_ended")


async def leave(visit: Visit) -> Answer:
    """Let somebody go, and hand their outlets over."""
    staff_id = int_id(visit.params["id"])
    successor = visit.field("successor_id")
    await assignments.leave(
        staff_id, int_id(successor) if successor else None, visit.staff, visit.field("reason"), visit.at
    )
    return Redirect(f"/admin/staff/{staff_id}", "staff_left")


PAGES = (
    Page("GET", "/staff", list_staff, ADMIN),
    Page("GET", "/staff/new", new_staff, ADMIN),
    Page("POST", "/staff/new", add_staff, ADMIN),
    Page("GET", "/staff/{id}", show_staff, ADMIN),
    Page("POST", "/staff/{id}/grants", add_grant, ADMIN),
    Page("POST", "/staff/{id}/grants/{grant_id}/end", end_grant, ADMIN),
    Page("POST", "/staff/{id}/password", reset_password, ADMIN),
    Page("POST", "/staff/{id}/unlock", unlock, ADMIN),
    Page("POST", "/staff/{id}/sessions/end", end_sessions, ADMIN),
    Page("POST", "/staff/{id}/leave", leave, ADMIN),
)
