"""The organisation as a tree: look, add, name and confirm, move."""

from collections.abc import Sequence

from app.http import errors
from app.http.admin.staff import ADMIN
from app.http.console import words
from app.http.console.components import (
    Action,
    Cell,
    Column,
    Dialog,
    Empty,
    Fact,
    Field,
    Form,
    Table,
    reason_field,
    with_errors,
)
from app.http.console.forms import fault_of
from app.http.console.pages import Answer, Page, Redirect, View, Visit
from app.http.console.paths import chosen_id, int_id
from app.http.console.stories import moment_of
from loyalty import transactions
from loyalty.customers.territory import moves
from loyalty.errors import Refusal
from loyalty.organisation import audit, tree
from loyalty.organisation.audit import AuditEntry, AuditSearch
from loyalty.organisation.errors import NodeUnknown, TreeCycle
from loyalty.organisation.rules import KINDS, PARENT_KINDS, Kind
from loyalty.organisation.tree import Node

STORY_MAX = 20
COLUMNS = (
    Column("name", "名称"),
    Column("kind", "类型"),
    Column("code", "编码"),
    Column("children", "下级", numeric=True),
    Column("state", "状态"),
)
ROOT_PATH = "/admin/organisation"


def _rows(nodes: Sequence[Node]) -> tuple[tuple[Cell, ...], ...]:
    return tuple(
        (
            Cell(
                node.name, href=f"{ROOT_PATH}/{node.id}", note=node.parent_name if node.confirmed_at is None else None
            ),
            Cell(words.KINDS[node.kind]),
            Cell(node.code),
            Cell(str(node.children)),
            Cell("待确认", tone="warn") if node.confirmed_at is None else Cell("已确认", tone="good"),
        )
        for node in nodes
    )


def _table(table_id: str, caption: str, nodes: Sequence[Node], path: str, empty: Empty) -> Table:
    return Table(id=table_id, path=path, columns=COLUMNS, rows=_rows(nodes), empty=empty, caption=caption)


async def show_root(visit: Visit) -> Answer:
    """Show what this administrator has the say over, and what waits to be confirmed."""
    reach = visit.reach.node_ids
    async with transactions.reader():
        waiting = await tree.unconfirmed(reach)
        found = await tree.find(reach, ("group", "plant"), visit.field("q"))
    table = Table(
        id="nodes",
        path=ROOT_PATH,
        columns=COLUMNS,
        rows=_rows(found),
        empty=Empty("还没有工厂", "门店数据里一出现新工厂，这里就有了。"),
        search="工厂名称或编码",
        q=visit.field("q"),
        caption="集团和工厂",
    )
    if visit.wants_part == table.id:
        return View("console/table_part.html", "组织", {"table": table})
    empty = Empty("没有待确认的", "新工厂一出现就会列在这里。")
    return View(
        "console/organisation.html",
        "组织",
        {"waiting": _table("waiting", "待确认", waiting, ROOT_PATH, empty), "count": len(waiting), "table": table},
    )


async def show_node(visit: Visit) -> Answer:
    """Show one node."""
    return await _shown(visit, int_id(visit.params["id"]))


def _kinds_below(kind: Kind) -> tuple[Kind, ...]:
    return tuple(below for below in KINDS if kind in PARENT_KINDS[below])


def _name_form(node: Node) -> Form:
    return Form(
        action=f"{ROOT_PATH}/{node.id}/name",
        submit="确认并保存" if node.confirmed_at is None else "保存",
        fields=(Field("name", "名称", value=node.name, required=True, length_max=64),),
        id="name",
    )


def _add_form(node: Node) -> Form:
    kinds = tuple((kind, words.KINDS[kind]) for kind in _kinds_below(node.kind))
    return Form(
        action=f"{ROOT_PATH}/{node.id}/children",
        submit="添加",
        fields=(
            Field("kind", "类型", kind="select", options=kinds, required=True, value=kinds[0][0] if kinds else ""),
            Field("code", "编码", required=True, length_max=64, hint="和 SFA、ERP 里一样。"),
            Field("name", "名称", required=True, length_max=64),
        ),
        id="add",
    )


