"""Classification: each source says its own, the fresher class counts, and readers see all of it."""

from datetime import UTC, datetime, timedelta

import pytest

from loyalty import transactions
from loyalty.customers import classification
from loyalty.customers.classification import Classification, Classified
from loyalty.customers.personal import DataKeys
from tests import factories, rows

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
CLASSES = "SELECT value_class, value_class_source, value_class_since FROM outlets ORDER BY id"
TAGS = 'SELECT outlet_id, source, tag, since FROM outlet_tags ORDER BY outlet_id, source, tag COLLATE "C"'


@pytest.fixture
async def shops(db: str, data_keys: DataKeys) -> str:
    """Bring outlets 1 and 2, of two plants, of which nobody has said anything."""
    for code, plant_code in (("A1", "SH"), ("B1", "NJ")):
        await factories.outlet(AT, data_keys, code, plant_code=plant_code)
    return db


async def say(*many: Classification) -> None:
    """Classify in a transaction of its own."""
    async with transactions.begin():
        await classification.classify(many)


async def read(*outlet_ids: int) -> dict[int, Classified]:
    """Read as an audience does."""
    async with transactions.reader():
        return await classification.read(outlet_ids)


def of_class(value_class: str | None, at: datetime = AT, source: str = "bi", outlet_id: int = 1) -> Classification:
    """Say a class and nothing of tags."""
    return Classification(outlet_id=outlet_id, value_class=value_class, source=source, at=at)


def tagged(*tags: str, at: datetime = AT, source: str = "bi", outlet_id: int = 1) -> Classification:
    """Say tags and nothing of the class."""
    return Classification(outlet_id=outlet_id, tags=tags, source=source, at=at)


@pytest.mark.usefixtures("shops")
async def test_what_nobody_has_classified_is_read_all_the_same() -> None:
    assert await read(1, 2, 999) == {1: Classified("A1", "SH", None, ()), 2: Classified("B1", "NJ", None, ())}
    assert await read() == {}


async def test_many_outlets_are_classified_at_once(shops: str) -> None:
    both = Classification(outlet_id=2, value_class="B", tags=("夜市", "新店"), source="bi", at=AT)
    await say(of_class("A"), both, tagged("新店"))
    assert await read(1, 2) == {
        1: Classified("A1", "SH", "A", ("新店",)),
        2: Classified("B1", "NJ", "B", tuple(sorted(("夜市", "新店")))),
    }
    assert await rows.fetch(shops, CLASSES) == [("A", "bi", AT), ("B", "bi", AT)]


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ([of_class("A"), of_class("B", AT + MINUTE, "crm")], ("B", "crm", AT + MINUTE)),
        ([of_class("A"), of_class("B", AT, "crm")], ("B", "crm", AT)),
        ([of_class("A"), of_class("B", AT - MINUTE, "crm")], ("A", "bi", AT)),
        ([of_class("A"), of_class("A", AT + MINUTE, "crm")], ("A", "bi", AT)),
        ([of_class("A"), of_class(None, AT + MINUTE)], (None, "bi", AT + MINUTE)),
        ([of_class("A"), of_class(None, AT - MINUTE)], ("A", "bi", AT)),
        ([of_class("A"), of_class(None, AT + MINUTE), of_class("A", AT)], (None, "bi", AT + MINUTE)),
        ([of_class(None)], (None, None, None)),
    ],
)
async def test_the_fresher_class_counts(
    shops: str, said: list[Classification], kept: tuple[str | None, str | None, datetime | None]
) -> None:
    for one in said:
        await say(one)
    assert await rows.fetch(shops, CLASSES) == [kept, (None, None, None)]
    assert (await read(1))[1].value_class == kept[0]


async def test_a_sources_tags_replace_that_sources_alone(shops: str) -> None:
    await say(tagged("新店", "夜市"), tagged("新店", "冰柜", source="crm"), tagged("新店", outlet_id=2))
    await say(tagged("近学校", "新店", at=AT + MINUTE))
    assert await rows.fetch(shops, TAGS) == [
        (1, "bi", "新店", AT),
        (1, "bi", "近学校", AT + MINUTE),
        (1, "crm", "冰柜", AT),
        (1, "crm", "新店", AT),
        (2, "bi", "新店", AT),
    ]
    assert (await read(1))[1].tags == tuple(sorted(("冰柜", "新店", "近学校")))
    await say(tagged(at=AT + MINUTE))
    assert (await read(1))[1].tags == tuple(sorted(("冰柜", "新店")))
    await say(tagged(source="crm", at=AT + MINUTE))
    assert await read(1, 2) == {1: Classified("A1", "SH", None, ()), 2: Classified("B1", "NJ", None, ("新店",))}


async def test_what_is_not_said_stays(shops: str) -> None:
    await say(Classification(outlet_id=1, value_class="A", tags=("新店",), source="bi", at=AT))
    before = await rows.picture(shops)
    await say()
    await say(Classification(outlet_id=1, source="bi", at=AT + MINUTE))
    await say(of_class("A"), tagged("新店"))
    assert await rows.picture(shops) == before
    await say(tagged(at=AT + MINUTE))
    assert (await read(1))[1] == Classified("A1", "SH", "A", ())


async def test_however_many_are_classified_by_three_statements(shops: str) -> None:
    asked: list[str] = []
    everything = [
        Classification(outlet_id=outlet_id, value_class="A", tags=("新店", "夜市"), source=source, at=AT)
        for outlet_id in (1, 2)
        for source in ("bi", "crm")
    ]
    async with transactions.begin() as connection:
        with connection.query_logger(lambda record: asked.append(record.query)):
            await classification.classify(everything)
    assert len(asked) == 3
    assert len(await rows.fetch(shops, TAGS)) == 8
    async with transactions.reader() as connection:
        with connection.query_logger(lambda record: asked.append(record.query)):
            await classification.read([1, 2])
    assert len(asked) == 4


@pytest.mark.usefixtures("shops")
async def test_nobody_classifies_outside_a_transaction() -> None:
    with pytest.raises(RuntimeError):
        await classification.classify([of_class("A")])
