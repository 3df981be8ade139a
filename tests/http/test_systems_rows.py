"""PUT of master data over HTTP: the door, the scope, the shape, and one bad row among good ones."""

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
import pytest_asyncio

from loyalty.organisation import rules
from tests.conftest import House, command
from tests.http.conftest import Callers, Database, refused

CALLS = ("plants", "staff", "assignments", "classes", "tags", "products", "prices", "assortments")


@dataclass(frozen=True)
class Names:
    """Codes that nobody else uses."""

    outlet: str
    plant: str
    staff: str


@pytest_asyncio.fixture(scope="module")
async def callers(house: House) -> AsyncIterator[Callers]:
    """Call with a key of one's own: the other tests' master data fills the limit of theirs."""
    made = command(house.database_url, "system-key", "add", "tests-rows", "--scopes", ",".join(rules.SCOPES))
    async with httpx.AsyncClient(base_url=house.base_url, timeout=20) as client:
        yield Callers(replace(house, system_key=made.splitlines()[-1]), client)


@pytest.fixture
async def names(callers: Callers) -> Names:
    """Bring an outlet, a plant and a rep."""
    (outlet,) = await callers.outlets()
    mark = secrets.token_hex(5)
    there = Names(outlet, f"P{mark}", f"s{mark}")
    rep = {"code": there.staff, "name": "李强", "role": "rep", "plant_code": there.plant}
    assert counts(await put(callers, "plants", {"code": there.plant, "name": "一厂"})) == (1, 0, 0)
    assert counts(await put(callers, "staff", rep)) == (1, 0, 0)
    return there


async def put(callers: Callers, name: str, *given: object) -> httpx.Response:
    """Put rows under the name of their call."""
    return await callers.client.put(f"/systems/v1/{name}", json={name: given}, headers=callers.system)


def counts(answer: httpx.Response) -> tuple[int, int, int]:
    """Give what was inserted, updated and unchanged, of a call that refused nothing."""
    assert answer.status_code == 200, answer.text
    assert answer.json()["rejected"] == []
    inserted, updated, unchanged = (answer.json()[name] for name in ("inserted", "updated", "unchanged"))
    return inserted, updated, unchanged


@pytest.mark.parametrize("name", CALLS)
async def test_the_door_and_the_scope_come_first(name: str, house: House, callers: Callers) -> None:
    path = f"/systems/v1/{name}"
    body: dict[str, list[object]] = {name: []}
    refused(await callers.client.put(path, json=body), 401, "token_missing")
    key = command(house.database_url, "system-key", "add", f"no-{name}", "--scopes", "outlets,feeds").splitlines()[-1]
    answer = await callers.client.put(path, json=body, headers={"authorization": f"Bearer {key}"})
    refused(answer, 403, "scope_missing")
    assert answer.json()["scope"] == name


@pytest.mark.parametrize("name", CALLS)
async def test_the_shape_is_judged_before_any_row(name: str, callers: Callers, stored: Database) -> None:
    before = await stored.picture()
    wrong: list[tuple[Any, int, str, str]] = [
        ({}, 422, "missing_field", name),
        ({name: [], "more": 1}, 422, "unknown_field", "more"),
        ({name: None}, 422, "wrong_type", name),
        ({name: [{}, 7]}, 422, "wrong_type", f"{name}[1]"),
        ({name: [{}] * 5001}, 422, "out_of_range", name),
    ]
    for body, status, code, field in wrong:
        answer = await callers.client.put(f"/systems/v1/{name}", json=body, headers=callers.system)
        refused(answer, status, code, field)
    empty = await put(callers, name)
    assert empty.json() == {"inserted": 0, "updated": 0, "unchanged": 0, "rejected": []}
    assert await stored.picture() == before


async def test_one_bad_row_among_good_ones(names: Names, callers: Callers) -> None:
    told = await put(callers, "plants", {"code": "a b"}, {"code": names.plant, "name": "新"}, {"code": names.plant})
    assert told.json() == {
        "inserted": 0,
        "updated": 1,
        "unchanged": 0,
        "rejected": [
            {"row": 0, "field": "code", "code": "out_of_range"},
            {"row": 2, "field": "code", "code": "duplicate_row"},
        ],
    }
    told = await put(
        callers,
        "staff",
        {"code": f"{names.staff}x"},
        {"code": names.staff, "role": "supervisor"},
        {"code": f"{names.staff}y", "role": "admin"},
        {"code": f"{names.staff}z", "naem": "李强"},
    )
    assert told.json() == {
        "inserted": 0,
        "updated": 1,
        "unchanged": 0,
        "rejected": [
            {"row": 0, "field": "name", "code": "missing_field"},
            {"row": 2, "field": "role", "code": "out_of_range"},
            {"row": 3, "field": "naem", "code": "unknown_field"},
        ],
    }
    good = {"outlet_code": names.outlet}
    for name, row, wrong in (
        ("assignments", {"staff_code": names.staff}, {"staff_code": 7}),
        ("classes", {"value_class": "A"}, {"value_class": 7}),
        ("tags", {"tags": ["新店"]}, {"tags": 7}),
    ):
        told = await put(callers, name, good | wrong, {"outlet_code": "nowhere"} | row, good | row)
        assert told.json() == {
            "inserted": 1,
            "updated": 0,
            "unchanged": 0,
            "rejected": [
                {"row": 0, "field": next(iter(wrong)), "code": "wrong_type"},
                {"row": 1, "field": "outlet_code", "code": "outlet_unknown"},
            ],
        }
        assert counts(await put(callers, name, good | row)) == (0, 0, 1)


async def test_a_rep_comes_looks_after_an_outlet_and_leaves(names: Names, callers: Callers, stored: Database) -> None:
    held = (
        "SELECT s.code FROM outlet_assignments a JOIN outlets o ON o.id = a.outlet_id JOIN staff s ON s.id = staff_id"
    )
    held += " WHERE o.code = $1 AND a.until_at IS NULL"
    heir = f"{names.staff}h"
    comes = {"code": heir, "name": "张敏", "role": "rep", "plant_code": names.plant}
    assert counts(await put(callers, "staff", comes)) == (1, 0, 0)
    pair = {"outlet_code": names.outlet, "staff_code": names.staff}
    assert counts(await put(callers, "assignments", pair)) == (1, 0, 0)
    assert await stored.connection.fetchval(held, names.outlet) == names.staff
    leaves = {"code": names.staff, "left": True, "successor_code": heir}
    assert counts(await put(callers, "staff", leaves)) == (0, 1, 0)
    assert counts(await put(callers, "staff", leaves)) == (0, 0, 1)
    assert await stored.connection.fetchval(held, names.outlet) == heir
    told = await put(callers, "assignments", pair)
    assert told.json()["rejected"] == [{"row": 0, "field": "staff_code", "code": "staff_left"}]
    source = await stored.connection.fetchval("SELECT source FROM staff WHERE code = $1", heir)
    assert source == "system:tests-rows"


async def test_an_instant_needs_its_zone(names: Names, callers: Callers) -> None:
    for as_of, code in (
        ("2026-11-04T10:00:00", "out_of_range"),
        ("2999-01-01T00:00:00Z", "out_of_range"),
        (7, "wrong_type"),
    ):
        row = {"outlet_code": names.outlet, "value_class": "A", "as_of": as_of}
        told = await put(callers, "classes", row)
        assert told.json()["rejected"] == [{"row": 0, "field": "as_of", "code": code}]
    row = {"outlet_code": names.outlet, "value_class": "A", "as_of": "2026-11-04T10:00:00+08:00"}
    assert counts(await put(callers, "classes", row)) == (1, 0, 0)
