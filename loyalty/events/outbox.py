"""Recording what happened, in the transaction in which it happened."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from uuid_utils import uuid7

from loyalty.events import queries
from loyalty.events.queries import OutboxRow
from loyalty.events.rules import FEED_OF


class Event(msgspec.Struct, frozen=True, gc=False):
    """Something that happened to an outlet."""

    type: str
    """A name of loyalty.events.rules.FEED_OF, such as checkin.made."""
    subject: str
    """The outlet's code."""
    occurred_at: datetime
    data: dict[str, object]
    """What a consumer may know: no phone, no name of a person."""


def row_of(n: int, one: Event) -> OutboxRow:
    """Give an event as a row of a rowset, the n-th of its call, with its id and feed. KeyError for an unknown type."""
    return OutboxRow(n, str(uuid7()), FEED_OF[one.type], one.type, one.subject, one.occurred_at, one.data)


async def record(many: Sequence[Event]) -> None:
    """Put events into the outbox, in one statement. Set verb: raises RuntimeError outside a transaction.

    An unknown type is a KeyError: the event has to be named in FEED_OF first.
    """
    if many:
        await queries.insert_outbox([row_of(n, one) for n, one in enumerate(many)])
