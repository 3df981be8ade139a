"""Redemptions: points turned into entitlements for many members at once, each with a definite answer."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime

import asyncpg
import msgspec

from loyalty import transactions
from loyalty.campaigns import allotments
from loyalty.clock import business_date
from loyalty.customers import classification, standings
from loyalty.customers.standings import MemberRef, Standing
from loyalty.errors import IdempotencyKeyReused, Refusal, TryAgain
from loyalty.events import outbox
from loyalty.events.outbox import Event
from loyalty.points import entering, ledger
from loyalty.points import queries as points
from loyalty.points.entering import Reason
from loyalty.points.holdings import Holding, Movement
from loyalty.points.queries import EntryRow
from loyalty.rewards import catalogue, queries, rules
from loyalty.rewards.errors import RewardNotEligible, RewardSoldOut
from loyalty.rewards.queries import Asked, DueRow
from loyalty.rewards.rules import Reward
from loyalty.rewards.types import registry

ROUNDS_MAX = 4
"""A key that comes twice in one call is judged in the next round, when its first is stored. As often, all is judged
anew when a binding has ended or a key was used between judging and storing."""
RULE = "reward"


class Redemption(msgspec.Struct, frozen=True, gc=False):
    """A member's wish to turn points into a reward, once for each idempotency key."""

    member: MemberRef
    key: str
    input_hash: bytes
    reward_id: int
    cost_points: int | None
    """What the member saw that it costs; None when they did not say."""
    at: datetime


class Bought(msgspec.Struct, frozen=True, gc=False):
    """An entitlement that points have bought."""

    entitlement_id: int
    type: str
    name: str
    sentence: str
    expires_at: datetime


class Redeemed(msgspec.Struct, frozen=True, gc=False):
    """A redemption that took place."""

    redemption_id: int
    reward_id: int
    cost_points: int
    bought: Bought
    balance_points: int
    repeated: bool


class _Wish(msgspec.Struct, frozen=True, gc=False):
    """A redemption that nothing but units, limits and points can stand against."""

    n: int
    asked: Redemption
    standing: Standing
    reward: Reward
    cost_points: int
    on: date
    """The business date of the wish."""


class _Round:
    """What one round works on, kept up while it goes through its items."""

    def __init__(self, held: dict[int, Holding], free: dict[int, int]) -> None:
        self.held = held
        self.free = free
        self.had: Counter[tuple[int, int]] = Counter()
        """What outlets have had of rewards: (outlet, reward)."""
        self.had_in_month: Counter[tuple[int, int, date]] = Counter()


class _BindingEnded(Exception):  # noqa: N818 - it says what happened while we judged
    """Somebody's binding has ended since: what others were told leans on what they took, so nothing is stored."""


async def redeem(many: Sequence[Redemption]) -> list[Redeemed | Refusal]:
    """Turn points into entitlements. Entry verb: one transaction, a fixed number of statements a round.

    Locks allotments in id order, then accounts in outlet order, so units, limits and points are judged as they are.
    The same key and input again gives the stored outcome with today's balance. Refusals: SessionEnded, BindingRequired,
    RewardUnknown, RewardNotOpen, RewardClosed, RewardPaused, RewardCostChanged, RewardNotEligible, RewardSoldOut,
    RewardLimitReached, InsufficientPoints, IdempotencyKeyReused, TryAgain.
    """
    for _ in range(ROUNDS_MAX):
        try:
            return await _redeem(many)
        except _BindingEnded:
            continue
        except TryAgain as crossed:
            # Another worker used one of our keys between our look and our insert: judged again, it is a repeat.
            if not isinstance(crossed.__cause__, asyncpg.UniqueViolationError):
                raise
    return [TryAgain() for _ in many]


