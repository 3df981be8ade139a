"""Webhooks: whom events are brought to, how it goes, and what to do when it does not."""

from datetime import timedelta

from app.http import errors
from app.http.admin.staff import ADMIN
from app.http.admin.webhook_views import (
    DELIVERY_COLUMNS,
    SINCE,
    STATES,
    actions_of,
    delivery_row,
    delivery_text,
    dialogs_of,
    facts_of,
    moment,
)
from app.http.console.components import (
    Action,
    Cell,
    Column,
    Empty,
    Field,
    Form,
    Table,
    with_errors,
)
from app.http.console.forms import fault_of
from app.http.console.pages import Answer, Page, Redirect, View, Visit
from app.http.console.paths import int_id
from app.http.console.stories import moment_of
from app.http.console.whole import require_whole
from loyalty import transactions
from loyalty.errors import Refusal
from loyalty.feeds.webhooks import consumers
from loyalty.feeds.webhooks.consumers import Consumer, Lag
from loyalty.organisation import audit
from loyalty.organisation.audit import AuditSearch

ROOT_PATH = "/admin/webhooks"
CRUMBS = (("事件推送", ROOT_PATH),)
SHOWN_MAX = 50
STORY_MAX = 20
FEED_WORDS = {"orders": "订单", "engagement": "签到、积分和权益", "bindings": "绑定"}
COLUMNS = (
    Column("name", "推送给"),
    Column("feeds", "推送什么"),
    Column("state", "状态"),
    Column("due", "等待中", numeric=True),
    Column("dead", "没送到", numeric=True),
    Column("last", "最近收下"),
)


def _row(one: Consumer, lag: Lag) -> tuple[Cell, ...]:
    word, tone = STATES[one.state]
    return (
        Cell(one.name, href=f"{ROOT_PATH}/{one.code}", note=one.url),
        Cell("、".join(FEED_WORDS[feed] for feed in one.feeds)),
        Cell("暂时联系不上", tone="warn") if one.closed_until and one.state == "active" else Cell(word, tone=tone),
        Cell(f"{lag.due:,}"),
        Cell(f"{lag.dead:,}", tone="bad" if lag.dead else None),
        Cell(moment(lag.last_taken_at)),
    )


async def list_consumers(visit: Visit) -> Answer:
    """List all consumers."""
    await require_whole(visit)
    async with transactions.reader():
        found = [(one, await consumers.lag(one.id)) for one in await consumers.listed()]
    empty = Empty("还没有推送", "订单中心和数据平台可以马上收到事件，不用来查。", f"{ROOT_PATH}/new", "新增推送")
    table = Table(
        id="webhooks",
        path=ROOT_PATH,
        columns=COLUMNS,
        rows=tuple(_row(one, lag) for one, lag in found),
        empty=empty,
        caption="事件推送",
    )
    return View(
        "console/list.html",
        "事件推送",
        {
            "table": table,
            "actions": (Action("新增推送", f"{ROOT_PATH}/new"),),
            "intro": "事件一发生就推送过去，按门店的先后顺序；对方断了会自动重试，一条不丢。",
        },
    )


def _fields(one: Consumer | None = None) -> tuple[Field, ...]:
    options = tuple(FEED_WORDS.items())
    chosen = () if one is None else one.feeds
    url_hint = "https:// 开头；不能是内网地址。"
    return (
        Field("name", "名称", value="" if one is None else one.name, required=True, length_max=40),
        Field("url", "地址", value="" if one is None else one.url, required=True, length_max=500, hint=url_hint),
        Field("feeds", "推送什么", kind="checks", options=options, values=chosen, required=True),
    )


def _new_form() -> Form:
    code = Field("code", "编号", required=True, length_max=40, hint="小写字母、数字和横线，比如 order-hub。")
    return Form(f"{ROOT_PATH}/new", (code, *_fields()), "生成推送", cancel_href=ROOT_PATH)


async def new_consumer(visit: Visit) -> Answer:
    """Show the form that makes a consumer."""
    await require_whole(visit)
    return View("console/form_page.html", "新增推送", {"form": _new_form(), "intro": ""}, crumbs=CRUMBS)


async def add_consumer(visit: Visit) -> Answer:
    """Make a consumer and show its secret this once."""
    await require_whole(visit)
    code, name = visit.field("code"), visit.field("name")
    try:
        secret = await consumers.add(
            code,
            name,
            visit.field("url"),
            visit.form.get("feeds", []),
            visit.resources.data_keys,
            visit.staff.actor,
            visit.at,
            demo=visit.resources.settings.demo,
        )
    except Refusal as refusal:
        form = with_errors(_new_form(), visit.form, fault_of(refusal))
        status = errors.status_of(refusal)
        return View("console/form_page.html", "新增推送", {"form": form, "intro": ""}, status, CRUMBS)
    return _secret(f"这是推送给 {name} 的签名密钥，对方用它验证。", secret, f"{ROOT_PATH}/{code}")