async def _shown(visit: Visit, node_id: int, *forms: Form, status: int = 200) -> View:
    reach = visit.reach.node_ids
    async with transactions.reader():
        node = await tree.read(node_id, reach)
        steps = await tree.path(node_id)
        below = await tree.children(node_id)
        history = await tree.history(node_id)
        parents = await tree.find(reach, PARENT_KINDS[node.kind])
        story = await audit.search(reach, AuditSearch(subject_kind="node", subject_id=str(node_id)), 0, STORY_MAX)
    given = {form.id: form for form in forms}
    options = tuple(
        (str(one.id), f"{words.KINDS[one.kind]} · {one.name}（{one.code}）")
        for one in parents
        if one.id not in {node.id, node.parent_id}
    )
    move = Form(
        action=f"{ROOT_PATH}/{node_id}/parent",
        submit="调整",
        fields=(
            Field("parent_id", "新的上级", kind="select", options=options, required=True),
            reason_field(),
        ),
        id="move-form",
    )
    visible = {one.id for one in parents} | {node_id}
    return View(
        "console/node.html",
        node.name,
        {
            "node": node,
            "facts": (
                Fact("类型", words.KINDS[node.kind]),
                Fact("编码", node.code),
                Fact("上级", node.parent_name or "无"),
                Fact("状态", "待确认", "warn") if node.confirmed_at is None else Fact("状态", "已确认", "good"),
            ),
            "actions": (Action("调整上级", dialog="move", tone="plain"),)
            if node.parent_id is not None and options
            else (),
            "name_form": given.get("name", _name_form(node)),
            "add_form": given.get("add", _add_form(node)) if _kinds_below(node.kind) else None,
            "children": _table(
                "children", "下级", below, f"{ROOT_PATH}/{node_id}", Empty("还没有下级", "可以在右边添加。")
            ),
            "history": history,
            "dialogs": (
                Dialog(
                    "move",
                    "调整上级",
                    "它和下面的门店会一起过去，过去的位置会保留在历史里。",
                    given.get("move-form", move),
                ),
            ),
            "moments": tuple(moment_of(one) for one in story),
        },
        status,
        (
            ("组织", ROOT_PATH),
            *((step.name, f"{ROOT_PATH}/{step.id}" if step.id in visible else None) for step in steps[:-1]),
        ),
    )


async def _node(visit: Visit) -> Node:
    async with transactions.reader():
        return await tree.read(int_id(visit.params["id"]), visit.reach.node_ids)


async def name_node(visit: Visit) -> Answer:
    """Name a node, which confirms it."""
    node = await _node(visit)
    try:
        await tree.rename(node.id, visit.field("name"), visit.reach.node_ids, visit.staff.actor, visit.at)
    except Refusal as refusal:
        again = with_errors(_name_form(node), visit.form, fault_of(refusal))
        return await _shown(visit, node.id, again, status=errors.status_of(refusal))
    return Redirect(f"{ROOT_PATH}/{node.id}", "node_confirmed" if node.confirmed_at is None else "node_saved")


async def add_child(visit: Visit) -> Answer:
    """Add a node under another."""
    node = await _node(visit)
    kind = visit.field("kind")
    try:
        if kind not in _kinds_below(node.kind):
            raise NodeUnknown(field="kind")
        await tree.add(
            kind,
            visit.field("code"),
            visit.field("name"),
            node.id,
            visit.reach.node_ids,
            visit.staff.actor,
            visit.at,
        )
    except Refusal as refusal:
        again = with_errors(_add_form(node), visit.form, fault_of(refusal))
        return await _shown(visit, node.id, again, status=errors.status_of(refusal))
    return Redirect(f"{ROOT_PATH}/{node.id}", "node_added")


async def move_node(visit: Visit) -> Answer:
    """Hang a node under another."""
    node = await _node(visit)
    parent_id = chosen_id(visit.field("parent_id"), "parent_id")
    try:
        await moves.move_node(
            node.id, parent_id, visit.reach.node_ids, visit.staff.actor, visit.field("reason"), visit.at
        )
    except TreeCycle:
        await audit.note(
            AuditEntry(
                at=visit.at,
                actor=visit.staff.actor,
                action="node.move_refused",
                subject_kind="node",
                subject_id=str(node.id),
                after={"parent_id": str(parent_id)},
                reason=visit.field("reason")[: audit.REASON_LENGTH_MAX],
                node_id=node.id,
            )
        )
        raise
    return Redirect(f"{ROOT_PATH}/{node.id}", "node_moved")


PAGES = (
    Page("GET", "/organisation", show_root, ADMIN),
    Page("GET", "/organisation/{id}", show_node, ADMIN),
    Page("POST", "/organisation/{id}/name", name_node, ADMIN),
    Page("POST", "/organisation/{id}/children", add_child, ADMIN),
    Page("POST", "/organisation/{id}/parent", move_node, ADMIN),
)
