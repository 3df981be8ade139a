"""Check-in as the registry knows it."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from games.base import Play, Played
from games.checkin import checkins, queries, rules
from games.checkin.checkins import CheckinInput, CheckinOutcome
from games.checkin.errors import AlreadyCheckedIn
from loyalty.clock import business_date
from loyalty.customers.standings import Standing
from loyalty.errors import Refusal

PREVIEW_DAYS = 7


class CheckinState(msgspec.Struct, frozen=True):
    """How an outlet's check-in stands today."""

    streak_days: int
    """Days in a row until now; 0 when a day was missed."""
    checked_in_today: bool
    next_points: tuple[int, ...]
    """What the next days of the run would pay, the first being the next check-in."""


class Checkin:
    """Once an outlet and business date, points by the ladder."""

    code = "checkin"
    name = "每日签到"
    input_type: type[msgspec.Struct] = CheckinInput
    outcome_type: type[msgspec.Struct] = CheckinOutcome
    state_type: type[msgspec.Struct] = CheckinState
    refusals: tuple[type[Refusal], ...] = (AlreadyCheckedIn,)

    async def play(self, many: Sequence[Play]) -> list[Played | Refusal]:
        """Check outlets in; see games.checkin.checkins.make."""
        return await checkins.make(many)

    async def states(self, many: Sequence[Standing], at: datetime) -> list[CheckinState]:
        """Tell each outlet's streak: one statement. Needs a reader."""
        on = business_date(at)
        rows = await queries.states([standing.outlet_id for standing in many], on)
        states = []
        for standing in many:
            row = rows[standing.outlet_id]
            streak, ladder = queries.streak_of(row), queries.ladder_of(row)
            days = rules.days_now(streak, on)
            states.append(
                CheckinState(
                    days,
                    streak.last_on == on,
                    tuple(rules.points_of(ladder.body, days + n) for n in range(1, PREVIEW_DAYS + 1)),
                )
            )
        return states
