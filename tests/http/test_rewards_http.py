"""The rewards shop over HTTP: what is offered and bought, and every no in full."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from tests.http.conftest import Callers, Database, refused
from tests.http.storefront import Storefront, without_instants
from tests.http.test_switched_features import home_says, switch

ENTITLEMENTS = "/mp/v1/entitlements"


@pytest.fixture
def shop(callers: Callers, stored: Database) -> Storefront:
    """Give a shop of this test alone."""
    return Storefront(callers, stored)


async def test_the_shop_is_listed_with_what_stands_against_each(shop: Storefront) -> None:
    owner = await shop.rich(250)
    soon = datetime.now(UTC) + timedelta(days=2)
    coupon, dear = await shop.reward(5), await shop.reward(cost_points=300)
    gone, later = await shop.reward(0, cost_points=200), await shop.reward(from_at=soon)
    await shop.reward(plants=["elsewhere"])
    await shop.reward(state="draft")
    listed = await shop.listed(owner)
    assert (listed["balance_points"], listed["next_cursor"]) == (250, None)
    first = without_instants(listed["items"][0], "from_at", "until_at")
    assert first == {
        "id": coupon,
        "type": "coupon",
        "name": "满 100 减 10",
        "description": "本月有效",
        "sentence": "订货满 100 元减 10 元",
        "picture_url": None,
        "cost_points": 100,
        "days_valid": 7,
        "units_left": 5,
        "can_redeem": True,
        "code": None,
        "hint": None,
    }
    assert [(one["id"], one["units_left"], one["can_redeem"], one["code"], one["hint"]) for one in listed["items"]] == [
        (coupon, 5, True, None, None),
        (gone, 0, False, "sold_out", "来晚了，已经兑完"),
        (dear, None, False, "insufficient_points", "积分还差一点"),
        (later, None, False, "reward_not_open", "还没开始兑换"),
    ]


async def test_points_buy_at_once_and_a_repeat_tells_the_same(shop: Storefront) -> None:
    owner, coupon = await shop.rich(), await shop.reward(5)
    keyed = owner.keyed
    answer = await shop.redeem(owner, coupon, keyed, cost_points=100)
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert without_instants(told["entitlement"], "expires_at") == {
        "id": told["entitlement"]["id"],
        "type": "coupon",
        "name": "满 100 减 10",
        "sentence": "订货满 100 元减 10 元",
    }
    assert {name: value for name, value in told.items() if name != "entitlement"} == {
        "redemption_id": told["redemption_id"],
        "reward_id": coupon,
        "cost_points": 100,
        "balance_points": 150,
        "repeated": False,
    }
    again = await shop.redeem(owner, coupon, keyed, cost_points=100)
    assert (again.status_code, again.json()) == (200, told | {"repeated": True})
    assert (await shop.listed(owner))["items"][0]["units_left"] == 4
    points = (await shop.get("/mp/v1/points", owner)).json()
    assert (points["balance"], [one["points"] for one in points["expiring"]]) == (150, [150])
    (spent, _) = (await shop.get("/mp/v1/points/entries", owner)).json()["items"]
    assert (spent["kind"], spent["points"], spent["why"]) == ("redemption", -100, "兑换“满 100 减 10”，用了 100 分")
    assert spent["source"] == {"kind": "redemption", "id": told["redemption_id"]}


async def test_a_key_buys_one_thing(shop: Storefront, stored: Database) -> None:
    owner, coupon, other = await shop.rich(), await shop.reward(), await shop.reward()
    keyed = owner.keyed
    assert (await shop.redeem(owner, coupon, keyed)).status_code == 201
    before = await stored.picture()
    for reward_id, body in ((other, {}), (coupon, {"cost_points": 100})):
        refused(await shop.redeem(owner, reward_id, keyed, **body), 409, "idempotency_key_reused")
    assert await stored.picture() == before


NOW = datetime.now(UTC)
REFUSALS: list[tuple[str, dict[str, Any], dict[str, Any], int, str, dict[str, Any]]] = [
    ("sold out", {"units": 0}, {}, 409, "sold_out", {}),
    (
        "too dear",
        {"cost_points": 251},
        {},
        409,
        "insufficient_points",
        {"balance_points": 250, "missing_points": 1},
    ),
    ("another cost", {}, {"cost_points": 99}, 409, "reward_cost_changed", {"cost_points": 100}),
    ("over", {"until_at": NOW - timedelta(hours=1)}, {}, 409, "reward_closed", {}),
    ("ended", {"state": "ended"}, {}, 409, "reward_closed", {}),
    ("paused", {"state": "paused"}, {}, 409, "reward_paused", {}),
    ("a draft", {"state": "draft"}, {}, 404, "reward_unknown", {}),
    ("only granted", {"cost_points": None}, {}, 404, "reward_unknown", {}),
    ("for others", {"plants": ["elsewhere"]}, {}, 403, "not_eligible", {}),
]


@pytest.mark.parametrize(
    ("changes", "body", "status", "code", "data"), [one[1:] for one in REFUSALS], ids=[one[0] for one in REFUSALS]
)
async def test_a_refusal_tells_what_programs_and_people_need(
    shop: Storefront,
    stored: Database,
    changes: dict[str, Any],
    body: dict[str, Any],
    status: int,
    code: str,
    data: dict[str, Any],
) -> None:
    owner, made = await shop.rich(250), await shop.reward(**changes)
    before = await stored.picture()
    answer = await shop.redeem(owner, made, **body)
    refused(answer, status, code)
    told = answer.json()
    standard = {"type", "title", "status", "code", "detail", "trace_id", "instance"}
    assert {name: value for name, value in told.items() if name not in standard} == data
    assert await stored.picture() == before


async def test_not_open_yet_and_bought_enough_say_when_and_how_many(shop: Storefront) -> None:
    owner = await shop.rich(1_000)
    opens = datetime.now(UTC) + timedelta(days=1)
    later, once = await shop.reward(from_at=opens), await shop.reward(outlet_max=1)
    answer = await shop.redeem(owner, later)
    refused(answer, 409, "reward_not_open")
    assert datetime.fromisoformat(answer.json()["opens_at"]) == opens
    monthly = await shop.reward(outlet_month_max=1)
    for made, per in ((once, "all"), (monthly, "month")):
        assert (await shop.redeem(owner, made)).status_code == 201
        answer = await shop.redeem(owner, made)
        refused(answer, 409, "reward_limit_reached")
        assert (answer.json()["limit"], answer.json()["per"]) == (1, per)


@pytest.mark.parametrize(
    "reward_id",
    ["999999999", "0", "-1", "abc", "1.0", "%20", "9" * 19, "9" * 5_000, "%D9%A1", "1%0A", "1%27%20or%201=1"],
    ids=["unknown", "0", "-1", "letters", "1.0", "blank", "past bigint", "endless", "Arabic 1", "newline", "SQL"],
)
async def test_what_is_no_id_is_no_reward(shop: Storefront, stored: Database, reward_id: str) -> None:
    owner = await shop.rich()
    before = await stored.picture()
    refused(await shop.redeem(owner, reward_id), 404, "reward_unknown")
    assert await stored.picture() == before


async def test_a_name_with_a_nul_is_no_path(shop: Storefront) -> None:
    refused(await shop.redeem(await shop.rich(), "1%00"), 404, "path_unknown")


@pytest.mark.parametrize(
    ("body", "status", "code", "names"),
    [
        ({"cost_points": 0}, 422, "out_of_range", "cost_points"),
        ({"cost_points": "100"}, 422, "wrong_type", "cost_points"),
        ({"cost_points": 1.5}, 422, "wrong_type", "cost_points"),
        ({"points": 1}, 422, "unknown_field", "points"),
    ],
)
async def test_a_body_that_is_wrong_buys_nothing(
    shop: Storefront, stored: Database, body: dict[str, Any], status: int, code: str, names: str
) -> None:
    owner, coupon = await shop.rich(), await shop.reward()
    before = await stored.picture()
    refused(await shop.redeem(owner, coupon, **body), status, code, names)
    refused(await shop.redeem(owner, coupon, owner.headers), 400, "idempotency_key_missing")
    refused(
        await shop.redeem(owner, coupon, owner.headers | {"idempotency-key": "short"}), 400, "idempotency_key_invalid"
    )
    assert await stored.picture() == before


async def test_who_is_not_bound_has_no_shop(shop: Storefront, stored: Database, callers: Callers) -> None:
    guest, coupon = await callers.member(), await shop.reward()
    before = await stored.picture()
    for path in ("/mp/v1/rewards", ENTITLEMENTS, "/mp/v1/points/statement"):
        refused(await shop.get(path, guest), 403, "binding_required")
    refused(await shop.redeem(guest, coupon), 403, "binding_required")
    assert await stored.picture() == before


@pytest_asyncio.fixture
async def switched(callers: Callers, stored: Database) -> AsyncIterator[Database]:
    """Give the database; what is switched off is on again afterwards."""
    yield stored
    await stored.connection.execute("DELETE FROM switches")
    await home_says(callers, await callers.member(), "rewards", on=True)


async def test_switched_off_nothing_is_sold_and_what_was_bought_is_shown(
    shop: Storefront, callers: Callers, switched: Database
) -> None:
    owner, coupon = await shop.rich(), await shop.reward()
    keyed = owner.keyed
    bought = (await shop.redeem(owner, coupon, keyed)).json()
    await switch(switched, "rewards", killed=True)
    await home_says(callers, owner, "rewards", on=False)
    before = await switched.picture()
    refused(await shop.get("/mp/v1/rewards", owner), 409, "feature_off")
    refused(await shop.redeem(owner, coupon), 409, "feature_off")
    (one,) = (await shop.get(ENTITLEMENTS, owner)).json()["items"]
    assert one["id"] == bought["entitlement"]["id"]
    assert await switched.picture() == before
