"""Rule books: what holds, what is planned, and a new version seen beside the old one before it is saved."""

import hashlib
from datetime import date
from typing import Any

import msgspec

from app.http import errors
from app.http.console.components import (
    Action,
    Cell,
    Column,
    Dialog,
    Empty,
    Fact,
    Field,
    Form,
    Moment,
    Table,
    reason_field,
    with_errors,
)
from app.http.console.forms import fault_of
from app.http.console.pages import Answer, Page, Redirect, View, Visit
from app.http.console.paths import YEARS, DayInvalid, int_id
from app.http.console.stories import moment_of
from app.http.console.whole import require_whole
from app.http.marketing import rule_forms
from app.rule_books import BY_CODE, RULE_BOOKS
from loyalty import transactions
from loyalty.clock import business_date
from loyalty.errors import Refusal
from loyalty.organisation import audit
from loyalty.organisation.audit import AuditSearch
from loyalty.rulebooks import rulebooks
from loyalty.rulebooks.books import RuleBook, Version
from loyalty.rulebooks.errors import RuleBookUnknown, RuleInvalid, RuleUnchanged
from loyalty.rulebooks.rulebooks import KeptVersion
from loyalty.staff.rules import Role

ROOT_PATH = "/marketing/rules"
CRUMBS = (("积分规则", ROOT_PATH),)
ROLES: tuple[Role, ...] = ("admin", "marketer")
STORY_MAX = 50
EXAMPLES_TOLD = 2


def _book(visit: Visit) -> RuleBook[Any]:
    found = BY_CODE.get(visit.params["book"])
    if found is None:
        raise RuleBookUnknown
    return found


async def list_books(visit: Visit) -> Answer:
    """List all rule books with what holds today and what comes next."""
    await require_whole(visit)
    today = business_date(visit.at)
    rows = []
    async with transactions.reader():
        for book in RULE_BOOKS:
            body = (await rulebooks.in_force(book, [today]))[today].body
            coming = [one for one in await rulebooks.versions(book) if _waits(one, today)]
            told = "；".join(f"{one.case}：{one.result}" for one in book.examples(body)[:EXAMPLES_TOLD])
            rows.append(
                (
                    Cell(book.title, href=f"{ROOT_PATH}/{book.code}", note=book.sentence),
                    Cell(told),
                    Cell(f"{coming[-1].effective_on:%Y-%m-%d}", tone="info") if coming else Cell("—"),
                )
            )
    table = Table(
        id="books",
        path=ROOT_PATH,
        columns=(Column("title", "规则"), Column("now", "现在"), Column("next", "下一版")),
        rows=tuple(rows),
        empty=Empty("还没有规则", "有新规则时会列在这里。"),
        caption="积分规则",
    )
    intro = "新版本最早明天生效，已经承诺给店主的不会变。"
    return View("console/list.html", "积分规则", {"table": table, "actions": (), "intro": intro})


def _waits(one: KeptVersion, today: date) -> bool:
    return one.withdrawn_at is None and one.effective_on > today


async def show_book(visit: Visit) -> Answer:
    """Show one rule book: what holds, worked examples, planned and past versions."""
    await require_whole(visit)
    book, today = _book(visit), business_date(visit.at)
    wanted = AuditSearch(subject_kind="rule_book", subject_id=book.code)
    async with transactions.reader():
        now = (await rulebooks.in_force(book, [today]))[today]
        versions = list(await rulebooks.versions(book))
        story = await audit.search(visit.reach.node_ids, wanted, 0, STORY_MAX)
    path = f"{ROOT_PATH}/{book.code}"
    coming = [one for one in versions if _waits(one, today)]
    settled = rulebooks.earliest_on(visit.at)
    facts = tuple(
        Fact(one.label, dict(one.options).get(one.value, one.value) or ("不限" if one.name.endswith("_max") else "—"))
        for one in rule_forms.fields_of(book, now.body)
    )
    dialogs = tuple(
        Dialog(
            f"withdraw-{one.id}",
            f"撤回 {one.effective_on:%Y-%m-%d} 生效的版本",
            "它还没生效，撤回后按前一版继续。",
            Form(
                f"{path}/versions/{one.id}/withdraw", (reason_field(),), "撤回", "danger", id=f"withdraw-form-{one.id}"
            ),
        )
        for one in coming
        if one.effective_on >= settled
    )
    return View(
        "console/rule_book.html",
        book.title,
        {
            "sentence": book.sentence,
            "actions": (Action("改规则", href=f"{path}/new"),),
            "facts": facts,
            "examples": book.examples(now.body),
            "coming": tuple((one, _changes(book, versions, one)) for one in coming),
            "withdrawable": {one.id for one in coming if one.effective_on >= settled},
            "past": tuple(_moment(book, versions, one) for one in versions if not _waits(one, today)),
            "dialogs": dialogs,
            "moments": tuple(moment_of(entry) for entry in story),
        },
        crumbs=CRUMBS,
    )


def _changes(book: RuleBook[Any], versions: list[KeptVersion], one: KeptVersion) -> str:
    earlier = [other for other in versions if other.withdrawn_at is None and other.effective_on < one.effective_on]
    before = earlier[0].body if earlier else book.built_in
    told = (f"{label}：{old} → {new}" for label, old, new in rule_forms.differences(book, before, one.body))
    return "；".join(told) or "和前一版一样"


