"""Which feed an event goes to: one literal table. An event that is not in it cannot be recorded."""

from typing import Literal

Feed = Literal["engagement", "orders", "bindings"]

FEEDS: tuple[Feed, ...] = ("engagement", "orders", "bindings")

FEED_OF: dict[str, Feed] = {
    "checkin.made": "engagement",
    "reward.redeemed": "engagement",
    "reward.cancelled": "engagement",
    "entitlement.redeemed": "engagement",
    "entitlement.lapsed": "engagement",
    "entitlement.restored": "engagement",
    "order.placed": "orders",
    "order.confirmed": "orders",
    "order.shorted": "orders",
    "order.shortage_decided": "orders",
    "order.shipped": "orders",
    "order.delivered": "orders",
    "order.returned": "orders",
    "order.received": "orders",
    "order.completed": "orders",
    "order.cancelled": "orders",
    "order.rejected": "orders",
    "binding.made": "bindings",
    "binding.ended": "bindings",
}
