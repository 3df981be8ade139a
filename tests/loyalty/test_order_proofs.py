"""The proofs of orders: silent about sound ones, and each finding what was made wrong."""

import pytest

from app.proofs import prove
from loyalty import transactions
from loyalty.catalogue.shelves import Shelves
from loyalty.customers.personal import DataKeys
from loyalty.ordering import proofs
from loyalty.ordering.fulfilment import completions, shortages
from loyalty.ordering.fulfilment.shortages import Decision
from loyalty.ordering.rules import Wish
from tests import rows
from tests.catalogue import AT, stocked
from tests.ordering import entitled, ids, later, owner, placed, report, wished


async def sound(db: str, data_keys: DataKeys) -> int:
    """Let an outlet have orders of every kind; give its id."""
    await stocked("A", "B")
    found, member = await ids(db), await owner(data_keys)
    coupon = await entitled(db, member, "coupon", '{"off_fen": 100}')
    gift = await entitled(db, member, "gift", '{"item_code": "U", "item_name": "伞"}')
    one = await placed(member, Wish(found["A"], 5), key="one", entitlement_ids=(coupon,))
    two = await placed(member, Wish(found["B"], 5), key="two", entitlement_ids=(gift,))
    gone = await placed(member, Wish(found["A"], 3), key="gone")
    await wished(member, gone.number, "cancelled")
    await report(one.number, "shorted", (1, 3))
    await shortages.decide(Shelves(), Decision(member, "decide", b"x", one.number, 1, "wait", None, AT))
    await report(one.number, "delivered")
    await wished(member, one.number, "received", key="received")
    await completions.release(later(days=9))
    assert two.status == "placed"
    ((outlet_id,),) = await rows.fetch(db, "SELECT current_outlet_id FROM members WHERE id = $1", member.id)
    return int(str(outlet_id))


FREED = "state = 'free', held_by = NULL, held_at = NULL, ended_at = NULL"
PLACED = "status = 'placed', confirmed_at = NULL, completed_at = NULL, release_on = NULL, released_at = NULL"


@pytest.mark.parametrize(
    ("wrong", "wanted"),
    [
        ("UPDATE orders SET due_fen = due_fen - 1 WHERE status = 'completed'", {"ordering.money"}),
        (f"UPDATE entitlements SET {FREED} WHERE type = 'coupon'", {"ordering.held"}),
        ("UPDATE entitlements SET held_by = 'order:other' WHERE type = 'gift'", {"ordering.held"}),
        ("UPDATE order_shortages SET state = 'dropped'", {"ordering.shortages"}),
        (f"UPDATE orders SET {PLACED} WHERE status = 'completed'", {"ordering.held"}),
    ],
)
async def test_what_is_wrong_is_found(db: str, data_keys: DataKeys, wrong: str, wanted: set[str]) -> None:
    outlet_id = await sound(db, data_keys)
    assert await prove() == []
    await rows.execute(db, wrong)
    async with transactions.reader():
        found = [one for each in proofs.PROOFS for one in await each(outlet_id)]
        elsewhere = [one for each in proofs.PROOFS for one in await each(outlet_id + 1)]
    assert {one.proof for one in found} == wanted
    assert elsewhere == []


async def test_points_promised_for_an_order_that_is_over_are_found(db: str, data_keys: DataKeys) -> None:
    await stocked("A")
    found, member = await ids(db), await owner(data_keys)
    order = await placed(member, Wish(found["A"], 5))
    await report(order.number, "confirmed")
    await rows.execute(db, "UPDATE orders SET status = 'cancelled', ended_at = now(), due_fen = 0")
    assert [one.proof for one in await prove()] == ["ordering.points"]
