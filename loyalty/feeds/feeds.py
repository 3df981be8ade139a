"""Pages of a feed by position."""

import msgspec

from loyalty import transactions
from loyalty.errors import NotFound
from loyalty.events import log
from loyalty.events.log import LoggedEvent
from loyalty.events.rules import FEEDS


class FeedUnknown(NotFound):
    """There is no feed of this name."""

    code = "feed_unknown"
    title = "没有这个数据流"
    sentence = "可以读取的数据流：{known}。"


class Page(msgspec.Struct, frozen=True):
    """Events in order of position, the cursor for the next page, and whether there is more already."""

    events: list[LoggedEvent]
    next_after: int
    has_more: bool


async def page(feed: str, after: int, limit: int) -> Page:
    """Read events with positions above ``after``, at most ``limit``. Raises FeedUnknown.

    On an empty page ``next_after`` is the given ``after``, so a reader asks on from the same place.
    """
    if feed not in FEEDS:
        raise FeedUnknown(known="、".join(FEEDS))
    async with transactions.reader():
        events = await log.page(feed, after, limit + 1)
    shown = events[:limit]
    return Page(shown, shown[-1].position if shown else after, len(events) > limit)
