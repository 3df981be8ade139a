"""Check-ins: made for many members at once, each answered by itself."""

from collections.abc import Sequence

import asyncpg
import msgspec

from games.base import Play, Played
from games.checkin import queries, rules
from games.checkin.errors import AlreadyCheckedIn
from games.checkin.queries import Asked, CheckinRow
from loyalty import transactions
from loyalty.clock import business_date
from loyalty.customers import standings
from loyalty.customers.standings import Standing
from loyalty.errors import IdempotencyKeyReused, Refusal, TryAgain
from loyalty.events import outbox
from loyalty.events.outbox import Event
from loyalty.points import ledger
from loyalty.points.ledger import Accrual
from loyalty.points.rules import ExpiryTerms
from loyalty.points.statements import statements
from loyalty.rulebooks.books import Version


class CheckinInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A check-in needs nothing but who and when."""


class CheckinOutcome(msgspec.Struct, frozen=True):
    """What a check-in gave."""

    streak_days: int
    points: int
    rewards: tuple[str, ...] = ()


ROUNDS_MAX = 4
"""Each settles at least the first play of every outlet that nobody else settles at this moment."""


class _Made(msgspec.Struct, frozen=True, gc=False):
    """A check-in that the rules allow, if nothing has come before it when it is stored."""

    standing: Standing
    row: CheckinRow
    terms: Version[ExpiryTerms]


class _Repeat(msgspec.Struct, frozen=True, gc=False):
    """A key that made a check-in before, with the same input."""

    outlet_id: int
    outcome: CheckinOutcome


async def make(many: Sequence[Play]) -> list[Played | Refusal]:
    """Check outlets in. Entry verb: two statements however many, of which the second stores all or nothing.

    A check-in is judged by what is read and stored only if that still holds: as the next one of its outlet, by a
    binding that lives. What another came before, in this call or elsewhere, is judged anew in a further round, at most
    ROUNDS_MAX in all. A third statement reads balances where some key is repeated: the same key and input again gives
    the stored outcome with today's balance. Refusals: SessionEnded, BindingRequired, IdempotencyKeyReused,
    AlreadyCheckedIn, TryAgain.
    """
    asked = [Asked(n, play.member.id, play.key, business_date(play.at)) for n, play in enumerate(many)]
    settled: dict[int, Played | Refusal] = {}
    async with transactions.statements():
        due = asked
        for _ in range(ROUNDS_MAX):
            settled |= await _round(many, due)
            due = [one for one in due if one.n not in settled]
            if not due:
                break
    return [settled[n] if n in settled else TryAgain() for n in range(len(many))]


async def _round(many: Sequence[Play], due: Sequence[Asked]) -> dict[int, Played | Refusal]:
    """Judge plays by what is true now and store the first of each outlet; return the answers of those settled."""
    settled: dict[int, Played | Refusal] = {}
    made: dict[int, _Made] = {}
    repeats: dict[int, _Repeat] = {}
    seen: set[int] = set()
    for one, state in zip(due, await queries.play_states(due), strict=True):
        play = many[one.n]
        standing = standings.told(play.member, state)
        if not isinstance(standing, Standing):
            settled[one.n] = standing
            continue
        verdict = _judge(play, one, standing, state)
        if isinstance(verdict, _Repeat):
            repeats[one.n] = verdict
        elif not isinstance(verdict, _Made):
            settled[one.n] = verdict
        elif standing.outlet_id not in seen:
            seen.add(standing.outlet_id)
            made[one.n] = verdict
    if made:
        for n, balance in (await _store(list(made.values()))).items():
            row = made[n].row
            settled[n] = Played(CheckinOutcome(row.streak_days, row.points), balance, repeated=False)
    accounts = await statements.accounts([one.outlet_id for one in repeats.values()])
    for n, repeat in repeats.items():
        settled[n] = Played(repeat.outcome, accounts[repeat.outlet_id].balance, repeated=True)
    return settled


def _judge(play: Play, asked: Asked, standing: Standing, state: asyncpg.Record) -> _Made | _Repeat | Refusal:
    if state["input_hash"] is not None:
        # A key belongs to what it was first used for, and that includes the outlet.
        if (state["key_outlet_id"], state["input_hash"]) != (standing.outlet_id, play.input_hash):
            return IdempotencyKeyReused()
        return _Repeat(standing.outlet_id, CheckinOutcome(state["key_streak_days"], state["key_points"]))
    streak, on = queries.streak_of(state), asked.on_date
    if streak.last_on is not None and streak.last_on >= on:
        return AlreadyCheckedIn(streak_days=streak.days)
    ladder = queries.ladder_of(state)
    days = rules.days_after(streak, on)
    return _Made(
        standing,
        CheckinRow(
            asked.n,
            standing.outlet_id,
            standing.binding_id,
            (state["checkins"] or 0) + 1,
            on,
            standing.member_id,
            play.at,
            days,
            rules.points_of(ladder.body, days),
            ladder.id,
            play.key,
            play.input_hash,
        ),
        queries.terms_of(state),
    )


async def _store(made: Sequence[_Made]) -> dict[int, int]:
    """Store check-ins with their points and events; return n → balance of those stored."""
    return await queries.store(
        [one.row for one in made],
        [ledger.row_of(one.row.n, _accrual(one.row), one.terms) for one in made],
        [outbox.row_of(one.row.n, _event(one.row, one.standing.outlet_code)) for one in made],
    )


def _accrual(row: CheckinRow) -> Accrual:
    return Accrual(
        row.outlet_id,
        row.member_id,
        row.points,
        "checkin",
        "",
        rules.BOOK.name(row.ladder_id),
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
