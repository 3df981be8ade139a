"""The rewards shop as one outlet sees it: what is for it, what it costs, and what still stands against it."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from loyalty import transactions
from loyalty.campaigns import allotments
from loyalty.clock import business_date
from loyalty.customers import classification, standings
from loyalty.customers.standings import MemberRef
from loyalty.errors import Refusal
from loyalty.points import ledger
from loyalty.points.statements import statements
from loyalty.rewards import catalogue, queries, rules
from loyalty.rewards.errors import RewardSoldOut
from loyalty.rewards.rules import Reward
from loyalty.rewards.types import registry


class Offer(msgspec.Struct, frozen=True):
    """A reward that points buy, as an outlet sees it."""

    reward: Reward
    sentence: str
    units_left: int | None
    """None for as many as are wanted."""
    stands_against: Refusal | None
    """Why the outlet cannot have it now; None when it can."""


async def offers(member: MemberRef, at: datetime) -> tuple[int, Sequence[Offer]]:
    """Give what the member's outlet can spend and what is offered to it, the cheapest first, what opens later last.

    As redeeming would judge it at this moment, which may be another answer a moment later. At most seven statements.
    Raises SessionEnded, BindingRequired.
    """
    async with transactions.reader():
        standing = await standings.require(member)
        outlet_id, on = standing.outlet_id, business_date(at)
        classified = (await classification.read([outlet_id]))[outlet_id]
        shown = [one for one in await catalogue.live(at) if one.audience.includes(classified)]
        balance = sum(one.points for one in await statements.expiring(outlet_id, on))
        units = await allotments.read({one.allotment_id for one in shown if one.allotment_id is not None})
        limited = [(outlet_id, one.id, on.replace(day=1)) for one in shown if one.is_limited]
        rows = await queries.had(limited) if limited else []
        had = {row["reward_id"]: (row["had"], row["this_month"]) for row in rows}
    left = {one.id: units[one.allotment_id].units_free for one in shown if one.allotment_id is not None}
    return balance, [
        Offer(
            one,
            registry.sentence_of(one.type, one.terms),
            left.get(one.id),
            _stands_against(one, balance, left.get(one.id), had.get(one.id, (0, 0)), at),
        )
        for one in shown
    ]


def _stands_against(
    reward: Reward, balance: int, left: int | None, had: tuple[int, int], at: datetime
) -> Refusal | None:
    refusal = rules.closed_by(reward, None, at) or rules.limited_by(reward, *had)
    if refusal is None and left == 0:
        return RewardSoldOut()
    if refusal is None and reward.cost_points is not None and balance < reward.cost_points:
        return ledger.short_of(reward.cost_points, balance)
    return refusal
