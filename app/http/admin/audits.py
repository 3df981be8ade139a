"""The audit: who changed what, searchable."""

from collections.abc import Sequence
from datetime import timedelta
from urllib.parse import quote

from app.http.console import lists, words
from app.http.console.components import Cell, Column, Empty, Filter
from app.http.console.lists import Listing
from app.http.console.pages import Answer, Page, Visit
from app.http.console.stories import TONES, actor_of, change_of
from app.http.console.tables import TableQuery
from loyalty import transactions
from loyalty.clock import SHANGHAI
from loyalty.organisation import audit, tree
from loyalty.organisation.audit import AuditSearch, KeptEntry
from loyalty.staff import people
from loyalty.staff.rules import Role
from loyalty.switches.features import FEATURES

READERS: tuple[Role, ...] = ("admin", "plant_lead")
DAYS: dict[str, int] = {"1": 1, "7": 7, "30": 30, "90": 90}
SHOWN_DAYS = 365
"""Without a span of its own a search looks back a year: further back takes longer than a page may."""
COLUMNS = (
    Column("at", "时间", whole=True),
    Column("actor", "谁"),
    Column("action", "做了什么", whole=True),
    Column("subject", "对象"),
    Column("change", "内容"),
    Column("reason", "原因"),
)
AREAS = (
    ("staff", "同事"),
    ("grant", "角色"),
    ("login", "登录"),
    ("node", "组织"),
    ("key", "系统密钥"),
    ("switch", "功能开关"),
    ("binding", "门店绑定"),
    ("assignments", "工作交接"),
    ("list", "导出"),
    ("form", "可疑表单"),
    ("page", "越权访问"),
    ("sfa_token", "SFA 令牌"),
)
FILTERS = (
    Filter("action", "类别", AREAS),
    Filter("days", "时间", (("1", "近 1 天"), ("7", "近 7 天"), ("30", "近 30 天"), ("90", "近 90 天"))),
)


async def list_entries(visit: Visit) -> Answer:
    """List what was changed within this person's reach."""
    names: dict[tuple[str, str], str] = {}

    async def fetch(state: TableQuery, skip: int, limit: int) -> Sequence[KeptEntry]:
        wanted = AuditSearch(
            text=state.q,
            action=f"{state.filters['action']}." if state.filters.get("action") else "",
            from_at=visit.at - timedelta(days=DAYS.get(state.filters.get("days", ""), SHOWN_DAYS)),
        )
        async with transactions.reader():
            found = await audit.search(visit.reach.node_ids, wanted, skip, limit)
            names.update(await _names(found))
        return found

    return await lists.show(
        visit,
        Listing(
            id="audit",
            title="操作记录",
            columns=COLUMNS,
            row=lambda one: _row(one, names, visit),
            fetch=fetch,
            empty=Empty("还没有记录", "有人改了东西，这里马上就能看到。"),
            search="人、对象、原因或内容",
            filters=FILTERS,
            intro="谁在什么时候改了什么，改前改后都在这里，谁也改不了。",
        ),
    )


async def _names(entries: Sequence[KeptEntry]) -> dict[tuple[str, str], str]:
    ids = {
        kind: [int(one.subject_id) for one in entries if one.subject_kind == kind and one.subject_id.isdigit()]
        for kind in ("staff", "node")
    }
    staff, nodes = await people.names(ids["staff"]), await tree.names(ids["node"])
    features = {("switch", feature.code): feature.title for feature in FEATURES}
    of_staff = {("staff", str(number)): name for number, name in staff.items()}
    return {("node", str(number)): name for number, name in nodes.items()} | of_staff | features


def _row(entry: KeptEntry, names: dict[tuple[str, str], str], visit: Visit) -> tuple[Cell, ...]:
    subject = names.get((entry.subject_kind, entry.subject_id), entry.subject_id)
    return (
        Cell(f"{entry.at.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"),
        Cell(actor_of(entry)),
        Cell(words.ACTIONS.get(entry.action, entry.action), tone=TONES.get(entry.action)),
        Cell(f"{words.SUBJECTS.get(entry.subject_kind, entry.subject_kind)} {subject}".strip(), _href(entry, visit)),
        Cell(change_of(entry) or "—"),
        Cell(entry.reason or "—"),
    )


def _href(entry: KeptEntry, visit: Visit) -> str | None:
    # A link that the reader may not open would have them noted as somebody who tried.
    if entry.subject_kind != "outlet" and "admin" not in visit.staff.roles:
        return None
    path = {
        "staff": "/admin/staff/",
        "node": "/admin/organisation/",
        "outlet": "/outlets/",
        "switch": "/admin/switches/",
    }
    below = path.get(entry.subject_kind)
    return f"{below}{quote(entry.subject_id, safe='')}" if below and entry.subject_id else None


PAGES = (Page("GET", "/audit", list_entries, READERS),)
