"""Returned units that everybody may have again, and a picture that comes with its reward or not at all."""

import hashlib
from datetime import timedelta

import pytest

from loyalty import transactions
from loyalty.customers.personal import DataKeys
from loyalty.organisation.errors import ReasonMissing
from loyalty.pictures import pictures
from loyalty.pictures.errors import PictureInvalid
from loyalty.rewards import catalogue
from loyalty.rewards.errors import RewardStateWrong, RewardUnknown
from tests import rows
from tests.storefront import AT, BY, UNITS, buy, cancel, manager, proven, reward, rich

PNG = b"\x89PNG\r\n\x1a\n" + b"picture"
AUDITED = "SELECT action, before, after, reason FROM audit_entries ORDER BY id DESC LIMIT 1"


async def test_what_was_returned_is_let_go_once(db: str, data_keys: DataKeys) -> None:
    made = await reward(units=5)
    bought = await buy(await rich(data_keys), made, 3)
    by = await manager()
    for one in bought[:2]:
        await cancel(one.redemption_id, by, AT + timedelta(minutes=1))
    assert await rows.fetch(db, UNITS) == [(5, 2, 2)]
    assert await catalogue.free_returned(made, BY, " 没人  排队 ", AT) == 2
    assert await rows.fetch(db, UNITS) == [(5, 4, 0)]
    assert await rows.fetch(db, AUDITED) == [("reward.changed", None, '{"count": 2}', "没人 排队")]
    before = await rows.picture(db)
    with pytest.raises(RewardStateWrong):
        await catalogue.free_returned(made, BY, "再来", AT)
    assert await rows.picture(db) == before
    await proven()


@pytest.mark.parametrize(
    ("wrong", "refused"),
    [
        ("ended", RewardStateWrong),
        ("unlimited", RewardStateWrong),
        ("unknown", RewardUnknown),
        ("reason", ReasonMissing),
    ],
)
async def test_units_that_cannot_be_let_go_stay(db: str, wrong: str, refused: type[Exception]) -> None:
    made = await reward(units=None if wrong == "unlimited" else 5)
    await rows.execute(db, "UPDATE allotments SET units_free = 3, units_returned = 2")
    if wrong == "ended":
        await catalogue.move(made, "ended", BY, "结束", AT)
    before = await rows.picture(db)
    with pytest.raises(refused):
        await catalogue.free_returned(made + (wrong == "unknown"), BY, "" if wrong == "reason" else "放开", AT)
    assert await rows.picture(db) == before


async def test_a_picture_comes_with_its_reward(db: str) -> None:
    made = await reward()
    await catalogue.set_picture(made, PNG, BY, "换季", AT)
    async with transactions.reader():
        found = await catalogue.read(made)
    assert (found.picture_id, found.version) == (hashlib.sha256(PNG).hexdigest(), 3)
    assert await pictures.read(found.picture_id or "") == ("image/png", PNG)
    ((action, _, after, reason),) = await rows.fetch(db, AUDITED)
    assert (action, reason) == ("reward.changed", "换季")
    assert after == f'{{"picture_id": "{hashlib.sha256(PNG).hexdigest()[:12]}"}}'


@pytest.mark.parametrize(
    ("wrong", "refused"),
    [
        ("ended", RewardStateWrong),
        ("unknown", RewardUnknown),
        ("reason", ReasonMissing),
        ("content", PictureInvalid),
    ],
)
async def test_a_picture_that_cannot_be_set_is_not_kept(db: str, wrong: str, refused: type[Exception]) -> None:
    made = await reward()
    if wrong == "ended":
        await catalogue.move(made, "ended", BY, "结束", AT)
    before = await rows.picture(db)
    with pytest.raises(refused):
        await catalogue.set_picture(
            made + (wrong == "unknown"),
            b"<svg/>" if wrong == "content" else PNG,
            BY,
            "" if wrong == "reason" else "换季",
            AT,
        )
    assert await rows.picture(db) == before
