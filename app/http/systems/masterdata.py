"""Master data: rows of other systems, each judged by itself, so that a bad one does not hold up the others."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from app.http import payloads
from app.http.endpoints import Call, Endpoint
from app.http.errors import JsonInvalid, WrongType
from app.http.limits import Limit
from loyalty.catalogue.masterdata import assortment_rows, price_rows, product_rows
from loyalty.catalogue.masterdata.assortment_rows import AssortmentRow
from loyalty.catalogue.masterdata.price_rows import PriceRow
from loyalty.catalogue.masterdata.product_rows import ProductRow
from loyalty.customers import outlets
from loyalty.customers.outlet_rows import OutletRow
from loyalty.customers.territory import assignment_rows, class_rows, staff_rows, tag_rows
from loyalty.customers.territory.assignment_rows import AssignmentRow
from loyalty.customers.territory.class_rows import ClassRow
from loyalty.customers.territory.tag_rows import TagRow
from loyalty.errors import TryAgain
from loyalty.organisation import plant_rows
from loyalty.organisation.audit import Actor
from loyalty.organisation.plant_rows import PlantRow
from loyalty.rows import Applied, RejectedRow
from loyalty.staff.staff_rows import StaffRow

ROWS_MAX = 5_000
BODY_BYTES_MAX = 8 * 1024 * 1024
LIMIT = Limit("master-data", 120, 60)

Row = TypeVar("Row")


def _sent(row: str, **example: object) -> tuple[Meta, Meta]:
    """Describe a list of rows: each is of the type ``row``, but any object may be sent; it is rejected by itself."""
    schema = {"anyOf": [{"$ref": f"#/components/schemas/{row}"}, {"type": "object"}]}
    return Meta(extra_json_schema=schema), Meta(max_length=ROWS_MAX, extra_json_schema={"examples": [[example]]})


_OUTLET = _sent("OutletRow", code="620001", name="向阳便利店", plant_code="P01")
_PLANT = _sent("PlantRow", code="P01", name="一厂", offices=[{"code": "O01", "name": "城东营业所"}])
_STAFF = _sent("StaffRow", code="s0012", name="李强", role="rep", plant_code="P01", office_code="O01")
_ASSIGNMENT = _sent("AssignmentRow", outlet_code="620001", staff_code="s0012")
_CLASS = _sent("ClassRow", outlet_code="620001", value_class="A", as_of="2026-11-04T02:00:00Z")
_PRODUCT = _sent("ProductRow", code="SP500", name="气泡水 原味", category="气泡水", units_per_case=24)
_PRICE = _sent("PriceRow", price_list="P01-A", product_code="SP500", price_fen=4800, from_on="2026-11-01")
_ASSORTMENT = _sent("AssortmentRow", code="P01", plant_code="P01", products=[{"product_code": "SP500"}])
_TAG = _sent("TagRow", outlet_code="620001", tags=["近学校"])


class OutletRows(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Outlets to put, each row an OutletRow; a row that does not fit is answered in ``rejected``."""

    outlets: Annotated[list[Annotated[msgspec.Raw, _OUTLET[0]]], _OUTLET[1]]


