"""Spreadsheets on their way into the catalogue: read from a file, tried, and applied.

A trial runs the very verbs that apply, and undoes what they did: what is shown before is what happens after.
"""

import asyncio
import csv
import io
import zipfile
import zlib
from collections.abc import Sequence
from datetime import datetime, time

import msgspec
from python_calamine import CalamineError, load_workbook

from loyalty import transactions
from loyalty.catalogue import sheets
from loyalty.catalogue.masterdata import assortment_rows, price_rows, product_rows
from loyalty.catalogue.sheets import COLUMNS_MAX, ROWS_MAX, Cell, Fault, Kind, Sheet
from loyalty.errors import Invalid
from loyalty.organisation import audit
from loyalty.organisation.audit import Actor, AuditEntry
from loyalty.rows import Applied, RejectedRow

BYTES_MAX = 8 * 1024 * 1024
UNPACKED_BYTES_MAX = 128 * 1024 * 1024
PARTS_MAX = 200
READ_BYTES = 1024 * 1024
XLSX = b"PK\x03\x04"
ENCODINGS = ("utf-8-sig", "gb18030")
EXPECTED = {
    "duplicate_row": "和前面的一行重复，请只留一行",
    "product_unknown": "没有这个商品编号，请先导入商品",
    "audience_taken": "这些门店已经有另一张了，一样的门店不能有两张",
    "missing_field": "新增的必须填这一列",
    "out_of_range": "超出了能填的范围",
}


class SheetUnreadable(Invalid):
    """A file that is no spreadsheet of ours. Carries ``expected``."""

    code = "sheet_unreadable"
    title = "这个文件读不了"
    sentence = "请换一个文件：{expected}。"


class Outcome(msgspec.Struct, frozen=True):
    """What comes of a sheet: how many rows are new, changed and as they were, and what is wrong, each at its cell."""

    inserted: int
    updated: int
    unchanged: int
    faults: list[Fault]


def table_of(content: bytes) -> list[list[Cell]]:
    """Read the first sheet of an xlsx file, or a csv file in UTF-8 or GB18030. Raises SheetUnreadable."""
    if len(content) > BYTES_MAX:
        raise SheetUnreadable(field="sheet", expected=f"最大 {BYTES_MAX // 1024 // 1024} MB")
    if content.startswith(XLSX):
        return _xlsx(content)
    for encoding in ENCODINGS:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break
        try:
            rows = csv.reader(io.StringIO(text, newline=""), strict=True)
            return [[cell or None for cell in row] for _, row in zip(range(ROWS_MAX + 2), rows, strict=False)]
        except csv.Error:
            break
    raise SheetUnreadable(field="sheet", expected=".xlsx 或 .csv 表格")


def _xlsx(content: bytes) -> list[list[Cell]]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            if not _is_small(packed):
                raise SheetUnreadable(field="sheet", expected=f"一次最多 {ROWS_MAX} 行")
        book = load_workbook(io.BytesIO(content))
        sheet = book.get_sheet_by_index(0)
        if sheet.total_width > COLUMNS_MAX:
            raise SheetUnreadable(field="sheet", expected=f"最多 {COLUMNS_MAX} 列")
        rows = sheet.to_python(skip_empty_area=False, nrows=ROWS_MAX + 2)
    except (zipfile.BadZipFile, zlib.error, RuntimeError, CalamineError, IndexError, NotImplementedError):
        raise SheetUnreadable(field="sheet", expected="用 Excel 另存为 .xlsx") from None
    return [[_cell(cell) for cell in row] for row in rows]


def _is_small(packed: zipfile.ZipFile) -> bool:
    """Tell whether a packed file stays small when it is unpacked, whatever it claims."""
    parts, size = packed.infolist(), 0
    if len(parts) > PARTS_MAX:
        return False
    for part in parts:
        with packed.open(part) as content:
            while piece := content.read(READ_BYTES):
                size += len(piece)
                if size > UNPACKED_BYTES_MAX:
                    return False
    return True


def _cell(value: object) -> Cell:
    if value == "" or isinstance(value, time):
        return None
    return value  # type: ignore[return-value] # what calamine gives is text, a number, or a day


async def tried(kind: Kind, content: bytes, at: datetime) -> Outcome:
    """Tell what would come of a sheet; nothing is kept. Entry verb. Raises SheetUnreadable."""
    with transactions.trial():
        return await _put(kind, content, "trial", at)


async def applied(kind: Kind, content: bytes, actor: Actor, at: datetime) -> Outcome:
    """Apply a sheet: what is wrong is left out and told, all else is done. Audited. Raises SheetUnreadable."""
    outcome = await _put(kind, content, actor.text, at)
    async with transactions.begin():
        entry = AuditEntry(
            at=at,
            actor=actor,
            action="catalogue.imported",
            subject_kind="catalogue",
            subject_id=kind,
            after={
                "inserted": outcome.inserted,
                "updated": outcome.updated,
                "unchanged": outcome.unchanged,
                "rejected": len(outcome.faults),
            },
        )
        await audit.record([entry])
    return outcome


async def _put(kind: Kind, content: bytes, source: str, at: datetime) -> Outcome:
    sheet = sheets.read(kind, await asyncio.to_thread(table_of, content))
    if not sheet.rows:
        return Outcome(0, 0, 0, sheet.faults)
    done = await _verb(kind, sheet.rows, source, at)
    rejected = [_fault_of(kind, sheet, one) for one in done.rejected]
    faults = sorted([*sheet.faults, *rejected], key=lambda fault: fault.row)
    return Outcome(done.inserted, done.updated, done.unchanged, faults)


def _fault_of(kind: Kind, sheet: Sheet, one: RejectedRow) -> Fault:
    return Fault(
        sheet.place_of(one.row, one.field), sheets.title_of(kind, one.field), EXPECTED.get(one.code, "请核对这一列")
    )


async def _verb(kind: Kind, rows: Sequence[tuple[int, object]], source: str, at: datetime) -> Applied:
    if kind == "products":
        return await product_rows.put(rows, at)  # type: ignore[arg-type] # the rows are of the kind that was read
    if kind == "prices":
        return await price_rows.put(rows, source, at)  # type: ignore[arg-type]
    return await assortment_rows.put(rows, source, at)  # type: ignore[arg-type]


def template_of(kind: Kind) -> bytes:
    """Give a sheet with the headings and an example, as csv that Excel opens."""
    out = io.StringIO(newline="")
    csv.writer(out).writerows([list(sheets.COLUMNS[kind]), sheets.EXAMPLES[kind]])
    return ("\ufeff" + out.getvalue()).encode()
