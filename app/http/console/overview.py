"""The first page after the log-in: where things stand within one's reach, and what waits for somebody."""

from app.http.console import living, words
from app.http.console.components import Action, Chart, Fact, Figure
from app.http.console.login import ME
from app.http.console.pages import Answer, Area, Page, View, Visit
from loyalty import transactions
from loyalty.clock import SHANGHAI
from loyalty.customers.care import counts
from loyalty.organisation import tree
from loyalty.staff import grants, logins
from loyalty.staff.rules import ROLES


async def show_overview(visit: Visit) -> Answer:
    """Show the figures within reach."""
    reach = visit.staff.reach(ROLES)
    totals = await counts.totals(reach, visit.at)
    made = await counts.bindings_per_day(reach, visit.at)
    admin = visit.staff.reach(grants.ADMIN).node_ids
    async with transactions.reader():
        waiting = len(await tree.unconfirmed(admin)) if admin else 0
    unbound = totals.outlets - totals.bound
    rate = f"{totals.bound / totals.outlets:.0%}" if totals.outlets else "—"
    figures = [
        Figure("营业中的门店", f"{totals.outlets:,}", f"近 7 天新增 {totals.new:,}", "/outlets?status=open"),
        Figure("已绑定", f"{totals.bound:,}", f"占 {rate}", "/outlets?bound=yes&status=open"),
        Figure(
            "还没绑定", f"{unbound:,}", "去看看是哪些", "/outlets?bound=no&status=open", "warn" if unbound else "good"
        ),
    ]
    if waiting:
        figures.append(Figure("待确认的组织", f"{waiting}", "写上名称就好", "/admin/organisation", "warn"))
    hour = visit.at.astimezone(SHANGHAI).hour
    return View(
        "console/overview.html",
        f"{_greeting(hour)}，{visit.staff.name}",
        {
            "figures": tuple(figures),
            "nothing": reach.is_nothing,
            "counted_at": totals.counted_at,
            "chart": Chart(
                "bindings",
                f"近 {counts.DAYS} 天新绑定",
                "bar",
                tuple(f"{day.month}月{day.day}日" for day, _ in made),
                (("新绑定", tuple(count for _, count in made)),),
                "日期",
            ),
        },
    )


def _greeting(hour: int) -> str:
    bounds = ((5, "夜深了"), (11, "早上好"), (13, "中午好"), (18, "下午好"), (24, "晚上好"))
    return next(words_ for bound, words_ in bounds if hour < bound)


async def show_me(visit: Visit) -> Answer:
    """Show who I am, what I may, and where I am logged in."""
    return View(
        "console/me.html",
        "我的账号",
        {
            "facts": (
                Fact("姓名", visit.staff.name),
                Fact("工号", visit.staff.code),
                *(
                    Fact(words.ROLES[one.role], f"{words.KINDS[one.node_kind]} · {one.node_name}")
                    for one in visit.staff.grants
                ),
            ),
            "page_actions": (Action("换密码", "/password", tone="plain"),),
            "sessions": await logins.sessions(visit.staff.id, visit.at),
            "current_id": visit.staff.session_id,
        },
    )


async def show_living(visit: Visit) -> Answer:
    """Show every component in every state."""
    return View("console/living.html", "组件", living.context(visit.at))


CONSOLE = Area(
    "console",
    "",
    (
        Page("GET", "/", show_overview),
        Page("GET", "/me", show_me),
        Page("GET", "/components", show_living),
        *ME,
    ),
)
