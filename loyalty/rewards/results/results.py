"""What rewards came to, for marketing and for one outlet's page."""

from collections.abc import Collection
from datetime import date, datetime

import msgspec

from loyalty import transactions
from loyalty.rewards.results import queries


class Result(msgspec.Struct, frozen=True):
    """What became of a reward's entitlements, and what live redemptions cost."""

    reward_id: int
    free: int
    held: int
    redeemed: int
    lapsed: int
    cancelled: int
    redemptions: int
    outlets: int
    points: int

    def cost_fen(self, one_fen: int) -> int:
        """Tell what used ones have cost the bottler, each at ``one_fen``."""
        return self.redeemed * one_fen

    def open_fen(self, one_fen: int) -> int:
        """Tell what those that may still be used would cost."""
        return (self.free + self.held) * one_fen


class PastRedemption(msgspec.Struct, frozen=True):
    """A redemption of an outlet, and what became of it."""

    id: int
    at: datetime
    cost_points: int
    cancelled_at: datetime | None
    entitlement_id: int
    name: str
    type: str
    state: str
    expires_at: datetime


async def totals(reward_ids: Collection[int]) -> dict[int, Result]:
    """Count what became of rewards: one statement. Every reward asked for is in the answer. Needs a reader."""
    if not reward_ids:
        return {}
    return {row["reward_id"]: Result(**row) for row in await queries.totals(list(reward_ids))}


async def per_day(reward_id: int, since: date) -> dict[date, int]:
    """Count a reward's redemptions by business date; a day without one is not there. Needs a reader."""
    return {row["on_date"]: row["redemptions"] for row in await queries.per_day(reward_id, since)}


async def redeemed_by(outlet_id: int, limit: int) -> list[PastRedemption]:
    """Read an outlet's redemptions, the latest first. Needs a reader."""
    return [PastRedemption(**row) for row in await queries.redeemed_by(outlet_id, limit)]


async def rebuild_units() -> int:
    """Set the free units of allotments to what entitlements leave; return how many were wrong. Entry verb.

    Locks all allotments. What was returned stays returned; more out than there are is beyond mending and stays wrong.
    """
    async with transactions.begin():
        return await queries.rebuild_units()
