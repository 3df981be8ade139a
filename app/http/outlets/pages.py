"""Outlets: find one, and one outlet's page, for everybody whose reach holds it. Later capabilities add tabs."""

from collections.abc import Sequence
from typing import Any, Literal

from app.http.console import lists, words
from app.http.console.components import (
    Cell,
    Column,
    Empty,
    Fact,
    Figure,
    Filter,
    Moment,
    Tab,
)
from app.http.console.lists import Listing
from app.http.console.pages import Answer, Area, Page, View, Visit
from app.http.console.stories import moment_of
from app.http.console.tables import TableQuery
from app.http.outlets import orders, people, points, rights
from loyalty import transactions
from loyalty.clock import business_date
from loyalty.customers.care import outlets
from loyalty.customers.care.outlets import FoundOutlet, OutletCard
from loyalty.customers.territory import assignments
from loyalty.events import log
from loyalty.events.log import PastEvent
from loyalty.events.rules import FEED_OF
from loyalty.organisation import audit
from loyalty.organisation.audit import AuditSearch
from loyalty.points.statements import statements
from loyalty.points.statements.statements import Account
from loyalty.rewards.types import registry
from loyalty.staff.rules import Role

LOOKING: tuple[Role, ...] = ("admin", "plant_lead", "operator", "marketer", "checker", "rep", "supervisor")
CHANGING: tuple[Role, ...] = ("admin", "plant_lead", "operator")
ADJUSTING: tuple[Role, ...] = ("admin", "plant_lead", "operator", "marketer")
VISITING: tuple[Role, ...] = ("rep", "supervisor")
EVENTS_MAX = 100
ORDER_EVENTS = tuple(one for one, feed in FEED_OF.items() if feed == "orders")
STORY_MAX = 50
STATUS = {"open": "营业中", "closed": "已停用"}
KINDS = {kind.code: kind.title for kind in registry.TYPES}
WAYS = {"code": "扫码", "offer": "手机号匹配", "staff": "人工处理"}
DAYS = "一二三四五六日"
COLUMNS = (
    Column("name", "门店", sortable=True),
    Column("code", "编号", sortable=True),
    Column("place", "所属"),
    Column("rep", "业务员"),
    Column("class", "价值级"),
    Column("people", "绑定", numeric=True),
    Column("status", "状态"),
)
FILTERS = (
    Filter("bound", "绑定", (("yes", "已绑定"), ("no", "未绑定"))),
    Filter("status", "状态", tuple(STATUS.items())),
)
CRUMBS = (("门店", "/outlets"),)
TABS = {
    "people": "成员",
    "orders": "订单",
    "points": "积分",
    "entitlements": "权益",
    "events": "动态",
    "changes": "处理记录",
}
TabName = Literal["people", "orders", "points", "entitlements", "events", "changes"]


async def list_outlets(visit: Visit) -> Answer:
    """Find outlets within reach."""

    async def fetch(state: TableQuery, skip: int, limit: int) -> Sequence[FoundOutlet]:
        return await outlets.find(
            visit.reach,
            state.q,
            visit.resources.data_keys,
            visit.at,
            status=state.filters.get("status", ""),
            bound=state.filters.get("bound", ""),
            order=lists.order_of(state),
            skip=skip,
            limit=limit,
        )

    return await lists.show(
        visit,
        Listing(
            id="outlets",
            title="门店",
            columns=COLUMNS,
            row=_row,
            fetch=fetch,
            empty=Empty("您的范围里还没有门店", "门店数据同步后就会出现；不对的话请管理员看看您的授权。"),
            default_sort="code",
            search="编号、店名、拼音首字母或手机号",
            filters=FILTERS,
        ),
    )


def _row(one: FoundOutlet) -> tuple[Cell, ...]:
    return (
        Cell(one.name, href=people.path_of(one.code)),
        Cell(one.code),
        Cell(one.plant_name, note=one.place_name if one.place_name != one.plant_name else None),
        Cell(one.rep_name or "—"),
        Cell(one.value_class or "—"),
        Cell(f"{one.people} 人", tone="good") if one.people else Cell("未绑定", tone="warn"),
        Cell(STATUS[one.status], tone=None if one.status == "open" else "quiet"),
    )


async def show_outlet(visit: Visit) -> Answer:
    """Show an outlet and its people."""
    return await _shown(visit, "people")


async def show_points(visit: Visit) -> Answer:
    """Show an outlet's points of a month, entry by entry, or give them as a file."""
    if visit.field("export") == "csv":
        card = await outlets.read(visit.params["code"], visit.reach, visit.resources.data_keys, visit.at)
        return await points.download(visit, card)
    return await _shown(visit, "points")


async def show_orders(visit: Visit) -> Answer:
    """Show what an outlet has ordered."""
    return await _shown(visit, "orders")


async def show_entitlements(visit: Visit) -> Answer:
    """Show what an outlet holds, and what became of what it held."""
    return await _shown(visit, "entitlements")


async def show_events(visit: Visit) -> Answer:
    """Show what happened at an outlet."""
    return await _shown(visit, "events")


async def show_changes(visit: Visit) -> Answer:
    """Show what staff have changed at an outlet."""
    return await _shown(visit, "changes")


