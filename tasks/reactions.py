"""Reading each module's reactions, each by its own cursor."""

from typing import Any

from celery import Task

from app.resources import Resources
from loyalty import clock
from loyalty.engagement.reactions import REACTIONS as ENGAGEMENT
from loyalty.events import log
from loyalty.events.log import Reaction
from loyalty.events.rules import FEED_OF
from loyalty.notices.reactions import REACTIONS as NOTICES
from tasks import runtime
from tasks.celery import celery

BATCH_EVENTS_MAX = 500
BATCHES_MAX = 40
"""One run ends after 20,000 events; the next is two seconds away."""

CONSUMERS: dict[str, dict[str, Reaction]] = {"engagement": ENGAGEMENT, "notices": NOTICES}


@celery.task(name="tasks.react", bind=True)
def react(self: Task[..., Any]) -> int | None:
    """Give every consumer its next events."""
    return runtime.run_often(self, react_once)


async def react_once(_resources: Resources | None = None) -> int:
    """Give every consumer its next events, feed by feed; return how many positions were read."""
    moved = 0
    for consumer, reactions in CONSUMERS.items():
        for feed in sorted({FEED_OF[event_type] for event_type in reactions}):
            for _ in range(BATCHES_MAX):
                read = await log.react(consumer, feed, reactions, BATCH_EVENTS_MAX, clock.now())
                moved += read
                if read < BATCH_EVENTS_MAX:
                    break
    return moved
