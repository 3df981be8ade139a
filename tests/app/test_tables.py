"""Tables as files."""

import pytest

from app.http.console.tables import plain


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("小店", "小店"),
        ("-20", "-20"),
        ("+20", "+20"),
        ("-20.50", "-20.50"),
        ("=1+1", "'=1+1"),
        ("-1+cmd|' /C calc'!A0", "'-1+cmd|' /C calc'!A0"),
        ("+86 138", "'+86 138"),
        ("-", "'-"),
        ("--1", "'--1"),
        ("-1\n=1", "'-1\n=1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("-２０", "'-２０"),
    ],
)
def test_a_cell_is_never_a_formula_and_a_number_stays_one(text: str, kept: str) -> None:
    assert plain(text) == kept