async def _redeem(many: Sequence[Redemption]) -> list[Redeemed | Refusal]:
    settled: dict[int, Redeemed | Refusal] = {}
    async with transactions.begin():
        due = list(range(len(many)))
        for _ in range(ROUNDS_MAX):
            await _round(many, due, settled)
            due = [n for n in due if n not in settled]
            if not due:
                break
    return [settled[n] if n in settled else TryAgain() for n in range(len(many))]


async def _round(many: Sequence[Redemption], due: Sequence[int], settled: dict[int, Redeemed | Refusal]) -> None:
    states = await queries.states([Asked(n, many[n].member.id, many[n].key) for n in due])
    known = await catalogue.by_id({many[n].reward_id for n in due})
    wishes: list[_Wish] = []
    repeats: dict[int, asyncpg.Record] = {}
    seen: set[tuple[int, str]] = set()
    for n, state in zip(due, states, strict=True):
        one = many[n]
        standing = standings.told(one.member, state)
        if not isinstance(standing, Standing):
            settled[n] = standing
        elif state["redemption_id"] is not None:
            same = (state["key_outlet_id"], state["input_hash"]) == (standing.outlet_id, one.input_hash)
            if same:
                repeats[n] = state
            else:
                settled[n] = IdempotencyKeyReused()
        elif (one.member.id, one.key) not in seen:
            seen.add((one.member.id, one.key))
            reward = known.get(one.reward_id)
            refusal = rules.closed_by(reward, one.cost_points, one.at)
            if refusal is not None or reward is None or reward.cost_points is None:
                settled[n] = refusal or TryAgain()
            else:
                wishes.append(_Wish(n, one, standing, reward, reward.cost_points, business_date(one.at)))
    if wishes:
        await _decide(await _eligible(wishes, settled), settled)
    if repeats:
        await _repeat(many, repeats, settled)


async def _eligible(wishes: Sequence[_Wish], settled: dict[int, Redeemed | Refusal]) -> list[_Wish]:
    """Refuse outlets that a reward is not for; ask for classifications only where some reward is not for everybody."""
    chosen = {one.standing.outlet_id for one in wishes if not one.reward.audience.is_everybody}
    classified = await classification.read(list(chosen)) if chosen else {}
    let_in = []
    for one in wishes:
        if one.reward.audience.is_everybody or one.reward.audience.includes(classified[one.standing.outlet_id]):
            let_in.append(one)
        else:
            settled[one.n] = RewardNotEligible()
    return let_in


async def _decide(wishes: Sequence[_Wish], settled: dict[int, Redeemed | Refusal]) -> None:
    """Judge wishes one after the other by what is locked, and store those that are granted."""
    limited = {one.reward.allotment_id for one in wishes if one.reward.allotment_id is not None}
    free = {one.id: one.units_free for one in (await allotments.lock(limited)).values()}
    held = await entering.lock([one.standing.outlet_id for one in wishes])
    work = _Round(held, free)
    await _count_had(wishes, work)
    granted: dict[int, tuple[_Wish, Movement, int]] = {}
    for one in wishes:
        verdict = _judge(one, work)
        if isinstance(verdict, Movement):
            granted[one.n] = (one, verdict, work.held[one.standing.outlet_id].spendable(one.on))
        else:
            settled[one.n] = verdict
    if not granted:
        return
    stored = await queries.store(
        [_due_row(one) for one, _, _ in granted.values()],
        [_entry_row(one, movement) for one, movement, _ in granted.values()],
        [outbox.row_of(one.n, _event(one)) for one, _, _ in granted.values()],
    )
    if len(stored) < len(granted):
        raise _BindingEnded
    for n, (one, _, balance) in granted.items():
        bought = _bought(one, stored[n]["entitlement_id"])
        done = Redeemed(stored[n]["redemption_id"], one.reward.id, one.cost_points, bought, balance, repeated=False)
        settled[n] = done


async def _count_had(wishes: Sequence[_Wish], work: _Round) -> None:
    """Count what outlets have had of rewards that are limited, each in the month of its wish."""
    limited = {(*_pair(one), _month(one)) for one in wishes if one.reward.is_limited}
    for row in await queries.had(sorted(limited)) if limited else ():
        work.had[row["outlet_id"], row["reward_id"]] = row["had"]
        work.had_in_month[row["outlet_id"], row["reward_id"], row["month"]] = row["this_month"]


