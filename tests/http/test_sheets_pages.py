"""The catalogue by spreadsheet over HTTP: looked at first, applied once, refused where it cannot be read."""

import io
import re
import secrets
import zipfile
from collections.abc import Callable

import httpx
import pytest

from tests.http.conftest import Browser, Database
from tests.http.staffing import Person, Staffing

BrowserOf = Callable[[Person], Browser]
PATH = "/ops/products/sheets"
HEAD = "编号,名称,品类,每箱件数,条码,每箱押金（元）"


@pytest.fixture
def chief(staffing: Staffing, browser_of: BrowserOf) -> Browser:
    """Give an administrator of the whole."""
    return browser_of(staffing.root)


async def upload(chief: Browser, content: bytes, kind: str = "products") -> httpx.Response:
    """Look at what a sheet would do."""
    return await chief.upload(PATH, "sheet", content, kind=kind)


def ticket_of(page: str) -> str:
    """Give the ticket that the page asks to confirm."""
    (ticket,) = re.findall(r'name="ticket" value="([^"]+)"', page)
    return str(ticket)


def xlsx(rows: list[list[str]]) -> bytes:
    """Make the smallest xlsx file that holds texts."""
    cells = "".join(
        "<row>" + "".join(f'<c t="inlineStr"><is><t>{cell}</t></is></c>' for cell in row) + "</row>" for row in rows
    )
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    kinds = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"

    def related(kind: str, target: str) -> str:
        one = f'<Relationship Id="r1" Type="{kinds}/{kind}" Target="{target}"/>'
        return f'<Relationships xmlns="{package}/relationships">{one}</Relationships>'

    named = '<sheets><sheet name="S" sheetId="1" r:id="r1"/></sheets>'
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"/>',
        "_rels/.rels": related("officeDocument", "xl/workbook.xml"),
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{kinds}">{named}</workbook>',
        "xl/_rels/workbook.xml.rels": related("worksheet", "worksheets/sheet1.xml"),
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{cells}</sheetData></worksheet>',
    }
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, text in parts.items():
            packed.writestr(name, text)
    return made.getvalue()


@pytest.mark.parametrize("form", ["utf-8", "utf-8-sig", "gb18030", "xlsx"])
async def test_a_sheet_is_looked_at_and_then_applied_once(chief: Browser, stored: Database, form: str) -> None:
    code = f"X{secrets.token_hex(4)}"
    lines = [HEAD, f"{code}1,清泉汽水,汽水,24,6901234567892,2.40", f"{code}2,,汽水,24,,", f"{code}3,橙汁,果汁,一箱,,"]
    table = [line.split(",") for line in lines]
    content = xlsx(table) if form == "xlsx" else "\r\n".join(lines).encode(form)
    before = await stored.picture()
    seen = await upload(chief, content)
    assert seen.status_code == 200, seen.text
    assert all(text in seen.text for text in ("确认导入 1 行", "请填数字", "每箱件数", "新增的必须填这一列", "名称"))
    assert await stored.picture() == before
    ticket = ticket_of(seen.text)
    done = await chief.post(f"{PATH}/apply", ticket=ticket)
    assert (done.status_code, "导入好了" in done.text) == (200, True)
    kept = await stored.connection.fetch("SELECT code, name, deposit_fen FROM products WHERE code LIKE $1", f"{code}%")
    assert [tuple(row) for row in kept] == [(f"{code}1", "清泉汽水", 240)]
    again = await chief.post(f"{PATH}/apply", ticket=ticket)
    assert (again.status_code, "刚才的表格过期了" in again.text) == (422, True)
    same = await upload(chief, content)
    assert "确认导入" not in same.text
    story = await stored.connection.fetchval(
        "SELECT after::text FROM audit_entries WHERE action = 'catalogue.imported' ORDER BY id DESC LIMIT 1"
    )
    assert '"inserted": 1' in story


async def test_prices_and_assortments_come_the_same_way(chief: Browser, stored: Database) -> None:
    code = f"Y{secrets.token_hex(4)}"
    for kind, lines in (
        ("products", [HEAD, f"{code},清泉汽水,汽水,24,,"]),
        (
            "prices",
            ["价目表,商品编号,类型,每箱价格（元）,从哪天起,工厂编号", f"{code},{code},平时价,48.5,2026-12-01,{code}"],
        ),
        ("assortments", ["可订范围,商品编号,必备,工厂编号", f"{code},{code},是,{code}", f"{code},NONE,否,{code}"]),
    ):
        seen = await upload(chief, "\n".join(lines).encode(), kind)
        if kind == "assortments":
            cells = re.findall(r"<td[^>]*>([^<]*)</td>", " ".join(seen.text.split()).replace("> <", "><"))
            assert [cell.strip() for cell in cells][:2] == ["3", "商品编号"], cells
            assert "没有这个商品编号" in seen.text
            lines.pop()
            seen = await upload(chief, "\n".join(lines).encode(), kind)
        assert (await chief.post(f"{PATH}/apply", ticket=ticket_of(seen.text))).status_code == 200
    price = "SELECT price_fen FROM prices p JOIN price_lists l ON l.id = p.price_list_id WHERE l.code = $1"
    assert await stored.connection.fetchval(price, code) == 4_850
    must = "SELECT must_have FROM assortment_products p JOIN assortments a ON a.id = p.assortment_id WHERE a.code = $1"
    assert await stored.connection.fetchval(must, code) is True


def bomb() -> bytes:
    """Make a small file that unpacks to a great one."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/worksheets/sheet1.xml", b"0" * (130 * 1024 * 1024))
    return made.getvalue()


UNREADABLE = {
    "nothing": b"",
    "binary": b"\x00\x01",
    "broken": b"PK\x03\x04broken",
    "utf-16": b"\xff\xfe\x00",
    "bomb": bomb(),
    "large": b"a" * (8 * 1024 * 1024 + 1),
}


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE)
async def test_what_cannot_be_read_is_refused(chief: Browser, stored: Database, content: bytes) -> None:
    before = await stored.picture()
    answer = await upload(chief, content)
    assert (answer.status_code, "请" in answer.text) == (422, True)
    assert await stored.picture() == before


async def test_a_template_opens_in_excel(chief: Browser) -> None:
    answer = await chief.get(f"{PATH}/products/template")
    assert answer.content.startswith(b"\xef\xbb\xbf")
    assert answer.text.lstrip("\ufeff").startswith("编号,名称")
    assert (await chief.get(f"{PATH}/unknown/template")).status_code == 404
