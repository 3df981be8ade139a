"""Pure rules of the points module: when points end, what an order earns, how much a day may bring."""

import calendar
from collections.abc import Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from loyalty.rulebooks.books import Example, RuleBook
from loyalty.units import times_bps_rounded_down

Period = Literal["month", "quarter", "year"]
PERIOD_MONTHS: dict[Period, int] = {"month": 1, "quarter": 3, "year": 12}
ALL_BPS = 10_000


class ExpiryTerms(msgspec.Struct, frozen=True):
    """When points end.

    ``rolling``: so many months after they were earned, at the end of that month, quarter or year. ``fixed``: on the
    next of the calendar days that leaves at least so many months. ``grace_days``: how long spent points live that come
    back after their own last day.
    """

    kind: Literal["rolling", "fixed"] = "rolling"
    months: Annotated[int, Meta(ge=0, le=60)] = 12
    period: Period = "month"
    dates: Annotated[tuple[Annotated[str, Meta(pattern="^[0-9]{2}-[0-9]{2}$")], ...], Meta(max_length=12)] = ()
    grace_days: Annotated[int, Meta(ge=0, le=366)] = 30


@lru_cache(maxsize=1_024)
def expires_on(terms: ExpiryTerms, earned_on: date) -> date:
    """Give the last day on which points earned on a day can be spent. Whole periods make few lots to remember."""
    if terms.kind == "fixed":
        return _next_of(terms.dates, months_after(earned_on, terms.months))
    after = months_after(earned_on, terms.months)
    months = PERIOD_MONTHS[terms.period]
    last_month = (after.month - 1) // months * months + months
    return date(after.year, last_month, calendar.monthrange(after.year, last_month)[1])


def months_after(day: date, months: int) -> date:
    """Give the same day so many months later, or that month's last."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def _next_of(dates: tuple[str, ...], earliest: date) -> date:
    """Give the first of the calendar days that is not before ``earliest``; 29 February counts as the month's last."""
    found = []
    for year in (earliest.year, earliest.year + 1):
        for one in dates:
            month, day = int(one[:2]), int(one[3:])
            found.append(date(year, month, min(day, calendar.monthrange(year, month)[1])))
    return min(one for one in found if one >= earliest)


def refund_on(lot_on: date, on: date, grace_days: int) -> date:
    """Give the last day of points that come back to a lot: its own, or days of grace from now when it has passed."""
    return lot_on if lot_on >= on else on + timedelta(days=grace_days)


def _expiry_fault(terms: ExpiryTerms) -> tuple[str, str] | None:
    if terms.kind == "fixed" and not terms.dates:
        return "dates", "请至少填一个到期日，比如 06-30"
    if terms.kind == "rolling" and terms.months == 0 and terms.period == "month":
        return "months", "当月就到期太短了，请至少填 1 个月"
    for one in terms.dates:
        month, day = int(one[:2]), int(one[3:])
        if not (1 <= month <= 12 and 1 <= day <= calendar.monthrange(2024, month)[1]):  # noqa: PLR2004 - a leap year
            return "dates", f"日历上没有 {one} 这一天"
    return None


EXAMPLE_DAYS = (date(2026, 1, 1), date(2026, 1, 31), date(2026, 6, 30), date(2026, 11, 15), date(2026, 12, 31))


def _expiry_examples(terms: ExpiryTerms) -> list[Example]:
    earned = [
        Example(f"{day:%Y-%m-%d} 得到的积分", f"可用到 {expires_on(terms, day):%Y-%m-%d}") for day in EXAMPLE_DAYS
    ]
    return [*earned, Example("退回时原来的积分已经过期", f"再给 {terms.grace_days} 天")]


EXPIRY: RuleBook[ExpiryTerms] = RuleBook(
    "expiry",
    "积分有效期",
    "得到的积分可以用到哪一天。新规则只管生效以后得到的积分。",
    ExpiryTerms,
    ExpiryTerms(),
    _expiry_examples,
    _expiry_fault,
    {"kind": "方式", "months": "月数", "period": "取整到", "dates": "到期日", "grace_days": "退回宽限天数"},
)


class OrderLine(msgspec.Struct, frozen=True):
    """What of one category an order has, in whole cases."""

    category: str
    cases: int


class OrderPoints(msgspec.Struct, frozen=True):
    """What an order earns: points a case, by category where one is named, times a share, and a gift for the first."""

    points_per_case: Annotated[int, Meta(ge=0, le=1_000)] = 2
    category_points: Annotated[
        dict[Annotated[str, Meta(min_length=1, max_length=32)], Annotated[int, Meta(ge=0, le=1_000)]],
        Meta(max_length=50),
    ] = {}
    multiplier_bps: Annotated[int, Meta(ge=0, le=100_000)] = ALL_BPS
    first_order_points: Annotated[int, Meta(ge=0, le=100_000)] = 50
    outlet_day_points_max: Annotated[int, Meta(ge=1, le=1_000_000)] | None = 2_000


