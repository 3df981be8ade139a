"""Entitlements: who may hold, use and give back what, when; a unit goes back once, and what nobody used lapses."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from loyalty import transactions
from loyalty.customers import bindings
from loyalty.customers.errors import BindingRequired
from loyalty.customers.personal import DataKeys
from loyalty.customers.standings import MemberRef
from loyalty.rewards.entitlements import entitlements
from loyalty.rewards.entitlements.entitlements import Entitlement, Use
from loyalty.rewards.errors import EntitlementEnded, EntitlementHeld, EntitlementUnknown
from tests import factories, rows, storefront
from tests.storefront import AT, END, UNITS, VERBS, buy, outlet_of, proven, reward, rich, use

MINE, OTHER = "order:1", "order:2"
BEFORE = END - timedelta(microseconds=1)
STATES = "SELECT id, state, held_by, held_at, ended_at FROM entitlements ORDER BY id"
EVENTS = """
    SELECT type, data->>'entitlement_id', data->>'reward_type', data->>'by', occurred_at FROM outbox
     WHERE type LIKE 'entitlement.%' ORDER BY id
"""

HELD, UNKNOWN = "entitlement_held", "entitlement_unknown"
# What a wish of the holder's own order finds, and one of another order: what the entitlement becomes, or the refusal
# with the state that it tells. Before the end, and from its very instant on.
TABLE: dict[tuple[str, str], tuple[tuple[str, str], tuple[str, str]]] = {
    ("free", "hold"): (("held", "held"), ("ended:lapsed", "ended:lapsed")),
    ("free", "redeem"): ((UNKNOWN, UNKNOWN), ("ended:lapsed", "ended:lapsed")),
    ("free", "release"): (("free", "free"), ("free", "free")),
    ("held", "hold"): (("held", HELD), ("held", HELD)),
    ("held", "redeem"): (("redeemed", HELD), ("redeemed", HELD)),
    ("held", "release"): (("free", HELD), ("lapsed", HELD)),
    ("redeemed", "hold"): (("ended:redeemed",) * 2, ("ended:redeemed",) * 2),
    ("redeemed", "redeem"): (("redeemed", "ended:redeemed"), ("redeemed", "ended:redeemed")),
    ("redeemed", "release"): (("free", "ended:redeemed"), ("lapsed", "ended:redeemed")),
    ("lapsed", "hold"): (("ended:lapsed",) * 2, ("ended:lapsed",) * 2),
    ("lapsed", "redeem"): (("ended:lapsed",) * 2, ("ended:lapsed",) * 2),
    ("lapsed", "release"): (("lapsed", "lapsed"), ("lapsed", "lapsed")),
    ("cancelled", "hold"): (("ended:cancelled",) * 2, ("ended:cancelled",) * 2),
    ("cancelled", "redeem"): (("ended:cancelled",) * 2, ("ended:cancelled",) * 2),
    ("cancelled", "release"): (("ended:cancelled",) * 2, ("ended:cancelled",) * 2),
}


def told(answer: object) -> str:
    """Give an answer as the table writes it."""
    if isinstance(answer, Entitlement):
        return answer.state
    if isinstance(answer, EntitlementEnded):
        return f"ended:{answer.data['state']}"
    assert isinstance(answer, EntitlementHeld | EntitlementUnknown)
    return answer.code


async def bought(data_keys: DataKeys, count: int, **changes: Any) -> tuple[MemberRef, list[int]]:
    """Give an owner, and the entitlements that they have bought of a reward with as many units."""
    owner, coupon = await rich(data_keys, 10_000), await reward(units=count, **changes)
    return owner, [one.bought.entitlement_id for one in await buy(owner, coupon, count)]


async def put_into(state: str, ids: Sequence[int], outlet_id: int) -> None:
    """Bring free entitlements into a state through the verbs."""
    uses = [Use(one, outlet_id, MINE, AT) for one in ids]
    if state in {"held", "redeemed"}:
        await use("hold", *uses)
    if state == "redeemed":
        await use("redeem", *uses)
    if state == "lapsed":
        assert await entitlements.lapse(END) == len(ids)
    if state == "cancelled":
        boss = await storefront.manager()
        async with transactions.reader() as connection:
            found = [row["id"] for row in await connection.fetch("SELECT id FROM redemptions ORDER BY id")]
        for one in found:
            await storefront.cancel(one, boss)


async def kept(outlet_id: int) -> dict[int, Entitlement]:
    """Read an outlet's entitlements."""
    async with transactions.reader():
        return {one.id: one for one in await entitlements.of_outlet(outlet_id, None, 100)}


