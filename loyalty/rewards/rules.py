"""Pure rules of the rewards module: who may redeem what, when, and how long it lives."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Literal

import msgspec

from loyalty.clock import SHANGHAI
from loyalty.customers.audiences import Audience
from loyalty.errors import Refusal
from loyalty.rewards.errors import (
    RewardClosed,
    RewardCostChanged,
    RewardLimitReached,
    RewardNotOpen,
    RewardPaused,
    RewardUnknown,
)

State = Literal["draft", "live", "paused", "ended"]
NEXT: dict[State, tuple[State, ...]] = {
    "draft": ("live", "ended"),
    "live": ("paused", "ended"),
    "paused": ("live", "ended"),
    "ended": (),
}
"""Which state may follow which: one table of allowed changes."""


class Reward(msgspec.Struct, frozen=True):
    """A reward as it stands in the catalogue."""

    id: int
    type: str
    name: str
    description: str
    picture_id: str | None
    terms: str
    """JSON."""
    cost_points: int | None
    cost_fen: int
    allotment_id: int | None
    campaign_id: int | None
    outlet_max: int | None
    outlet_month_max: int | None
    plants: tuple[str, ...]
    value_classes: tuple[str, ...]
    tags: tuple[str, ...]
    from_at: datetime
    until_at: datetime
    days_valid: int
    state: State
    version: int
    made_by: str
    made_at: datetime

    @property
    def audience(self) -> Audience:
        """Tell for which outlets it is."""
        return Audience(self.plants, self.value_classes, self.tags)

    @property
    def is_limited(self) -> bool:
        """Tell whether an outlet may have only so many."""
        return self.outlet_max is not None or self.outlet_month_max is not None


def closed_by(reward: Reward | None, cost_points: int | None, at: datetime) -> Refusal | None:
    """Say why nobody may redeem a reward at an instant; None when it is open. ``cost_points`` is what was shown."""
    if reward is None or reward.state == "draft" or reward.cost_points is None:
        return RewardUnknown()
    if reward.state == "ended" or at >= reward.until_at:
        return RewardClosed()
    if reward.state == "paused":
        return RewardPaused()
    if at < reward.from_at:
        return RewardNotOpen(opens_at=reward.from_at.isoformat())
    if cost_points is not None and cost_points != reward.cost_points:
        return RewardCostChanged(cost_points=reward.cost_points)
    return None


def limited_by(reward: Reward, had: int, had_this_month: int) -> Refusal | None:
    """Say which limit of an outlet stands against another one; None when none does."""
    if reward.outlet_max is not None and had >= reward.outlet_max:
        return RewardLimitReached(limit=reward.outlet_max, per="all")
    if reward.outlet_month_max is not None and had_this_month >= reward.outlet_month_max:
        return RewardLimitReached(limit=reward.outlet_month_max, per="month")
    return None


@lru_cache(maxsize=256)
def expires_at(granted_on: date, days_valid: int) -> datetime:
    """Give the instant from which an entitlement can no longer be used: the midnight after its last business date.

    In UTC as the database tells it, so that a repeat is told in the very words of the first answer.
    """
    return datetime.combine(granted_on + timedelta(days=days_valid), time(), SHANGHAI).astimezone(UTC)


def why_redeemed(name: str, cost_points: int) -> str:
    """Say in one sentence where the points went."""
    return f"兑换“{name}”，用了 {cost_points} 分"
