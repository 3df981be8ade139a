"""Switches as members meet them: home, games, the ledger; seen within a second, refused with nothing stored."""

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio

from tests.conftest import House
from tests.http.conftest import Caller, Callers, Database, refused

SEEN_SECONDS_MAX = 1.5
"""A second is promised; the rest is for asking."""


@pytest_asyncio.fixture(autouse=True)
async def as_before(callers: Callers, stored: Database) -> AsyncIterator[None]:
    """Take away what a test has switched, and see that the workers know."""
    yield
    await stored.connection.execute("DELETE FROM switches")
    async with asyncio.timeout(SEEN_SECONDS_MAX):
        while not all((await callers.client.get("/mp/v1/home")).json()["switches"].values()):
            await asyncio.sleep(0.02)


async def switch(stored: Database, feature: str, **rule: object) -> None:
    """Put a rule as the verb does."""
    values = {
        "feature": feature, "version": 1, "enabled": True, "killed": False, "plants": [], "value_classes": [],
        "tags": [], "percent_bps": 10_000, "changed_by": "tests",
    } | rule  # fmt: skip
    names = ", ".join(values)
    places = ", ".join(f"${n}" for n in range(1, len(values) + 1))
    await stored.connection.execute(
        f"INSERT INTO switches ({names}, changed_at) VALUES ({places}, now())", *values.values()
    )


async def home_says(callers: Callers, member: Caller, feature: str, *, on: bool) -> dict[str, object]:
    """Return a member's home as soon as it says so."""
    async with asyncio.timeout(SEEN_SECONDS_MAX):
        while True:
            home: dict[str, dict[str, bool]] = (await callers.client.get("/mp/v1/home", headers=member.headers)).json()
            if home["switches"][feature] is on:
                return dict(home)
            await asyncio.sleep(0.02)


async def test_a_killed_game_is_gone_within_a_second_and_comes_back(callers: Callers, stored: Database) -> None:
    owner = await callers.owner()
    assert (await home_says(callers, owner, "checkin", on=True))["checkin"] is not None
    await switch(stored, "checkin", killed=True)
    assert (await home_says(callers, owner, "checkin", on=False))["checkin"] is None
    listed = await callers.client.get("/mp/v1/games", headers=owner.headers)
    assert listed.json()["items"] == []
    before = await stored.picture()
    refused(await callers.client.get("/mp/v1/games/checkin", headers=owner.headers), 409, "feature_off")
    play = await callers.client.post("/mp/v1/games/checkin/plays", json={}, headers=owner.keyed)
    refused(play, 409, "feature_off")
    assert await stored.picture() == before
    await stored.connection.execute("UPDATE switches SET killed = false")
    await home_says(callers, owner, "checkin", on=True)
    play = await callers.client.post("/mp/v1/games/checkin/plays", json={}, headers=owner.keyed)
    assert play.status_code == 201


async def test_a_feature_is_for_the_outlets_that_its_rule_names(callers: Callers, stored: Database) -> None:
    (first,) = await callers.outlets(plant_code="SWA", value_class="A")
    (second,) = await callers.outlets(plant_code="SWB", value_class="A")
    members = [await callers.bind(await callers.member(), code) for code in (first, second)]
    guest = await callers.member()
    await switch(stored, "points_entries", plants=["SWA"], value_classes=["A", "B"])
    await home_says(callers, members[1], "points_entries", on=False)
    await home_says(callers, members[0], "points_entries", on=True)
    asked = [await callers.client.get("/mp/v1/points/entries", headers=one.headers) for one in members]
    assert asked[0].status_code == 200
    refused(asked[1], 409, "feature_off")
    unbound = await callers.client.get("/mp/v1/points/entries", headers=guest.headers)
    refused(unbound, 403, "binding_required")
    assert (await callers.client.get("/mp/v1/home")).json()["switches"]["points_entries"] is False
    await stored.connection.execute(
        "INSERT INTO outlet_tags (outlet_id, tag, source, since)"
        " SELECT id, '试点', 'tests', now() FROM outlets WHERE code = $1",
        second,
    )
    await stored.connection.execute("UPDATE switches SET plants = '{}', tags = '{试点}'")
    await home_says(callers, members[1], "points_entries", on=True)
    await home_says(callers, members[0], "points_entries", on=False)


async def test_uses_are_counted_by_day(callers: Callers, stored: Database) -> None:
    total = "SELECT coalesce(sum(uses), 0) FROM feature_uses WHERE feature = 'points_entries'"
    before = await stored.connection.fetchval(total)
    owner = await callers.owner()
    for _ in range(3):
        assert (await callers.client.get("/mp/v1/points/entries", headers=owner.headers)).status_code == 200
    async with asyncio.timeout(10):
        while await stored.connection.fetchval(total) < before + 3:
            await asyncio.sleep(0.1)


async def test_offers_are_those_of_outlets_that_see_the_feature(
    callers: Callers, stored: Database, house: House
) -> None:
    phone = "13700001111"
    (code,) = await callers.outlets(plant_code="SWC", contact_phone=phone)
    openid = (await callers.client.post(f"{house.sandbox_url}/sandbox/members", json={"phone": phone})).json()["openid"]
    session = await callers.client.post("/mp/v1/session", json={"code": await callers.wechat_code(openid)})
    member = Caller(session.json()["token"], session.json()["member"]["id"], openid)
    sent = {"code": await callers.wechat_code(openid, "phone")}
    assert (await callers.client.post("/mp/v1/phone", json=sent, headers=member.headers)).status_code == 200

    async def offered() -> int:
        answer = await callers.client.get("/mp/v1/binding-offers", headers=member.headers)
        return len(answer.json()["items"])

    assert await offered() == 1, code
    await switch(stored, "binding_offers", plants=["SWA"])
    async with asyncio.timeout(SEEN_SECONDS_MAX):
        while await offered():
            await asyncio.sleep(0.02)
    await stored.connection.execute("UPDATE switches SET plants = '{SWC}'")
    async with asyncio.timeout(SEEN_SECONDS_MAX):
        while not await offered():
            await asyncio.sleep(0.02)
