"""The catalogue by spreadsheet: a template, a look at what would happen, and the same once more for good.

A sheet waits for its confirmation in Redis; when it is gone, it is uploaded again.
"""

import secrets
from typing import cast

from app import sheets
from app.http import errors
from app.http.console.components import Action, Cell, Column, Empty, Fact, Field, Form, Table
from app.http.console.forms import fault_of
from app.http.console.pages import Answer, Download, Page, View, Visit
from app.http.console.whole import require_whole
from app.http.errors import PathUnknown
from app.sheets import BYTES_MAX, Outcome, SheetUnreadable
from loyalty.catalogue.sheets import KINDS, ROWS_MAX, Kind
from loyalty.errors import Refusal
from loyalty.staff.rules import Role

ROOT_PATH = "/ops/products/sheets"
CRUMBS = (("商品和价格", "/ops/products"), ("表格导入", ROOT_PATH))
ROLES: tuple[Role, ...] = ("admin", "marketer")
WAITS_SECONDS = 1_800
FAULTS_SHOWN = 200
FIELD = "sheet"
COLUMNS = (Column("row", "第几行", numeric=True), Column("column", "哪一列"), Column("expected", "怎么改"))
LINKS = tuple(Action(f"下载{word}模板", f"{ROOT_PATH}/{kind}/template", tone="plain") for kind, word in KINDS.items())


async def show(visit: Visit) -> Answer:
    """Show where sheets are uploaded."""
    await require_whole(visit)
    return _page(visit, {}, 200)


def _page(visit: Visit, faults: dict[str, str], status: int) -> View:
    context = {
        "kinds": tuple(KINDS.items()),
        "actions": LINKS,
        "faults": faults,
        "rows_max": ROWS_MAX,
        "chosen": visit.field("kind"),
        "path": ROOT_PATH,
    }
    return View("console/sheets.html", "表格导入", context, status, CRUMBS[:1])


def _kind(text: str) -> Kind:
    if text not in KINDS:
        raise PathUnknown
    return text


async def give_template(visit: Visit) -> Answer:
    """Give a template."""
    await require_whole(visit)
    kind = _kind(visit.params["kind"])
    return Download(sheets.template_of(kind), f"{KINDS[kind]}模板.csv")


async def look(visit: Visit) -> Answer:
    """Tell what a sheet would do; nothing is done."""
    await require_whole(visit)
    kind, content = _kind(visit.field("kind")), visit.files.get(FIELD, b"")
    try:
        if not content:
            raise SheetUnreadable(field=FIELD, expected="请选一个表格")
        outcome = await sheets.tried(kind, content, visit.at)
    except Refusal as refusal:
        return _page(visit, dict(fault_of(refusal)), errors.status_of(refusal))
    ticket = secrets.token_urlsafe(16)
    await visit.resources.redis.set(_key(visit, ticket), kind.encode() + b"\n" + content, ex=WAITS_SECONDS)
    return _outcome(kind, outcome, ticket)


def _key(visit: Visit, ticket: str) -> str:
    return f"leketong:sheet:{visit.staff.id}:{ticket}"


async def apply(visit: Visit) -> Answer:
    """Do what a sheet was seen to do."""
    await require_whole(visit)
    kept = await visit.resources.redis.getdel(_key(visit, visit.field("ticket")[:64]))
    if kept is None:
        gone = SheetUnreadable(field=FIELD, expected="刚才的表格过期了，请再上传一次")
        return _page(visit, dict(fault_of(gone)), errors.status_of(gone))
    name, _, content = cast(bytes, kept).partition(b"\n")
    outcome = await sheets.applied(_kind(name.decode()), content, visit.staff.actor, visit.at)
    return _outcome(_kind(name.decode()), outcome, None)


def _outcome(kind: Kind, outcome: Outcome, ticket: str | None) -> View:
    changes = outcome.inserted + outcome.updated
    form = Form(
        f"{ROOT_PATH}/apply",
        (Field("ticket", "", kind="hidden", value=ticket or ""),),
        f"确认导入 {changes:,} 行",
        cancel_href=ROOT_PATH,
    )
    faults = Table(
        id="faults",
        path=ROOT_PATH,
        columns=COLUMNS,
        rows=tuple((Cell(str(one.row)), Cell(one.column), Cell(one.expected)) for one in outcome.faults[:FAULTS_SHOWN]),
        empty=Empty("没有要改的", "每一行都读懂了。"),
        caption="要改的地方",
    )
    context = {
        "facts": (
            Fact("新增", f"{outcome.inserted:,} 行", "good" if outcome.inserted else None),
            Fact("修改", f"{outcome.updated:,} 行", "info" if outcome.updated else None),
            Fact("没变", f"{outcome.unchanged:,} 行"),
            Fact("没读懂", f"{len(outcome.faults):,} 处", "bad" if outcome.faults else None),
        ),
        "table": faults,
        "form": form if ticket is not None and changes else None,
        "done": ticket is None,
        "back_href": ROOT_PATH,
        "bytes_max": BYTES_MAX,
    }
    title = f"{KINDS[kind]}：{'导入好了' if ticket is None else '看一眼再导入'}"
    return View("console/sheet_outcome.html", title, context, crumbs=CRUMBS)


PAGES = (
    Page("GET", "/products/sheets", show, ROLES),
    Page("GET", "/products/sheets/{kind}/template", give_template, ROLES),
    Page("POST", "/products/sheets", look, ROLES, upload_bytes_max=BYTES_MAX + 64 * 1024),
    Page("POST", "/products/sheets/apply", apply, ROLES),
)
