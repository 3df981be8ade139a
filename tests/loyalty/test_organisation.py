"""System keys, and the places that master data names."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest

from loyalty import transactions
from loyalty.errors import Refusal
from loyalty.organisation import places, rules, system_keys
from loyalty.organisation.errors import ScopeUnknown, SystemNameInvalid, SystemNameTaken
from loyalty.organisation.places import Located, Place
from tests import rows

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)


async def test_a_key_is_known_by_its_hash_alone(db: str) -> None:
    key = await system_keys.add("sfa", ["outlets", "bindings", "outlets"], AT)
    assert key.startswith("lkt_")
    assert len(key) == len("lkt_") + 43
    assert await rows.fetch(db, "SELECT name, key_hash, scopes, created_at, last_used_at FROM system_keys") == [
        ("sfa", hashlib.sha256(key.encode()).digest(), ["bindings", "outlets"], AT, None)
    ]
    assert key not in repr(await rows.picture(db))


async def test_a_key_is_recognised_until_it_is_revoked(db: str) -> None:
    key, other = await system_keys.add("sfa", ["outlets"], AT), await system_keys.add("hub", ["orders"], AT)
    system = await system_keys.recognise(key, AT)
    assert system is not None
    assert (system.name, system.scopes) == ("sfa", frozenset({"outlets"}))
    for wrong in ("", "lkt_", key[:-1], key + "A", key.upper(), "店"):
        assert await system_keys.recognise(wrong, AT) is None
    await rows.execute(db, "UPDATE system_keys SET revoked_at = $1 WHERE name = 'sfa'", AT)
    assert await system_keys.recognise(key, AT) is None
    assert await system_keys.recognise(other, AT) is not None


async def test_its_use_is_noted_once_a_minute_at_most(db: str) -> None:
    key = await system_keys.add("sfa", ["outlets"], AT)
    noted = []
    for seconds in (0, 59, 60, 61):
        await system_keys.recognise(key, AT + timedelta(seconds=seconds))
        noted += await rows.fetch(db, "SELECT last_used_at FROM system_keys")
    assert noted == [(AT,), (AT,), (AT + timedelta(seconds=60),), (AT + timedelta(seconds=60),)]


@pytest.mark.parametrize(
    ("name", "scopes", "refusal"),
    [
        ("", ["outlets"], SystemNameInvalid),
        ("SFA", ["outlets"], SystemNameInvalid),
        ("-sfa", ["outlets"], SystemNameInvalid),
        ("a b", ["outlets"], SystemNameInvalid),
        ("sfa\n", ["outlets"], SystemNameInvalid),
        ("店", ["outlets"], SystemNameInvalid),
        ("a" * 65, ["outlets"], SystemNameInvalid),
        ("sfa", [], ScopeUnknown),
        ("sfa", ["outlets", "everything"], ScopeUnknown),
        ("sfa", [""], ScopeUnknown),
        ("taken", ["outlets"], SystemNameTaken),
    ],
)
async def test_a_refused_key_leaves_nothing(db: str, name: str, scopes: list[str], refusal: type[Refusal]) -> None:
    await system_keys.add("taken", ["feeds"], AT)
    before = await rows.picture(db)
    with pytest.raises(refusal) as refused:
        await system_keys.add(name, scopes, AT)
    assert refused.value.detail
    assert await rows.picture(db) == before


@pytest.mark.parametrize("name", ["a", "a" * 64, "sfa-2.test_x", "0"])
async def test_names_that_are_right(db: str, name: str) -> None:
    assert await system_keys.add(name, [*rules.SCOPES], AT)


async def locate(*many: Place) -> dict[Place, Located]:
    """Locate in a transaction of its own."""
    async with transactions.begin():
        return await places.locate(many, AT)


async def test_places_are_made_once_unconfirmed_and_found_again(db: str) -> None:
    whole, bare = Place("P1", "O1", "R1"), Place("P1", None, None)
    first = await locate(whole, bare, whole)
    assert await locate(bare, whole) == first
    nodes = await rows.fetch(
        db,
        "SELECT n.kind, n.code, n.name, p.code, n.confirmed_at FROM organisation_nodes n"
        " LEFT JOIN organisation_nodes p ON p.id = n.parent_id ORDER BY n.id",
    )
    assert nodes == [
        ("plant", "P1", "P1", None, None),
        ("office", "O1", "O1", "P1", None),
        ("route", "R1", "R1", "O1", None),
    ]
    assert first[bare] == Located(first[whole].plant_id, None, None)


async def test_a_code_means_another_place_under_another_parent(db: str) -> None:
    asked = [
        Place("P1", "O1", "R1"),
        Place("P2", "O1", "R1"),
        Place("P1", "O2", "R1"),
        Place("P1", None, "R1"),
        Place("P2", None, "R1"),
    ]
    found = await locate(*asked)
    assert len({located.route_id for located in found.values()}) == 5
    assert found[asked[0]].plant_id == found[asked[2]].plant_id != found[asked[1]].plant_id
    assert found[asked[3]].office_id is None
    assert await rows.fetch(db, "SELECT kind, count(*) FROM organisation_nodes GROUP BY kind ORDER BY kind") == [
        ("office", 3),
        ("plant", 2),
        ("route", 5),
    ]
