"""A coupon: money off an order that comes to enough."""

from typing import Annotated

import msgspec
from msgspec import Meta

from loyalty.rewards.types.base import RewardType
from loyalty.units import yuan


class CouponTerms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So much off an order of at least so much."""

    off_fen: Annotated[int, Meta(ge=1, le=100_000_00)]
    minimum_fen: Annotated[int, Meta(ge=0, le=1_000_000_00)] = 0


def sentence(terms: CouponTerms) -> str:
    """Tell what the coupon does."""
    if terms.minimum_fen:
        return f"订货满 {yuan(terms.minimum_fen)} 元减 {yuan(terms.off_fen)} 元"
    return f"订货立减 {yuan(terms.off_fen)} 元"


COUPON: RewardType[CouponTerms] = RewardType(
    "coupon", "优惠券", CouponTerms, sentence, {"off_fen": "减多少（元）", "minimum_fen": "满多少可用（元）"}
)
