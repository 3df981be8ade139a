"""Products, prices and assortments as master data brings them."""

import asyncio
from datetime import date, timedelta
from typing import Any

import asyncpg
import pytest

from loyalty.catalogue.masterdata.price_rows import DEAL_DAYS_A_CALL_MAX, DEAL_DAYS_MAX
from loyalty.catalogue.masterdata.product_rows import ProductRow
from loyalty.rows import Applied, RejectedRow
from tests import rows
from tests.catalogue import TODAY, assortment, price, product, put_assortments, put_prices, put_products, stocked

PRICES = """
    SELECT l.code, p.code, r.price_fen, r.from_on - $1::date, r.until_on - $1::date
      FROM prices r JOIN price_lists l ON l.id = r.price_list_id JOIN products p ON p.id = r.product_id
     ORDER BY 1, 2, 4
"""
DEALS = """
    SELECT p.code, d.on_date - $1::date, d.price_fen FROM deal_prices d JOIN products p ON p.id = d.product_id
     ORDER BY 1, 2
"""
PLACES = """
    SELECT a.code, p.code, ap.place, ap.must_have FROM assortment_products ap
      JOIN assortments a ON a.id = ap.assortment_id JOIN products p ON p.id = ap.product_id ORDER BY 1, 3
"""
VERSION = "SELECT version FROM catalogue_version"


def day(n: int) -> date:
    return TODAY + timedelta(days=n)


def counts(applied: Applied) -> tuple[int, int, int]:
    return applied.inserted, applied.updated, applied.unchanged


async def test_a_product_is_made_changed_cleared_and_left_alone(db: str) -> None:
    full = product("A", brand="清泉", flavour="青柠", pack="500ml×24", barcode="6901234567892", deposit_fen=100)
    assert counts(await put_products(full)) == (1, 0, 0)
    assert counts(await put_products(full)) == (0, 0, 1)
    changed = product("A", name=" 新  名字 ", brand=None, multiple_cases=5, status="ended")
    assert counts(await put_products(changed)) == (0, 1, 0)
    assert await rows.fetch(
        db,
        "SELECT code, name, name_initials, brand, flavour, pack, category, units_per_case, barcode, deposit_fen,"
        " multiple_cases, status FROM products",
    ) == [("A", "新 名字", "xmz", None, "青柠", "500ml×24", "汽水", 24, "6901234567892", 100, 5, "ended")]
    assert await rows.fetch(db, VERSION) == [(2,)]


async def test_a_new_product_needs_its_name_category_and_units(db: str) -> None:
    applied = await put_products(
        ProductRow(code="A"),
        ProductRow(code="B", name="汽水", units_per_case=1),
        ProductRow(code="C", name="汽水", category="汽水"),
        product("D"),
        product("D"),
    )
    assert applied == Applied(
        1, 0, 0,
        [
            RejectedRow(0, "name", "missing_field"),
            RejectedRow(1, "category", "missing_field"),
            RejectedRow(2, "units_per_case", "missing_field"),
            RejectedRow(4, "code", "duplicate_row"),
        ],
    )  # fmt: skip
    assert await rows.fetch(db, "SELECT code FROM products") == [("D",)]


async def test_a_regular_price_takes_the_place_of_what_stood_in_its_span(db: str) -> None:
    await put_products(product("A"), product("B"))
    assert counts(await put_prices(price("A", 4_800, plant_code="P1"), price("B", 100))) == (2, 0, 0)
    assert counts(await put_prices(price("A", 5_000, from_on=day(3), until_on=day(5)))) == (0, 1, 0)
    assert counts(await put_prices(price("A", 5_000, from_on=day(3), until_on=day(5)))) == (0, 0, 1)
    assert counts(await put_prices(price("B", None, from_on=day(9)))) == (0, 1, 0)
    assert await rows.fetch(db, PRICES, TODAY) == [
        ("L1", "A", 4_800, 0, 3), ("L1", "A", 5_000, 3, 5), ("L1", "A", 4_800, 5, None), ("L1", "B", 100, 0, 9),
    ]  # fmt: skip
    assert await rows.fetch(db, VERSION) == [(4,)]


