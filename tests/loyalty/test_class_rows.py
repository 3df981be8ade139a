"""Value classes and tags by master data: fresher words count, each source keeps its own tags."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from loyalty.customers import outlets
from loyalty.customers.outlet_rows import OutletRow
from loyalty.customers.personal import DataKeys
from loyalty.customers.territory import class_rows, tag_rows
from loyalty.customers.territory.class_rows import ClassRow
from loyalty.customers.territory.tag_rows import TagRow
from loyalty.organisation.audit import Actor
from loyalty.rows import AHEAD_MAX, Applied, RejectedRow
from tests import rows
from tests.rows import picture

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LATER = AT + timedelta(hours=1)
BY, OTHER = Actor("system", "bi", "bi"), Actor("system", "crm", "crm")
INSERTED, UPDATED, SAME = Applied(1, 0, 0, []), Applied(0, 1, 0, []), Applied(0, 0, 1, [])
CLASSES = "SELECT code, value_class, value_class_source, value_class_since FROM outlets ORDER BY code"
TAGS = (
    "SELECT o.code, t.tag, t.source, t.since FROM outlet_tags t JOIN outlets o ON o.id = t.outlet_id"
    ' ORDER BY o.code, t.source, t.tag COLLATE "C"'
)


async def classes(*given: dict[str, Any], at: datetime = AT, by: Actor = BY) -> Applied:
    """Put classes, numbered from 0."""
    return await class_rows.put([(n, msgspec.convert(row, ClassRow)) for n, row in enumerate(given)], by, at)


async def tags(*given: dict[str, Any], at: datetime = AT, by: Actor = BY) -> Applied:
    """Put tags, numbered from 0."""
    return await tag_rows.put([(n, msgspec.convert(row, TagRow)) for n, row in enumerate(given)], by, at)


def one(value_class: str | None, as_of: datetime | None = None) -> dict[str, Any]:
    """Give a row for the first outlet."""
    return {"outlet_code": "T1", "value_class": value_class} | ({} if as_of is None else {"as_of": as_of})


def tagged(*names: str, as_of: datetime | None = None) -> dict[str, Any]:
    """Give a row for the first outlet."""
    return {"outlet_code": "T1", "tags": list(names)} | ({} if as_of is None else {"as_of": as_of})


@pytest.fixture
async def there(db: str, data_keys: DataKeys) -> str:
    """Bring two outlets."""
    shops = [OutletRow(code=code, name="小店", plant_code="P1") for code in ("T1", "T2")]
    await outlets.put(list(enumerate(shops)), "tests", AT, data_keys)
    return db


async def test_a_class_is_given_changed_and_taken(there: str) -> None:
    assert await classes(one("A"), {"outlet_code": "T2", "value_class": None}) == Applied(1, 0, 1, [])
    assert await classes(one("B"), at=LATER, by=OTHER) == UPDATED
    assert await rows.fetch(there, CLASSES) == [("T1", "B", "system:crm", LATER), ("T2", None, None, None)]
    assert await classes(one(None), at=LATER) == UPDATED
    assert await rows.fetch(there, CLASSES) == [("T1", None, "system:bi", LATER), ("T2", None, None, None)]


async def test_tags_are_all_that_a_source_says(there: str) -> None:
    assert await tags(tagged("近学校", "新店", "新店"), {"outlet_code": "T2", "tags": []}) == Applied(1, 0, 1, [])
    assert await tags(tagged("新店"), by=OTHER) == INSERTED
    assert await tags(tagged("夜市", "新店"), at=LATER) == UPDATED
    assert await rows.fetch(there, TAGS) == [
        ("T1", "夜市", "system:bi", LATER),
        ("T1", "新店", "system:bi", AT),
        ("T1", "新店", "system:crm", AT),
    ]
    assert await tags({"outlet_code": "T1", "tags": None}, at=LATER) == UPDATED
    assert await rows.fetch(there, TAGS) == [("T1", "新店", "system:crm", AT)]


async def test_the_same_again_is_unchanged_and_moves_nothing(there: str) -> None:
    await classes(one("A", AT - SECOND))
    await tags(tagged("近学校", "新店", as_of=AT))
    before = await picture(there)
    assert await classes(one("A", AT - SECOND), at=LATER) == SAME
    assert await classes(one("A"), at=LATER, by=OTHER) == SAME
    assert await tags(tagged("新店", "近学校"), at=LATER) == SAME
    assert await tags(at=LATER) == await classes(at=LATER) == Applied(0, 0, 0, [])
    assert await picture(there) == before


async def test_older_words_leave_what_is_known(there: str) -> None:
    await classes(one("A", AT))
    await tags(tagged("新店", as_of=AT))
    before = await picture(there)
    assert await classes(one("B", AT - SECOND), at=LATER) == SAME
    assert await classes(one(None, AT - SECOND), at=LATER, by=OTHER) == SAME
    assert await tags(tagged("旧店", as_of=AT - SECOND), at=LATER) == SAME
    assert await picture(there) == before
    assert await classes(one("B", AT), at=LATER) == UPDATED
    assert await tags(tagged("旧店", as_of=AT), at=LATER) == UPDATED
    assert await tags(tagged("旧店", as_of=AT - SECOND), at=LATER, by=OTHER) == INSERTED


async def test_a_clock_may_be_ahead_by_minutes_and_what_is_kept_is_never_of_the_future(there: str) -> None:
    assert await classes(one("A", AT + AHEAD_MAX)) == INSERTED
    assert await tags(tagged("新店", as_of=AT + AHEAD_MAX)) == INSERTED
    assert (await rows.fetch(there, CLASSES))[0] == ("T1", "A", "system:bi", AT)
    assert await rows.fetch(there, TAGS) == [("T1", "新店", "system:bi", AT)]
    late = [RejectedRow(0, "as_of", "out_of_range")]
    assert await classes(one("B", AT + AHEAD_MAX + SECOND)) == Applied(0, 0, 0, late)
    assert await tags(tagged("旧店", as_of=AT + AHEAD_MAX + SECOND)) == Applied(0, 0, 0, late)


async def test_bad_rows_are_refused_by_themselves(there: str) -> None:
    refused = [RejectedRow(0, "outlet_code", "outlet_unknown"), RejectedRow(2, "outlet_code", "duplicate_row")]
    assert await classes(one("A") | {"outlet_code": "T9"}, one("A"), one("B")) == Applied(1, 0, 0, refused)
    assert await tags(tagged("甲") | {"outlet_code": "T9"}, tagged("甲"), tagged("乙")) == Applied(1, 0, 0, refused)
    assert (await rows.fetch(there, CLASSES))[0][1] == "A"
    assert [row[1] for row in await rows.fetch(there, TAGS)] == ["甲"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"outlet_code": ""},
        {"value_class": ""},
        {"value_class": 1},
        {"value_class": "A\x00"},
        {"as_of": None},
        {"as_of": "2026-11-04T10:00:00"},
        {"as_of": "2026-11-04"},
        {"surprise": 1},
    ],
)
def test_what_a_class_cannot_say(wrong: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"outlet_code": "T1", "value_class": "A"} | wrong, ClassRow)


@pytest.mark.parametrize(
    "wrong",
    [
        {"tags": [""]},
        {"tags": [" "]},
        {"tags": ["一" * 33]},
        {"tags": ["a\x00"]},
        {"tags": [None]},
        {"tags": [str(n) for n in range(21)]},
        {"tags": "新店"},
        {"as_of": None},
        {"surprise": 1},
    ],
)
def test_what_tags_cannot_say(wrong: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"outlet_code": "T1", "tags": []} | wrong, TagRow)
