"""Campaigns: their time, caps and budget, how much is given, and stopping one."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from app.http import errors
from app.http.console import typed
from app.http.console.components import (
    Action,
    Cell,
    Column,
    Empty,
    Fact,
    Field,
    Figure,
    Form,
    Table,
    Tone,
    reason_field,
    with_errors,
)
from app.http.console.forms import fault_of
from app.http.console.pages import Answer, Page, Redirect, View, Visit
from app.http.console.paths import int_id
from app.http.console.stories import moment_of
from app.http.console.whole import require_whole
from loyalty import transactions
from loyalty.campaigns import campaigns
from loyalty.campaigns.campaigns import WARN_BPS, Campaign, CampaignPlan
from loyalty.campaigns.errors import CampaignUnknown
from loyalty.errors import Refusal
from loyalty.organisation import audit
from loyalty.organisation.audit import AuditSearch, KeptEntry
from loyalty.staff.rules import Role

ROOT_PATH = "/marketing/campaigns"
CRUMBS = (("活动预算", ROOT_PATH),)
ROLES: tuple[Role, ...] = ("admin", "marketer")
STORY_MAX = 50
ALL_BPS = 10_000
NEW_DAYS = 30


def state_of(one: Campaign, at: datetime) -> tuple[str, Tone]:
    """Say in a word how a campaign stands.

    One that stopped because what was left did not reach for the next points is told as stopped: only its page, which
    knows who changed it, says by whom.
    """
    if one.budget_points is not None and one.spent_points >= one.budget_points:
        return "预算用完", "bad"
    if one.stopped_at is not None:
        return "已停止", "bad"
    if at < one.from_at:
        return "未开始", "quiet"
    if at >= one.until_at:
        return "已结束", "quiet"
    return "进行中", "good"


def budget_of(one: Campaign) -> tuple[str, Tone | None]:
    """Say how much of the budget is given, with a tone from four fifths on, another one when it gives no more."""
    if one.budget_points is None:
        return f"{one.spent_points:,} 分，不限", None
    share = one.spent_points * ALL_BPS // one.budget_points
    tone: Tone | None = "warn" if share >= WARN_BPS else None
    if one.stopped_at is not None or share >= ALL_BPS:
        tone = "bad"
    return f"{one.spent_points:,} / {one.budget_points:,} 分（{share // 100}%）", tone


async def list_campaigns(visit: Visit) -> Answer:
    """List campaigns with how much of their budgets is given."""
    await require_whole(visit)
    async with transactions.reader():
        found = await campaigns.read_all()
    rows = []
    for one in found:
        state, tone = state_of(one, visit.at)
        told, budget_tone = budget_of(one)
        rows.append(
            (
                Cell(one.name, href=f"{ROOT_PATH}/{one.id}", note=one.code),
                Cell(state, tone=tone),
                Cell(told, tone=budget_tone),
                Cell(f"{typed.shown(one.from_at)} 到 {typed.shown(one.until_at)}"),
            )
        )
    table = Table(
        id="campaigns",
        path=ROOT_PATH,
        columns=(
            Column("name", "活动"),
            Column("state", "状态"),
            Column("budget", "已发 / 预算"),
            Column("span", "时间"),
        ),
        rows=tuple(rows),
        empty=Empty("还没有活动", "建一个活动，给它一份积分预算。", f"{ROOT_PATH}/new", "新建活动"),
        caption="活动",
    )
    intro = "预算发完活动自动停止，一分也不会多发；发到八成会提醒。"
    actions = (Action("新建活动", href=f"{ROOT_PATH}/new"),)
    return View("console/list.html", "活动预算", {"table": table, "actions": actions, "intro": intro})


def bar_of(one: Campaign, told: str) -> tuple[int, Tone, str] | None:
    """Give a bar of how much of the budget is given: percent, tone and words; None for no budget."""
    if one.budget_points is None:
        return None
    return min(one.spent_points * 100 // one.budget_points, 100), budget_of(one)[1] or "good", told


def why_stopped(one: Campaign, story: Sequence[KeptEntry]) -> str:
    """Say when a campaign stopped and by whom: staff leave an entry of that instant, an empty budget leaves none."""
    if one.stopped_at is None:
        return "没有停"
    by = next((entry.actor_name for entry in story if entry.at == one.stopped_at), None)
    if by is not None:
        return f"{typed.shown(one.stopped_at)}，{by} 停的"
    if len(story) == STORY_MAX:
        return typed.shown(one.stopped_at)
    return f"{typed.shown(one.stopped_at)}，剩下的预算不够发，自动停的"


def _form(action: str, one: Campaign | None, at: datetime) -> Form:
    span = (at, at + timedelta(days=NEW_DAYS)) if one is None else (one.from_at, one.until_at)
    code = (
        ()
        if one is not None
        else (Field("code", "代码", required=True, hint="字母、数字和 -，以后不能改。", length_max=40),)
    )
    stopped = () if one is None else (
        Field("stopped", "停止发放", "checkbox", value="1" if one.stopped_at is not None else ""),
    )  # fmt: skip

    def kept(name: str) -> str:
        value = None if one is None else getattr(one, name)
        return "" if value is None else str(value)

    return Form(
        action,
        (
            *code,
            Field("name", "名称", value=kept("name"), required=True, length_max=campaigns.NAME_LENGTH_MAX),
            Field("from_at", "开始", "datetime", value=typed.local(span[0]), required=True),
            Field("until_at", "结束", "datetime", value=typed.local(span[1]), required=True),
            Field("budget_points", "积分预算", value=kept("budget_points"), hint="不限就留空。"),
            Field("outlet_points_max", "每家店最多得", value=kept("outlet_points_max"), hint="不限就留空。"),
            Field(
                "outlet_day_points_max", "每家店一天最多得", value=kept("outlet_day_points_max"), hint="不限就留空。"
            ),
            *stopped,
            reason_field(),
        ),
        "保存",
        cancel_href=ROOT_PATH,
    )


def _plan(visit: Visit) -> CampaignPlan:
    return CampaignPlan(
        name=visit.field("name"),
        from_at=typed.instant(visit.field("from_at"), "from_at"),
        until_at=typed.instant(visit.field("until_at"), "until_at"),
        budget_points=typed.number(visit.field("budget_points"), "budget_points"),
        outlet_points_max=typed.number(visit.field("outlet_points_max"), "outlet_points_max"),
        outlet_day_points_max=typed.number(visit.field("outlet_day_points_max"), "outlet_day_points_max"),
        stopped=bool(visit.field("stopped")),
    )


async def new_campaign(visit: Visit) -> Answer:
    """Show the form of a new campaign."""
    await require_whole(visit)
    form = _form(f"{ROOT_PATH}/new", None, visit.at)
    return View("console/form_page.html", "新建活动", {"form": form, "intro": ""}, crumbs=CRUMBS)


async def add_campaign(visit: Visit) -> Answer:
    """Make a campaign."""
    await require_whole(visit)
    try:
        made = await campaigns.add(
            visit.field("code"), _plan(visit), visit.staff.actor, visit.field("reason"), visit.at
        )
    except Refusal as refusal:
        form = with_errors(_form(f"{ROOT_PATH}/new", None, visit.at), visit.form, fault_of(refusal))
        context = {"form": form, "intro": ""}
        return View("console/form_page.html", "新建活动", context, errors.status_of(refusal), CRUMBS)
    return Redirect(f"{ROOT_PATH}/{made}", "campaign_added")


async def _read(visit: Visit) -> Campaign:
    campaign_id = int_id(visit.params["id"])
    async with transactions.reader():
        found = (await campaigns.read([campaign_id])).get(campaign_id)
    if found is None:
        raise CampaignUnknown
    return found


async def show_campaign(visit: Visit) -> Answer:
    """Show one campaign with the form that changes it."""
    await require_whole(visit)
    return await _shown(visit, {}, 200)


async def _shown(visit: Visit, faults: dict[str, str], status: int) -> View:
    one = await _read(visit)
    wanted = AuditSearch(subject_kind="campaign", subject_id=one.code)
    async with transactions.reader():
        story = await audit.search(visit.reach.node_ids, wanted, 0, STORY_MAX)
    state, tone = state_of(one, visit.at)
    told, budget_tone = budget_of(one)
    form = _form(f"{ROOT_PATH}/{one.id}", one, visit.at)
    return View(
        "console/campaign.html",
        one.name,
        {
            "figures": (
                Figure("已发积分", f"{one.spent_points:,}", told, tone=budget_tone),
                Figure("状态", state, f"{typed.shown(one.from_at)} 到 {typed.shown(one.until_at)}", tone=tone),
            ),
            "facts": (
                Fact("代码", one.code),
                Fact("每家店最多得", "不限" if one.outlet_points_max is None else f"{one.outlet_points_max:,}"),
                Fact(
                    "每家店一天最多得",
                    "不限" if one.outlet_day_points_max is None else f"{one.outlet_day_points_max:,}",
                ),
                Fact("停止发放", why_stopped(one, story), None if one.stopped_at is None else "bad"),
                Fact("八成提醒", "还没到" if one.warned_at is None else typed.shown(one.warned_at)),
            ),
            "form": with_errors(form, visit.form, faults) if faults else form,
            "bar": bar_of(one, told),
            "moments": tuple(moment_of(entry) for entry in story),
        },
        status,
        CRUMBS,
    )


async def change_campaign(visit: Visit) -> Answer:
    """Change a campaign, stop it or let it go on."""
    await require_whole(visit)
    one = await _read(visit)
    try:
        await campaigns.change(one.id, _plan(visit), visit.staff.actor, visit.field("reason"), visit.at)
    except Refusal as refusal:
        return await _shown(visit, fault_of(refusal), errors.status_of(refusal))
    return Redirect(f"{ROOT_PATH}/{one.id}", "campaign_saved")


PAGES = (
    Page("GET", "/campaigns", list_campaigns, ROLES),
    Page("GET", "/campaigns/new", new_campaign, ROLES),
    Page("POST", "/campaigns/new", add_campaign, ROLES),
    Page("GET", "/campaigns/{id}", show_campaign, ROLES),
    Page("POST", "/campaigns/{id}", change_campaign, ROLES),
)