def order_points(rule: OrderPoints, lines: tuple[OrderLine, ...], *, first: bool) -> int:
    """Tell what an order earns before any cap. The share is taken of the sum, so lines lose nothing to rounding."""
    base = sum(rule.category_points.get(line.category, rule.points_per_case) * line.cases for line in lines)
    return times_bps_rounded_down(base, rule.multiplier_bps) + (rule.first_order_points if first else 0)


def line_points(rule: OrderPoints, lines: Sequence[OrderLine]) -> list[int]:
    """Tell what each line of an order earns: in sum what ``order_points`` tells of all, the first's gift aside."""
    found, before = [], 0
    for n in range(1, len(lines) + 1):
        so_far = order_points(rule, tuple(lines[:n]), first=False)
        found.append(so_far - before)
        before = so_far
    return found


def _order_examples(rule: OrderPoints) -> list[Example]:
    named = [
        Example(f"10 箱“{category}”", f"{order_points(rule, (OrderLine(category, 10),), first=False)} 分")
        for category in list(rule.category_points)[:5]
    ]
    plain = (OrderLine("", 10),)
    top = "不限" if rule.outlet_day_points_max is None else f"{rule.outlet_day_points_max} 分"
    return [
        Example("10 箱其他商品", f"{order_points(rule, plain, first=False)} 分"),
        Example("第一次下单，10 箱其他商品", f"{order_points(rule, plain, first=True)} 分"),
        *named,
        Example("一家店一天最多", top),
    ]


ORDERS: RuleBook[OrderPoints] = RuleBook(
    "order_points",
    "订货积分",
    "订货确认后先记为待入账，收货并过了退货期再到账。",
    OrderPoints,
    OrderPoints(),
    _order_examples,
    lambda _rule: None,
    {
        "points_per_case": "每箱积分",
        "category_points": "分品类每箱积分",
        "multiplier_bps": "倍数（%）",
        "first_order_points": "首单奖励",
        "outlet_day_points_max": "每店每天上限",
    },
)


class DayCap(msgspec.Struct, frozen=True):
    """What one outlet may earn on a business date under all capped rules together; none for no end."""

    outlet_day_points_max: Annotated[int, Meta(ge=1, le=1_000_000)] | None = 5_000


DAY_CAP: RuleBook[DayCap] = RuleBook(
    "day_cap",
    "每天积分上限",
    "一家店一天从订货和活动里最多得多少分；签到一天一次，不算在内。",
    DayCap,
    DayCap(),
    lambda rule: [
        Example(
            "一天本来能得 8,000 分",
            f"得 {min(8_000, rule.outlet_day_points_max or 8_000):,} 分",
        )
    ],
    lambda _rule: None,
    {"outlet_day_points_max": "每店每天上限"},
)


class RoleLimit(msgspec.Struct, frozen=True):
    """How many points, given or taken, one person of a role may move by hand: at once, and on one business date."""

    once_points_max: Annotated[int, Meta(ge=0, le=10_000_000)]
    day_points_max: Annotated[int, Meta(ge=0, le=10_000_000)]


class AdjustmentLimits(msgspec.Struct, frozen=True):
    """Limits by role, for who proposes and for who approves; a role that is not named may not."""

    propose: dict[str, RoleLimit]
    approve: dict[str, RoleLimit]


def _limit_examples(rule: AdjustmentLimits) -> list[Example]:
    return [
        Example(
            f"{_ROLE_WORDS.get(role, role)}{word}",
            f"一次 {limit.once_points_max:,} 分，一天 {limit.day_points_max:,} 分",
        )
        for word, limits in (("提出", rule.propose), ("复核", rule.approve))
        for role, limit in limits.items()
    ]


def _limit_fault(rule: AdjustmentLimits) -> tuple[str, str] | None:
    for name, limits in (("propose", rule.propose), ("approve", rule.approve)):
        for role, limit in limits.items():
            if role not in _ROLE_WORDS:
                return name, f"没有“{role}”这个角色"
            if limit.once_points_max > limit.day_points_max:
                return name, "一次的上限不能大过一天的上限"
    return None


_ROLE_WORDS = {
    "admin": "管理员", "plant_lead": "工厂负责人", "operator": "厂房运营", "marketer": "市场", "checker": "复核员",
}  # fmt: skip

ADJUSTMENTS: RuleBook[AdjustmentLimits] = RuleBook(
    "adjustment_limits",
    "手工调整额度",
    "各角色手工加减积分的额度；每一笔都要另一个人复核。",
    AdjustmentLimits,
    AdjustmentLimits(
        {
            "operator": RoleLimit(500, 2_000),
            "marketer": RoleLimit(500, 2_000),
            "plant_lead": RoleLimit(2_000, 10_000),
            "admin": RoleLimit(20_000, 50_000),
        },
        {
            "checker": RoleLimit(20_000, 100_000),
            "plant_lead": RoleLimit(1_000, 10_000),
            "admin": RoleLimit(20_000, 100_000),
        },
    ),
    _limit_examples,
    _limit_fault,
    {"propose": "提出", "approve": "复核"},
)

BOOKS = (EXPIRY, ORDERS, DAY_CAP, ADJUSTMENTS)
