"""The places that master data names."""

from datetime import UTC, datetime

from loyalty import transactions
from loyalty.organisation import places
from loyalty.organisation.places import Located, Place
from tests import rows

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)


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
        ("group", "HQ", "集团总部", None, AT),
        ("plant", "P1", "P1", "HQ", None),
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
        ("group", 1),
        ("office", 3),
        ("plant", 2),
        ("route", 5),
    ]
