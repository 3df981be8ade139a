"""The catalogue as spreadsheets: what each column is called, and how a cell becomes a field of master data.

Pure: a sheet is a list of rows of cells as a reader gives them (text, numbers, days). What comes of it goes through the
very same verbs as what other systems send.
"""

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

import msgspec

from loyalty.catalogue.masterdata.assortment_rows import AssortmentPart, AssortmentRow
from loyalty.catalogue.masterdata.price_rows import PriceRow
from loyalty.catalogue.masterdata.product_rows import ProductRow

Kind = Literal["products", "prices", "assortments"]
KINDS: dict[Kind, str] = {"products": "商品", "prices": "价格", "assortments": "可订范围"}
ROWS_MAX = 5_000
"""Below the heading; as many as a system may send at once."""
COLUMNS_MAX = 50
Cell = str | int | float | bool | date | datetime | timedelta | None


class Fault(msgspec.Struct, frozen=True):
    """What is wrong in a sheet: the row as the spreadsheet numbers it, the column's title, and what would be right."""

    row: int
    column: str
    expected: str


class Sheet(msgspec.Struct, frozen=True):
    """What a sheet says: rows with their numbers in the spreadsheet, and what could not be read."""

    rows: list[tuple[int, Any]]
    faults: list[Fault]
    parts: dict[int, list[int]] = {}
    """Row of an assortment to the rows of its products."""

    def place_of(self, row: int, field: str) -> int:
        """Tell the row of the spreadsheet that a field of a row of master data came from."""
        found = _PART.match(field)
        return self.parts[row][int(found[1])] if found and row in self.parts else row


_PART = re.compile(r"products\[(\d+)\]")


class Wrong(Exception):  # noqa: N818 - told at its cell
    """A cell that is not what its column wants."""


class _Column(msgspec.Struct, frozen=True):
    field: str
    read: Callable[[Cell], Any]
    needed: bool = False


def _text(cell: Cell) -> str | None:
    """Read a text; a code or barcode that the spreadsheet took for a number is written out whole."""
    if cell is None:
        return None
    if isinstance(cell, bool):
        raise Wrong("请填文字")
    if isinstance(cell, float):
        if not cell.is_integer():
            return str(cell)
        return str(int(cell))
    return str(cell).strip() or None


def _whole(cell: Cell) -> int | None:
    number = _decimal(cell)
    if number is None:
        return None
    if number != number.to_integral_value():
        raise Wrong("请填整数")
    return int(number)


def _fen(cell: Cell) -> int | None:
    """Read yuan, exactly to the fen."""
    number = _decimal(cell)
    if number is None:
        return None
    # A spreadsheet keeps 4.35 as the nearest binary fraction; its own text is the number that was typed.
    fen = number * 100
    if fen != fen.to_integral_value():
        raise Wrong("请填金额，最多两位小数")
    return int(fen)


def _decimal(cell: Cell) -> Decimal | None:
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return None
    if isinstance(cell, bool | date | datetime | timedelta):
        raise Wrong("请填数字")
    text = repr(cell) if isinstance(cell, float) else str(cell).strip().replace(",", "").removesuffix("元")
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise Wrong("请填数字") from None
    if not number.is_finite():
        raise Wrong("请填数字")
    return number


def _day(cell: Cell) -> date | None:
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return None
    if isinstance(cell, datetime):
        return cell.date()
    if isinstance(cell, date):
        return cell
    text = str(cell).strip().replace("/", "-").replace("年", "-").replace("月", "-").removesuffix("日")
    try:
        return date(*(int(part) for part in text.split("-")))
    except (ValueError, TypeError):
        raise Wrong("请填日期，比如 2026-12-01") from None


def _last_day(cell: Cell) -> date | None:
    """Read the last day of a span; master data says the day after it."""
    day = _day(cell)
    return None if day is None else day + timedelta(days=1)


def _choice(words: dict[str, Any]) -> Callable[[Cell], Any]:
    def read(cell: Cell) -> Any:
        text = _text(cell)
        if text is None:
            return None
        if text not in words:
            raise Wrong("请填" + "或".join(words))
        return words[text]

    return read


_STATUS = _choice({"在售": "active", "停售": "ended"})
_DEAL = _choice({"平时价": "regular", "特价": "deal"})
_MUST = _choice({"是": True, "否": False})
COLUMNS: dict[Kind, dict[str, _Column]] = {
    "products": {
        "编号": _Column("code", _text, needed=True),
        "名称": _Column("name", _text),
        "品类": _Column("category", _text),
        "每箱件数": _Column("units_per_case", _whole),
        "品牌": _Column("brand", _text),
        "口味": _Column("flavour", _text),
        "规格": _Column("pack", _text),
        "条码": _Column("barcode", _text),
        "每箱押金（元）": _Column("deposit_fen", _fen),
        "起订倍数（箱）": _Column("multiple_cases", _whole),
        "状态": _Column("status", _STATUS),
    },
    "prices": {
        "价目表": _Column("price_list", _text, needed=True),
        "商品编号": _Column("product_code", _text, needed=True),
        "类型": _Column("kind", _DEAL),
        "每箱价格（元）": _Column("price_fen", _fen, needed=True),
        "从哪天起": _Column("from_on", _day, needed=True),
        "到哪天（含）": _Column("until_on", _last_day),
        "工厂编号": _Column("plant_code", _text),
        "价值级": _Column("value_class", _text),
    },
    "assortments": {
        "可订范围": _Column("code", _text, needed=True),
        "商品编号": _Column("product_code", _text, needed=True),
        "必备": _Column("must_have", _MUST),
        "工厂编号": _Column("plant_code", _text),
        "价值级": _Column("value_class", _text),
    },
}
"""Title of a column to the field it fills. An empty cell leaves the field as it is."""
EXAMPLES: dict[Kind, tuple[str, ...]] = {
    "products": (
        "SP500",
        "气泡水 原味 500ml×15",
        "气泡水",
        "15",
        "清泉",
        "原味",
        "500ml×15",
        "6901234567892",
        "0",
        "1",
        "在售",
    ),
    "prices": ("P01", "SP500", "平时价", "48.00", "2026-12-01", "", "P01", ""),
    "assortments": ("P01", "SP500", "是", "P01", ""),
}