def _pair(one: _Wish) -> tuple[int, int]:
    return one.standing.outlet_id, one.reward.id


def _month(one: _Wish) -> date:
    """Give the first day of the month that a wish counts in: a batch may hold both sides of midnight."""
    return one.on.replace(day=1)


def _judge(one: _Wish, work: _Round) -> Movement | Refusal:
    """Decide one wish, and let the next one see what it took."""
    reward, outlet_id = one.reward, one.standing.outlet_id
    pair, in_month = _pair(one), (*_pair(one), _month(one))
    refusal = rules.limited_by(reward, work.had[pair], work.had_in_month[in_month])
    if refusal is not None:
        return refusal
    if reward.allotment_id is not None and work.free.get(reward.allotment_id, 0) < 1:
        return RewardSoldOut()
    movement = work.held[outlet_id].take(one.cost_points, one.on)
    if movement is None:
        return ledger.short_of(one.cost_points, work.held[outlet_id].spendable(one.on))
    if reward.allotment_id is not None:
        work.free[reward.allotment_id] -= 1
    work.had[pair] += 1
    work.had_in_month[in_month] += 1
    return movement


def _due_row(one: _Wish) -> DueRow:
    reward, asked = one.reward, one.asked
    return DueRow(
        one.n,
        one.standing.outlet_id,
        one.standing.member_id,
        one.standing.binding_id,
        reward.id,
        reward.type,
        reward.name,
        msgspec.Raw(reward.terms.encode()),
        reward.allotment_id,
        one.cost_points,
        asked.key,
        asked.input_hash,
        asked.at,
        rules.expires_at(one.on, reward.days_valid),
    )


def _entry_row(one: _Wish, movement: Movement) -> EntryRow:
    why = rules.why_redeemed(one.reward.name, one.cost_points)
    reason = Reason("redemption", "", f"{RULE}:{one.reward.id}.{one.reward.version}", why, one.asked.at)
    return entering.row_of(one.n, one.standing.outlet_id, one.standing.member_id, "redemption", movement, reason)


def _event(one: _Wish) -> Event:
    return Event(
        "reward.redeemed",
        one.standing.outlet_code,
        one.asked.at,
        {
            "member_id": str(one.standing.member_id),
            "reward_id": str(one.reward.id),
            "reward_type": one.reward.type,
            "cost_points": one.cost_points,
        },
    )


def _bought(one: _Wish, entitlement_id: int) -> Bought:
    until = rules.expires_at(one.on, one.reward.days_valid)
    sentence = registry.sentence_of(one.reward.type, one.reward.terms)
    return Bought(entitlement_id, one.reward.type, one.reward.name, sentence, until)


async def _repeat(
    many: Sequence[Redemption], repeats: dict[int, asyncpg.Record], settled: dict[int, Redeemed | Refusal]
) -> None:
    """Answer keys that bought something before with what they bought, and what can be spent today."""
    rows = await queries.bought([state["redemption_id"] for state in repeats.values()])
    bought = {
        int(row["source_id"]): Bought(
            row["id"], row["type"], row["name"], registry.sentence_of(row["type"], row["terms"]), row["expires_at"]
        )
        for row in rows
    }
    held: dict[int, Holding] = {state["outlet_id"]: Holding() for state in repeats.values()}
    for row in await points.lots(list(held)):
        held[row["outlet_id"]].lots[row["expires_on"]] = row["points_left"]
    for n, state in repeats.items():
        settled[n] = Redeemed(
            state["redemption_id"],
            state["key_reward_id"],
            state["key_cost_points"],
            bought[state["redemption_id"]],
            held[state["outlet_id"]].spendable(business_date(many[n].at)),
            repeated=True,
        )