async def _shown(visit: Visit, tab: TabName) -> View:
    card = await outlets.read(visit.params["code"], visit.reach, visit.resources.data_keys, visit.at)
    bound = await outlets.bindings(card.id, visit.resources.data_keys)
    async with transactions.reader():
        account = (await statements.accounts([card.id]))[card.id]
        reps = await assignments.of_outlet(card.id)
    live = [one for one in bound if one.ended_at is None]
    seen = max((one.last_login_at for one in live if one.last_login_at), default=None)
    path = people.path_of(card.code)
    context: dict[str, Any] = {
        "figures": (
            Figure("积分余额", f"{account.balance:,}", _apart(account)),
            Figure("绑定成员", f"{len(live)}", "有店主" if any(one.role == "owner" for one in live) else "还没有店主"),
            Figure("最近登录", "还没登录" if seen is None else f"{business_date(seen):%m-%d}"),
        ),
        "facts": _facts(card),
        "tabs": tuple(
            Tab(title, path if name == "people" else f"{path}/{name}", current=name == tab)
            for name, title in TABS.items()
        ),
        "tab": tab,
        "table": None,
        "moments": (),
        "reps": reps,
        "dialogs": (),
        "people": (),
        "restorable": people.restorable_of(bound),
        "way_words": WAYS,
        "member_words": words.MEMBER_ROLES,
        "may_change": bool(visit.staff.reach(CHANGING).node_ids),
        "may_adjust": bool(visit.staff.reach(ADJUSTING).node_ids),
        "code": card.code,
    }
    match tab:
        case "people":
            context["people"] = bound
            context["dialogs"] = people.dialogs_of(card, bound) if context["may_change"] else ()
        case "orders":
            context["table"] = await orders.table_of(card.id, f"{path}/orders", _orders_path(visit))
        case "points":
            context |= await points.context_of(visit, card, f"{path}/points")
        case "entitlements":
            context |= await rights.context_of(visit, card, may_change=context["may_change"])
        case "events":
            context["moments"] = tuple(_moment(one) for one in await log.of_outlet(card.code, EVENTS_MAX))
        case "changes":
            wanted = AuditSearch(subject_kind="outlet", subject_id=card.code)
            nodes = visit.reach.node_ids or (card.place_id,)
            async with transactions.reader():
                found = await audit.search(nodes, wanted, 0, STORY_MAX)
            context["moments"] = tuple(moment_of(one) for one in found)
    return View("console/outlet.html", card.name, context, crumbs=CRUMBS)


def _orders_path(visit: Visit) -> str:
    # The desk is the plant's; who only visits outlets has pages made for a phone.
    return (
        "/sfa/orders" if visit.staff.roles & set(VISITING) and not visit.staff.roles & set(CHANGING) else "/ops/orders"
    )


def _apart(account: Account) -> str:
    told = (("待入账", account.pending), ("欠分", account.owed))
    return "，".join(f"{word} {points:,}" for word, points in told if points)


def _facts(card: OutletCard) -> tuple[Fact, ...]:
    place = " › ".join(name for name in (card.plant_name, card.office_name, card.route_name) if name)
    contact = " ".join(part for part in (card.contact_name, card.contact_phone_masked) if part)
    days = "、".join(f"周{DAYS[day - 1]}" for day in card.delivery_days or ())
    return (
        Fact("编号", card.code),
        Fact("状态", STATUS[card.status], "good" if card.status == "open" else "quiet"),
        Fact("所属", place),
        Fact("业务员", card.rep_name or "还没有"),
        Fact("联系人", contact or "—"),
        Fact("地址", card.address or "—"),
        Fact("渠道", card.channel or "—"),
        Fact("价值级", card.value_class or "—"),
        Fact("送货日", days or "—"),
        Fact("建档", f"{business_date(card.created_at):%Y-%m-%d}"),
    )


def _moment(one: PastEvent) -> Moment:
    text = {
        "checkin.made": lambda data: f"连续第 {data.get('streak_days', '?')} 天，得 {data.get('points', '?')} 分",
        "binding.made": lambda data: (
            f"{words.MEMBER_ROLES.get(data.get('role', ''), '成员')}，{WAYS.get(data.get('way', ''), '其他方式')}"
        ),
        "reward.redeemed": lambda data: (
            f"{KINDS.get(data.get('reward_type', ''), '奖品')}，用了 {data.get('cost_points', '?')} 分"
        ),
        "reward.cancelled": lambda data: f"退回 {data.get('points', '?')} 分",
        **dict.fromkeys(ORDER_EVENTS, lambda data: f"订单 {data.get('number', '?')}"),
        "entitlement.redeemed": lambda data: KINDS.get(data.get("reward_type", ""), "奖品"),
        "entitlement.lapsed": lambda data: f"{KINDS.get(data.get('reward_type', ''), '奖品')}，过了有效期",
        "binding.ended": lambda data: {"owner": "店主移除", "staff": "人工处理"}.get(data.get("by", ""), ""),
    }.get(one.type, lambda _: "")(one.data)
    tone = "warn" if one.type == "binding.ended" else None
    return Moment(one.occurred_at, words.EVENTS.get(one.type, one.type), text, tone=tone)  # type: ignore[arg-type]


OUTLETS = Area(
    "outlets",
    "/outlets",
    (
        Page("GET", "", list_outlets, LOOKING),
        Page("GET", "/{code}", show_outlet, LOOKING),
        Page("GET", "/{code}/orders", show_orders, LOOKING),
        Page("GET", "/{code}/points", show_points, LOOKING),
        Page("GET", "/{code}/entitlements", show_entitlements, LOOKING),
        Page("GET", "/{code}/events", show_events, LOOKING),
        Page("GET", "/{code}/changes", show_changes, LOOKING),
        Page("POST", "/{code}/bindings/{id}/end", people.end_binding, CHANGING),
        Page("POST", "/{code}/bindings/{id}/restore", people.restore_binding, CHANGING),
        Page("POST", "/{code}/bindings/{id}/owner", people.change_owner, CHANGING),
        Page("POST", "/{code}/redemptions/{id}/cancel", rights.cancel_redemption, CHANGING),
    ),
)
