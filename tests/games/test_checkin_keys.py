"""A key belongs to what it was first used for, the outlet included."""

from datetime import UTC, datetime

from games.checkin import checkins
from loyalty.customers import binding_codes, bindings
from loyalty.customers.personal import DataKeys
from loyalty.errors import IdempotencyKeyReused
from tests import factories, rows

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)


async def test_the_same_key_for_another_outlet_is_told(db: str, data_keys: DataKeys) -> None:
    person = await factories.bound(await factories.outlet(AT, data_keys), AT, data_keys)
    await checkins.make([factories.play(person, AT, "key-of-today")])
    token = (await binding_codes.issue(await factories.outlet(AT, data_keys), None, "card", "tests", AT)).token
    await bindings.bind(factories.request(person, token, AT), data_keys)
    before = await rows.picture(db)
    (answer,) = await checkins.make([factories.play(person, AT, "key-of-today")])
    assert isinstance(answer, IdempotencyKeyReused)
    assert await rows.picture(db) == before
