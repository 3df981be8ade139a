"""Feature switches: who sees what, off at once when something is wrong, and what nobody uses."""

from datetime import datetime, timedelta
from decimal import Decimal

from app.http import errors
from app.http.admin.staff import ADMIN
from app.http.console import typed
from app.http.console.components import (
    Action,
    Cell,
    Chart,
    Column,
    Dialog,
    Empty,
    Fact,
    Field,
    Form,
    Table,
    Tone,
    reason_field,
    with_errors,
)
from app.http.console.forms import fault_of
from app.http.console.pages import Answer, Page, Redirect, View, Visit
from app.http.console.paths import local_instant
from app.http.console.stories import moment_of
from app.http.console.whole import require_whole
from loyalty import transactions
from loyalty.clock import business_date
from loyalty.errors import Refusal
from loyalty.organisation import audit, tree
from loyalty.organisation.audit import AuditSearch
from loyalty.switches import switches
from loyalty.switches.errors import FeatureUnknown, PercentWrong
from loyalty.switches.features import BY_CODE, FEATURES, Feature
from loyalty.switches.rules import ALL_BPS, SwitchRule, decided
from loyalty.switches.switches import KeptSwitch

ROOT_PATH = "/admin/switches"
CRUMBS = (("功能开关", ROOT_PATH),)
DAYS = 30
STORY_MAX = 30
COLUMNS = (
    Column("title", "功能"),
    Column("state", "现在"),
    Column("who", "谁能看到"),
    Column("uses", "近 30 天使用", numeric=True),
    Column("last", "最近使用"),
)


def state_of(rule: SwitchRule, at: datetime) -> tuple[str, Tone]:
    """Say in a word how a feature stands."""
    if rule.killed:
        return "紧急关闭", "bad"
    known = decided(rule, at)
    if known is None:
        return "部分开放", "info"
    if known:
        return "全部开放", "good"
    return ("未到时间", "quiet") if rule.from_at is not None and at < rule.from_at else ("关闭", "quiet")


def audience_of(rule: SwitchRule) -> str:
    """Say who sees a feature while it is on."""
    parts = []
    if rule.plants:
        parts.append(f"工厂 {'、'.join(rule.plants)}")
    if rule.value_classes:
        parts.append(f"价值级 {'、'.join(rule.value_classes)}")
    if rule.tags:
        parts.append(f"标签 {'、'.join(rule.tags)}")
    if rule.percent_bps < ALL_BPS:
        parts.append(f"其中 {typed.percent(rule.percent_bps)}%")
    return "，".join(parts) or "所有门店"


async def list_switches(visit: Visit) -> Answer:
    """List all features with how they stand and how much they are used."""
    await require_whole(visit)
    today = business_date(visit.at)
    async with transactions.reader():
        kept = await switches.read_all()
        uses = await switches.uses_since(today - timedelta(days=DAYS - 1))
        last = await switches.last_used()
    rows = []
    for feature in FEATURES:
        state, tone = state_of(kept[feature.code].rule, visit.at)
        count = sum(one.uses for one in uses if one.feature == feature.code)
        used = last.get(feature.code)
        rows.append(
            (
                Cell(feature.title, href=f"{ROOT_PATH}/{feature.code}", note=feature.sentence),
                Cell(state, tone=tone),
                Cell(audience_of(kept[feature.code].rule)),
                Cell(f"{count:,}"),
                Cell("还没人用过" if used is None else f"{used:%Y-%m-%d}"),
            )
        )
    empty = Empty("还没有功能", "有新功能时会列在这里。")
    table = Table(id="switches", path=ROOT_PATH, columns=COLUMNS, rows=tuple(rows), empty=empty, caption="功能开关")
    intro = "改动一秒内在所有服务器生效。很久没人用的功能，可以考虑下线。"
    return View("console/list.html", "功能开关", {"table": table, "actions": (), "intro": intro})


def _feature(visit: Visit) -> Feature:
    feature = BY_CODE.get(visit.params["feature"])
    if feature is None:
        raise FeatureUnknown
    return feature


def _form(kept: KeptSwitch, plants: tuple[tuple[str, str], ...]) -> Form:
    rule = kept.rule
    return Form(
        f"{ROOT_PATH}/{kept.feature}",
        (
            Field("version", "", kind="hidden", value=str(kept.version)),
            Field("enabled", "打开这个功能", kind="checkbox", value="1" if rule.enabled else ""),
            Field("plants", "只给这些工厂", kind="checks", options=plants, values=rule.plants, hint="都不选就是全部。"),
            Field(
                "value_classes", "只给这些价值级", value="，".join(rule.value_classes), hint="用逗号隔开，比如 A，B。"
            ),
            Field("tags", "只给这些标签", value="，".join(rule.tags), hint="有其中一个就行，用逗号隔开。"),
            Field(
                "percent",
                "开放比例（%）",
                value=typed.percent(rule.percent_bps),
                required=True,
                hint="调高只会加进新的门店，已经看到的一直看得到。",
                length_max=6,
            ),
            Field("from_at", "从什么时候", kind="datetime", value=typed.local(rule.from_at)),
            Field("until_at", "到什么时候", kind="datetime", value=typed.local(rule.until_at)),
            reason_field(),
        ),
        "保存",
        cancel_href=ROOT_PATH,
        id="rule",
    )


