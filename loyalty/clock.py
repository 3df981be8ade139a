"""One clock and one calendar.

Instants are aware and in UTC; days are business dates in Asia/Shanghai. Only app and tasks ask for the time; every verb
is told it as ``at``.
"""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")


def now() -> datetime:
    """Tell the present instant, aware, in UTC."""
    return datetime.now(UTC)


def business_date(at: datetime) -> date:
    """Tell the day in Asia/Shanghai that the instant ``at`` belongs to. Refuses a naive instant."""
    if at.tzinfo is None:
        raise ValueError("an instant without a time zone belongs to no day")
    return at.astimezone(SHANGHAI).date()
