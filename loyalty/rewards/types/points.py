"""Points as a reward: paid at once, from a campaign's budget where one is named."""

from typing import Annotated

import msgspec
from msgspec import Meta

from loyalty.rewards.types.base import RewardType


class PointsTerms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So many points."""

    points: Annotated[int, Meta(ge=1, le=1_000_000)]


POINTS: RewardType[PointsTerms] = RewardType(
    "points",
    "积分",
    PointsTerms,
    lambda terms: f"{terms.points} 积分，马上到账",
    {"points": "积分"},
    is_entitlement=False,
)