def _moment(book: RuleBook[Any], versions: list[KeptVersion], one: KeptVersion) -> Moment:
    state = "已撤回" if one.withdrawn_at is not None else f"{one.effective_on:%Y-%m-%d} 起生效"
    text = f"{_changes(book, versions, one)}。原因：{one.reason}"
    return Moment(one.made_at, state, text, tone=None if one.withdrawn_at is None else "warn")


async def new_version(visit: Visit) -> Answer:
    """Show the form of a new version, filled with what will hold then."""
    await require_whole(visit)
    book, on = _book(visit), rulebooks.earliest_on(visit.at)
    async with transactions.reader():
        body = (await rulebooks.in_force(book, [on]))[on].body
    return _editor(visit, book, body)


def _editor(
    visit: Visit, book: RuleBook[Any], body: Any, faults: dict[str, str] | None = None, status: int = 200,
    compared: dict[str, Any] | None = None,
) -> View:  # fmt: skip
    on = rulebooks.earliest_on(visit.at)
    path = f"{ROOT_PATH}/{book.code}"
    seen = "" if compared is None else compared["seen"]
    form = Form(
        f"{path}/new",
        (
            *rule_forms.fields_of(book, body),
            Field(
                "effective_on",
                "从哪天起生效",
                "date",
                value=on.isoformat(),
                required=True,
                hint=f"最早 {on:%Y-%m-%d}。",
            ),
            reason_field(),
            Field("seen", "", kind="hidden", value=seen),
        ),
        "先看看差别" if compared is None else "保存新版本",
        cancel_href=path,
        id="rule",
    )
    if visit.form:
        form = with_errors(form, {**visit.form, "seen": [seen]}, faults or {})
    context = {"form": form, "sentence": book.sentence, "compared": compared}
    return View("console/rule_new.html", f"改{book.title}", context, status, (*CRUMBS, (book.title, path)))


def _seen(before: Version[Any], body: Any, on: date) -> str:
    """Name what was compared, so that nothing is saved that nobody has seen beside what it replaces."""
    return hashlib.sha256(msgspec.json.encode((before, body, on), order="sorted")).hexdigest()


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise DayInvalid(field="effective_on") from None
    if day.year not in YEARS:
        raise DayInvalid(field="effective_on")
    return day


async def keep_version(visit: Visit) -> Answer:
    """Compare what was typed with what would hold otherwise, or save it."""
    await require_whole(visit)
    book = _book(visit)
    try:
        body = rule_forms.body_of(book, visit.form)
        on = _day(visit.field("effective_on"))
        compared = await _compared(book, body, on)
        if visit.field("seen") == compared["seen"]:
            await rulebooks.plan(book, body, on, visit.staff.actor, visit.field("reason"), visit.at)
            return Redirect(f"{ROOT_PATH}/{book.code}", "rule_planned")
    except Refusal as refusal:
        return _editor(visit, book, book.built_in, fault_of(refusal), errors.status_of(refusal))
    return _editor(visit, book, book.built_in, compared=compared)


async def _compared(book: RuleBook[Any], body: Any, on: date) -> dict[str, Any]:
    """Work both out by the real rules: what differs, and each example as it would be and as it will be."""
    fault = book.fault(body)
    if fault is not None:
        raise RuleInvalid(field=fault[0], expected=fault[1])
    async with transactions.reader():
        before = (await rulebooks.in_force(book, [on]))[on]
    if before.body == body:
        raise RuleUnchanged
    old = {one.case: one.result for one in book.examples(before.body)}
    new = {one.case: one.result for one in book.examples(body)}
    return {
        "differences": rule_forms.differences(book, before.body, body),
        "examples": _beside(book, old, new),
        "on": on,
        "seen": _seen(before, body, on),
    }


def _beside(book: RuleBook[Any], old: dict[str, str], new: dict[str, str]) -> Table:
    return Table(
        id="examples",
        path=f"{ROOT_PATH}/{book.code}/new",
        columns=(Column("case", "例子"), Column("old", "原来"), Column("new", "新规则")),
        rows=tuple(
            (
                Cell(case),
                Cell(old.get(case, "—")),
                Cell(new.get(case, "—"), tone="info" if old.get(case) != new.get(case) else None),
            )
            for case in dict.fromkeys([*old, *new])
        ),
        empty=Empty("没有例子", "这本规则没有例子可以算。"),
        caption="例子",
    )


async def withdraw_version(visit: Visit) -> Answer:
    """Withdraw a version that is not in force."""
    await require_whole(visit)
    book = _book(visit)
    await rulebooks.withdraw(book, int_id(visit.params["id"]), visit.staff.actor, visit.field("reason"), visit.at)
    return Redirect(f"{ROOT_PATH}/{book.code}", "rule_withdrawn")


PAGES = (
    Page("GET", "/rules", list_books, ROLES),
    Page("GET", "/rules/{book}", show_book, ROLES),
    Page("GET", "/rules/{book}/new", new_version, ROLES),
    Page("POST", "/rules/{book}/new", keep_version, ROLES),
    Page("POST", "/rules/{book}/versions/{id}/withdraw", withdraw_version, ROLES),
)
