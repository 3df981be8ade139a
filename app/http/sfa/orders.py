"""The rep's today: the orders of the own outlets, those in trouble first, the newest as they are placed."""

import hashlib
import re
from dataclasses import dataclass
from typing import cast

import msgspec

from app.http.console import tables
from app.http.console.components import Filter, Option, Tone
from app.http.console.navigation import VISITING
from app.http.console.order_parts import TONES, moment, outlet_path, what_of
from app.http.console.pages import Answer, Page, Unchanged, View, Visit
from app.http.console.tables import TableQuery
from loyalty import transactions
from loyalty.ordering.fulfilment.rules import STATUS_WORDS, UNDER_WAY, Status
from loyalty.ordering.history import orders
from loyalty.ordering.history.orders import Day, Only, Summary
from loyalty.staff import people
from loyalty.staff.people import Reach
from loyalty.units import yuan

ROOT_PATH = "/sfa"
PART_ID = "sfa-orders"
PAGE_SIZE = 20
TROUBLE_MAX = 10
"""So many in trouble stand above the others; the rest of them is one tap away."""
ID = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)
DAYS: tuple[tuple[Day, str], ...] = (
    ("today", "今天下单"),
    ("yesterday", "昨天下单"),
    ("week", "近 7 天下单"),
    ("comes_today", "今天送到"),
    ("comes_tomorrow", "明天送到"),
)
FILTERS = (
    Filter("only", "只看", (("trouble", "要留意的"),)),
    Filter("status", "状态", tuple(STATUS_WORDS.items())),
    Filter("day", "哪天", DAYS),
)
COMING: frozenset[Status] = UNDER_WAY - {"delivered"}
OVERDUE: dict[Status, str] = {
    "placed": "仓库还没确认",
    "confirmed": "到送货日了还没装车",
    "shipped": "该到了还没送达",
}


@dataclass(frozen=True, slots=True)
class Card:
    """An order in a list, made for a thumb."""

    number: str
    href: str
    outlet: str
    outlet_href: str
    what: str
    amount: str
    status: str
    tone: Tone | None
    trouble: str
    when: str


async def list_orders(visit: Visit) -> Answer:
    """Show the orders within reach; the part alone, or nothing, where a page asks again."""
    state = tables.read(visit.query, columns=(), filters=FILTERS, default_sort="")
    rep, before = _id(visit, "rep"), _id(visit, "before")
    reach = _of_rep(visit.reach, rep)
    is_trouble = state.filters.get("only") == "trouble"
    async with transactions.reader():
        above = [] if is_trouble or before else await _find(visit, state, reach, "trouble", TROUBLE_MAX, None)
        found = await _find(visit, state, reach, "trouble" if is_trouble else "calm", PAGE_SIZE, before)
        is_whole = visit.wants_part != PART_ID
        leads = is_whole and bool(visit.reach.node_ids)
        reps = await people.choices(visit.reach.node_ids, ("rep",), "", visit.at) if leads else []
    seen = hashlib.blake2s(msgspec.json.encode((above, found)), digest_size=8).hexdigest()
    if not is_whole and visit.field("seen") == seen:
        return Unchanged()
    kept = {"q": state.q, **state.filters, "rep": str(rep or "")}
    kept = {name: value for name, value in kept.items() if value}
    shown = found[:PAGE_SIZE]
    context = {
        "part_id": PART_ID,
        "path": ROOT_PATH,
        "state": kept,
        "trouble_state": kept | {"only": "trouble"},
        "next_state": kept | {"before": str(shown[-1].id)} if len(found) > PAGE_SIZE else None,
        "is_live": before is None,
        "is_trouble": is_trouble,
        "seen": seen,
        "above": tuple(_card(one, is_trouble=True) for one in above[:TROUBLE_MAX]),
        "more_trouble": len(above) > TROUBLE_MAX,
        "cards": tuple(_card(one, is_trouble=is_trouble) for one in shown),
    }
    if not is_whole:
        return View("console/sfa_orders_part.html", "门店订单", context)
    filters = [Filter(one.name, one.title, one.options, state.filters.get(one.name, "")) for one in FILTERS]
    if reps:
        options: tuple[Option, ...] = tuple((str(one.id), one.name) for one in reps)
        filters.append(Filter("rep", "业务员", options, str(rep or "")))
    return View("console/sfa_orders.html", "门店订单", context | {"filters": tuple(filters), "q": state.q})


async def _find(
    visit: Visit, state: TableQuery, reach: Reach, only: Only, limit: int, before_id: int | None
) -> list[Summary]:
    return await orders.find(
        reach,
        state.q,
        state.filters.get("status", ""),
        only,
        "-placed",
        0,
        limit + 1,
        visit.at,
        before_id,
        cast(Day, state.filters.get("day", "")),
    )


def _id(visit: Visit, name: str) -> int | None:
    given = visit.field(name)
    return int(given) if ID.fullmatch(given) else None


def _of_rep(reach: Reach, rep_id: int | None) -> Reach:
    # Never wider than what was there: of one's own nodes, the outlets that this rep looks after.
    return reach if rep_id is None or not reach.node_ids else Reach((), rep_id, reach.node_ids)


def _card(one: Summary, *, is_trouble: bool) -> Card:
    words = [word for word, is_so in (("缺货等店里选", one.open_shortages > 0), ("仓库说法不一", one.is_odd)) if is_so]
    coming = f" · 预计 {one.eta_on or one.deliver_on:%m-%d} 送到" if one.status in COMING else ""
    return Card(
        one.number,
        f"{ROOT_PATH}/orders/{one.number}",
        one.outlet_name,
        outlet_path(one.outlet_code),
        f"{what_of(one)}，{one.cases:,} 箱",
        f"{yuan(one.due_fen)} 元",
        STATUS_WORDS[one.status],
        TONES[one.status],
        ("、".join(words) or OVERDUE.get(one.status, "请留意")) if is_trouble else "",
        f"{moment(one.placed_at)} 下单{coming}",
    )


PAGES = (Page("GET", "", list_orders, VISITING),)
