"""The sandbox's own clock: the machine's, plus what somebody advanced it by."""

import time
from typing import Final

ADVANCE_SECONDS_MAX: Final = 10 * 365 * 86_400


class Clock:
    """Tells seconds since 1970. It only goes forward."""

    def __init__(self) -> None:
        self._ahead_seconds = 0

    def now(self) -> float:
        """Return the sandbox's time."""
        return time.time() + self._ahead_seconds

    def advance(self, seconds: int) -> None:
        """Go forward; raise ValueError when the sum would pass ten years."""
        if seconds < 0 or self._ahead_seconds + seconds > ADVANCE_SECONDS_MAX:
            raise ValueError(f"advance_seconds must be 0 or more, and at most {ADVANCE_SECONDS_MAX} in all")
        self._ahead_seconds += seconds
