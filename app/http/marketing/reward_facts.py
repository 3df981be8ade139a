"""What a reward's page tells of it."""

from app.http.console import typed, words
from app.http.console.components import Fact, Figure, Tone
from loyalty.campaigns.allotments import Allotment
from loyalty.campaigns.campaigns import Campaign
from loyalty.rewards.results.results import Result
from loyalty.rewards.rules import Reward, State
from loyalty.rewards.types import registry
from loyalty.staff.rules import Role
from loyalty.units import yuan

ROOT_PATH = "/marketing/rewards"
CRUMBS = (("兑换奖品", ROOT_PATH),)
ROLES: tuple[Role, ...] = ("admin", "marketer")
TONES: dict[State, Tone] = {"draft": "quiet", "live": "good", "paused": "warn", "ended": "quiet"}
STATES: dict[State, tuple[str, Tone]] = {state: (word, TONES[state]) for state, word in words.REWARD_STATES.items()}


def figures_of(one: Reward, result: Result, kept: Allotment | None) -> tuple[Figure, ...]:
    """Give what a reward came to."""
    left = "不限" if kept is None else f"{kept.units_free:,}"
    note = "" if kept is None else f"共 {kept.units_total:,} 份"
    if kept is not None and kept.units_returned:
        note += f"，退回 {kept.units_returned:,} 份待放开"
    return (
        Figure("剩余", left, note),
        Figure("已兑换", f"{result.redemptions:,}", f"{result.outlets:,} 家店，收回 {result.points:,} 分"),
        Figure("已使用", f"{result.redeemed:,}", f"成本 {yuan(result.cost_fen(one.cost_fen))} 元"),
        Figure("还没用", f"{result.free + result.held:,}", f"都用掉还要 {yuan(result.open_fen(one.cost_fen))} 元"),
        Figure("过期没用", f"{result.lapsed:,}", f"取消 {result.cancelled:,}"),
    )


def facts_of(one: Reward, state: str, tone: Tone, payer: Campaign | None) -> tuple[Fact, ...]:
    """Give how a reward is set. ``payer`` is the campaign whose budget it comes from."""
    audience = [
        f"{word} {'、'.join(values)}"
        for word, values in (("工厂", one.plants), ("价值级", one.value_classes), ("标签", one.tags))
        if values
    ]
    limits = [
        text.format(most)
        for text, most in (("共 {} 份", one.outlet_max), ("每月 {} 份", one.outlet_month_max))
        if most is not None
    ]
    return (
        Fact("状态", state, tone),
        Fact("类型", registry.BY_CODE[one.type].title),
        Fact("时间", f"{typed.shown(one.from_at)} 到 {typed.shown(one.until_at)}"),
        Fact("得到后有效", f"{one.days_valid} 天"),
        Fact("每家店限兑", "，".join(limits) or "不限"),
        Fact("给谁", "，".join(audience) or "所有门店"),
        Fact("一份的成本", f"{yuan(one.cost_fen)} 元"),
        *(() if payer is None else (Fact("从哪个活动出", payer.name, href=f"/marketing/campaigns/{payer.id}"),)),
    )
