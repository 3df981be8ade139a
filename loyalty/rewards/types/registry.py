"""The reward types there are: one literal tuple."""

from functools import lru_cache
from typing import Any

import msgspec

from loyalty.rewards.types.base import RewardType
from loyalty.rewards.types.coupon import COUPON
from loyalty.rewards.types.gift import GIFT
from loyalty.rewards.types.points import POINTS
from loyalty.rewards.types.price import PRICE

TYPES: tuple[RewardType[Any], ...] = (COUPON, GIFT, PRICE, POINTS)

BY_CODE: dict[str, RewardType[Any]] = {one.code: one for one in TYPES}


def terms_of(code: str, kept: str) -> Any:
    """Read terms as they are kept, as JSON, into their type."""
    return msgspec.json.decode(kept, type=BY_CODE[code].terms_type)


@lru_cache(maxsize=1_024)
def sentence_of(code: str, kept: str) -> str:
    """Tell what members get by terms as they are kept."""
    return BY_CODE[code].sentence(terms_of(code, kept))
