"""The organisation as a tree: group, plant, sales office, route. Its history stays in the placements."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from loyalty import transactions
from loyalty.organisation import audit, locks, queries, rules
from loyalty.organisation.audit import Actor, AuditEntry
from loyalty.organisation.errors import (
    NameMissing,
    NodeCodeInvalid,
    NodeCodeTaken,
    NodeUnknown,
    ParentKindWrong,
    TreeCycle,
)
from loyalty.organisation.models import Node as NodeRow
from loyalty.organisation.rules import Kind

NODES_MAX = 2_000


class Node(msgspec.Struct, frozen=True):
    """A node of the tree as it is now."""

    id: int
    kind: Kind
    code: str
    name: str
    parent_id: int | None
    parent_name: str | None
    confirmed_at: datetime | None
    created_at: datetime
    children: int


class Step(msgspec.Struct, frozen=True):
    """One node of a path from the root."""

    id: int
    kind: Kind
    code: str
    name: str


class PlacementSpan(msgspec.Struct, frozen=True):
    """Where a node hung, from when until when."""

    parent_id: int
    parent_name: str
    from_at: datetime
    until_at: datetime | None
    placed_by: str


async def read(node_id: int, reach: Sequence[int]) -> Node:
    """Read a node at or below the nodes of ``reach``. Raises NodeUnknown. Needs a reader."""
    row = await queries.node(node_id, reach)
    if row is None:
        raise NodeUnknown(field="node_id")
    return Node(**row)


async def find(reach: Sequence[int], kinds: Sequence[Kind] = rules.KINDS, text: str = "") -> list[Node]:
    """List nodes in reach by kind and code, at most NODES_MAX. Needs a reader."""
    return [Node(**row) for row in await queries.nodes(reach, kinds, text, NODES_MAX)]


async def children(node_id: int) -> list[Node]:
    """List what hangs directly under a node, at most NODES_MAX. Needs a reader."""
    return [Node(**row) for row in await queries.children(node_id, NODES_MAX)]


async def path(node_id: int) -> list[Step]:
    """Tell the way from the root to a node, the node included. Needs a reader."""
    return [Step(**row) for row in await queries.ancestors(node_id)]


async def plants_named(codes: Sequence[str]) -> dict[str, int]:
    """Find plants by code; return code → node id. Needs a reader."""
    return await queries.find_named("plant", codes)


async def name_of(node_id: int) -> str:
    """Tell a node's name. Needs a transaction."""
    return (await NodeRow.get(id=node_id)).name


async def names(ids: Sequence[int]) -> dict[int, str]:
    """Tell the names of nodes. Needs a reader."""
    return {row["id"]: row["name"] for row in await queries.names(ids)}


async def is_within(node_id: int, reach: Sequence[int]) -> bool:
    """Tell whether a node is at or below the nodes of ``reach``. Needs a reader."""
    return await queries.is_below(node_id, reach)


async def reaches_root(reach: Sequence[int]) -> bool:
    """Tell whether the whole organisation is in reach. Needs a reader."""
    return await queries.find_root() in set(reach)


async def unconfirmed(reach: Sequence[int]) -> list[Node]:
    """List nodes in reach that only an outlet row has named, at most NODES_MAX. Needs a reader."""
    return [Node(**row) for row in await queries.unconfirmed(reach, NODES_MAX)]


async def history(node_id: int) -> list[PlacementSpan]:
    """Tell where a node has hung, the latest first. Needs a reader."""
    return [PlacementSpan(**row) for row in await queries.placements(node_id)]


async def add(
    kind: Kind, code: str, name: str, parent_id: int, reach: Sequence[int], actor: Actor, at: datetime
) -> int:
    """Make a confirmed node under a parent in reach; return its id. Entry verb.

    Raises NodeCodeInvalid, NameMissing, NodeUnknown, ParentKindWrong, NodeCodeTaken.
    """
    if not rules.NODE_CODE.fullmatch(code) or not all(map(rules.is_visible, code)):
        raise NodeCodeInvalid(field="code")
    name = clean_name(name)
    async with transactions.begin():
        parent = await read(parent_id, reach)
        if parent.kind not in rules.PARENT_KINDS[kind]:
            raise ParentKindWrong(field="parent_id")
        await locks.lock_parents([parent_id])
        made = await queries.insert_nodes(kind, [(parent_id, code, name)], at, at, actor.text)
        if not made:
            raise NodeCodeTaken(field="code", node_code=code)
        node_id = int(made[0]["id"])
        await audit.record(
            [
                AuditEntry(
                    at=at,
                    actor=actor,
                    action="node.added",
                    subject_kind="node",
                    subject_id=str(node_id),
                    after={"kind": kind, "code": code, "name": name, "parent": parent.name},
                    node_id=node_id,
                )
            ]
        )
    return node_id


async def rename(node_id: int, name: str, reach: Sequence[int], actor: Actor, at: datetime) -> None:
    """Give a node its name, which also confirms it. Entry verb. Raises NameMissing, NodeUnknown."""
    name = clean_name(name)
    async with transactions.begin():
        before = await _locked(node_id, reach)
        await NodeRow.filter(id=node_id).update(name=name, confirmed_at=before.confirmed_at or at)
        await audit.record(
            [
                AuditEntry(
                    at=at,
                    actor=actor,
                    action="node.confirmed" if before.confirmed_at is None else "node.renamed",
                    subject_kind="node",
                    subject_id=str(node_id),
                    before={"name": before.name},
                    after={"name": name},
                    node_id=node_id,
                )
            ]
        )


async def hang(node_id: int, parent_id: int, reach: Sequence[int], actor: Actor, reason: str, at: datetime) -> None:
    """Hang a node, with all below it, under another parent; its old place stays in the history. Set verb.

    Outlets carry their plant and office too, so only ``loyalty.customers.territory.moves`` calls this. Both places must
    be in reach. Locks the tree, then the node's subtree and the new parent. Raises NodeUnknown, ParentKindWrong,
    TreeCycle, NodeCodeTaken, ReasonMissing.
    """
    reason = audit.required_reason(reason)
    await locks.lock_tree()
    node = await read(node_id, reach)
    parent = await read(parent_id, reach)
    if await queries.is_below(parent_id, [node_id]):
        raise TreeCycle(field="parent_id")
    if node.parent_id is None or parent.kind not in rules.PARENT_KINDS[node.kind]:
        raise ParentKindWrong(field="parent_id")
    await locks.lock_parents([parent_id])
    await locks.lock_subtree(node_id)
    if parent_id == node.parent_id:
        return
    if await queries.find_children(node.kind, [(parent_id, node.code)]):
        raise NodeCodeTaken(field="parent_id", node_code=node.code)
    await queries.move(node_id, parent_id, at, actor.text)
    await audit.record(
        [
            AuditEntry(
                at=at,
                actor=actor,
                action="node.moved",
                subject_kind="node",
                subject_id=str(node_id),
                before={"parent": node.parent_name},
                after={"parent": parent.name},
                reason=reason,
                node_id=parent_id,
            )
        ]
    )


def clean_name(name: str) -> str:
    """Give a name without needless spaces. Raises NameMissing for an empty or too long one."""
    clean = " ".join("".join(sign for sign in name if rules.is_visible(sign)).split())
    if not clean or len(clean) > rules.NAME_LENGTH_MAX:
        raise NameMissing(field="name")
    return clean


async def _locked(node_id: int, reach: Sequence[int]) -> NodeRow:
    await read(node_id, reach)
    return await NodeRow.select_for_update().get(id=node_id)
