"""Feeds: other programs read what happened, in order of position."""

from typing import Annotated, cast

import msgspec
from msgspec import Meta

from app.http.endpoints import Call
from app.http.errors import OutOfRange
from loyalty.feeds import feeds
from loyalty.feeds.cloudevents import CloudEvent, cloud_event

POSITION_MAX = 2**63 - 1

Position = Annotated[str, Meta(pattern=r"^(0|[1-9][0-9]{0,18})$", description="十进制位置，0 是起点")]


class FeedQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where to read on in a feed."""

    after: Position = "0"
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100


class FeedPage(msgspec.Struct, frozen=True):
    """Events in order of position. Ask on with ``next_cursor`` as ``after``."""

    events: list[CloudEvent]
    next_cursor: str
    has_more: bool


async def read_feed(call: Call) -> FeedPage:
    """Read a page of a feed."""
    query = cast(FeedQuery, call.query)
    after = int(query.after)
    if after > POSITION_MAX:
        raise OutOfRange(field="after", expected=f"不大于 {POSITION_MAX}")
    page = await feeds.page(call.params["feed"], after, query.limit)
    return FeedPage(
        [cloud_event(event) for event in page.events],
        str(page.next_after),
        page.has_more,
    )
