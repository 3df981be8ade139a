"""Who looks after which outlet, by master data: thousands in a call, each row judged by itself."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from loyalty.customers import outlets
from loyalty.customers.outlet_rows import OutletRow
from loyalty.customers.personal import DataKeys
from loyalty.customers.territory import assignment_rows, staff_rows
from loyalty.customers.territory.assignment_rows import AssignmentRow
from loyalty.organisation.audit import Actor
from loyalty.rows import Applied, RejectedRow
from loyalty.staff.staff_rows import StaffRow
from tests import rows
from tests.rows import picture

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)
LATER = AT + timedelta(hours=1)
LAST = LATER + timedelta(hours=1)
BY = Actor("system", "sfa", "sfa")
ROWS_MAX = 5_000
KEPT = (
    "SELECT o.code, m.code, a.from_at, a.until_at, a.source FROM outlet_assignments a"
    " JOIN outlets o ON o.id = a.outlet_id JOIN staff m ON m.id = a.staff_id ORDER BY a.id"
)


async def put(*given: tuple[str, str | None], at: datetime = AT) -> Applied:
    """Put rows, numbered from 0."""
    numbered = [(n, AssignmentRow(outlet_code=one, staff_code=who)) for n, (one, who) in enumerate(given)]
    return await assignment_rows.put(numbered, BY, at)


@pytest.fixture
async def there(db: str, data_keys: DataKeys) -> str:
    """Bring three outlets, two who are here and one who has left."""
    shops = [OutletRow(code=f"T{n}", name="小店", plant_code="P1") for n in (1, 2, 3)]
    await outlets.put(list(enumerate(shops)), "tests", AT, data_keys)
    people = [
        StaffRow(code="a", name="甲", role="rep", plant_code="P1"),
        StaffRow(code="B", name="乙"),
        StaffRow(code="c", name="丙", left=True),
    ]
    await staff_rows.put(list(enumerate(people)), BY, AT)
    return db


async def test_outlets_get_a_rep_another_one_and_nobody(there: str) -> None:
    assert await put(("T1", "a"), ("T2", "A"), ("T3", None)) == Applied(2, 0, 1, [])
    assert await put(("T1", "b"), ("T2", None), ("T3", "a"), at=LATER) == Applied(1, 2, 0, [])
    assert await rows.fetch(there, KEPT) == [
        ("T1", "a", AT, LATER, "system:sfa"),
        ("T2", "a", AT, LATER, "system:sfa"),
        ("T1", "B", LATER, None, "system:sfa"),
        ("T3", "a", LATER, None, "system:sfa"),
    ]


async def test_the_same_again_is_unchanged_and_moves_nothing(there: str) -> None:
    given = ("T1", "a"), ("T2", "B"), ("T3", None)
    await put(*given)
    before = await picture(there)
    assert await put(*given, at=LATER) == Applied(0, 0, 3, [])
    assert await put(at=LATER) == Applied(0, 0, 0, [])
    assert await picture(there) == before


async def test_bad_rows_are_refused_by_themselves(there: str) -> None:
    applied = await put(("T9", "a"), ("T1", "x"), ("T2", "c"), ("T3", "a"), ("T3", "b"), ("T9", None))
    assert applied == Applied(
        1,
        0,
        0,
        [
            RejectedRow(0, "outlet_code", "outlet_unknown"),
            RejectedRow(1, "staff_code", "staff_unknown"),
            RejectedRow(2, "staff_code", "staff_left"),
            RejectedRow(4, "outlet_code", "duplicate_row"),
            RejectedRow(5, "outlet_code", "duplicate_row"),
        ],
    )
    assert [row[:2] for row in await rows.fetch(there, KEPT)] == [("T3", "a")]


async def test_five_thousand_in_one_call(there: str, data_keys: DataKeys) -> None:
    shops = [OutletRow(code=f"M{n:04d}", name="小店", plant_code="P1") for n in range(ROWS_MAX)]
    assert (await outlets.put(list(enumerate(shops)), "tests", AT, data_keys)).inserted == ROWS_MAX
    for who, at, applied in (
        ("a", AT, Applied(ROWS_MAX, 0, 0, [])),
        ("a", LATER, Applied(0, 0, ROWS_MAX, [])),
        ("B", LATER, Applied(0, ROWS_MAX, 0, [])),
        (None, LAST, Applied(0, ROWS_MAX, 0, [])),
    ):
        assert await put(*((shop.code, who) for shop in shops), at=at) == applied
    assert await rows.fetch(there, "SELECT from_at, until_at, count(*) FROM outlet_assignments GROUP BY 1, 2") == [
        (AT, LATER, ROWS_MAX),
        (LATER, LAST, ROWS_MAX),
    ]


@pytest.mark.parametrize(
    "wrong",
    [{"outlet_code": None}, {"outlet_code": ""}, {"staff_code": ""}, {"staff_code": "a b"}, {"surprise": 1}],
)
def test_what_a_row_cannot_say(wrong: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"outlet_code": "T1", "staff_code": "a"} | wrong, AssignmentRow)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"outlet_code": "T1"}, AssignmentRow)
