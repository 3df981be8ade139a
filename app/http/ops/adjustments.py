"""Manual adjustments of points: proposed by one person, approved or rejected by another."""

import re
from collections.abc import Sequence
from urllib.parse import quote

from app.http import errors
from app.http.console import lists
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
    Moment,
    Tone,
    reason_field,
    with_errors,
)
from app.http.console.forms import fault_of
from app.http.console.lists import Listing
from app.http.console.pages import Answer, Page, Redirect, View, Visit
from app.http.console.paths import int_id
from app.http.console.tables import TableQuery
from loyalty import transactions
from loyalty.clock import SHANGHAI
from loyalty.customers.care import outlets
from loyalty.customers.errors import OutletUnknown
from loyalty.errors import Refusal
from loyalty.points.adjustments import adjustments
from loyalty.points.adjustments.adjustments import Proposal
from loyalty.points.adjustments.errors import AdjustmentPointsInvalid
from loyalty.points.statements import statements
from loyalty.staff.rules import Role

ROOT_PATH = "/ops/adjustments"
CRUMBS = (("积分调整", ROOT_PATH),)
LOOKING: tuple[Role, ...] = ("admin", "plant_lead", "operator", "marketer", "checker")
PROPOSING: tuple[Role, ...] = ("admin", "plant_lead", "operator", "marketer")
CHECKING: tuple[Role, ...] = ("admin", "plant_lead", "checker")
STATES: dict[str, tuple[str, Tone]] = {
    "proposed": ("等复核", "warn"),
    "approved": ("已通过", "good"),
    "rejected": ("已驳回", "bad"),
    "withdrawn": ("已撤回", "quiet"),
}
COLUMNS = (
    Column("outlet", "门店"),
    Column("code", "编号"),
    Column("points", "积分", numeric=True),
    Column("reason", "原因"),
    Column("made", "提出"),
    Column("at", "时间"),
    Column("state", "状态"),
    Column("checked", "复核"),
)
POINTS = re.compile(r"[+-]?[0-9]{1,9}", re.ASCII)
POINTS_LENGTH_MAX = 10


async def list_adjustments(visit: Visit) -> Answer:
    """List adjustments within reach, those that wait first."""

    async def fetch(state: TableQuery, skip: int, limit: int) -> Sequence[Proposal]:
        async with transactions.reader():
            return await adjustments.search(visit.reach, state.filters.get("state", ""), state.q, skip, limit, visit.at)

    may_propose = bool(visit.staff.reach(PROPOSING).node_ids)
    return await lists.show(
        visit,
        Listing(
            id="adjustments",
            title="积分调整",
            columns=COLUMNS,
            row=_row,
            fetch=fetch,
            empty=Empty("还没有调整", "需要给门店补积分或扣积分时，从这里提出，另一位同事复核后生效。"),
            search="门店编号",
            filters=(Filter("state", "状态", tuple((code, word) for code, (word, _) in STATES.items())),),
            actions=(Action("提出调整", href=f"{ROOT_PATH}/new"),) if may_propose else (),
            intro="一人提出、另一人复核，各有额度；通过后马上记账，店主能看到原因。",
        ),
    )


def _row(one: Proposal) -> tuple[Cell, ...]:
    word, tone = STATES[one.state]
    return (
        Cell(one.outlet_name, href=f"{ROOT_PATH}/{one.id}"),
        Cell(one.outlet_code, href=_points_path(one.outlet_code)),
        Cell(f"{one.points:+,}"),
        Cell(one.reason),
        Cell(one.made_by_name),
        Cell(f"{one.made_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"),
        Cell(word, tone=tone),
        Cell(_checker(one) or "—", note=one.checked_reason or None),
    )


def _checker(one: Proposal) -> str | None:
    # Who takes the own proposal back has checked nothing.
    return None if one.state == "withdrawn" else one.checked_by_name


async def new_adjustment(visit: Visit) -> Answer:
    """Show the form, with the outlet's name and balance where its code is known."""
    return await _form_page(visit, {}, 200)


async def _form_page(visit: Visit, faults: dict[str, str], status: int) -> View:
    code = visit.field("outlet")
    hint = "门店页上的编号，比如 SH0001。"
    if code:
        try:
            card = await outlets.read(code, visit.reach, visit.resources.data_keys, visit.at)
        except OutletUnknown:
            pass
        else:
            async with transactions.reader():
                account = (await statements.accounts([card.id]))[card.id]
            hint = f"{card.name}，现在有 {account.balance:,} 分。"
    reason = reason_field("店主会看到。", kind="textarea")
    form = Form(
        f"{ROOT_PATH}/new",
        (
            Field("outlet", "门店编号", value=code, required=True, hint=hint, length_max=64),
            Field("points", "积分", required=True, hint="加积分填 20，减积分填 -20。", length_max=POINTS_LENGTH_MAX),
            reason,
        ),
        "提交复核",
        cancel_href=ROOT_PATH,
    )
    shown = with_errors(form, visit.form, faults) if faults else form
    return View("console/form_page.html", "提出积分调整", {"form": shown, "intro": ""}, status, CRUMBS)


