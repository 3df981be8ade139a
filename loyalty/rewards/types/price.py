"""A price: the right to buy a product at it."""

from typing import Annotated

import msgspec
from msgspec import Meta

from loyalty.rewards.types.base import RewardType
from loyalty.units import yuan


class PriceTerms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A price per case for at most so many cases of a product."""

    product_code: Annotated[str, Meta(min_length=1, max_length=32)]
    product_name: Annotated[str, Meta(min_length=1, max_length=40)]
    price_fen: Annotated[int, Meta(ge=1, le=100_000_00)]
    cases_max: Annotated[int, Meta(ge=1, le=10_000)] = 1


PRICE: RewardType[PriceTerms] = RewardType(
    "price",
    "特价",
    PriceTerms,
    lambda terms: f"{terms.product_name} 每箱 {yuan(terms.price_fen)} 元，最多 {terms.cases_max} 箱",
    {"product_code": "产品编号", "product_name": "产品名", "price_fen": "每箱价格（元）", "cases_max": "最多箱数"},
)
