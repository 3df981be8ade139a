"""Entitlements that meet: each pair shows the race without its guard, and the guard holding."""

from collections import Counter
from datetime import timedelta

import pytest

from app.proofs import prove
from loyalty import transactions
from loyalty.customers.personal import DataKeys
from loyalty.rewards import rewards
from loyalty.rewards.entitlements import entitlements
from loyalty.rewards.entitlements import queries as entitlement_queries
from loyalty.rewards.entitlements.entitlements import Entitlement, Use
from loyalty.rewards.errors import EntitlementEnded, EntitlementHeld
from loyalty.rewards.rewards import Grant, Granted
from tests import rows
from tests.concurrency.meetings import both
from tests.concurrency.reward_meetings import (
    GUARDED,
    count,
    meet,
    told,
    without_locks_of_allotments,
    without_locks_of_entitlements,
)
from tests.concurrency.test_checkin_races import without_constraint
from tests.storefront import AT, END, UNITS, buy, cancel, manager, outlet_of, proven, reward, rich, use

BEFORE = END - timedelta(seconds=1)


async def entitled(db: str, data_keys: DataKeys, units: int | None = 3) -> tuple[int, int]:
    """Give an outlet and a free entitlement of it, the first of two that are out."""
    owner = await rich(data_keys)
    bought = await buy(owner, await reward(units=units), 2)
    return await outlet_of(db, owner), bought[0].bought.entitlement_id


@GUARDED
async def test_of_two_orders_one_holds_it(
    db: str, data_keys: DataKeys, guarded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    outlet_id, one = await entitled(db, data_keys)
    meet(monkeypatch, db, entitlement_queries, "move")
    if not guarded:
        without_locks_of_entitlements(monkeypatch)
    answers = await both(*(use("hold", Use(one, outlet_id, holder, AT)) for holder in ("order:1", "order:2")))
    found = told([answer for (answer,) in answers])
    assert found == ({Entitlement: 1, EntitlementHeld: 1} if guarded else {Entitlement: 2})


@GUARDED
async def test_what_an_order_holds_does_not_lapse_beneath_it(
    db: str, data_keys: DataKeys, guarded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    outlet_id, one = await entitled(db, data_keys)
    meet(monkeypatch, db, entitlement_queries, "move")
    if not guarded:
        without_locks_of_entitlements(monkeypatch)
    (answer,), lapsed = await both(use("hold", Use(one, outlet_id, "order:1", BEFORE)), entitlements.lapse(END))
    if not guarded:
        # The order was told that it holds what has ended; its unit went back beneath it.
        assert isinstance(answer, Entitlement)
        assert lapsed == 2
        assert await rows.fetch(db, UNITS) == [(3, 1, 2)]
        return
    held = isinstance(answer, Entitlement)
    assert held or isinstance(answer, EntitlementEnded)
    assert lapsed == (1 if held else 2)
    state = await rows.fetch(db, "SELECT state FROM entitlements WHERE id = $1", one)
    assert state == [("held" if held else "lapsed",)]
    assert await rows.fetch(db, UNITS) == [(3, 1, lapsed)]
    await proven()


@GUARDED
async def test_two_sweeps_give_a_unit_back_once(
    db: str, data_keys: DataKeys, guarded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await entitled(db, data_keys, units=4)
    meet(monkeypatch, db, entitlement_queries, "move")
    if not guarded:
        without_locks_of_entitlements(monkeypatch)
        without_locks_of_allotments(monkeypatch)
    async with without_constraint(db, "allotments", "allotments_within_total"):
        assert sorted(await both(entitlements.lapse(END), entitlements.lapse(END))) == ([0, 2] if guarded else [2, 2])
        assert await rows.fetch(db, UNITS) == [(4, 2, 2 if guarded else 4)]
        assert [one.proof for one in await prove()] == ([] if guarded else ["rewards.units"])


@GUARDED
async def test_of_two_cancels_one_gives_the_unit_back(
    db: str, data_keys: DataKeys, guarded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await entitled(db, data_keys)
    boss = await manager()
    meet(monkeypatch, db, entitlement_queries, "move")
    if not guarded:
        without_locks_of_entitlements(monkeypatch)
        without_locks_of_allotments(monkeypatch)
    answers = await both(cancel(1, boss), cancel(1, boss))
    if guarded:
        assert Counter(one if isinstance(one, int) else type(one) for one in answers) == {100: 1, EntitlementEnded: 1}
        await proven()
    else:
        # The ledger's own guard still gives the points back once.
        assert sorted(answers) == [0, 100]
        assert [one.proof for one in await prove()] == ["rewards.units"]
    assert await rows.fetch(db, UNITS) == [(3, 1, 1 if guarded else 2)]
    assert await rows.fetch(db, "SELECT balance FROM points_accounts") == [(900,)]


@GUARDED
async def test_what_an_order_holds_is_not_cancelled_beneath_it(
    db: str, data_keys: DataKeys, guarded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    outlet_id, one = await entitled(db, data_keys)
    boss = await manager()
    meet(monkeypatch, db, entitlement_queries, "move")
    if not guarded:
        without_locks_of_entitlements(monkeypatch)
    back, (answer,) = await both(cancel(1, boss), use("hold", Use(one, outlet_id, "order:1", AT)))
    if not guarded:
        assert isinstance(answer, Entitlement)
        assert back == 100
        return
    assert (type(back), type(answer)) in {(int, EntitlementEnded), (EntitlementHeld, Entitlement)}
    await proven()


@pytest.mark.parametrize("units", [None, 5], ids=["without end", "limited"])
async def test_two_grants_of_one_source_grant_once(
    db: str, data_keys: DataKeys, units: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    outlet_id, prize = await outlet_of(db, await rich(data_keys)), await reward(units=units)
    meet(monkeypatch, db, entitlement_queries, "grant")

    async def granted() -> Granted:
        async with transactions.begin():
            (got,) = await rewards.grant([Grant(outlet_id, None, prize, "spin", "s1", "转盘中奖", AT)])
        assert isinstance(got, Granted)
        return got

    answers = await both(granted(), granted())
    assert sorted(one.repeated for one in answers) == [False, True]
    assert answers[0].entitlement == answers[1].entitlement
    assert await count(db, "entitlements") == 1
    assert await rows.fetch(db, UNITS) == ([] if units is None else [(5, 4, 0)])
    await proven()
