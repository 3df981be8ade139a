"""Products and prices: what there is, what it costs whom from when, who is offered it. Master data changes it."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import cast
from urllib.parse import quote

from app.http import errors
from app.http.console import lists
from app.http.console.components import Action, Cell, Column, Empty, Fact, Filter, Table, Tone
from app.http.console.forms import fault_of
from app.http.console.lists import Listing
from app.http.console.pages import Answer, Page, Redirect, View, Visit
from app.http.console.tables import TableQuery
from app.http.console.whole import require_whole
from app.http.pictures import path_of
from loyalty import transactions
from loyalty.catalogue.desk import edits, products
from loyalty.catalogue.desk.products import FoundProduct, Offering, Order, Span
from loyalty.clock import business_date
from loyalty.errors import NotFound, Refusal
from loyalty.organisation.audit import REASON_LENGTH_MAX
from loyalty.pictures.pictures import BYTES_MAX
from loyalty.staff.rules import Role
from loyalty.units import yuan

ROOT_PATH = "/ops/products"
CRUMBS = (("商品和价格", ROOT_PATH),)
ROLES: tuple[Role, ...] = ("admin", "plant_lead", "operator", "marketer")
IMPORTING: tuple[Role, ...] = ("admin", "marketer")
STATES: dict[str, tuple[str, Tone]] = {"active": ("在售", "good"), "ended": ("已停售", "quiet")}
COLUMNS = (
    Column("name", "商品", sortable=True),
    Column("code", "编号", sortable=True),
    Column("category", "品类", sortable=True),
    Column("pack", "规格"),
    Column("barcode", "条码"),
    Column("state", "状态"),
)
SPAN_COLUMNS = (
    Column("list", "价目表"),
    Column("who", "给谁"),
    Column("price", "每箱", numeric=True),
    Column("days", "哪几天"),
)


async def list_products(visit: Visit) -> Answer:
    """List products."""

    async def fetch(state: TableQuery, skip: int, limit: int) -> Sequence[FoundProduct]:
        async with transactions.reader():
            return await products.find(
                state.q,
                state.filters.get("category", ""),
                state.filters.get("state", ""),
                cast(Order, f"{'-' if state.descending else ''}{state.sort or 'code'}"),
                skip,
                limit,
            )

    async with transactions.reader():
        known = await products.categories()
    return await lists.show(
        visit,
        Listing(
            id="products",
            title="商品和价格",
            columns=COLUMNS,
            row=_row,
            fetch=fetch,
            empty=Empty("还没有商品", "系统同步商品主数据后就会出现。"),
            default_sort="code",
            search="名称、拼音首字母、编号或条码",
            filters=(
                Filter("category", "品类", tuple((one, one) for one in known)),
                Filter("state", "状态", tuple((code, word) for code, (word, _) in STATES.items())),
            ),
            intro="商品、价格和可订范围由系统同步，也可以用表格导入；点开商品看它在各价目表里的价格。",
            actions=(Action("表格导入", "/ops/products/sheets", tone="plain"),) if may_import(visit) else (),
        ),
    )


def may_import(visit: Visit) -> bool:
    """Tell whether somebody may bring products and prices of the whole house."""
    return any(grant.at_root and grant.role in IMPORTING for grant in visit.staff.grants)


def _row(one: FoundProduct) -> tuple[Cell, ...]:
    word, tone = STATES[one.status]
    return (
        Cell(one.name, href=f"{ROOT_PATH}/{one.code}"),
        Cell(one.code),
        Cell(one.category),
        Cell(one.pack or "—", note=f"每箱 {one.units_per_case} 件"),
        Cell(one.barcode or "—"),
        Cell(word, tone=tone),
    )


async def show_product(visit: Visit) -> Answer:
    """Show one product: its facts, prices, deals, and who is offered it."""
    return await _shown(visit, {}, 200)


async def keep_picture(visit: Visit) -> Answer:
    """Give a product another picture."""
    await require_whole(visit)
    code = visit.params["code"]
    try:
        content = visit.files.get("picture", b"")
        await edits.set_picture(code, content, visit.staff.actor, visit.field("reason"), visit.at)
    except NotFound:
        raise
    except Refusal as refusal:
        return await _shown(visit, fault_of(refusal), errors.status_of(refusal))
    return Redirect(path_of_product(code), "product_saved")


def path_of_product(code: str) -> str:
    """Give the address of a product's page."""
    return f"{ROOT_PATH}/{quote(code, safe='')}"


async def _shown(visit: Visit, faults: Mapping[str, str], status: int) -> View:
    today = business_date(visit.at)
    async with transactions.reader():
        card = await products.read(visit.params["code"], visit.reach, today)
    return View(
        "console/product.html",
        card.product.name,
        {
            "facts": _facts(card.product),
            "prices": _spans("prices", "价格", card.prices, today, card.product.code),
            "deals": _spans("deals", "特价", card.deals, today, card.product.code),
            "offerings": tuple(_offering(one) for one in card.offerings),
            "picture": None if card.product.picture_id is None else path_of(card.product.picture_id),
            "name": card.product.name,
            "upload": f"{path_of_product(card.product.code)}/picture" if may_import(visit) else None,
            "picture_faults": faults,
            "upload_reason": visit.field("reason") if faults else "",
            "reason_length_max": REASON_LENGTH_MAX,
        },
        status,
        CRUMBS,
    )


def _facts(one: FoundProduct) -> tuple[Fact, ...]:
    word, tone = STATES[one.status]
    return (
        Fact("状态", word, tone),
        Fact("编号", one.code),
        Fact("品类", one.category),
        Fact("品牌", one.brand or "—"),
        Fact("口味", one.flavour or "—"),
        Fact("规格", one.pack or "—"),
        Fact("每箱", f"{one.units_per_case:,} 件"),
        Fact("起订", f"{one.multiple_cases:,} 箱的倍数" if one.multiple_cases > 1 else "1 箱起"),
        Fact("押金", f"每箱 {yuan(one.deposit_fen)} 元" if one.deposit_fen else "没有"),
        Fact("条码", one.barcode or "—"),
    )


def _spans(name: str, word: str, found: Sequence[Span], today: date, code: str) -> Table:
    return Table(
        id=name,
        path=f"{ROOT_PATH}/{code}",
        columns=SPAN_COLUMNS,
        rows=tuple(
            (
                Cell(one.price_list),
                Cell(_who(one.plant_name, one.value_class)),
                Cell(f"{yuan(one.price_fen)} 元"),
                Cell(_days(one), tone="info" if one.from_on > today else None),
            )
            for one in found
        ),
        empty=Empty(f"没有{word}", f"您的范围里，今天起没有它的{word}。"),
        caption=word,
    )


def _who(plant_name: str | None, value_class: str | None) -> str:
    if plant_name is None:
        return "点名用这张价目表的门店"
    return f"{plant_name}的 {value_class} 级门店" if value_class else f"{plant_name}的门店"


def _days(one: Span) -> str:
    if one.until_on is None:
        return f"{one.from_on:%Y-%m-%d} 起"
    return f"{one.from_on:%Y-%m-%d} 到 {one.until_on - timedelta(days=1):%Y-%m-%d}"


def _offering(one: Offering) -> tuple[str, str, str]:
    return one.code, _who(one.plant_name, one.value_class), "必备" if one.must_have else ""


PAGES = (
    Page("GET", "/products", list_products, ROLES),
    Page("GET", "/products/{code}", show_product, ROLES),
    Page("POST", "/products/{code}/picture", keep_picture, IMPORTING, upload_bytes_max=BYTES_MAX + 16 * 1024),
)