def _points(text: str) -> int:
    if POINTS.fullmatch(text) is None:
        raise AdjustmentPointsInvalid(field="points")
    return int(text)


async def propose(visit: Visit) -> Answer:
    """Propose an adjustment."""
    try:
        made = await adjustments.propose(
            visit.field("outlet"),
            _points(visit.field("points")),
            visit.field("reason"),
            visit.staff,
            visit.reach,
            visit.at,
        )
    except Refusal as refusal:
        return await _form_page(visit, fault_of(refusal, code="outlet"), errors.status_of(refusal))
    return Redirect(f"{ROOT_PATH}/{made}", "adjustment_proposed")


async def show_adjustment(visit: Visit) -> Answer:
    """Show one adjustment with what can be done about it."""
    async with transactions.reader():
        one = await adjustments.find(int_id(visit.params["id"]), visit.reach, visit.at)
        account = (await statements.accounts([one.outlet_id]))[one.outlet_id]
    word, tone = STATES[one.state]
    path = f"{ROOT_PATH}/{one.id}"
    actions, dialogs = _doable(visit, one, path)
    return View(
        "console/adjustment.html",
        f"{one.outlet_name} {one.points:+,} 分",
        {
            "facts": (
                Fact("门店", f"{one.outlet_name}（{one.outlet_code}）", href=_points_path(one.outlet_code)),
                Fact("积分", f"{one.points:+,}"),
                Fact("现在余额", f"{account.balance:,}"),
                Fact("原因", one.reason),
                Fact("提出", f"{one.made_by_name}，{one.made_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"),
                Fact("状态", word, tone),
                Fact("复核", _checker(one) or "还没有"),
            ),
            "actions": actions,
            "dialogs": dialogs,
            "moments": _moments(one),
        },
        crumbs=CRUMBS,
    )


def _points_path(code: str) -> str:
    return f"/outlets/{quote(code, safe='')}/points"


def _moments(one: Proposal) -> tuple[Moment, ...]:
    made = Moment(one.made_at, f"提出 {one.points:+,} 分", f"原因：{one.reason}", one.made_by_name)
    if one.checked_at is None:
        return (made,)
    word, tone = STATES[one.state]
    told = f"意见：{one.checked_reason}" if one.checked_reason else ""
    return Moment(one.checked_at, word, told, one.checked_by_name or "", tone), made


def _doable(visit: Visit, one: Proposal, path: str) -> tuple[tuple[Action, ...], tuple[Dialog, ...]]:
    if one.state != "proposed":
        return (), ()
    if one.made_by == visit.staff.id:
        form = Form(f"{path}/withdraw", (), "撤回", "danger", id="withdraw-form")
        return (Action("撤回", dialog="withdraw", tone="plain"),), (
            Dialog("withdraw", "撤回这笔调整", "还没复核，撤回后什么都不会发生。", form),
        )
    if not visit.staff.reach(CHECKING).node_ids:
        return (), ()
    reason = reason_field(label="意见")
    approve = Dialog(
        "approve", "复核通过", f"{one.outlet_name} {one.points:+,} 分，马上记账。",
        Form(f"{path}/approve", (reason,), "通过", id="approve-form"),
    )  # fmt: skip
    reject = Dialog(
        "reject", "驳回", "积分不会动，提出的同事能看到您的意见。",
        Form(f"{path}/reject", (reason,), "驳回", "danger", id="reject-form"),
    )  # fmt: skip
    return (Action("通过", dialog="approve"), Action("驳回", dialog="reject", tone="danger")), (approve, reject)


async def approve(visit: Visit) -> Answer:
    """Approve somebody else's proposal."""
    one = int_id(visit.params["id"])
    await adjustments.approve(one, visit.field("reason"), visit.staff, visit.reach, visit.at)
    return Redirect(f"{ROOT_PATH}/{one}", "adjustment_approved")


async def reject(visit: Visit) -> Answer:
    """Reject somebody else's proposal."""
    one = int_id(visit.params["id"])
    await adjustments.reject(one, visit.field("reason"), visit.staff, visit.reach, visit.at)
    return Redirect(f"{ROOT_PATH}/{one}", "adjustment_rejected")


async def withdraw(visit: Visit) -> Answer:
    """Take one's own proposal back."""
    one = int_id(visit.params["id"])
    await adjustments.withdraw(one, visit.staff, visit.reach, visit.at)
    return Redirect(f"{ROOT_PATH}/{one}", "adjustment_withdrawn")


PAGES = (
    Page("GET", "/adjustments", list_adjustments, LOOKING),
    Page("GET", "/adjustments/new", new_adjustment, PROPOSING),
    Page("POST", "/adjustments/new", propose, PROPOSING),
    Page("GET", "/adjustments/{id}", show_adjustment, LOOKING),
    Page("POST", "/adjustments/{id}/approve", approve, CHECKING),
    Page("POST", "/adjustments/{id}/reject", reject, CHECKING),
    Page("POST", "/adjustments/{id}/withdraw", withdraw, PROPOSING),
)
