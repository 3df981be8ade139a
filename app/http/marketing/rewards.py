"""Rewards: the catalogue, one reward with what it cost and brought, and everything that can be done about it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from app.http import errors
from app.http.console import lists
from app.http.console.components import (
    Action,
    Cell,
    Chart,
    Column,
    Dialog,
    Empty,
    Field,
    Filter,
    Form,
    Option,
    with_errors,
)
from app.http.console.forms import fault_of
from app.http.console.lists import Listing
from app.http.console.pages import Answer, Page, Redirect, View, Visit
from app.http.console.paths import int_id
from app.http.console.stories import moment_of
from app.http.console.tables import TableQuery
from app.http.console.whole import require_whole
from app.http.marketing import reward_forms, typed
from app.http.marketing.reward_facts import STATES, facts_of, figures_of
from app.http.pictures import path_of
from loyalty import transactions
from loyalty.campaigns import allotments, campaigns
from loyalty.campaigns.allotments import Allotment
from loyalty.clock import business_date
from loyalty.errors import Refusal
from loyalty.organisation import audit, tree
from loyalty.organisation.audit import AuditSearch
from loyalty.rewards import catalogue
from loyalty.rewards.errors import RewardInvalid
from loyalty.rewards.results import results
from loyalty.rewards.results.results import Result
from loyalty.rewards.rules import NEXT, Reward, State
from loyalty.rewards.types import registry
from loyalty.rewards.types.base import RewardType
from loyalty.staff.rules import Role

ROOT_PATH = "/marketing/rewards"
CRUMBS = (("兑换奖品", ROOT_PATH),)
ROLES: tuple[Role, ...] = ("admin", "marketer")
MOVES: dict[State, tuple[str, str]] = {
    "live": ("上架", "店主马上能看到并兑换。"),
    "paused": ("暂停", "店主马上不能兑换；已经兑到的不受影响。"),
    "ended": ("结束", "以后不能再上架；已经兑到的在有效期内照样能用。"),
}
COLUMNS = (
    Column("name", "奖品"),
    Column("type", "类型"),
    Column("cost", "积分", numeric=True),
    Column("units", "剩余 / 总数", numeric=True),
    Column("used", "兑换 / 已用", numeric=True),
    Column("state", "状态"),
    Column("until", "到"),
)
DAYS = 30
STORY_MAX = 50
UPLOAD_BYTES_MAX = catalogue.PICTURE_BYTES_MAX + 16 * 1024


async def list_rewards(visit: Visit) -> Answer:
    """List rewards with what is left and what was taken."""
    await require_whole(visit)
    counts: dict[int, Result] = {}
    units: dict[int, Allotment] = {}

    async def fetch(state: TableQuery, skip: int, limit: int) -> Sequence[Reward]:
        async with transactions.reader():
            found = await catalogue.search(
                state.q, state.filters.get("state", ""), state.filters.get("type", ""), skip, limit
            )
            counts.update(await results.totals([one.id for one in found]))
            units.update(await allotments.read([one.allotment_id for one in found if one.allotment_id is not None]))
        return found

    def row(one: Reward) -> tuple[Cell, ...]:
        state, tone = STATES[one.state]
        left = units.get(one.allotment_id or 0)
        return (
            Cell(one.name, href=f"{ROOT_PATH}/{one.id}", note=registry.sentence_of(one.type, one.terms)),
            Cell(registry.BY_CODE[one.type].title),
            Cell("赠送" if one.cost_points is None else f"{one.cost_points:,}"),
            Cell("不限" if left is None else f"{left.units_free:,} / {left.units_total:,}"),
            Cell(f"{counts[one.id].redemptions:,} / {counts[one.id].redeemed:,}"),
            Cell(state, tone=tone),
            Cell(typed.shown(one.until_at)),
        )

    kinds = tuple((kind.code, kind.title) for kind in registry.TYPES)
    return await lists.show(
        visit,
        Listing(
            id="rewards",
            title="兑换奖品",
            columns=COLUMNS,
            row=row,
            fetch=fetch,
            empty=Empty("商城还是空的", "建一个奖品，检查无误再上架。"),
            search="奖品名",
            filters=(
                Filter("state", "状态", tuple((code, word) for code, (word, _) in STATES.items())),
                Filter("type", "类型", kinds),
            ),
            actions=tuple(Action(f"新建{title}", href=f"{ROOT_PATH}/new?type={code}") for code, title in kinds),
        ),
    )


def _kind(code: str) -> RewardType[Any]:
    found = registry.BY_CODE.get(code)
    if found is None:
        raise RewardInvalid(field="type", expected="请从列出的奖品类型里选一个")
    return found


async def _form(visit: Visit, action: str, kind: RewardType[Any], one: Reward | None) -> Form:
    async with transactions.reader():
        nodes = await tree.find(visit.reach.node_ids, ("plant",))
        known = await campaigns.read_all()
        kept = {} if one is None or one.allotment_id is None else await allotments.read([one.allotment_id])
    plants: tuple[Option, ...] = tuple((node.code, f"{node.name}（{node.code}）") for node in nodes)
    units = kept[one.allotment_id].units_total if one is not None and one.allotment_id is not None else None
    options = [(str(campaign.id), campaign.name) for campaign in known]
    return reward_forms.form_of(action, kind, one, units, plants, options, visit.at)


async def new_reward(visit: Visit) -> Answer:
    """Show the form of a new reward of a type."""
    await require_whole(visit)
    kind = _kind(visit.field("type") or registry.TYPES[0].code)
    form = await _form(visit, f"{ROOT_PATH}/new", kind, None)
    intro = "先存成草稿，检查无误再上架。图片在存好以后加。"
    return View("console/form_page.html", f"新建{kind.title}", {"form": form, "intro": intro}, crumbs=CRUMBS)


async def add_reward(visit: Visit) -> Answer:
    """Make a draft."""
    await require_whole(visit)
    kind = _kind(visit.field("type"))
    try:
        plan = reward_forms.plan_of(visit, kind, None)
        made = await catalogue.add(plan, visit.staff.actor, visit.field("reason"), visit.at)
    except Refusal as refusal:
        form = with_errors(
            await _form(visit, f"{ROOT_PATH}/new", kind, None), visit.form, fault_of(refusal, units_total="units")
        )
        context = {"form": form, "intro": ""}
        return View("console/form_page.html", f"新建{kind.title}", context, errors.status_of(refusal), CRUMBS)
    return Redirect(f"{ROOT_PATH}/{made}", "reward_added")


async def _read(visit: Visit) -> Reward:
    async with transactions.reader():
        return await catalogue.read(int_id(visit.params["id"]))


async def edit_reward(visit: Visit) -> Answer:
    """Show the form that changes a reward."""
    await require_whole(visit)
    one = await _read(visit)
    form = await _form(visit, f"{ROOT_PATH}/{one.id}/edit", _kind(one.type), one)
    intro = "已经兑到的奖品不会跟着变。"
    crumbs = (*CRUMBS, (one.name, f"{ROOT_PATH}/{one.id}"))
    return View("console/form_page.html", "修改奖品", {"form": form, "intro": intro}, crumbs=crumbs)


async def change_reward(visit: Visit) -> Answer:
    """Change a reward."""
    await require_whole(visit)
    one = await _read(visit)
    kind, path = _kind(one.type), f"{ROOT_PATH}/{one.id}"
    version = visit.field("version")
    expected = int(version) if version.isascii() and version.isdigit() and len(version) < 9 else -1  # noqa: PLR2004
    try:
        plan = reward_forms.plan_of(visit, kind, one.picture_id)
        await catalogue.change(one.id, plan, expected, visit.staff.actor, visit.field("reason"), visit.at)
    except Refusal as refusal:
        form = with_errors(
            await _form(visit, f"{path}/edit", kind, one), visit.form, fault_of(refusal, units_total="units")
        )
        crumbs = (*CRUMBS, (one.name, path))
        context = {"form": form, "intro": ""}
        return View("console/form_page.html", "修改奖品", context, errors.status_of(refusal), crumbs)
    return Redirect(path, "reward_saved")


async def show_reward(visit: Visit) -> Answer:
    """Show a reward as members see it, what it cost and brought, and what can be done."""
    await require_whole(visit)
    return await _shown(visit)


async def _shown(visit: Visit, picture_fault: str = "", status: int = 200) -> View:
    one = await _read(visit)
    today = business_date(visit.at)
    days = [today - timedelta(days=DAYS - 1 - n) for n in range(DAYS)]
    wanted = AuditSearch(subject_kind="reward", subject_id=str(one.id))
    async with transactions.reader():
        result = (await results.totals([one.id]))[one.id]
        taken = await results.per_day(one.id, days[0])
        kept = await allotments.read([one.allotment_id]) if one.allotment_id is not None else {}
        story = await audit.search(visit.reach.node_ids, wanted, 0, STORY_MAX)
    state, tone = STATES[one.state]
    path = f"{ROOT_PATH}/{one.id}"
    moves = [to for to in NEXT[one.state] if to in MOVES]
    reason = Field("reason", "原因", required=True, length_max=audit.REASON_LENGTH_MAX, hint="会写进操作记录。")
    return View(
        "console/reward.html",
        one.name,
        {
            "figures": figures_of(one, result, kept.get(one.allotment_id or 0)),
            "facts": facts_of(one, state, tone),
            "picture": None if one.picture_id is None else path_of(one.picture_id),
            "preview": (one.name, registry.sentence_of(one.type, one.terms), one.cost_points),
            "actions": (
                *(() if one.state == "ended" else (Action("修改", href=f"{path}/edit", tone="plain"),)),
                *(Action(MOVES[to][0], dialog=to, tone="danger" if to == "ended" else "primary") for to in moves),
            ),
            "dialogs": tuple(
                Dialog(to, f"{MOVES[to][0]}“{one.name}”", MOVES[to][1],
                       Form(f"{path}/{to}", (reason,), MOVES[to][0], "danger" if to == "ended" else "primary",
                            id=f"{to}-form"))
                for to in moves
            ),
            "upload": None if one.state == "ended" else f"{path}/picture",
            "picture_fault": picture_fault,
            "chart": Chart(
                "redemptions", f"近 {DAYS} 天兑换", "bar", tuple(f"{day.month}月{day.day}日" for day in days),
                (("兑换份数", tuple(taken.get(day, 0) for day in days)),), "日期",
            ),
            "moments": tuple(moment_of(entry) for entry in story),
        },
        status,
        CRUMBS,
    )  # fmt: skip


async def move_reward(visit: Visit, state: State) -> Answer:
    """Put a reward into another state."""
    await require_whole(visit)
    one = int_id(visit.params["id"])
    await catalogue.move(one, state, visit.staff.actor, visit.field("reason"), visit.at)
    return Redirect(f"{ROOT_PATH}/{one}", "reward_moved")


async def go_live(visit: Visit) -> Answer:
    """Offer a reward in the shop."""
    return await move_reward(visit, "live")


async def pause(visit: Visit) -> Answer:
    """Stop offering a reward for a while."""
    return await move_reward(visit, "paused")


async def end(visit: Visit) -> Answer:
    """Stop offering a reward for ever."""
    return await move_reward(visit, "ended")


async def keep_picture(visit: Visit) -> Answer:
    """Give a reward another picture."""
    await require_whole(visit)
    one = await _read(visit)
    try:
        digest = await catalogue.keep_picture(visit.files.get("picture", b""), visit.staff.actor, visit.at)
        await catalogue.set_picture(one.id, digest, visit.staff.actor, "换图片", visit.at)
    except Refusal as refusal:
        return await _shown(visit, f"{refusal.title}。{refusal.detail}", errors.status_of(refusal))
    return Redirect(f"{ROOT_PATH}/{one.id}", "reward_saved")


PAGES = (
    Page("GET", "/rewards", list_rewards, ROLES),
    Page("GET", "/rewards/new", new_reward, ROLES),
    Page("POST", "/rewards/new", add_reward, ROLES),
    Page("GET", "/rewards/{id}", show_reward, ROLES),
    Page("GET", "/rewards/{id}/edit", edit_reward, ROLES),
    Page("POST", "/rewards/{id}/edit", change_reward, ROLES),
    Page("POST", "/rewards/{id}/live", go_live, ROLES),
    Page("POST", "/rewards/{id}/paused", pause, ROLES),
    Page("POST", "/rewards/{id}/ended", end, ROLES),
    Page("POST", "/rewards/{id}/picture", keep_picture, ROLES, upload_bytes_max=UPLOAD_BYTES_MAX),
)
