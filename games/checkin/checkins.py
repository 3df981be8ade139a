"""Check-ins: made for many members in one transaction, each answered by itself."""

from collections.abc import Sequence
from datetime import date

import msgspec

from games.base import Play, Played
from games.checkin import queries, rules
from games.checkin.errors import AlreadyCheckedIn
from games.checkin.rules import Ladder, Streak
from loyalty import transactions
from loyalty.clock import business_date
from loyalty.customers import standings
from loyalty.customers.standings import Standing
from loyalty.errors import IdempotencyKeyReused, Refusal, TryAgain
from loyalty.events import outbox
from loyalty.events.outbox import Event
from loyalty.points import ledger
from loyalty.points.ledger import Accrual


class CheckinInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A check-in needs nothing but who and when."""


class CheckinOutcome(msgspec.Struct, frozen=True):
    """What a check-in gave."""

    streak_days: int
    points: int
    rewards: tuple[str, ...] = ()


class _Made(msgspec.Struct, frozen=True):
    """A check-in that the rules allow."""

    play: Play
    standing: Standing
    on: date
    streak_days: int
    points: int
    ladder: Ladder


class _Repeat(msgspec.Struct, frozen=True):
    """A key that made a check-in before, with the same input."""

    standing: Standing
    outcome: CheckinOutcome


async def make(many: Sequence[Play]) -> list[Played | Refusal]:
    """Check outlets in. Entry verb: one transaction of five statements however many, six when some key is repeated.

    Outlets are locked in id order before their streaks are read, so check-ins of one outlet, in this call or in
    another, are judged one after the other. The same key and input again gives the stored outcome with today's
    balance. Refusals: SessionEnded, BindingRequired, IdempotencyKeyReused, AlreadyCheckedIn, TryAgain.
    """
    async with transactions.begin():
        found = await standings.lock([play.member for play in many])
        standing_of = {n: standing for n, standing in enumerate(found) if isinstance(standing, Standing)}
        verdicts = await _judge(many, standing_of)
        made = {n: verdict for n, verdict in verdicts.items() if isinstance(verdict, _Made)}
        balances = await _store(made)
        balances |= await _balances(verdicts)
        answers: list[Played | Refusal] = []
        for n, standing in enumerate(found):
            verdict = verdicts.get(n)
            if isinstance(verdict, _Made):
                answers.append(_played(verdict, balances.get(n)))
            elif isinstance(verdict, _Repeat):
                answers.append(Played(verdict.outcome, balances[n], repeated=True))
            elif verdict is not None:
                answers.append(verdict)
            elif not isinstance(standing, Standing):
                answers.append(standing)
        return answers


def _played(made: _Made, balance: int | None) -> Played | Refusal:
    # Without a balance the insert lost: this member's key is being used for another outlet at this moment.
    if balance is None:
        return TryAgain()
    return Played(CheckinOutcome(made.streak_days, made.points), balance, repeated=False)


async def _judge(many: Sequence[Play], standing_of: dict[int, Standing]) -> dict[int, _Made | _Repeat | Refusal]:
    """Judge the plays of members with a standing, in the order of the list; each sees those before it."""
    if not standing_of:
        return {}
    days = {n: business_date(many[n].at) for n in standing_of}
    rows = await queries.states(
        [standing.outlet_id for standing in standing_of.values()],
        list(days.values()),
        [standing.member_id for standing in standing_of.values()],
        [many[n].key for n in standing_of],
    )
    streaks: dict[int, Streak] = {}
    keys: dict[tuple[int, str], tuple[int, bytes, CheckinOutcome]] = {}
    verdicts: dict[int, _Made | _Repeat | Refusal] = {}
    for (n, standing), row in zip(standing_of.items(), rows, strict=True):
        play, on = many[n], days[n]
        if row["input_hash"] is not None:
            stored = CheckinOutcome(row["key_streak_days"], row["key_points"])
            keys.setdefault((standing.member_id, play.key), (row["key_outlet_id"], row["input_hash"], stored))
        read = queries.streak_of(row)
        streak = max(read, streaks.get(standing.outlet_id, read), key=lambda one: one.last_on or date.min)
        verdict = _verdict(play, standing, on, streak, keys.get((standing.member_id, play.key)), queries.ladder_of(row))
        if isinstance(verdict, _Made):
            streaks[standing.outlet_id] = Streak(on, verdict.streak_days)
            keys[standing.member_id, play.key] = (
                standing.outlet_id,
                play.input_hash,
                CheckinOutcome(verdict.streak_days, verdict.points),
            )
        verdicts[n] = verdict
    return verdicts


def _verdict(
    play: Play,
    standing: Standing,
    on: date,
    streak: Streak,
    earlier: tuple[int, bytes, CheckinOutcome] | None,
    ladder: Ladder,
) -> _Made | _Repeat | Refusal:
    if earlier is not None:
        outlet_id, input_hash, outcome = earlier
        # A key belongs to what it was first used for, and that includes the outlet.
        same = (outlet_id, input_hash) == (standing.outlet_id, play.input_hash)
        return _Repeat(standing, outcome) if same else IdempotencyKeyReused()
    if streak.last_on is not None and streak.last_on >= on:
        return AlreadyCheckedIn(streak_days=streak.days)
    days = rules.days_after(streak, on)
    return _Made(play, standing, on, days, rules.points_of(ladder, days), ladder)


async def _store(made: dict[int, _Made]) -> dict[int, int]:
    """Write check-ins, points and events; return item → balance of those that were written."""
    if not made:
        return {}
    ids = await queries.insert(
        [one.standing.outlet_id for one in made.values()],
        [one.on for one in made.values()],
        [one.standing.member_id for one in made.values()],
        [one.play.at for one in made.values()],
        [one.streak_days for one in made.values()],
        [one.points for one in made.values()],
        [one.ladder.id for one in made.values()],
        [one.play.key for one in made.values()],
        [one.play.input_hash for one in made.values()],
    )
    won = {n: one for n, one in made.items() if (one.standing.outlet_id, one.on) in ids}
    accrued = await ledger.accrue(
        [
            Accrual(
                one.standing.outlet_id,
                one.standing.member_id,
                one.points,
                "checkin",
                str(ids[one.standing.outlet_id, one.on]),
                f"checkin_ladder:{one.ladder.id or 'built_in'}",
                rules.why(one.streak_days, one.points),
                one.play.at,
            )
            for one in won.values()
        ]
    )
    await outbox.record(
        [
            Event(
                "checkin.made",
                one.standing.outlet_code,
                one.play.at,
                {
                    "member_id": str(one.standing.member_id),
                    "business_date": one.on,
                    "streak_days": one.streak_days,
                    "points": one.points,
                },
            )
            for one in won.values()
        ]
    )
    return {n: entry.balance_points for n, entry in zip(won, accrued, strict=True)}


async def _balances(verdicts: dict[int, _Made | _Repeat | Refusal]) -> dict[int, int]:
    repeats = {n: verdict.standing.outlet_id for n, verdict in verdicts.items() if isinstance(verdict, _Repeat)}
    if not repeats:
        return {}
    accounts = await ledger.accounts(list(repeats.values()))
    return {n: accounts[outlet_id].balance for n, outlet_id in repeats.items()}
