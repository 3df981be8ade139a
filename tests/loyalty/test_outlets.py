"""Master data: how a row merges into what is known, and what a call of many rows does."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest

from loyalty.customers import outlet_rows, outlets, rules
from loyalty.customers.outlet_rows import KnownOutlet, OutletRow
from loyalty.customers.personal import DataKeys
from loyalty.rows import Applied, RejectedRow, RowFault
from tests import rows

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)
LATER = AT + timedelta(hours=1)
KNOWN = KnownOutlet(
    code="T1",
    name="小店",
    plant_code="P1",
    office_code="O1",
    route_code="R1",
    address="一号路",
    contact_name="老王",
    contact_phone="13800138000",
    channel="便利店",
    value_class="A",
    value_class_source="sfa",
    value_class_since=AT,
    opened_on=date(2020, 1, 1),
    status="open",
    delivery_days=(1, 4),
    price_list="L1",
    minimum_order_fen=5000,
)
NULLABLE = (
    "office_code", "address", "contact_name", "contact_phone", "channel", "opened_on", "delivery_days", "price_list",
    "minimum_order_fen",
)  # fmt: skip


def merged(known: KnownOutlet | None, **fields: Any) -> KnownOutlet | RowFault:
    """Merge a row of these fields, as it would come over the wire."""
    row = msgspec.convert({"code": "T1"} | fields, OutletRow)
    return outlet_rows.merge(known, row, "tests", LATER)


def changed(**fields: Any) -> KnownOutlet:
    """Give the known outlet with these fields."""
    return msgspec.structs.replace(KNOWN, **fields)


def test_an_absent_field_stays_as_it_is() -> None:
    assert merged(KNOWN) == KNOWN


@pytest.mark.parametrize("field", NULLABLE)
def test_null_clears(field: str) -> None:
    also = {"route_code": None} if field == "office_code" else {}
    assert merged(KNOWN, **{field: None}) == changed(**{field: None}, **also)


@pytest.mark.parametrize(
    ("given", "after"),
    [
        ({"name": "大店"}, {"name": "大店"}),
        ({"name": "小店", "channel": "便利店"}, {}),
        ({"status": "closed"}, {"status": "closed"}),
        ({"opened_on": "2021-02-03"}, {"opened_on": date(2021, 2, 3)}),
        ({"minimum_order_fen": 0}, {"minimum_order_fen": 0}),
        ({"delivery_days": [5, 1, 5]}, {"delivery_days": (1, 5)}),
        ({"delivery_days": []}, {"delivery_days": ()}),
        ({"contact_phone": "+86 139-0013-9000"}, {"contact_phone": "13900139000"}),
        ({"contact_phone": "0086 (138) 0013 8000"}, {}),
        ({"plant_code": "P1"}, {}),
        ({"plant_code": "P2"}, {"plant_code": "P2", "office_code": None, "route_code": None}),
        (
            {"plant_code": "P2", "route_code": "R9"},
            {"plant_code": "P2", "office_code": None, "route_code": "R9"},
        ),
        (
            {"plant_code": "P2", "office_code": "O1", "route_code": "R1"},
            {"plant_code": "P2"},
        ),
        ({"office_code": "O1"}, {}),
        ({"office_code": "O2"}, {"office_code": "O2", "route_code": None}),
        ({"office_code": "O2", "route_code": "R1"}, {"office_code": "O2"}),
        ({"route_code": "R2"}, {"route_code": "R2"}),
        ({"value_class": "A"}, {}),
        (
            {"value_class": "B"},
            {"value_class": "B", "value_class_source": "tests", "value_class_since": LATER},
        ),
        (
            {"value_class": None},
            {"value_class": None, "value_class_source": "tests", "value_class_since": LATER},
        ),
    ],
)
def test_a_known_outlet(given: dict[str, Any], after: dict[str, Any]) -> None:
    assert merged(KNOWN, **given) == changed(**after)


@pytest.mark.parametrize(
    ("known", "given", "fault"),
    [
        (None, {}, RowFault("name", "missing_field")),
        (None, {"name": "小店"}, RowFault("plant_code", "missing_field")),
        (None, {"plant_code": "P1"}, RowFault("name", "missing_field")),
        (KNOWN, {"contact_phone": "010-12345678"}, RowFault("contact_phone", "phone_invalid")),
        (None, {"name": "小店", "plant_code": "P1", "contact_phone": "1"}, RowFault("contact_phone", "phone_invalid")),
    ],
)
def test_a_row_that_is_refused(known: KnownOutlet | None, given: dict[str, Any], fault: RowFault) -> None:
    assert merged(known, **given) == fault


def test_a_new_outlet_is_open_and_has_what_the_row_says() -> None:
    assert merged(None, name="小店", plant_code="P1", route_code="R1", value_class="C") == KnownOutlet(
        code="T1",
        name="小店",
        plant_code="P1",
        route_code="R1",
        value_class="C",
        value_class_source="tests",
        value_class_since=LATER,
    )


@pytest.mark.parametrize(
    ("written", "digits"),
    [
        ("13800138000", "13800138000"),
        ("138 0013 8000", "13800138000"),
        ("+86-13800138000", "13800138000"),
        ("8613800138000", "13800138000"),
        ("008613800138000", "13800138000"),
        ("（138）00138000", "13800138000"),
        ("12800138000", None),
        ("1380013800", None),
        ("138001380000", None),
        ("1380013800a", None),
        ("１３８００１３８０００", None),
        ("+1 13800138000", None),
        ("", None),
    ],
)
def test_phones_are_brought_to_eleven_digits(written: str, digits: str | None) -> None:
    assert rules.normal_phone(written) == digits


def test_a_masked_phone_shows_the_ends() -> None:
    assert rules.mask_phone("13812345678") == "138****5678"


async def put(data_keys: DataKeys, *given: dict[str, Any], at: datetime = AT) -> Applied:
    """Put rows, numbered from 0."""
    numbered = [(number, msgspec.convert(row, OutletRow)) for number, row in enumerate(given)]
    return await outlets.put(numbered, "tests", at, data_keys)


def shop(code: str, **fields: Any) -> dict[str, Any]:
    """Give a row that makes an outlet."""
    return {"code": code, "name": f"小店{code}", "plant_code": "P1"} | fields


async def test_one_call_answers_row_by_row(db: str, data_keys: DataKeys) -> None:
    assert await put(data_keys, shop("T1"), shop("T2", address="一号路")) == Applied(2, 0, 0, [])
    applied = await put(
        data_keys,
        {"code": "T9"},
        {"code": "T1", "name": "大店"},
        {"code": "T2", "contact_phone": "110"},
        shop("T3"),
        {"code": "T1", "name": "更大的店"},
        {"code": "T3", "address": "二号路"},
        shop("T2"),
        at=LATER,
    )
    assert applied == Applied(
        1,
        1,
        0,
        [
            RejectedRow(0, "name", "missing_field"),
            RejectedRow(2, "contact_phone", "phone_invalid"),
            RejectedRow(4, "code", "duplicate_row"),
            RejectedRow(5, "code", "duplicate_row"),
            RejectedRow(6, "code", "duplicate_row"),
        ],
    )
    assert await rows.fetch(db, "SELECT code, name, address, created_at, updated_at FROM outlets ORDER BY code") == [
        ("T1", "大店", None, AT, LATER),
        ("T2", "小店T2", "一号路", AT, AT),
        ("T3", "小店T3", None, LATER, LATER),
    ]


async def test_the_same_again_is_unchanged_and_moves_nothing(db: str, data_keys: DataKeys) -> None:
    whole = shop(
        "T1", office_code="O1", route_code="R1", contact_phone="138-0013-8000", delivery_days=[4, 1],
        opened_on="2020-01-01", value_class="A", minimum_order_fen=5000, price_list="L1", channel="便利店",
    )  # fmt: skip
    assert await put(data_keys, whole) == Applied(1, 0, 0, [])
    before = await rows.picture(db)
    assert await put(data_keys, whole, at=LATER) == Applied(0, 0, 1, [])
    assert await put(data_keys, {"code": "T1"}, at=LATER) == Applied(0, 0, 1, [])
    assert await rows.picture(db) == before


async def test_refused_rows_move_nothing(db: str, data_keys: DataKeys) -> None:
    await put(data_keys, shop("T1"))
    before = await rows.picture(db)
    applied = await put(data_keys, {"code": "T2", "name": "没有工厂"}, {"code": "T1", "contact_phone": "x"}, at=LATER)
    assert (applied.inserted, applied.updated, applied.unchanged, len(applied.rejected)) == (0, 0, 0, 2)
    assert await put(data_keys) == Applied(0, 0, 0, [])
    assert await rows.picture(db) == before


async def test_an_unknown_plant_is_made_unconfirmed(db: str, data_keys: DataKeys) -> None:
    await put(data_keys, shop("T1", plant_code="新厂", office_code="O1"), shop("T2", plant_code="新厂"))
    assert await rows.fetch(db, "SELECT kind, code, confirmed_at FROM organisation_nodes ORDER BY kind DESC") == [
        ("plant", "新厂", None),
        ("office", "O1", None),
        ("group", "HQ", AT),
    ]
    await put(data_keys, {"code": "T1", "plant_code": "P2"}, at=LATER)
    assert await rows.fetch(
        db,
        "SELECT n.code, o.office_id FROM outlets o JOIN organisation_nodes n ON n.id = o.plant_id WHERE o.code = 'T1'",
    ) == [("P2", None)]


async def test_values_arrive_whole_and_the_phone_is_sealed(db: str, data_keys: DataKeys) -> None:
    await put(
        data_keys,
        shop("T1", contact_phone="13800138000", delivery_days=[7, 2], minimum_order_fen=10_000_000_000),
        shop("T2", delivery_days=[]),
    )
    kept = await rows.fetch(
        db, "SELECT delivery_days, minimum_order_fen, contact_phone_sealed FROM outlets ORDER BY code"
    )
    assert [row[:2] for row in kept] == [([2, 7], 10_000_000_000), ([], None)]
    sealed = kept[0][2]
    assert isinstance(sealed, bytes)
    assert b"13800138000" not in sealed
    assert data_keys.open(sealed, outlets.PHONE_PURPOSE) == "13800138000"
    assert await put(data_keys, {"code": "T1", "contact_phone": None}, at=LATER) == Applied(0, 1, 0, [])
    assert await rows.fetch(db, "SELECT contact_phone_sealed, contact_phone_index FROM outlets WHERE code = 'T1'") == [
        (None, None)
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"code": "a b"},
        {"code": ""},
        {"code": "T\x00"},
        {"code": "T" * 65},
        {"name": ""},
        {"name": None},
        {"name": "a\x00"},
        {"plant_code": None},
        {"status": "gone"},
        {"status": None},
        {"delivery_days": [0]},
        {"delivery_days": [8]},
        {"minimum_order_fen": -1},
        {"minimum_order_fen": 1.5},
        {"opened_on": "2026-02-30"},
        {"surprise": 1},
    ],
)
def test_what_a_row_cannot_say(wrong: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(shop("T1") | wrong, OutletRow)
