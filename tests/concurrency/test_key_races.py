"""One idempotency key used for two outlets at the same moment: one wins, the other is asked to try again, no fault."""

import asyncio
from datetime import UTC, datetime

from loyalty.customers import binding_codes, bindings, members
from loyalty.customers.personal import DataKeys
from loyalty.errors import IdempotencyKeyReused, TryAgain
from tests import factories, rows

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)


async def test_one_key_for_two_outlets(db: str, data_keys: DataKeys) -> None:
    person = await factories.member(AT, data_keys)
    requests = []
    for number in range(2):
        shop = await factories.outlet(AT, data_keys)
        token = (await binding_codes.issue(shop, None, "card", "tests", AT)).token
        requests.append(factories.request(person, token, AT, key="the-same-key", input_hash=bytes([number])))
    answers = await asyncio.gather(*(bindings.bind(one, data_keys) for one in requests), return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) in (
        ["Bound", "IdempotencyKeyReused"],
        ["Bound", "TryAgain"],
    )
    assert await rows.fetch(db, "SELECT count(*) FROM bindings") == [(1,)]
    loser = next(
        one
        for one, answer in zip(requests, answers, strict=True)
        if isinstance(answer, IdempotencyKeyReused | TryAgain)
    )
    (again,) = await asyncio.gather(bindings.bind(loser, data_keys), return_exceptions=True)
    assert isinstance(again, IdempotencyKeyReused)
    assert await rows.fetch(db, "SELECT count(*) FROM binding_codes WHERE used_at IS NOT NULL") == [(1,)]


async def test_one_person_logs_in_on_two_devices_at_once(db: str, data_keys: DataKeys) -> None:
    answers = await asyncio.gather(
        *(members.recognise("the-openid", "the-unionid", AT, data_keys) for _ in range(8)), return_exceptions=True
    )
    found = [answer.member.id for answer in answers if isinstance(answer, members.Recognised)]
    assert len(found) + sum(isinstance(answer, TryAgain) for answer in answers) == 8
    assert set(found) == {found[0]}
    assert await rows.fetch(db, "SELECT count(*) FROM members") == [(1,)]
