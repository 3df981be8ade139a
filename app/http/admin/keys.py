"""System keys: make, scope, rotate, revoke. They open the whole house, so only administrators of the root see them."""

from datetime import timedelta

from app.http import errors
from app.http.admin.staff import ADMIN
from app.http.console.components import (
    Action,
    Cell,
    Column,
    Dialog,
    Empty,
    Fact,
    Field,
    Form,
    Table,
    reason_field,
    with_errors,
)
from app.http.console.forms import fault_of
from app.http.console.pages import Answer, Page, Redirect, View, Visit
from app.http.console.paths import int_id
from app.http.console.stories import moment_of
from app.http.console.whole import require_whole
from loyalty import transactions
from loyalty.clock import SHANGHAI
from loyalty.errors import Refusal
from loyalty.organisation import audit, system_keys
from loyalty.organisation.audit import AuditSearch
from loyalty.organisation.errors import SystemKeyUnknown
from loyalty.organisation.rules import SCOPES
from loyalty.organisation.system_keys import KeptKey

ROOT_PATH = "/admin/keys"
STORY_MAX = 20
CRUMBS = (("系统密钥", ROOT_PATH),)
SCOPE_WORDS = {
    "plants": "工厂和组织",
    "staff": "同事",
    "outlets": "门店",
    "assignments": "业务员负责的门店",
    "classes": "价值分级",
    "tags": "标签",
    "products": "商品",
    "prices": "价格",
    "assortments": "可订商品",
    "suggestions": "推荐",
    "orders": "订单进度",
    "feeds": "读取数据流",
    "bindings": "生成绑定码",
}
KEPT_FOR = {"0": timedelta(), "1": timedelta(days=1), "7": timedelta(days=7)}
COLUMNS = (
    Column("name", "系统"),
    Column("scopes", "权限"),
    Column("used", "最近使用"),
    Column("made", "创建"),
    Column("state", "状态"),
)


def _row(one: KeptKey) -> tuple[Cell, ...]:
    used = "还没用过" if one.last_used_at is None else f"{one.last_used_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
    return (
        Cell(one.name, href=f"{ROOT_PATH}/{one.id}"),
        Cell("、".join(SCOPE_WORDS[scope] for scope in one.scopes)),
        Cell(used),
        Cell(f"{one.created_at.astimezone(SHANGHAI):%Y-%m-%d}"),
        Cell("已停用", tone="quiet") if one.revoked_at is not None else Cell("有效", tone="good"),
    )


async def list_keys(visit: Visit) -> Answer:
    """List all keys."""
    await require_whole(visit)
    rows = tuple(_row(one) for one in await system_keys.listed())
    empty = Empty("还没有系统密钥", "给 SFA、订单中心或数据平台各发一个。", f"{ROOT_PATH}/new", "新增密钥")
    table = Table(id="keys", path=ROOT_PATH, columns=COLUMNS, rows=rows, empty=empty, caption="系统密钥")
    return View(
        "console/list.html",
        "系统密钥",
        {
            "table": table,
            "actions": (Action("新增密钥", f"{ROOT_PATH}/new"),),
            "intro": "其他系统用密钥来读写数据。每个系统一个，只给需要的权限。",
        },
    )


def _scope_field(chosen: tuple[str, ...] = ()) -> Field:
    options = tuple((scope, SCOPE_WORDS[scope]) for scope in SCOPES)
    return Field("scopes", "权限", kind="checks", options=options, values=chosen, required=True)


def _new_form() -> Form:
    name = Field(
        "name",
        "系统名称",
        required=True,
        length_max=64,
        hint="小写字母、数字、点、横线和下划线，比如 sfa。",
        autocomplete="off",
    )
    return Form(f"{ROOT_PATH}/new", (name, _scope_field()), "生成密钥", cancel_href=ROOT_PATH)


async def new_key(visit: Visit) -> Answer:
    """Show the form that makes a key."""
    await require_whole(visit)
    return View("console/form_page.html", "新增密钥", {"form": _new_form(), "intro": ""}, crumbs=CRUMBS)


async def add_key(visit: Visit) -> Answer:
    """Make a key and show it this once."""
    await require_whole(visit)
    name = visit.field("name")
    try:
        key = await system_keys.add(name, visit.form.get("scopes", []), visit.at, visit.staff.actor)
    except Refusal as refusal:
        form = with_errors(_new_form(), visit.form, fault_of(refusal))
        return View(
            "console/form_page.html", "新增密钥", {"form": form, "intro": ""}, errors.status_of(refusal), CRUMBS
        )
    return _secret(f"这是 {name} 的密钥。", key, ROOT_PATH)


