"""What happened, as other programs are told it: CloudEvents 1.0, the same in a feed's page and in a webhook."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from loyalty.events.log import LoggedEvent

SOURCE = "leketong"


class CloudEvent(msgspec.Struct, frozen=True):
    """An event as CloudEvents 1.0, with its place in the feed as the extension ``position``."""

    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: Annotated[datetime, Meta(tz=True)]
    datacontenttype: str
    position: str
    data: dict[str, Any]


def cloud_event(event: LoggedEvent) -> CloudEvent:
    """Give an event of the log as a CloudEvent."""
    return CloudEvent(
        "1.0",
        event.event_id,
        SOURCE,
        f"leketong.{event.type}",
        event.subject,
        event.occurred_at,
        "application/json",
        str(event.position),
        event.data,
    )
