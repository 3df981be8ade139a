"""A rewards shop for tests, made through the real verbs: rewards, outlets with points, and what they have bought."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from app.proofs import prove
from loyalty import transactions
from loyalty.customers.personal import DataKeys
from loyalty.customers.standings import MemberRef
from loyalty.organisation import places
from loyalty.organisation.audit import Actor
from loyalty.points import ledger
from loyalty.points.ledger import Accrual
from loyalty.rewards import cancellations, catalogue, redemptions
from loyalty.rewards.catalogue import RewardPlan
from loyalty.rewards.entitlements import entitlements
from loyalty.rewards.entitlements.entitlements import Answer, Use
from loyalty.rewards.redemptions import Redeemed, Redemption
from loyalty.rewards.types.coupon import CouponTerms
from loyalty.staff.people import Staff
from tests import factories, organisation, rows

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)
END = datetime(2026, 11, 10, 16, 0, tzinfo=UTC)
"""When what was granted at AT for seven business dates is over: midnight in Shanghai."""
BY = Actor("command", "tests", "tests")

UNITS = "SELECT units_total, units_free, units_returned FROM allotments ORDER BY id"


def plan(**changes: Any) -> RewardPlan:
    """Give a sound plan of a coupon for 100 points."""
    values: dict[str, Any] = {
        "type": "coupon",
        "name": "满 100 减 10",
        "description": "",
        "terms": CouponTerms(1_000, 10_000),
        "cost_points": 100,
        "cost_fen": 1_000,
        "units": None,
        "from_at": AT - timedelta(days=1),
        "until_at": AT + timedelta(days=30),
        "days_valid": 7,
    }
    return RewardPlan(**values | changes)


async def reward(units: int | None = None, cost: int = 100, *, live: bool = True, **changes: Any) -> int:
    """Make a coupon in the catalogue."""
    made = await catalogue.add(plan(**{"units": units, "cost_points": cost} | changes), BY, "上架", AT)
    if live:
        await catalogue.move(made, "live", BY, "上架", AT)
    return made


async def outlet_of(url: str, member: MemberRef) -> int:
    """Give the id of the outlet that a member is bound to."""
    ((outlet_id,),) = await rows.fetch(
        url, "SELECT outlet_id FROM bindings WHERE member_id = $1 AND ended_at IS NULL", member.id
    )
    assert isinstance(outlet_id, int)
    return outlet_id


async def pay(outlet_id: int, points: int, source_id: str, at: datetime = AT) -> None:
    """Give an outlet points."""
    async with transactions.begin():
        await ledger.accrue([Accrual(outlet_id, None, points, "test", source_id, "test:1", "起步积分", at)])


async def rich(data_keys: DataKeys, points: int = 1_000, at: datetime = AT, **fields: Any) -> MemberRef:
    """Give the owner of an outlet that has so many points."""
    code = await factories.outlet(AT, data_keys, **fields)
    owner = await factories.bound(code, AT, data_keys)
    async with transactions.begin() as connection:
        outlet_id = await connection.fetchval("SELECT id FROM outlets WHERE code = $1", code)
        if points:
            await ledger.accrue([Accrual(outlet_id, owner.id, points, "test", code, "test:1", "起步积分", at)])
    return owner


def wish(member: MemberRef, reward_id: int, key: str = "redeem-key-1", **changes: Any) -> Redemption:
    """Give a wish to redeem."""
    values: dict[str, Any] = {"cost_points": None, "at": AT, "input_hash": b"input"} | changes
    return Redemption(member=member, key=key, reward_id=reward_id, **values)


async def buy(member: MemberRef, reward_id: int, count: int = 1, at: datetime = AT) -> list[Redeemed]:
    """Redeem a reward so many times."""
    many = await redemptions.redeem([wish(member, reward_id, f"buy-{reward_id}-{at}-{n}", at=at) for n in range(count)])
    bought = [one for one in many if isinstance(one, Redeemed)]
    assert len(bought) == count, many
    return bought


Verb = Callable[[Sequence[Use]], Awaitable[list[Answer]]]
VERBS: dict[str, Verb] = {
    "hold": entitlements.hold,
    "redeem": entitlements.redeem,
    "release": entitlements.release,
}


async def use(verb: str, *many: Use) -> list[Answer]:
    """Hold, redeem or release in a transaction of its own."""
    async with transactions.begin():
        return await VERBS[verb](many)


async def manager(at: datetime = AT) -> Staff:
    """Give somebody who may undo redemptions everywhere."""
    async with transactions.begin():
        root = await places.ensure_root(at - organisation.BEFORE)
    return await organisation.staff("boss", "admin", root, at, "周总")


async def cancel(redemption_id: int, by: Staff, at: datetime = AT) -> int:
    """Undo a redemption; give the points that went back."""
    return await cancellations.cancel(redemption_id, by.reach(by.roles), by, "店家兑错了", at)


async def proven() -> None:
    """Check that every proof is content."""
    assert await prove() == []