def _secret(sentence: str, key: str, back_href: str) -> View:
    return View(
        "console/secret.html",
        "新的密钥",
        {"sentence": sentence, "secret": key, "back_href": back_href},
        crumbs=CRUMBS,
    )


async def _key(visit: Visit) -> KeptKey:
    await require_whole(visit)
    key_id = int_id(visit.params["id"])
    found = [one for one in await system_keys.listed() if one.id == key_id]
    if not found:
        raise SystemKeyUnknown
    return found[0]


async def show_key(visit: Visit) -> Answer:
    """Show one key."""
    return await _shown(visit, await _key(visit))


async def _shown(visit: Visit, key: KeptKey, scopes: Form | None = None, status: int = 200) -> View:
    wanted = AuditSearch(subject_kind="system_key", subject_id=str(key.id))
    async with transactions.reader():
        story = await audit.search(visit.reach.node_ids, wanted, 0, STORY_MAX)
    path = f"{ROOT_PATH}/{key.id}"
    live = key.revoked_at is None
    old_opens = key.old_key_until is not None and key.old_key_until > visit.at
    used = None if key.last_used_at is None else f"{key.last_used_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
    old = (
        f"{key.old_key_until.astimezone(SHANGHAI):%m月%d日 %H:%M} 前仍有效" if key.old_key_until and old_opens else "无"
    )
    kept = (("1", "保留 1 天"), ("7", "保留 7 天"), ("0", "马上失效"))
    reason = reason_field()
    return View(
        "console/key.html",
        key.name,
        {
            "facts": (
                Fact("状态", "有效", "good") if live else Fact("状态", "已停用", "quiet"),
                Fact("最近使用", used or "还没用过"),
                Fact("旧密钥", old),
            ),
            "actions": (
                Action("更换密钥", dialog="rotate", tone="plain"),
                Action("停用", dialog="revoke", tone="danger"),
            )
            if live
            else (),
            "form": (scopes or Form(f"{path}/scopes", (_scope_field(key.scopes),), "保存权限", id="scopes"))
            if live
            else None,
            "dialogs": (
                Dialog(
                    "rotate",
                    "更换密钥",
                    "会生成一个新的。给旧密钥留点时间，对方换好之前不会中断。",
                    Form(
                        f"{path}/rotate",
                        (Field("keep", "旧密钥", kind="select", options=kept, value="1", required=True),),
                        "生成新密钥",
                        id="rotate-form",
                    ),
                ),
                Dialog(
                    "revoke",
                    f"停用 {key.name}",
                    "这个系统马上就进不来了，不能恢复。",
                    Form(f"{path}/revoke", (reason,), "停用", "danger", id="revoke-form"),
                ),
            )
            if live
            else (),
            "moments": tuple(moment_of(one) for one in story),
        },
        status,
        CRUMBS,
    )


async def change_scopes(visit: Visit) -> Answer:
    """Say anew what a system may do."""
    key = await _key(visit)
    chosen = visit.form.get("scopes", [])
    try:
        await system_keys.change_scopes(key.id, chosen, visit.staff.actor, visit.at)
    except Refusal as refusal:
        form = Form(f"{ROOT_PATH}/{key.id}/scopes", (_scope_field(),), "保存权限", id="scopes")
        return await _shown(visit, key, with_errors(form, visit.form, fault_of(refusal)), errors.status_of(refusal))
    return Redirect(f"{ROOT_PATH}/{key.id}", "key_changed")


async def rotate_key(visit: Visit) -> Answer:
    """Give a system a new key and show it this once."""
    key = await _key(visit)
    kept_for = KEPT_FOR.get(visit.field("keep"), KEPT_FOR["1"])
    new = await system_keys.rotate(key.id, kept_for, visit.staff.actor, visit.at)
    return _secret(f"这是 {key.name} 的新密钥。", new, f"{ROOT_PATH}/{key.id}")


async def revoke_key(visit: Visit) -> Answer:
    """End a system's keys."""
    key = await _key(visit)
    await system_keys.revoke(key.id, visit.staff.actor, visit.field("reason"), visit.at)
    return Redirect(f"{ROOT_PATH}/{key.id}", "key_revoked")


PAGES = (
    Page("GET", "/keys", list_keys, ADMIN),
    Page("GET", "/keys/new", new_key, ADMIN),
    Page("POST", "/keys/new", add_key, ADMIN),
    Page("GET", "/keys/{id}", show_key, ADMIN),
    Page("POST", "/keys/{id}/scopes", change_scopes, ADMIN),
    Page("POST", "/keys/{id}/rotate", rotate_key, ADMIN),
    Page("POST", "/keys/{id}/revoke", revoke_key, ADMIN),
)
