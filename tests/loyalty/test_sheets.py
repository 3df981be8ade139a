"""Sheets of the catalogue: what each cell becomes, and what is wrong told at its cell."""

from datetime import date, datetime
from typing import Any

import pytest

from loyalty.catalogue import sheets
from loyalty.catalogue.masterdata.assortment_rows import AssortmentPart, AssortmentRow
from loyalty.catalogue.masterdata.price_rows import PriceRow
from loyalty.catalogue.masterdata.product_rows import ProductRow
from loyalty.catalogue.sheets import COLUMNS, EXAMPLES, KINDS, ROWS_MAX, Fault, Kind

FIRST = datetime.fromisoformat("2026-12-01")


@pytest.mark.parametrize("kind", KINDS)
def test_a_template_is_a_sheet_itself(kind: Kind) -> None:
    assert len(EXAMPLES[kind]) == len(COLUMNS[kind])
    sheet = sheets.read(kind, [list(COLUMNS[kind]), [cell or None for cell in EXAMPLES[kind]]])
    assert (len(sheet.rows), sheet.faults) == (1, [])


def test_cells_become_fields_as_they_were_meant() -> None:
    head = ["条码", "编号", "名称", "每箱押金（元）", "状态", "每箱件数"]
    table: list[list[Any]] = [head, [6901234567892.0, 500.0, " 汽水 ", 2.4, "停售", 24.0], [None] * 6, ["", "A"]]
    sheet = sheets.read("products", table)
    assert sheet.faults == []
    assert sheet.rows == [
        (
            2,
            ProductRow(
                code="500", name="汽水", barcode="6901234567892", deposit_fen=240, status="ended", units_per_case=24
            ),
        ),
        (4, ProductRow(code="A")),
    ]


@pytest.mark.parametrize(
    ("cell", "fen"),
    [(4.35, 435), (48, 4_800), ("1,234.5 元".replace(" ", ""), 123_450), ("48.00", 4_800), (0.07, 7), (19.99, 1_999)],
)
def test_yuan_are_read_exactly(cell: Any, fen: int) -> None:
    head = ["价目表", "商品编号", "每箱价格（元）", "从哪天起", "到哪天（含）"]
    sheet = sheets.read("prices", [head, ["P01", "A", cell, FIRST, "2026/12/31"]])
    row = PriceRow(price_list="P01", product_code="A", price_fen=fen, from_on=FIRST.date(), until_on=date(2027, 1, 1))
    assert (sheet.rows, sheet.faults) == ([(2, row)], [])


def test_rows_of_one_assortment_become_one_in_their_order() -> None:
    head = ["可订范围", "商品编号", "必备", "工厂编号"]
    sheet = sheets.read("assortments", [head, ["X", "B", "是", "P1"], ["Y", "A", None, "P2"], ["X", "A", "否", None]])
    parts = [AssortmentPart(product_code="B", must_have=True), AssortmentPart(product_code="A")]
    assert sheet.rows == [
        (2, AssortmentRow(code="X", plant_code="P1", products=parts)),
        (3, AssortmentRow(code="Y", plant_code="P2", products=[AssortmentPart(product_code="A")])),
    ]


@pytest.mark.parametrize(
    ("kind", "table", "faults"),
    [
        ("products", [], [Fault(1, "编号", "缺少这一列")]),
        ("products", [["编号", "编号", "颜色"]],
         [Fault(1, "颜色", "没有这一列，请用模板里的列名"), Fault(1, "编号", "这一列出现了两次")]),
        ("products", [["编号", "每箱件数"], ["A", 2.5], ["B", "二"], [None, 3]],
         [Fault(2, "每箱件数", "请填整数"), Fault(3, "每箱件数", "请填数字"), Fault(4, "编号", "不能空着")]),
        ("products", [["编号", "每箱件数"], ["C", True]], [Fault(2, "每箱件数", "请填数字")]),
        ("products", [["编号", "状态"], ["A", "卖"]], [Fault(2, "状态", "请填在售或停售")]),
        ("products", [["编号", "条码"], ["A", "12"]], [Fault(2, "条码", "超出了这一列能填的范围")]),
        ("products", [["编号", "每箱押金（元）"], ["A", 0.005], ["B", float("inf")]],
         [Fault(2, "每箱押金（元）", "请填金额，最多两位小数"), Fault(3, "每箱押金（元）", "请填数字")]),
        ("prices", [["价目表", "商品编号", "每箱价格（元）", "从哪天起"], ["P", "A", 1, "明天"]],
         [Fault(2, "从哪天起", "请填日期，比如 2026-12-01")]),
        ("products", [["编号"], *[[f"A{n}"] for n in range(ROWS_MAX + 1)]],
         [Fault(ROWS_MAX + 2, "", f"一次最多 {ROWS_MAX} 行，请分成几个文件")]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_at_its_cell(kind: Kind, table: list[list[Any]], faults: list[Fault]) -> None:
    sheet = sheets.read(kind, table)
    assert sheet.faults == faults
    assert not any(number in {fault.row for fault in faults} for number, _ in sheet.rows)