async def test_rows_of_one_call_count_in_their_order(db: str) -> None:
    await put_products(product("A"))
    said = (price("A", 1, from_on=day(4)), price("A", 2), price("A", 3, from_on=day(2), until_on=day(6)))
    assert counts(await put_prices(*said)) == (1, 2, 0)
    assert await rows.fetch(db, PRICES, TODAY) == [("L1", "A", 2, 0, 2), ("L1", "A", 3, 2, 6), ("L1", "A", 2, 6, None)]


async def test_the_lowest_deal_of_a_day_is_kept(db: str) -> None:
    await put_products(product("A"))
    first = price("A", 400, kind="deal", until_on=day(4))
    assert counts(await put_prices(first)) == (1, 0, 0)
    assert counts(await put_prices(first)) == (0, 0, 1)
    later = price("A", 350, kind="deal", from_on=day(2), until_on=day(5))
    dearer = price("A", 420, kind="deal", from_on=day(1), until_on=day(6))
    assert counts(await put_prices(later, dearer)) == (0, 2, 0)
    assert await rows.fetch(db, DEALS, TODAY) == [
        ("A", 0, 400), ("A", 1, 400), ("A", 2, 350), ("A", 3, 350), ("A", 4, 350), ("A", 5, 420),
    ]  # fmt: skip
    assert counts(await put_prices(price("A", None, kind="deal", from_on=day(1), until_on=day(5)))) == (0, 1, 0)
    assert await rows.fetch(db, DEALS, TODAY) == [("A", 0, 400), ("A", 5, 420)]


@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({"product_code": "NONE"}, "product_code", "product_unknown"),
        ({"until_on": TODAY}, "until_on", "out_of_range"),
        ({"until_on": date(2200, 1, 1)}, "until_on", "out_of_range"),
        ({"from_on": date(1999, 12, 31)}, "from_on", "out_of_range"),
        ({"kind": "deal"}, "until_on", "missing_field"),
        ({"kind": "deal", "until_on": day(DEAL_DAYS_MAX + 1)}, "until_on", "out_of_range"),
        ({"price_list": "L9", "value_class": "A"}, "plant_code", "missing_field"),
        ({"price_list": "L9", "plant_code": "P1"}, "plant_code", "audience_taken"),
        ({"plant_code": None, "value_class": "A"}, "plant_code", "missing_field"),
    ],
)
async def test_a_price_that_cannot_be_is_refused_alone(db: str, fields: dict[str, Any], field: str, code: str) -> None:
    await stocked("A", "B")
    before = await rows.picture(db)
    applied = await put_prices(price("A", 5_000, **fields))
    assert applied == Applied(0, 0, 0, [RejectedRow(0, field, code)])
    assert await rows.picture(db) == before
    beside = await put_prices(price("A", 5_000, **fields), price("B", 5_000))
    assert (counts(beside), beside.rejected) == ((0, 1, 0), [RejectedRow(0, field, code)])


