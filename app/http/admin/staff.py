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
    Empty,
    Field,
    Filter,
    Form,
    Tone,
    with_errors,
)
from app.http.console.forms import fault_of
from app.http.console.lists import Listing
from app.http.console.pages import Answer, Page, Redirect, View, Visit
from app.http.console.paths import chosen_id, day_start
from app.http.console.tables import TableQuery
from loyalty import transactions
from loyalty.clock import business_date
from loyalty.errors import Refusal
from loyalty.organisation import tree
from loyalty.organisation.tree import Node
from loyalty.staff import grants, people
from loyalty.staff.people import Listed, State
from loyalty.staff.rules import Role

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
    state, tone = state_of(one.left_at is not None, one.locked, one.may_log_in)
    seen = "—" if one.last_login_at is None else f"{business_date(one.last_login_at):%Y-%m-%d}"
    return (
        Cell(one.name, href=f"/admin/staff/{one.id}"),
        Cell(one.code),
        Cell("、".join(words.ROLES[role] for role in one.roles) or "—"),
        Cell("、".join(one.places) or "—"),
        Cell(state, tone=tone),
        Cell("今天" if one.last_login_at and business_date(one.last_login_at) == business_date(at) else seen),
    )


def state_of(has_left: bool, locked: bool, may_log_in: bool) -> tuple[str, Tone]:  # noqa: FBT001 - three facts of a row
    """Say in a word how somebody stands."""
    if has_left:
        return "已离职", "quiet"
    if locked:
        return "已锁定", "bad"
    return ("在职", "good") if may_log_in else ("还没密码", "warn")


async def node_options(visit: Visit) -> tuple[tuple[str, str], ...]:
    """Give the nodes within reach to choose from."""
    async with transactions.reader():
        nodes = await tree.find(visit.reach.node_ids)
        if len(nodes) == tree.NODES_MAX:
            # Too many to choose from: routes are left to the places above them.
            nodes = await tree.find(visit.reach.node_ids, ("group", "plant", "office"))
    return tuple((str(node.id), _node_title(node)) for node in nodes)


def _node_title(node: Node) -> str:
    above = f"{node.parent_name} › " if node.parent_name and node.kind in {"office", "route"} else ""
    return f"{words.KINDS[node.kind]} · {above}{node.name}（{node.code}）"


def grant_fields(nodes: tuple[tuple[str, str], ...]) -> tuple[Field, ...]:
    """Give the fields that say a role, where and until when."""
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
            *grant_fields(await node_options(visit)),
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
    wrong = missing(visit, ("code", "name", "role", "node_id"))
    if wrong:
        return _form_page("添加同事", with_errors(form, visit.form, wrong), 422)
    try:
        staff_id = await grants.hire(
            visit.field("code"),
            visit.field("name"),
            cast(Role, visit.field("role")),
            chosen_id(visit.field("node_id"), "node_id"),
            end_of(visit.field("until_on")),
            visit.staff,
            visit.at,
        )
    except Refusal as refusal:
        again = with_errors(form, visit.form, fault_of(refusal, until_at="until_on"))
        return _form_page("添加同事", again, errors.status_of(refusal))
    return Redirect(f"/admin/staff/{staff_id}", "staff_added")


def missing(visit: Visit, names: Sequence[str]) -> dict[str, str]:
    """Tell which fields that are needed were left empty."""
    return {name: "请填写这一项。" for name in names if not visit.field(name)}


def end_of(day: str) -> datetime | None:
    """Give the end of a day that a date field names; None for none."""
    return None if not day else day_start(day) + timedelta(days=1)


PAGES = (
    Page("GET", "/staff", list_staff, ADMIN),
    Page("GET", "/staff/new", new_staff, ADMIN),
    Page("POST", "/staff/new", add_staff, ADMIN),
)
