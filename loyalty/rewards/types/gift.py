"""A gift: something that comes with the next truck."""

from typing import Annotated

import msgspec
from msgspec import Meta

from loyalty.rewards.types.base import RewardType


class GiftTerms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So many units of an item; ``item_code`` is how the order hub knows it."""

    item_code: Annotated[str, Meta(min_length=1, max_length=32)]
    item_name: Annotated[str, Meta(min_length=1, max_length=40)]
    quantity: Annotated[int, Meta(ge=1, le=1_000)] = 1
    unit: Annotated[str, Meta(min_length=1, max_length=4)] = "件"


GIFT: RewardType[GiftTerms] = RewardType(
    "gift",
    "礼品",
    GiftTerms,
    lambda terms: f"{terms.item_name} {terms.quantity} {terms.unit}，随下一趟送货车送到",
    {"item_code": "物料编号", "item_name": "礼品名", "quantity": "数量", "unit": "单位"},
)
