"""What stands in the navigation, for whom: one literal table."""

from collections.abc import Collection
from dataclasses import dataclass

from app.http.console.components import NavArea, NavItem
from loyalty.staff.people import Staff
from loyalty.staff.rules import ROLES, Role


@dataclass(frozen=True, slots=True)
class Entry:
    """A page in the navigation and the roles that see it."""

    area: str
    title: str
    href: str
    icon: str
    roles: tuple[Role, ...] = ROLES
    whole: bool = False
    """Whether it is about the whole house, and only for roles that count in all of it."""


ADJUSTING: tuple[Role, ...] = ("admin", "plant_lead", "operator", "marketer", "checker")
SELLING: tuple[Role, ...] = ("admin", "plant_lead", "operator", "marketer")
ORDERING: tuple[Role, ...] = ("admin", "plant_lead", "operator")
VISITING: tuple[Role, ...] = ("rep", "supervisor")
MARKETING: tuple[Role, ...] = ("admin", "marketer")

ENTRIES: tuple[Entry, ...] = (
    Entry("今天", "总览", "/", "home"),
    Entry("今天", "门店订单", "/sfa", "truck", VISITING),
    Entry("客户", "门店", "/outlets", "shop"),
    Entry("客户", "业务员", "/ops/reps", "truck", ("admin", "plant_lead", "supervisor")),
    Entry("客户", "积分调整", "/ops/adjustments", "check", ADJUSTING),
    Entry("订货", "订单", "/ops/orders", "list", ORDERING),
    Entry("订货", "商品和价格", "/ops/products", "box", SELLING),
    Entry("市场", "兑换奖品", "/marketing/rewards", "gift", MARKETING, whole=True),
    Entry("市场", "活动预算", "/marketing/campaigns", "flag", MARKETING, whole=True),
    Entry("市场", "积分规则", "/marketing/rules", "star", MARKETING, whole=True),
    Entry("管理", "同事和授权", "/admin/staff", "people", ("admin",)),
    Entry("管理", "组织", "/admin/organisation", "tree", ("admin",)),
    Entry("管理", "功能开关", "/admin/switches", "switch", ("admin",), whole=True),
    Entry("管理", "系统密钥", "/admin/keys", "key", ("admin",), whole=True),
    Entry("管理", "事件推送", "/admin/webhooks", "truck", ("admin",), whole=True),
    Entry("管理", "操作记录", "/admin/audit", "list", ("admin", "plant_lead")),
)


def areas(staff: Staff, path: str) -> tuple[NavArea, ...]:
    """Give the navigation for somebody with these roles, the entry of ``path`` marked as current."""
    everywhere = {grant.role for grant in staff.grants if grant.at_root}
    seen = [entry for entry in ENTRIES if _opens(entry, staff.roles, everywhere)]
    here = max((entry.href for entry in seen if _holds(entry.href, path)), key=len, default="")
    names = list(dict.fromkeys(entry.area for entry in seen))
    return tuple(
        NavArea(
            name,
            tuple(
                NavItem(entry.title, entry.href, entry.icon, current=entry.href == here)
                for entry in seen
                if entry.area == name
            ),
        )
        for name in names
    )


def landing(roles: Collection[Role]) -> str:
    """Give the first page after the log-in: who only visits outlets comes for their orders."""
    return "/sfa" if roles and set(roles) <= set(VISITING) else "/"


def _opens(entry: Entry, roles: Collection[Role], everywhere: Collection[Role]) -> bool:
    if entry.whole:
        return bool(set(entry.roles) & set(everywhere))
    return entry.roles == ROLES or bool(set(entry.roles) & set(roles))


def _holds(href: str, path: str) -> bool:
    return path == href or (href != "/" and path.startswith(href + "/"))