async def show_switch(visit: Visit) -> Answer:
    """Show one feature's switch."""
    await require_whole(visit)
    return await _shown(visit, _feature(visit))


async def _shown(visit: Visit, feature: Feature, values: dict[str, str] | None = None, status: int = 200) -> View:
    today = business_date(visit.at)
    days = [today - timedelta(days=DAYS - 1 - n) for n in range(DAYS)]
    wanted = AuditSearch(subject_kind="switch", subject_id=feature.code)
    async with transactions.reader():
        kept = (await switches.read_all())[feature.code]
        uses = {one.on_date: one.uses for one in await switches.uses_since(days[0]) if one.feature == feature.code}
        nodes = await tree.find(visit.reach.node_ids, ("plant",))
        story = await audit.search(visit.reach.node_ids, wanted, 0, STORY_MAX)
    form = _form(kept, tuple((node.code, f"{node.name}（{node.code}）") for node in nodes))
    state, tone = state_of(kept.rule, visit.at)
    reason = reason_field()
    path = f"{ROOT_PATH}/{feature.code}"
    kill = Dialog(
        "kill",
        f"紧急关闭“{feature.title}”",
        "所有门店一秒内就看不到它，下面的设置会保留。",
        Form(f"{path}/kill", (reason,), "马上关闭", "danger", id="kill-form"),
    )
    revive = Dialog(
        "revive",
        f"恢复“{feature.title}”",
        "按下面的设置重新开放。",
        Form(f"{path}/revive", (reason,), "恢复", id="revive-form"),
    )
    return View(
        "console/switch.html",
        feature.title,
        {
            "sentence": feature.sentence,
            "facts": (Fact("现在", state, tone), Fact("谁能看到", audience_of(kept.rule))),
            "actions": (Action("恢复", dialog="revive"),)
            if kept.rule.killed
            else (Action("紧急关闭", dialog="kill", tone="danger"),),
            "form": form if values is None else with_errors(form, visit.form, values),
            "dialogs": (revive if kept.rule.killed else kill,),
            "chart": Chart(
                "uses",
                f"近 {DAYS} 天使用次数",
                "line",
                tuple(f"{day.month}月{day.day}日" for day in days),
                (("使用次数", tuple(uses.get(day, 0) for day in days)),),
                "日期",
            ),
            "moments": tuple(moment_of(one) for one in story),
        },
        status,
        CRUMBS,
    )


def _bps(text: str) -> int:
    try:
        share = Decimal(text or "x") * 100
    except ArithmeticError:
        raise PercentWrong(field="percent") from None
    if not share.is_finite() or share != share.to_integral_value():
        raise PercentWrong(field="percent")
    return int(share) if 0 <= share <= ALL_BPS else -1


async def change_switch(visit: Visit) -> Answer:
    """Say anew who sees a feature when."""
    await require_whole(visit)
    feature = _feature(visit)
    try:
        rule = SwitchRule(
            enabled=bool(visit.field("enabled")),
            killed=feature.code in await _killed(),
            plants=tuple(visit.form.get("plants", ())),
            value_classes=typed.listed(visit.field("value_classes")),
            tags=typed.listed(visit.field("tags")),
            percent_bps=_bps(visit.field("percent")),
            from_at=local_instant(visit.field("from_at"), "from_at"),
            until_at=local_instant(visit.field("until_at"), "until_at"),
        )
        expected = typed.version(visit.field("version"))
        await switches.change(feature.code, rule, expected, visit.staff.actor, visit.field("reason"), visit.at)
    except Refusal as refusal:
        return await _shown(visit, feature, fault_of(refusal), errors.status_of(refusal))
    return Redirect(f"{ROOT_PATH}/{feature.code}", "switch_saved")


async def _killed() -> set[str]:
    async with transactions.reader():
        return {code for code, kept in (await switches.read_all()).items() if kept.rule.killed}


async def kill_switch(visit: Visit) -> Answer:
    """Turn a feature off at once."""
    await require_whole(visit)
    await switches.kill(_feature(visit).code, visit.staff.actor, visit.field("reason"), visit.at)
    return Redirect(f"{ROOT_PATH}/{visit.params['feature']}", "switch_killed")


async def revive_switch(visit: Visit) -> Answer:
    """Let a feature's rule count again."""
    await require_whole(visit)
    await switches.revive(_feature(visit).code, visit.staff.actor, visit.field("reason"), visit.at)
    return Redirect(f"{ROOT_PATH}/{visit.params['feature']}", "switch_revived")


PAGES = (
    Page("GET", "/switches", list_switches, ADMIN),
    Page("GET", "/switches/{feature}", show_switch, ADMIN),
    Page("POST", "/switches/{feature}", change_switch, ADMIN),
    Page("POST", "/switches/{feature}/kill", kill_switch, ADMIN),
    Page("POST", "/switches/{feature}/revive", revive_switch, ADMIN),
)
