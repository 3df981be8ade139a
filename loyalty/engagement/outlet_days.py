"""The daily roll-up of what outlets do."""

from collections.abc import Sequence

from loyalty.clock import business_date
from loyalty.engagement import queries
from loyalty.events.log import LoggedEvent


async def count_checkins(many: Sequence[LoggedEvent]) -> None:
    """Count check-ins into the day on which they happened. Set verb; its caller's cursor makes it once each."""
    await queries.count_checkins(
        [event.subject for event in many], [business_date(event.occurred_at) for event in many]
    )
