"""The demo's catalogue: what the bottler makes, what each plant offers, at which prices, and this week's deals."""

from datetime import date, datetime, timedelta
from typing import Any

from loyalty.catalogue.masterdata import assortment_rows, price_rows, product_rows
from loyalty.catalogue.masterdata.assortment_rows import AssortmentPart, AssortmentRow
from loyalty.catalogue.masterdata.price_rows import PriceRow
from loyalty.catalogue.masterdata.product_rows import ProductRow
from loyalty.clock import business_date
from loyalty.rows import Applied

SOURCE = "command:demo"
LINES: tuple[tuple[str, str, str, str, int, int, tuple[str, ...]], ...] = (
    ("QP", "清泉", "气泡水", "480ml×15", 15, 4_500, ("原味", "青柠", "白桃", "葡萄")),
    ("QL", "清泉", "汽水", "330ml×24", 24, 4_320, ("可乐味", "橙味", "柠檬味", "荔枝味")),
    ("QD", "清泉", "汽水", "2L×6", 6, 3_300, ("可乐味", "橙味", "柠檬味")),
    ("GS", "果时", "果汁", "450ml×15", 15, 5_250, ("橙", "葡萄", "蜜桃", "芒果")),
    ("GL", "果时", "果汁", "1L×8", 8, 6_400, ("橙", "苹果")),
    ("CY", "茶屿", "茶", "500ml×15", 15, 4_200, ("乌龙茶", "茉莉花茶", "柠檬红茶", "无糖绿茶")),
    ("YD", "跃动", "运动饮料", "600ml×15", 15, 5_100, ("西柚", "青柠", "电解质水")),
    ("SW", "山涧", "水", "550ml×24", 24, 2_400, ("天然水",)),
    ("ST", "山涧", "水", "18.9L×1", 1, 1_500, ("桶装水",)),
)
"""Code, brand, category, pack, units of a case, price of a case in fen, flavours or kinds."""
ENDED = "QL04"
MUST_HAVE = ("QP01", "QL01", "CY01", "SW01")
BARREL_DEPOSIT_FEN = 3_000
PLANTS = ("SH", "NJ", "HZ", "XZ")
FEWER: dict[str, str] = {"XZ": "G"}
"""A plant that does not fill products whose code begins so."""
VALUE_A_BPS = 9_600
"""What the A outlets of a plant pay of its price."""
DEALS = (("QP03", 3_900), ("GS01", 4_500), ("CY02", 3_600))
DEAL_DAYS = 7


async def load(at: datetime) -> None:
    """Bring products, prices and assortments, as master data does; again only deals change."""
    products = [row for line in LINES for row in _products(*line)]
    _whole(await product_rows.put(list(enumerate(row for row, _ in products)), at))
    today = business_date(at)
    prices = [one for plant in PLANTS for row, fen in products for one in _prices(plant, row.code, fen, today)]
    _whole(await price_rows.put(list(enumerate(prices)), SOURCE, at))
    assortments = [
        AssortmentRow(
            code=plant,
            plant_code=plant,
            products=[
                AssortmentPart(product_code=row.code, must_have=row.code in MUST_HAVE)
                for row, _ in products
                if not row.code.startswith(FEWER.get(plant, "-"))
            ],
        )
        for plant in PLANTS
    ]
    _whole(await assortment_rows.put(list(enumerate(assortments)), SOURCE, at))


def _products(
    code: str, brand: str, category: str, pack: str, units: int, fen: int, kinds: tuple[str, ...]
) -> list[tuple[ProductRow, int]]:
    found = []
    for number, kind in enumerate(kinds, start=1):
        values: dict[str, Any] = {
            "code": f"{code}{number:02}",
            "name": f"{brand}{kind if category in kind else f'{category} {kind}'} {pack}",
            "brand": brand,
            "flavour": kind,
            "pack": pack,
            "category": category,
            "units_per_case": units,
            "barcode": f"69{ord(code[0])}{ord(code[1])}{number:07}",
            "deposit_fen": BARREL_DEPOSIT_FEN if units == 1 else 0,
            "status": "ended" if f"{code}{number:02}" == ENDED else "active",
        }
        found.append((ProductRow(**values), fen))
    return found


def _prices(plant: str, code: str, fen: int, today: date) -> list[PriceRow]:
    """Give a plant's price of a product, the lower one of its A outlets, and this week's deal if there is one."""
    begun = date(today.year, 1, 1)
    regular: dict[str, Any] = {"product_code": code, "from_on": begun, "plant_code": plant}
    rows = [
        PriceRow(price_list=plant, price_fen=fen, **regular),
        PriceRow(price_list=f"{plant}-A", price_fen=fen * VALUE_A_BPS // 10_000, value_class="A", **regular),
    ]
    for deal_code, deal_fen in DEALS:
        if deal_code == code:
            days: dict[str, Any] = {"from_on": today, "until_on": today + timedelta(days=DEAL_DAYS)}
            rows += [
                PriceRow(price_list=name, product_code=code, kind="deal", price_fen=deal_fen, **days)
                for name in (plant, f"{plant}-A")
            ]
    return rows


def _whole(applied: Applied) -> None:
    if applied.rejected:
        raise RuntimeError(f"the demo's catalogue does not fit: {applied.rejected[0]}")
