"""The proofs of rewards: clean after real work, each kind of tampering is found and named, units are rebuilt."""

import pytest

from app import proofs
from app.proofs import prove
from loyalty.customers.personal import DataKeys
from loyalty.rewards.entitlements import entitlements
from loyalty.rewards.entitlements.entitlements import Use
from loyalty.rewards.results import results
from tests import rows
from tests.storefront import AT, END, UNITS, buy, cancel, manager, outlet_of, reward, rich, use

LAPSED = "UPDATE entitlements SET state = 'lapsed', ended_at = now()"


@pytest.fixture
async def worked(db: str, data_keys: DataKeys) -> str:
    """Give a database in which outlet 1 has bought one of five coupons, and outlet 2 another that was undone."""
    first, second, coupon = await rich(data_keys), await rich(data_keys), await reward(units=5)
    await buy(first, coupon)
    (undone,) = await buy(second, coupon)
    await cancel(undone.redemption_id, await manager())
    return db


async def tamper(url: str, statements: str) -> None:
    """Change what nobody may change."""
    await rows.execute(
        url,
        f"ALTER TABLE ledger_entries DISABLE TRIGGER ledger_entries_stay; {statements};"
        " ALTER TABLE ledger_entries ENABLE TRIGGER ledger_entries_stay",
    )


async def found() -> list[tuple[str, str]]:
    """Give what the proofs of rewards find."""
    return [(one.proof, one.what) for one in await prove() if one.proof.startswith("rewards.")]


async def test_honest_work_of_every_kind_is_clean(worked: str, data_keys: DataKeys) -> None:
    owner, coupon = await rich(data_keys), await reward(units=9)
    ids = [one.bought.entitlement_id for one in await buy(owner, coupon, 5)]
    outlet_id = await outlet_of(worked, owner)
    uses = [Use(one, outlet_id, "order:1", AT) for one in ids[:4]]
    await use("hold", *uses)
    await use("redeem", uses[0])
    await use("release", uses[1], Use(ids[2], outlet_id, "order:1", END))
    await entitlements.lapse(END)
    assert await rows.fetch(worked, "SELECT state, count(*) FROM entitlements GROUP BY 1 ORDER BY 1") == [
        ("cancelled", 1), ("held", 1), ("lapsed", 4), ("redeemed", 1),
    ]  # fmt: skip
    assert await prove() == []


@pytest.mark.parametrize(
    ("tampering", "differences"),
    [
        (
            "UPDATE allotments SET units_free = units_free - 1",
            [("rewards.units", "allotment 1 (reward:1): 2 out, 1 held")],
        ),
        (
            "UPDATE allotments SET units_returned = 0",
            [("rewards.units", "allotment 1 (reward:1): 2 out, 1 held")],
        ),
        (
            f"{LAPSED} WHERE id = 1",
            [("rewards.units", "allotment 1 (reward:1): 1 out, 0 held")],
        ),
        (
            "UPDATE entitlements SET state = 'free', ended_at = NULL WHERE id = 2",
            [
                ("rewards.units", "allotment 1 (reward:1): 1 out, 2 held"),
                ("rewards.redemptions", "redemption 2: cost 100, paid 100, refunded 100, entitlement free"),
            ],
        ),
        (
            "UPDATE entitlements SET allotment_id = NULL WHERE id = 1",
            [("rewards.units", "allotment 1 (reward:1): 1 out, 0 held")],
        ),
        (
            "UPDATE redemptions SET cost_points = 90 WHERE id = 1",
            [("rewards.redemptions", "redemption 1: cost 90, paid 100, refunded None, entitlement free")],
        ),
        (
            "UPDATE redemptions SET outlet_id = 2 WHERE id = 1",
            [
                ("rewards.redemptions", "redemption 1: cost 100, paid None, refunded None, entitlement free"),
                ("rewards.redemptions", "redemption 1: cost None, paid 100, refunded None, entitlement None"),
            ],
        ),
        (
            "DELETE FROM redemptions WHERE id = 1",
            [("rewards.redemptions", "redemption 1: cost None, paid 100, refunded None, entitlement None")],
        ),
        (
            "DELETE FROM entitlements WHERE id = 1",
            [
                ("rewards.units", "allotment 1 (reward:1): 1 out, 0 held"),
                ("rewards.redemptions", "redemption 1: cost 100, paid 100, refunded None, entitlement None"),
            ],
        ),
        (
            "DELETE FROM ledger_entries WHERE kind = 'redemption' AND outlet_id = 1",
            [("rewards.redemptions", "redemption 1: cost 100, paid None, refunded None, entitlement free")],
        ),
        (
            "UPDATE ledger_entries SET points = -99 WHERE kind = 'redemption' AND outlet_id = 1",
            [("rewards.redemptions", "redemption 1: cost 100, paid 99, refunded None, entitlement free")],
        ),
        (
            "UPDATE redemptions SET cancelled_at = now() WHERE id = 1",
            [("rewards.redemptions", "redemption 1: cost 100, paid 100, refunded None, entitlement free")],
        ),
        (
            "UPDATE redemptions SET cancelled_at = NULL WHERE id = 2",
            [("rewards.redemptions", "redemption 2: cost 100, paid 100, refunded 100, entitlement cancelled")],
        ),
        (
            "DELETE FROM ledger_entries WHERE kind = 'reversal'",
            [("rewards.redemptions", "redemption 2: cost 100, paid 100, refunded None, entitlement cancelled")],
        ),
        (
            "UPDATE ledger_entries SET points = 101 WHERE kind = 'reversal'",
            [("rewards.redemptions", "redemption 2: cost 100, paid 100, refunded 101, entitlement cancelled")],
        ),
        (
            f"{LAPSED} WHERE id = 2",
            [("rewards.redemptions", "redemption 2: cost 100, paid 100, refunded 100, entitlement lapsed")],
        ),
    ],
)
async def test_tampering_is_found(worked: str, tampering: str, differences: list[tuple[str, str]]) -> None:
    await tamper(worked, tampering)
    assert sorted(await found()) == sorted(differences)


async def test_one_outlet_is_told_of_its_own_differences_alone(worked: str) -> None:
    await rows.execute(worked, "UPDATE redemptions SET cost_points = 90")
    await rows.execute(worked, "UPDATE allotments SET units_free = units_free - 1")
    codes = [str(code) for (code,) in await rows.fetch(worked, "SELECT code FROM outlets ORDER BY id")]
    told = []
    for code in codes:
        explanation = await proofs.explain(code)
        assert explanation is not None
        told.append([one.what for one in explanation.differences if one.proof.startswith("rewards.")])
    assert told == [
        ["redemption 1: cost 90, paid 100, refunded None, entitlement free"],
        ["redemption 2: cost 90, paid 100, refunded 100, entitlement cancelled"],
    ]


@pytest.mark.parametrize("free", [0, 2, 4])
async def test_units_are_rebuilt_from_what_is_held(worked: str, free: int) -> None:
    assert await results.rebuild_units() == 0
    await rows.execute(worked, "UPDATE allotments SET units_free = $1", free)
    assert [await results.rebuild_units() for _ in range(2)] == [1, 0]
    assert await rows.fetch(worked, UNITS) == [(5, 3, 1)]
    assert await prove() == []


async def test_more_out_than_there_are_is_beyond_mending(worked: str) -> None:
    await rows.execute(worked, "UPDATE allotments SET units_total = 1, units_free = 0, units_returned = 1")
    assert await results.rebuild_units() == 0
    assert await found() == [("rewards.units", "allotment 1 (reward:1): 0 out, 1 held")]