def _secret(sentence: str, secret: str, back_href: str) -> View:
    context = {"sentence": sentence, "secret": secret, "back_href": back_href}
    return View("console/secret.html", "签名密钥", context, crumbs=CRUMBS)


async def _read(visit: Visit) -> Consumer:
    await require_whole(visit)
    async with transactions.reader():
        return await consumers.read(visit.params["code"])


async def show_consumer(visit: Visit) -> Answer:
    """Show one consumer."""
    return await _shown(visit, await _read(visit))


async def _shown(visit: Visit, one: Consumer, form: Form | None = None, status: int = 200) -> View:
    wanted = AuditSearch(subject_kind="webhook", subject_id=one.code)
    async with transactions.reader():
        lag = await consumers.lag(one.id)
        dead = await consumers.deliveries(one.id, "dead", 0, SHOWN_MAX)
        latest = await consumers.deliveries(one.id, "", 0, SHOWN_MAX)
        story = await audit.search(visit.reach.node_ids, wanted, 0, STORY_MAX)
    path = f"{ROOT_PATH}/{one.code}"
    return View(
        "console/webhook.html",
        one.name,
        {
            "facts": facts_of(one, lag),
            "actions": actions_of(one, lag),
            "form": form or Form(f"{path}/change", _fields(one), "保存", id="change"),
            "dead": tuple((each.id, delivery_text(each)) for each in dead),
            "path": path,
            "table": Table(
                id="deliveries",
                path=path,
                columns=DELIVERY_COLUMNS,
                rows=tuple(delivery_row(each) for each in latest),
                empty=Empty("还没有推送过", "有事件时马上就会推送。"),
                caption="最近的推送",
            ),
            "dialogs": dialogs_of(one, path),
            "moments": tuple(moment_of(each) for each in story),
        },
        status,
        CRUMBS,
    )


async def change_consumer(visit: Visit) -> Answer:
    """Change where and what is brought."""
    one = await _read(visit)
    try:
        await consumers.change(
            one.code,
            visit.field("name"),
            visit.field("url"),
            visit.form.get("feeds", []),
            visit.staff.actor,
            visit.at,
            demo=visit.resources.settings.demo,
        )
    except Refusal as refusal:
        form = Form(f"{ROOT_PATH}/{one.code}/change", _fields(one), "保存", id="change")
        return await _shown(visit, one, with_errors(form, visit.form, fault_of(refusal)), errors.status_of(refusal))
    return Redirect(f"{ROOT_PATH}/{one.code}", "webhook_saved")


async def pause(visit: Visit) -> Answer:
    """Bring nothing for now."""
    return await _set_state(visit, "paused")


async def resume(visit: Visit) -> Answer:
    """Go on."""
    return await _set_state(visit, "active")


async def _set_state(visit: Visit, state: str) -> Answer:
    one = await _read(visit)
    await consumers.set_state(one.code, state, visit.staff.actor, visit.field("reason"), visit.at)
    return Redirect(f"{ROOT_PATH}/{one.code}", f"webhook_{state}")


async def rotate(visit: Visit) -> Answer:
    """Give a new secret and show it this once."""
    one = await _read(visit)
    secret = await consumers.rotate(one.code, visit.resources.data_keys, visit.staff.actor, visit.at)
    return _secret(f"这是推送给 {one.name} 的新签名密钥。", secret, f"{ROOT_PATH}/{one.code}")


async def replay(visit: Visit) -> Answer:
    """Bring again what happened since some hours ago."""
    one = await _read(visit)
    hours = visit.field("since") if visit.field("since") in dict(SINCE) else SINCE[0][0]
    since = visit.at - timedelta(hours=int(hours))
    await consumers.replay(one.code, since, visit.staff.actor, visit.field("reason"), visit.at)
    return Redirect(f"{ROOT_PATH}/{one.code}", "webhook_replayed")


async def revive(visit: Visit) -> Answer:
    """Try dead deliveries again: one, or all."""
    one = await _read(visit)
    wanted = visit.field("delivery")
    await consumers.revive(one.code, int_id(wanted) if wanted else None, visit.staff.actor, visit.at)
    return Redirect(f"{ROOT_PATH}/{one.code}", "webhook_revived")


PAGES = (
    Page("GET", "/webhooks", list_consumers, ADMIN),
    Page("GET", "/webhooks/new", new_consumer, ADMIN),
    Page("POST", "/webhooks/new", add_consumer, ADMIN),
    Page("GET", "/webhooks/{code}", show_consumer, ADMIN),
    Page("POST", "/webhooks/{code}/change", change_consumer, ADMIN),
    Page("POST", "/webhooks/{code}/pause", pause, ADMIN),
    Page("POST", "/webhooks/{code}/resume", resume, ADMIN),
    Page("POST", "/webhooks/{code}/rotate", rotate, ADMIN),
    Page("POST", "/webhooks/{code}/replay", replay, ADMIN),
    Page("POST", "/webhooks/{code}/revive", revive, ADMIN),
)