def read(kind: Kind, table: Sequence[Sequence[Cell]]) -> Sheet:
    """Read a sheet, its first row the headings in any order. All that is wrong is told, each at its cell."""
    columns = COLUMNS[kind]
    titles = [(_text(cell) or "") for cell in (table[0] if table else ())]
    faults = [Fault(1, title, "没有这一列，请用模板里的列名") for title in titles if title and title not in columns]
    faults += [Fault(1, title, "这一列出现了两次") for title in columns if titles.count(title) > 1]
    faults += [Fault(1, title, "缺少这一列") for title, one in columns.items() if one.needed and title not in titles]
    if len(table) - 1 > ROWS_MAX:
        faults.append(Fault(ROWS_MAX + 2, "", f"一次最多 {ROWS_MAX} 行，请分成几个文件"))
    if faults:
        return Sheet([], faults)
    found: list[tuple[int, dict[str, Any]]] = []
    for number, cells in enumerate(table[1:], start=2):
        if any(_text_or_other(cell) for cell in cells):
            fields, wrong = _fields(number, titles, cells, columns)
            faults += wrong
            if not wrong:
                found.append((number, fields))
    if kind == "assortments":
        return _grouped(found, faults)
    return _rows(kind, found, faults)


def _text_or_other(cell: Cell) -> bool:
    return cell is not None and (not isinstance(cell, str) or bool(cell.strip()))


def _fields(
    number: int, titles: Sequence[str], cells: Sequence[Cell], columns: dict[str, _Column]
) -> tuple[dict[str, Any], list[Fault]]:
    fields: dict[str, Any] = {}
    faults: list[Fault] = []
    for title, cell in zip(titles, cells, strict=False):
        if title in columns:
            try:
                value = columns[title].read(cell)
            except Wrong as wrong:
                faults.append(Fault(number, title, str(wrong)))
                continue
            if value is not None:
                fields[columns[title].field] = value
    faults += [
        Fault(number, title, "不能空着")
        for title, one in columns.items()
        if one.needed and one.field not in fields and not any(fault.column == title for fault in faults)
    ]
    return fields, faults


def _rows(kind: Kind, found: Sequence[tuple[int, dict[str, Any]]], faults: list[Fault]) -> Sheet:
    row_type = ProductRow if kind == "products" else PriceRow
    rows: list[tuple[int, Any]] = []
    for number, fields in found:
        try:
            rows.append((number, msgspec.convert(fields, row_type)))
        except msgspec.ValidationError as fault:
            faults.append(Fault(number, title_of(kind, _field_of(fault)), "超出了这一列能填的范围"))
    return Sheet(rows, faults)


def _grouped(found: Sequence[tuple[int, dict[str, Any]]], faults: list[Fault]) -> Sheet:
    """Make an assortment of the rows that name it, in their order; a fault of one leaves the whole out."""
    groups: dict[str, list[tuple[int, dict[str, Any]]]] = {}
    for number, fields in found:
        groups.setdefault(fields["code"], []).append((number, fields))
    rows: list[tuple[int, Any]] = []
    for code, members in groups.items():
        first = members[0][0]
        about = _named(members[0][1], "plant_code", "value_class")
        try:
            parts = [_part_of(one) for _, one in members]
            rows.append((first, msgspec.convert({"code": code, **about, "products": parts}, AssortmentRow)))
        except msgspec.ValidationError as fault:
            faults.append(Fault(first, title_of("assortments", _field_of(fault)), "超出了这一列能填的范围"))
    parts_of = {members[0][0]: [number for number, _ in members] for members in groups.values()}
    return Sheet(rows, faults, parts_of)


def _named(fields: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: fields[name] for name in names if name in fields}


def _part_of(fields: dict[str, Any]) -> AssortmentPart:
    return msgspec.convert(_named(fields, "product_code", "must_have"), AssortmentPart)


def _field_of(fault: msgspec.ValidationError) -> str:
    return str(fault).rpartition("`$.")[2].rstrip("`") if "`$." in str(fault) else ""


def title_of(kind: Kind, field: str) -> str:
    """Give the title of the column that fills a field; the field itself for none."""
    last = field.rpartition(".")[2]
    for title, one in COLUMNS[kind].items():
        if one.field == last:
            return title
    return last