@pytest.mark.parametrize(("state", "verb"), TABLE, ids=[f"{verb} a {state} one" for state, verb in TABLE])
async def test_the_table_of_states(db: str, data_keys: DataKeys, state: str, verb: str) -> None:
    owner, ids = await bought(data_keys, 4)
    outlet_id = await outlet_of(db, owner)
    await put_into(state, ids, outlet_id)
    before = await kept(outlet_id)
    ((_, _, returned),) = await rows.fetch(db, UNITS)
    cases = [(when, holder) for when in (BEFORE, END) for holder in (MINE, OTHER)]
    uses = [Use(one, outlet_id, holder, when) for one, (when, holder) in zip(ids, cases, strict=True)]
    answers = await use(verb, *uses)
    expected = [one for pair in TABLE[state, verb] for one in pair]
    assert [told(one) for one in answers] == expected
    after = await kept(outlet_id)
    for one, answer, word in zip(ids, answers, expected, strict=True):
        if isinstance(answer, Entitlement):
            assert after[one] == answer
        if word in {state, HELD, UNKNOWN} or word.startswith("ended:"):
            assert after[one] == before[one]
    lapsed = sum(one == "lapsed" != state for one in expected)
    assert isinstance(returned, int)
    assert await rows.fetch(db, UNITS) == [(4, 0, returned + lapsed)]
    await proven()
    # The same again finds what it left, and moves nothing more.
    picture = await rows.picture(db)
    assert [told(one) for one in await use(verb, *uses)] == [told(one) for one in answers]
    assert await rows.picture(db) == picture


@pytest.mark.parametrize("state", ["free", "held", "redeemed", "lapsed", "cancelled"])
async def test_another_outlets_is_unknown_whatever_its_state(db: str, data_keys: DataKeys, state: str) -> None:
    owner, ids = await bought(data_keys, 1)
    outlet_id, other = await outlet_of(db, owner), await outlet_of(db, await rich(data_keys))
    await put_into(state, ids, outlet_id)
    before = await rows.picture(db)
    for verb in VERBS:
        for when in (BEFORE, END):
            answers = await use(verb, Use(ids[0], other, MINE, when), Use(999_999, other, MINE, when))
            assert [told(one) for one in answers] == [UNKNOWN, UNKNOWN]
    assert await rows.picture(db) == before


async def test_of_two_orders_in_one_call_the_first_holds_it(db: str, data_keys: DataKeys) -> None:
    owner, (one,) = await bought(data_keys, 1)
    outlet_id = await outlet_of(db, owner)
    later = AT + timedelta(hours=1)
    many = [Use(one, outlet_id, MINE, AT), Use(one, outlet_id, OTHER, AT), Use(one, outlet_id, MINE, later)]
    assert [told(answer) for answer in await use("hold", *many)] == ["held", HELD, "held"]
    assert await rows.fetch(db, STATES) == [(one, "held", MINE, AT, None)]
    answers = await use("redeem", many[1], many[2], many[0], many[1])
    assert [told(answer) for answer in answers] == [HELD, "redeemed", "redeemed", "ended:redeemed"]
    assert await rows.fetch(db, STATES) == [(one, "redeemed", MINE, AT, later)]


async def test_a_unit_goes_back_exactly_once(db: str, data_keys: DataKeys) -> None:
    owner, (one,) = await bought(data_keys, 1)
    outlet_id = await outlet_of(db, owner)
    await use("hold", Use(one, outlet_id, MINE, AT))
    assert await entitlements.lapse(END + timedelta(days=1)) == 0, "what an order holds outlives its end"
    late = Use(one, outlet_id, MINE, END)
    assert [told(answer) for answer in await use("release", late, late)] == ["lapsed", "lapsed"]
    assert [told(answer) for answer in await use("release", late)] == ["lapsed"]
    assert await entitlements.lapse(END) == 0
    assert await rows.fetch(db, UNITS) == [(1, 0, 1)]
    assert await rows.fetch(db, STATES) == [(one, "lapsed", None, None, END)]
    await proven()


async def test_released_in_time_it_can_be_used_again(db: str, data_keys: DataKeys) -> None:
    owner, (one,) = await bought(data_keys, 1)
    outlet_id = await outlet_of(db, owner)
    for holder, verb in ((MINE, "release"), (OTHER, "redeem")):
        await use("hold", Use(one, outlet_id, holder, AT))
        await use(verb, Use(one, outlet_id, holder, BEFORE))
    assert await rows.fetch(db, STATES) == [(one, "redeemed", OTHER, AT, BEFORE)]
    assert await rows.fetch(db, UNITS) == [(1, 0, 0)]


async def test_an_order_uses_what_it_holds_however_late(db: str, data_keys: DataKeys) -> None:
    owner, (one,) = await bought(data_keys, 1)
    outlet_id = await outlet_of(db, owner)
    late = END + timedelta(days=30)
    await use("hold", Use(one, outlet_id, MINE, BEFORE))
    assert [told(answer) for answer in await use("redeem", Use(one, outlet_id, MINE, late))] == ["redeemed"]
    assert await rows.fetch(db, UNITS) == [(1, 0, 0)]


