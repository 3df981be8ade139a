"""Reps and their outlets: who looks after how many, and handing the work over."""

from app.http import errors
from app.http.console import lists
from app.http.console.components import Cell, Column, Empty, Field, Form, reason_field, with_errors
from app.http.console.forms import fault_of
from app.http.console.lists import Listing
from app.http.console.pages import Answer, Page, Redirect, View, Visit
from app.http.console.paths import chosen_id, int_id
from app.http.console.tables import TableQuery
from loyalty import transactions
from loyalty.customers.territory import assignments
from loyalty.errors import Refusal
from loyalty.staff import people
from loyalty.staff.errors import StaffUnknown
from loyalty.staff.people import Named
from loyalty.staff.rules import Role

LEADING: tuple[Role, ...] = ("admin", "plant_lead", "supervisor")
COLUMNS = (Column("name", "业务员"), Column("code", "工号"), Column("outlets", "负责门店", numeric=True))
ROOT_PATH = "/ops/reps"


async def list_reps(visit: Visit) -> Answer:
    """List the reps within reach."""
    counts: dict[int, int] = {}

    async def fetch(state: TableQuery, skip: int, limit: int) -> list[Named]:
        async with transactions.reader():
            found = await people.choices(visit.reach.node_ids, ("rep",), state.q, visit.at, skip, limit)
            counts.update(await assignments.counts([one.id for one in found], visit.at))
        return found

    return await lists.show(
        visit,
        Listing(
            id="reps",
            title="业务员",
            columns=COLUMNS,
            row=lambda one: (
                Cell(one.name, href=f"{ROOT_PATH}/{one.id}"),
                Cell(one.code),
                Cell(f"{counts.get(one.id, 0):,}"),
            ),
            fetch=fetch,
            empty=Empty("您的范围里还没有业务员", "同步或授予“业务员”角色后就会出现。"),
            search="姓名或工号",
        ),
    )


async def _rep(visit: Visit) -> tuple[Named, list[Named], int]:
    rep_id = int_id(visit.params["id"])
    async with transactions.reader():
        found = await people.choices(visit.reach.node_ids, ("rep",), "", visit.at)
        rep = await people.choice(rep_id, visit.reach.node_ids, ("rep",), visit.at)
        if rep is None:
            raise StaffUnknown
        count = (await assignments.counts([rep.id], visit.at)).get(rep.id, 0)
    return rep, [one for one in found if one.id != rep_id], count


def _form(rep: Named, others: list[Named]) -> Form:
    options = tuple((str(one.id), f"{one.name}（{one.code}）") for one in others)
    return Form(
        f"{ROOT_PATH}/{rep.id}/hand-over",
        (
            Field("to_id", "交给谁", kind="select", options=options, required=True),
            reason_field(),
        ),
        "交接",
        cancel_href=ROOT_PATH,
        id="hand-over",
    )


def _view(rep: Named, count: int, form: Form, status: int = 200) -> View:
    intro = f"{rep.name}现在负责 {count} 家门店。交接后，新的业务员马上就能看到它们，历史会保留。"
    return View(
        "console/form_page.html", f"交接：{rep.name}", {"form": form, "intro": intro}, status, (("业务员", ROOT_PATH),)
    )


async def show_hand_over(visit: Visit) -> Answer:
    """Show the form that hands a rep's outlets over."""
    rep, others, count = await _rep(visit)
    return _view(rep, count, _form(rep, others))


async def hand_over(visit: Visit) -> Answer:
    """Hand a rep's outlets over."""
    rep, others, count = await _rep(visit)
    if not visit.field("to_id"):
        return _view(rep, count, with_errors(_form(rep, others), visit.form, {"to_id": "请选一位接手的同事。"}), 422)
    try:
        await assignments.hand_over(
            rep.id, chosen_id(visit.field("to_id"), "to_id"), visit.reach, visit.staff, visit.field("reason"), visit.at
        )
    except Refusal as refusal:
        wrong = fault_of(refusal, successor_id="to_id")
        return _view(rep, count, with_errors(_form(rep, others), visit.form, wrong), errors.status_of(refusal))
    return Redirect(ROOT_PATH, "handed_over")


PAGES = (
    Page("GET", "/reps", list_reps, LEADING),
    Page("GET", "/reps/{id}", show_hand_over, LEADING),
    Page("POST", "/reps/{id}/hand-over", hand_over, LEADING),
)
