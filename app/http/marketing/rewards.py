"""Rewards: the catalogue as a list, and the forms that make and change one."""

from collections.abc import Sequence
from typing import Any

from app.http import errors
from app.http.console import lists, typed
from app.http.console.components import Action, Cell, Column, Empty, Figure, Filter, Form, Option, with_errors
from app.http.console.forms import fault_of
from app.http.console.lists import Listing
from app.http.console.pages import Answer, Page, Redirect, View, Visit
from app.http.console.tables import TableQuery
from app.http.console.whole import require_whole
from app.http.marketing import reward_forms, reward_one
from app.http.marketing.reward_facts import CRUMBS, ROLES, ROOT_PATH, STATES
from loyalty import transactions
from loyalty.campaigns import allotments, campaigns
from loyalty.campaigns.allotments import Allotment
from loyalty.errors import Refusal
from loyalty.organisation import tree
from loyalty.rewards import catalogue
from loyalty.rewards.errors import RewardInvalid
from loyalty.rewards.results import results
from loyalty.rewards.results.results import Result
from loyalty.rewards.rules import Reward
from loyalty.rewards.types import registry
from loyalty.rewards.types.base import RewardType

FOR_WHAT = {
    "coupon": "订货满多少减多少",
    "gift": "随下一趟送货车送到",
    "price": "按特价再订几箱",
    "points": "马上到账，可从活动预算里出",
}
"""What each type is good for, so that the right one is chosen."""
COLUMNS = (
    Column("name", "奖品"),
    Column("type", "类型"),
    Column("cost", "积分", numeric=True),
    Column("units", "剩余 / 总数", numeric=True),
    Column("used", "兑换 / 已用", numeric=True),
    Column("state", "状态"),
    Column("span", "时间", whole=True),
)


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
            Cell(f"到 {typed.shown(one.until_at)}", note=f"从 {typed.shown(one.from_at)}"),
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
            actions=(Action("新建奖品", href=f"{ROOT_PATH}/new"),),
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
    """Let the type be chosen, then show the form of a new reward of it."""
    await require_whole(visit)
    if not visit.field("type"):
        kinds = tuple(
            Figure("奖品类型", kind.title, FOR_WHAT.get(kind.code, ""), f"{ROOT_PATH}/new?type={kind.code}")
            for kind in registry.TYPES
        )
        return View("console/reward_types.html", "新建奖品", {"kinds": kinds}, crumbs=CRUMBS)
    kind = _kind(visit.field("type"))
    form = await _form(visit, f"{ROOT_PATH}/new", kind, None)
    intro = "先存成草稿，检查无误再上架。图片在存好以后加。"
    return View("console/form_page.html", f"新建{kind.title}", {"form": form, "intro": intro}, crumbs=CRUMBS)


async def add_reward(visit: Visit) -> Answer:
    """Make a draft."""
    await require_whole(visit)
    kind = _kind(visit.field("type"))
    form = await _form(visit, f"{ROOT_PATH}/new", kind, None)
    try:
        plan = reward_forms.plan_of(visit, kind, None, reward_forms.plants_of(form))
        made = await catalogue.add(plan, visit.staff.actor, visit.field("reason"), visit.at)
    except Refusal as refusal:
        told = with_errors(form, visit.form, fault_of(refusal, units_total="units"))
        context = {"form": told, "intro": ""}
        return View("console/form_page.html", f"新建{kind.title}", context, errors.status_of(refusal), CRUMBS)
    return Redirect(f"{ROOT_PATH}/{made}", "reward_added")


async def edit_reward(visit: Visit) -> Answer:
    """Show the form that changes a reward."""
    await require_whole(visit)
    one = await reward_one.read(visit)
    form = await _form(visit, f"{ROOT_PATH}/{one.id}/edit", _kind(one.type), one)
    intro = "已经兑到的奖品不会跟着变。"
    crumbs = (*CRUMBS, (one.name, f"{ROOT_PATH}/{one.id}"))
    return View("console/form_page.html", "修改奖品", {"form": form, "intro": intro}, crumbs=crumbs)


async def change_reward(visit: Visit) -> Answer:
    """Change a reward."""
    await require_whole(visit)
    one = await reward_one.read(visit)
    kind, path = _kind(one.type), f"{ROOT_PATH}/{one.id}"
    expected = typed.version(visit.field("version"))
    form = await _form(visit, f"{path}/edit", kind, one)
    try:
        plan = reward_forms.plan_of(visit, kind, one.picture_id, reward_forms.plants_of(form))
        await catalogue.change(one.id, plan, expected, visit.staff.actor, visit.field("reason"), visit.at)
    except Refusal as refusal:
        told = with_errors(form, visit.form, fault_of(refusal, units_total="units"))
        crumbs = (*CRUMBS, (one.name, path))
        context = {"form": told, "intro": ""}
        return View("console/form_page.html", "修改奖品", context, errors.status_of(refusal), crumbs)
    return Redirect(path, "reward_saved")


PAGES = (
    Page("GET", "/rewards", list_rewards, ROLES),
    Page("GET", "/rewards/new", new_reward, ROLES),
    Page("POST", "/rewards/new", add_reward, ROLES),
    Page("GET", "/rewards/{id}/edit", edit_reward, ROLES),
    Page("POST", "/rewards/{id}/edit", change_reward, ROLES),
    *reward_one.PAGES,
)
