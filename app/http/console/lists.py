"""Lists: a table page with search, filters, sorting, paging and export from one description."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from app.http.console import tables
from app.http.console.components import Action, Cell, Column, Empty, Filter, Table
from app.http.console.pages import Answer, Download, View, Visit
from app.http.console.tables import EXPORT_MAX, PAGE_SIZE, TableQuery
from loyalty.organisation import audit
from loyalty.organisation.audit import AuditEntry
from loyalty.switches.errors import FeatureOff

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Listing(Generic[Item]):
    """What a list shows, and how its items are had."""

    id: str
    title: str
    columns: tuple[Column, ...]
    row: Callable[[Item], tuple[Cell, ...]]
    fetch: Callable[[TableQuery, int, int], Awaitable[Sequence[Item]]]
    """Takes the state of the table, how many to skip and how many to give at most."""
    empty: Empty
    default_sort: str = ""
    search: str | None = None
    filters: tuple[Filter, ...] = ()
    exportable: bool = True
    actions: tuple[Action, ...] = ()
    intro: str = ""
    context: Mapping[str, Any] = field(default_factory=dict)
    template: str = "console/list.html"
    crumbs: tuple[tuple[str, str | None], ...] = ()


def may_export(visit: Visit) -> bool:
    """Tell whether files may leave the house at present."""
    return visit.context.switches.board.is_on("console_export", None, visit.at)


def start_export(visit: Visit) -> None:
    """Count an export. Raises FeatureOff where none may be made."""
    if not may_export(visit):
        raise FeatureOff
    visit.context.switches.used("console_export", visit.at)


async def show(visit: Visit, listing: Listing[Item]) -> Answer:
    """Show a list as a page, its table alone for htmx, or all of it as a file."""
    state = tables.read(
        visit.query, columns=listing.columns, filters=listing.filters, default_sort=listing.default_sort
    )
    exportable = listing.exportable and may_export(visit)
    if state.export and listing.exportable:
        start_export(visit)
        items = await listing.fetch(state, 0, EXPORT_MAX)
        await note_export(visit, listing.id, state, len(items))
        return Download(
            tables.csv(listing.columns, (listing.row(item) for item in items)),
            f"{listing.title}-{visit.at:%Y%m%d}.csv",
        )
    items = await listing.fetch(state, (state.page - 1) * PAGE_SIZE, PAGE_SIZE + 1)
    table = Table(
        id=listing.id,
        path=visit.page_path,
        columns=listing.columns,
        rows=tuple(listing.row(item) for item in items[:PAGE_SIZE]),
        empty=listing.empty,
        search=listing.search,
        q=state.q,
        filters=tuple(
            Filter(one.name, one.title, one.options, state.filters.get(one.name, "")) for one in listing.filters
        ),
        sort=state.sort,
        descending=state.descending,
        page=state.page,
        has_more=len(items) > PAGE_SIZE,
        exportable=exportable,
        caption=listing.title,
    )
    context = {"table": table, "actions": listing.actions, "intro": listing.intro, **listing.context}
    template = "console/table_part.html" if visit.wants_part == listing.id else listing.template
    return View(template, listing.title, context, crumbs=listing.crumbs)


async def note_export(visit: Visit, list_id: str, state: TableQuery, rows: int) -> None:
    """Keep in the audit who took what out of the house."""
    nodes = visit.reach.node_ids or visit.reach.rep_node_ids
    await audit.note(
        AuditEntry(
            at=visit.at,
            actor=visit.staff.actor,
            action="list.exported",
            subject_kind="list",
            subject_id=list_id,
            after={"q": state.q, **state.filters, "rows": rows},
            node_id=nodes[0] if nodes else None,
        )
    )


def order_of(state: TableQuery) -> str:
    """Give a table's order as queries name it: the column's key, with a minus when it falls."""
    return f"-{state.sort}" if state.descending else state.sort