class PlantRows(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Plants to put, each row a PlantRow; a row that does not fit is answered in ``rejected``."""

    plants: Annotated[list[Annotated[msgspec.Raw, _PLANT[0]]], _PLANT[1]]


class StaffRows(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Staff to put, each row a StaffRow; a row that does not fit is answered in ``rejected``."""

    staff: Annotated[list[Annotated[msgspec.Raw, _STAFF[0]]], _STAFF[1]]


class AssignmentRows(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Assignments to put, each row an AssignmentRow; a row that does not fit is answered in ``rejected``."""

    assignments: Annotated[list[Annotated[msgspec.Raw, _ASSIGNMENT[0]]], _ASSIGNMENT[1]]


class ClassRows(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Value classes to put, each row a ClassRow; a row that does not fit is answered in ``rejected``."""

    classes: Annotated[list[Annotated[msgspec.Raw, _CLASS[0]]], _CLASS[1]]


class TagRows(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Tags to put, each row a TagRow; a row that does not fit is answered in ``rejected``."""

    tags: Annotated[list[Annotated[msgspec.Raw, _TAG[0]]], _TAG[1]]


class ProductRows(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Products to put, each row a ProductRow; a row that does not fit is answered in ``rejected``."""

    products: Annotated[list[Annotated[msgspec.Raw, _PRODUCT[0]]], _PRODUCT[1]]


class PriceRows(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Prices to put, each row a PriceRow; a row that does not fit is answered in ``rejected``."""

    prices: Annotated[list[Annotated[msgspec.Raw, _PRICE[0]]], _PRICE[1]]


class AssortmentRows(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Assortments to put, each row an AssortmentRow; a row that does not fit is answered in ``rejected``."""

    assortments: Annotated[list[Annotated[msgspec.Raw, _ASSORTMENT[0]]], _ASSORTMENT[1]]


def _read(
    sent: Sequence[msgspec.Raw], name: str, decoder: msgspec.json.Decoder[Row]
) -> tuple[list[tuple[int, Row]], list[RejectedRow]]:
    rows: list[tuple[int, Row]] = []
    rejected: list[RejectedRow] = []
    for number, raw in enumerate(sent):
        if not bytes(raw).lstrip().startswith(b"{"):
            raise WrongType(field=f"{name}[{number}]", expected="对象")
        try:
            rows.append((number, decoder.decode(raw)))
        except msgspec.ValidationError as fault:
            code, field, _ = payloads.fault_of(fault)
            rejected.append(RejectedRow(number, field, code))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            # A raw row was only skipped over, its text not read, when the body was.
            raise JsonInvalid from None
    return rows, rejected


def _put(
    name: str,
    what: str,
    body: type[msgspec.Struct],
    row: type[Row],
    put: Callable[[Sequence[tuple[int, Row]], Call], Awaitable[Applied]],
) -> Endpoint:
    decoder = msgspec.json.Decoder(row)

    async def put_rows(call: Call) -> Applied:
        rows, rejected = _read(getattr(call.body, name), name, decoder)
        applied = await put(rows, call)
        every = sorted([*applied.rejected, *rejected], key=lambda one: one.row)
        return msgspec.structs.replace(applied, rejected=every)

    return Endpoint(
        "PUT",
        f"/{name}",
        f"写入{what}，逐行应用",
        put_rows,
        Applied,
        body=body,
        rows=row,
        scope=name,
        limit=LIMIT,
        body_bytes_max=BODY_BYTES_MAX,
        refusals=(TryAgain,),
    )


def _by_system(
    put: Callable[[Sequence[tuple[int, Row]], Actor, datetime], Awaitable[Applied]],
) -> Callable[[Sequence[tuple[int, Row]], Call], Awaitable[Applied]]:
    """Name the calling system to a verb. Its name is its own for good, so it stands for the system in every column."""

    async def put_by_system(rows: Sequence[tuple[int, Row]], call: Call) -> Applied:
        return await put(rows, Actor("system", call.principal.name, call.principal.name), call.at)

    return put_by_system


async def _put_outlets(rows: Sequence[tuple[int, OutletRow]], call: Call) -> Applied:
    return await outlets.put(rows, f"system:{call.principal.name}", call.at, call.resources.data_keys)


async def _put_products(rows: Sequence[tuple[int, ProductRow]], call: Call) -> Applied:
    return await product_rows.put(rows, call.at)


def _by_source(
    put: Callable[[Sequence[tuple[int, Row]], str, datetime], Awaitable[Applied]],
) -> Callable[[Sequence[tuple[int, Row]], Call], Awaitable[Applied]]:
    async def put_by_source(rows: Sequence[tuple[int, Row]], call: Call) -> Applied:
        return await put(rows, f"system:{call.principal.name}", call.at)

    return put_by_source


MASTER_DATA: tuple[Endpoint, ...] = (
    _put("outlets", "门店主数据", OutletRows, OutletRow, _put_outlets),
    _put("plants", "工厂、营业所和线路", PlantRows, PlantRow, _by_system(plant_rows.put)),
    _put("staff", "业务员和业务主管", StaffRows, StaffRow, _by_system(staff_rows.put)),
    _put("assignments", "门店由谁负责", AssignmentRows, AssignmentRow, _by_system(assignment_rows.put)),
    _put("classes", "门店的价值等级", ClassRows, ClassRow, _by_system(class_rows.put)),
    _put("products", "商品", ProductRows, ProductRow, _put_products),
    _put("prices", "价目表里的价格和特价", PriceRows, PriceRow, _by_source(price_rows.put)),
    _put("assortments", "门店可以订的商品", AssortmentRows, AssortmentRow, _by_source(assortment_rows.put)),
    _put("tags", "门店的标签", TagRows, TagRow, _by_system(tag_rows.put)),
)
