"""What a row of a staff member can say, and how it merges into what is known of them."""

from typing import Any

import msgspec
import pytest

from loyalty.organisation.places import Place
from loyalty.rows import RowFault
from loyalty.staff import staff_rows
from loyalty.staff.staff_rows import Held, KnownStaff, StaffRow

KNOWN = KnownStaff(name="李强", held=Held("rep", Place("SH", "PD", "R1")))
LEFT = KnownStaff(name="李强", left=True)


@pytest.mark.parametrize(
    ("known", "given", "after"),
    [
        (None, {"name": " 李  强 "}, KnownStaff(name="李 强")),
        (None, {"name": "李强", "left": True}, LEFT),
        (None, {"name": "李强", "role": None}, KnownStaff(name="李强")),
        (None, {"name": "李强", "role": "rep", "plant_code": "SH", "office_code": "PD", "route_code": "R1"}, KNOWN),
        (None, {}, RowFault("name", "missing_field")),
        (None, {"name": "李强", "role": "rep"}, RowFault("plant_code", "missing_field")),
        (None, {"name": "李强", "plant_code": "SH"}, RowFault("role", "missing_field")),
        (None, {"name": "李强", "successor_code": "b"}, RowFault("successor_code", "out_of_range")),
        (None, {"name": "李强", "successor_code": None, "office_code": None}, KnownStaff(name="李强")),
        (KNOWN, {}, KNOWN),
        (KNOWN, {"left": False}, KNOWN),
        (KNOWN, {"role": "supervisor"}, KnownStaff(name="李强", held=Held("supervisor", Place("SH", "PD", "R1")))),
        (KNOWN, {"role": None, "plant_code": "NJ"}, KnownStaff(name="李强")),
        (KNOWN, {"plant_code": "NJ"}, KnownStaff(name="李强", held=Held("rep", Place("NJ", None, None)))),
        (KNOWN, {"office_code": "XH"}, KnownStaff(name="李强", held=Held("rep", Place("SH", "XH", None)))),
        (KNOWN, {"office_code": None}, KnownStaff(name="李强", held=Held("rep", Place("SH", None, None)))),
        (KNOWN, {"route_code": "R2"}, KnownStaff(name="李强", held=Held("rep", Place("SH", "PD", "R2")))),
        (KNOWN, {"plant_code": "SH", "office_code": "PD"}, KNOWN),
        (KNOWN, {"left": True, "successor_code": "b", "role": "rep", "plant_code": "NJ"}, LEFT),
        (KNOWN, {"left": False, "successor_code": "b"}, RowFault("successor_code", "out_of_range")),
        (LEFT, {"name": "李小强"}, KnownStaff(name="李小强", left=True)),
        (LEFT, {"role": None}, LEFT),
        (LEFT, {"role": "rep", "plant_code": "SH"}, RowFault("left", "staff_left")),
        (LEFT, {"left": False}, KnownStaff(name="李强")),
        (
            LEFT,
            {"left": False, "role": "rep", "plant_code": "SH"},
            KnownStaff(name="李强", held=Held("rep", Place("SH", None, None))),
        ),
    ],
)
def test_a_row_merges_into_what_is_known(
    known: KnownStaff | None, given: dict[str, Any], after: KnownStaff | RowFault
) -> None:
    assert staff_rows.merge(known, msgspec.convert({"code": "a"} | given, StaffRow)) == after


@pytest.mark.parametrize(
    "wrong",
    [
        {"code": ""},
        {"code": "a b"},
        {"code": "工号"},
        {"code": "a\n"},
        {"code": "a" * 33},
        {"name": None},
        {"name": " "},
        {"role": "admin"},
        {"role": ""},
        {"plant_code": None},
        {"left": None},
        {"left": 1},
        {"successor_code": "a b"},
        {"surprise": 1},
    ],
)
def test_what_a_row_cannot_say(wrong: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"code": "a"} | wrong, StaffRow)