async def test_too_many_days_of_deals_are_refused_past_the_limit(db: str) -> None:
    codes = [f"A{n:04}" for n in range(DEAL_DAYS_A_CALL_MAX // DEAL_DAYS_MAX + 1)]
    await put_products(*(product(code) for code in codes))
    applied = await put_prices(*(price(code, 1, kind="deal", until_on=day(DEAL_DAYS_MAX)) for code in codes))
    assert applied.inserted == len(codes) - 1
    assert applied.rejected == [RejectedRow(len(codes) - 1, "until_on", "out_of_range")]
    assert await rows.fetch(db, "SELECT count(*) FROM deal_prices") == [((len(codes) - 1) * DEAL_DAYS_MAX,)]


async def test_a_list_says_anew_whom_it_is_for(db: str) -> None:
    await put_products(product("A"))
    await put_prices(price("A", 1, plant_code="P1"))
    await put_prices(price("A", 2, price_list="L2", plant_code="P1", value_class="A"))
    moved = price("A", 1, plant_code="P2", value_class="A")
    assert counts(await put_prices(moved)) == (0, 0, 1)
    # What the first list has left is free for another one.
    assert (await put_prices(price("A", 3, price_list="L3", plant_code="P1"))).rejected == []
    assert await rows.fetch(
        db,
        "SELECT l.code, n.code, value_class FROM price_lists l JOIN organisation_nodes n ON n.id = plant_id ORDER BY 1",
    ) == [("L1", "P2", "A"), ("L2", "P1", "A"), ("L3", "P1", None)]
    assert await rows.fetch(db, VERSION) == [(5,)]
    made = "SELECT code FROM organisation_nodes WHERE kind = 'plant' AND confirmed_at IS NULL ORDER BY 1"
    assert await rows.fetch(db, made) == [("P1",), ("P2",)]


async def test_an_assortment_is_made_replaced_and_left_alone(db: str) -> None:
    await put_products(*(product(code) for code in "ABC"))
    made = assortment("X", ["C", "A!"], plant_code="P1")
    assert counts(await put_assortments(made)) == (1, 0, 0)
    assert counts(await put_assortments(made)) == (0, 0, 1)
    assert counts(await put_assortments(assortment("X", value_class="B"))) == (0, 1, 0)
    assert await rows.fetch(db, PLACES) == [("X", "C", 1, False), ("X", "A", 2, True)]
    assert counts(await put_assortments(assortment("X", ["A", "C", "B"]))) == (0, 1, 0)
    assert await rows.fetch(db, PLACES) == [("X", "A", 1, False), ("X", "C", 2, False), ("X", "B", 3, False)]
    assert counts(await put_assortments(assortment("X", []))) == (0, 1, 0)
    assert await rows.fetch(db, PLACES) == []
    assert await rows.fetch(db, VERSION) == [(5,)]


@pytest.mark.parametrize(
    ("row", "field", "code"),
    [
        (assortment("Y", ["A"]), "plant_code", "missing_field"),
        (assortment("Y", ["A"], plant_code="P1"), "plant_code", "audience_taken"),
        (assortment("A1", ["A", "NONE"]), "products[1].product_code", "product_unknown"),
        (assortment("A1", ["A", "B", "A"]), "products[2].product_code", "duplicate_row"),
    ],
)
async def test_an_assortment_that_cannot_be_is_refused(db: str, row: Any, field: str, code: str) -> None:
    await stocked("A", "B")
    before = await rows.picture(db)
    assert await put_assortments(row) == Applied(0, 0, 0, [RejectedRow(0, field, code)])
    assert await rows.picture(db) == before


async def test_two_prices_on_one_day_cannot_be_stored(db: str) -> None:
    await stocked("A")
    again = "INSERT INTO prices (price_list_id, product_id, price_fen, from_on) SELECT 1, 1, 7, from_on + 5 FROM prices"
    with pytest.raises(asyncpg.ExclusionViolationError):
        await rows.execute(db, again)


async def test_calls_at_once_come_one_after_the_other(db: str) -> None:
    await put_products(product("A"))
    said = [price("A", n + 1, price_list=f"L{n}", plant_code="P1") for n in range(8)]
    applied = await asyncio.gather(*(put_prices(one) for one in said))
    assert sum(one.inserted for one in applied) == 1
    assert [one.rejected for one in applied if not one.inserted] == [
        [RejectedRow(0, "plant_code", "audience_taken")]
    ] * 7
    applied = await asyncio.gather(*(put_products(product("N", name=f"汽水{n}")) for n in range(8)))
    assert sum(one.inserted for one in applied) == 1
    assert sum(one.updated for one in applied) == 7
    assert await rows.fetch(db, "SELECT count(*) FROM products") == [(2,)]