async def test_events_tell_uses_and_ends_alone(db: str, data_keys: DataKeys) -> None:
    owner, (used, late, left) = await bought(data_keys, 3)
    outlet_id = await outlet_of(db, owner)
    await use("hold", *(Use(one, outlet_id, MINE, AT) for one in (used, late)))
    assert await rows.fetch(db, EVENTS) == []
    for _ in range(2):
        await use("redeem", Use(used, outlet_id, MINE, BEFORE))
        await use("release", Use(late, outlet_id, MINE, END))
    assert await entitlements.lapse(END + timedelta(minutes=1)) == 1
    assert await rows.fetch(db, EVENTS) == [
        ("entitlement.redeemed", str(used), "coupon", MINE, BEFORE),
        ("entitlement.lapsed", str(late), "coupon", None, END),
        ("entitlement.lapsed", str(left), "coupon", None, END + timedelta(minutes=1)),
    ]
    ((code,),) = await rows.fetch(db, "SELECT code FROM outlets WHERE id = $1", outlet_id)
    told_of = "SELECT DISTINCT subject FROM outbox WHERE type LIKE 'entitlement.%'"
    assert await rows.fetch(db, told_of) == [(code,)]


async def test_lapsing_goes_in_batches_the_oldest_first(db: str, data_keys: DataKeys) -> None:
    owner, ids = await bought(data_keys, 3)
    longer, endless = await reward(units=2, days_valid=8), await reward(units=None, days_valid=6)
    ids += [one.bought.entitlement_id for one in await buy(owner, longer, 2)]
    ids += [one.bought.entitlement_id for one in await buy(owner, endless, 1)]
    at = END + timedelta(days=1)
    assert await entitlements.lapse(END - timedelta(days=1) - timedelta(microseconds=1), 2) == 0
    states: list[list[int]] = []
    counts = []
    for _ in range(4):
        counts.append(await entitlements.lapse(at, 2))
        gone = await rows.fetch(db, "SELECT id FROM entitlements WHERE state = 'lapsed' ORDER BY id")
        states.append([int(str(one)) for (one,) in gone])
    assert counts == [2, 2, 2, 0]
    assert states == [
        sorted([ids[5], ids[0]]),
        sorted([ids[5], *ids[:3]]),
        ids,
        ids,
    ]
    assert await rows.fetch(db, UNITS) == [(3, 0, 3), (2, 0, 2)]
    await proven()


async def test_members_see_what_their_outlet_holds_the_latest_first(db: str, data_keys: DataKeys) -> None:
    owner, ids = await bought(data_keys, 3)
    other = await rich(data_keys)
    assert [one.id for one in await entitlements.of_member(owner, None, 2)] == [ids[2], ids[1]]
    (last,) = await entitlements.of_member(owner, ids[1], 2)
    assert (last.id, last.state, last.sentence, last.source_kind) == (
        ids[0],
        "free",
        "订货满 100 元减 10 元",
        "redemption",
    )
    assert (last.state_at(BEFORE), last.state_at(END)) == ("free", "lapsed")
    assert await entitlements.of_member(owner, ids[0], 2) == []
    assert await entitlements.of_member(other, None, 2) == []
    with pytest.raises(BindingRequired):
        await entitlements.of_member(await factories.member(AT, data_keys), None, 2)


async def test_a_removed_clerk_sees_nothing_and_the_outlet_keeps_what_they_bought(db: str, data_keys: DataKeys) -> None:
    owner, coupon = await rich(data_keys), await reward()
    ((code,),) = await rows.fetch(db, "SELECT code FROM outlets")
    clerk = await factories.bound(str(code), AT, data_keys)
    (got,) = await buy(clerk, coupon)
    await bindings.remove(owner, clerk.id, AT)
    with pytest.raises(BindingRequired):
        await entitlements.of_member(clerk, None, 2)
    assert [one.id for one in await entitlements.of_member(owner, None, 2)] == [got.bought.entitlement_id]


@pytest.mark.parametrize("verb", VERBS)
async def test_a_transaction_is_asked_for_and_nothing_to_do_is_nothing(db: str, verb: str) -> None:
    assert await VERBS[verb]([]) == []
    with pytest.raises(RuntimeError, match=r"transactions\."):
        await VERBS[verb]([Use(1, 1, MINE, AT)])


async def test_a_promise_outlives_changes_of_the_reward(db: str, data_keys: DataKeys) -> None:
    owner, (one,) = await bought(data_keys, 1, name="旧名字")
    await rows.execute(db, "UPDATE rewards SET name = '新名字', terms = '{\"off_fen\": 1}', days_valid = 1")
    (found,) = await entitlements.of_member(owner, None, 1)
    assert (found.id, found.name, found.sentence, found.expires_at) == (one, "旧名字", "订货满 100 元减 10 元", END)
