"""Check-ins: made for many members in one transaction, each answered by itself."""

from collections.abc import Sequence
from datetime import date

import msgspec

from games.base import Play, Played
from games.checkin import queries, rules
from games.checkin.errors import AlreadyCheckedIn
from games.checkin.queries import Asked, CheckinRow
from games.checkin.rules import Ladder, Streak
from loyalty import transactions
from loyalty.clock import business_date
from loyalty.customers import standings
from loyalty.customers.standings import Standing
from loyalty.errors import IdempotencyKeyReused, Refusal, TryAgain
from loyalty.events import outbox
from loyalty.events.outbox import Event
from loyalty.points import ledger
from loyalty.points.ledger import Account, Accrual


class CheckinInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A check-in needs nothing but who and when."""


class CheckinOutcome(msgspec.Struct, frozen=True):
    """What a check-in gave."""

    streak_days: int
    points: int
    rewards: tuple[str, ...] = ()


class _Made(msgspec.Struct, frozen=True, gc=False):
    """A check-in that the rules allow."""

    standing: Standing
    row: CheckinRow


class _Repeat(msgspec.Struct, frozen=True, gc=False):
    """A key that made a check-in before, on that day, with the same input."""

    standing: Standing
    outcome: CheckinOutcome
    on: date | None
    """The day when it was in this very call: the insert may still lose it."""


_Verdict = _Made | _Repeat | Refusal
_Earlier = tuple[int, bytes, CheckinOutcome, date | None]
"""What a key made: outlet, input hash, outcome, and the day when it was in this very call."""


async def make(many: Sequence[Play]) -> list[Played | Refusal]:
    """Check outlets in. Entry verb: one transaction of five statements however many, six when some key is repeated.

    Outlets are locked in id order before their streaks are read, so check-ins of one outlet, in this call or in
    another, are judged one after the other. The same key and input again gives the stored outcome with today's
    balance. Refusals: SessionEnded, BindingRequired, IdempotencyKeyReused, AlreadyCheckedIn, TryAgain.
    """
    async with transactions.begin():
        found = await standings.lock([play.member for play in many])
        verdicts = await _judge(many, found)
        balances = await _store([one for one in verdicts if isinstance(one, _Made)])
        accounts = await ledger.accounts([one.standing.outlet_id for one in verdicts if isinstance(one, _Repeat)])
        return [_answer(verdict, balances, accounts) for verdict in verdicts]


def _answer(verdict: _Verdict, balances: dict[tuple[int, date], int], accounts: dict[int, Account]) -> Played | Refusal:
    if isinstance(verdict, _Made):
        row = verdict.row
        balance = balances.get((row.outlet_id, row.business_date))
        # Without a balance the insert lost: this member's key is being used for another outlet at this moment.
        if balance is None:
            return TryAgain()
        return Played(CheckinOutcome(row.streak_days, row.points), balance, repeated=False)
    if isinstance(verdict, _Repeat):
        if verdict.on is not None and (verdict.standing.outlet_id, verdict.on) not in balances:
            return TryAgain()
        return Played(verdict.outcome, accounts[verdict.standing.outlet_id].balance, repeated=True)
    return verdict


async def _judge(many: Sequence[Play], found: Sequence[Standing | Refusal]) -> list[_Verdict]:
    """Judge plays in the order of the list, each seeing those before it; who has no standing is refused already."""
    asked = [
        Asked(n, standing.outlet_id, business_date(play.at), standing.member_id, play.key)
        for n, (play, standing) in enumerate(zip(many, found, strict=True))
        if isinstance(standing, Standing)
    ]
    states = iter(await queries.states(asked) if asked else [])
    streaks: dict[int, Streak] = {}
    keys: dict[tuple[int, str], _Earlier] = {}
    verdicts: list[_Verdict] = []
    for play, standing in zip(many, found, strict=True):
        if not isinstance(standing, Standing):
            verdicts.append(standing)
            continue
        state = next(states)
        key = (standing.member_id, play.key)
        if state["input_hash"] is not None:
            outcome = CheckinOutcome(state["key_streak_days"], state["key_points"])
            keys.setdefault(key, (state["key_outlet_id"], state["input_hash"], outcome, None))
        # An earlier item of this call may have checked the outlet in since the state was read.
        streak = streaks.get(standing.outlet_id) or queries.streak_of(state)
        verdict = _verdict(play, standing, streak, keys.get(key), queries.ladder_of(state))
        if isinstance(verdict, _Made):
            row = verdict.row
            streaks[row.outlet_id] = Streak(row.business_date, row.streak_days)
            outcome = CheckinOutcome(row.streak_days, row.points)
            keys[key] = (row.outlet_id, row.input_hash, outcome, row.business_date)
        verdicts.append(verdict)
    return verdicts


def _verdict(
    play: Play,
    standing: Standing,
    streak: Streak,
    earlier: _Earlier | None,
    ladder: Ladder,
) -> _Verdict:
    if earlier is not None:
        outlet_id, input_hash, outcome, on = earlier
        # A key belongs to what it was first used for, and that includes the outlet.
        same = (outlet_id, input_hash) == (standing.outlet_id, play.input_hash)
        return _Repeat(standing, outcome, on) if same else IdempotencyKeyReused()
    today = business_date(play.at)
    if streak.last_on is not None and streak.last_on >= today:
        return AlreadyCheckedIn(streak_days=streak.days)
    days = rules.days_after(streak, today)
    points = rules.points_of(ladder, days)
    return _Made(
        standing,
        CheckinRow(
            standing.outlet_id, today, standing.member_id, play.at, days, points, ladder.id, play.key, play.input_hash
        ),
    )


async def _store(made: Sequence[_Made]) -> dict[tuple[int, date], int]:
    """Write check-ins, points and events; return (outlet id, day) → balance of those that were written."""
    if not made:
        return {}
    ids = await queries.insert([one.row for one in made])
    won = [one for one in made if (one.row.outlet_id, one.row.business_date) in ids]
    accrued = await ledger.accrue([_accrual(one.row, ids[one.row.outlet_id, one.row.business_date]) for one in won])
    await outbox.record([_event(one.row, one.standing.outlet_code) for one in won])
    return {
        (one.row.outlet_id, one.row.business_date): entry.balance_points
        for one, entry in zip(won, accrued, strict=True)
    }


def _accrual(row: CheckinRow, checkin_id: int) -> Accrual:
    return Accrual(
        row.outlet_id,
        row.member_id,
        row.points,
        "checkin",
        str(checkin_id),
        f"checkin_ladder:{row.ladder_id or 'built_in'}",
        rules.why(row.streak_days, row.points),
        row.at,
    )


def _event(row: CheckinRow, outlet_code: str) -> Event:
    return Event(
        "checkin.made",
        outlet_code,
        row.at,
        {
            "member_id": str(row.member_id),
            "business_date": row.business_date,
            "streak_days": row.streak_days,
            "points": row.points,
        },
    )
