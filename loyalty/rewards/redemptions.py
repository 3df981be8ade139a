"""Redemptions: points turned into entitlements for many members at once, each with a definite answer."""

from collections.abc import Sequence
from datetime import datetime

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
from loyalty.points.entering import Reason
from loyalty.points.holdings import Holding, Movement
from loyalty.points.queries import EntryRow
from loyalty.points.statements import statements
from loyalty.rewards import catalogue, queries, rules
from loyalty.rewards.errors import RewardNotEligible, RewardSoldOut
from loyalty.rewards.queries import Asked, DueRow
from loyalty.rewards.rules import Reward
from loyalty.rewards.types import registry

ROUNDS_MAX = 4
"""A key that comes twice in one call is judged in the next round, when its first is stored."""
RULE = "reward"


class Redemption(msgspec.Struct, frozen=True):
    """A member's wish to turn points into a reward, once for each idempotency key."""

    member: MemberRef
    key: str
    input_hash: bytes
    reward_id: int
    cost_points: int | None
    """What the member saw that it costs; None when they did not say."""
    at: datetime


class Bought(msgspec.Struct, frozen=True):
    """An entitlement that points have bought."""

    entitlement_id: int
    type: str
    name: str
    sentence: str
    expires_at: datetime


class Redeemed(msgspec.Struct, frozen=True):
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


class _Round:
    """What one round works on, kept up while it goes through its items."""

    def __init__(
        self, held: dict[int, Holding], free: dict[int, int], had: dict[tuple[int, int], tuple[int, int]]
    ) -> None:
        self.held = held
        self.free = free
        self.had = had


async def redeem(many: Sequence[Redemption]) -> list[Redeemed | Refusal]:
    """Turn points into entitlements. Entry verb: one transaction, a fixed number of statements a round.

    Locks allotments in id order, then accounts in outlet order, so units, limits and points are judged as they are.
    The same key and input again gives the stored outcome with today's balance. Refusals: SessionEnded, BindingRequired,
    RewardUnknown, RewardNotOpen, RewardClosed, RewardPaused, RewardCostChanged, RewardNotEligible, RewardSoldOut,
    RewardLimitReached, InsufficientPoints, IdempotencyKeyReused, TryAgain.
    """
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
                wishes.append(_Wish(n, one, standing, reward, reward.cost_points))
    if wishes:
        await _decide(await _eligible(wishes, settled), settled)
    if repeats:
        await _repeat(repeats, settled)


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
    held = await entering.hold([one.standing.outlet_id for one in wishes])
    work = _Round(held, free, await _had(wishes))
    granted: dict[int, tuple[_Wish, Movement, int]] = {}
    for one in wishes:
        verdict = _judge(one, work)
        if isinstance(verdict, Movement):
            on = business_date(one.asked.at)
            granted[one.n] = (one, verdict, work.held[one.standing.outlet_id].spendable(on))
        else:
            settled[one.n] = verdict
    if not granted:
        return
    stored = await queries.store(
        [_due_row(one) for one, _, _ in granted.values()],
        [_entry_row(one, movement) for one, movement, _ in granted.values()],
        [outbox.row_of(one.n, _event(one)) for one, _, _ in granted.values()],
    )
    for n, (one, _, balance) in granted.items():
        row = stored.get(n)
        if row is not None:
            bought = _bought(one, row["entitlement_id"])
            settled[n] = Redeemed(row["redemption_id"], one.reward.id, one.cost_points, bought, balance, repeated=False)
    if len(stored) < len(granted):
        # Somebody's binding has ended meanwhile. What was refused because of them is judged anew in the next round.
        lost = {granted[n][0].standing.outlet_id for n in granted if n not in stored}
        for one in wishes:
            if one.standing.outlet_id in lost and one.n not in stored:
                settled.pop(one.n, None)


async def _had(wishes: Sequence[_Wish]) -> dict[tuple[int, int], tuple[int, int]]:
    pairs = sorted({(one.standing.outlet_id, one.reward.id) for one in wishes if one.reward.is_limited})
    if not pairs:
        return {}
    month = max(business_date(one.asked.at) for one in wishes).replace(day=1)
    return {
        (row["outlet_id"], row["reward_id"]): (row["had"], row["this_month"]) for row in await queries.had(pairs, month)
    }


def _judge(one: _Wish, work: _Round) -> Movement | Refusal:
    """Decide one wish, and let the next one see what it took."""
    reward, outlet_id = one.reward, one.standing.outlet_id
    on = business_date(one.asked.at)
    had, this_month = work.had.get((outlet_id, reward.id), (0, 0))
    refusal = rules.limited_by(reward, had, this_month)
    if refusal is not None:
        return refusal
    if reward.allotment_id is not None and work.free.get(reward.allotment_id, 0) < 1:
        return RewardSoldOut()
    movement = work.held[outlet_id].take(one.cost_points, on)
    if movement is None:
        return ledger.short_of(one.cost_points, work.held[outlet_id].spendable(on))
    if reward.allotment_id is not None:
        work.free[reward.allotment_id] -= 1
    work.had[outlet_id, reward.id] = (had + 1, this_month + 1)
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
        rules.expires_at(business_date(asked.at), reward.days_valid),
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
    until = rules.expires_at(business_date(one.asked.at), one.reward.days_valid)
    sentence = registry.sentence_of(one.reward.type, one.reward.terms)
    return Bought(entitlement_id, one.reward.type, one.reward.name, sentence, until)


async def _repeat(repeats: dict[int, asyncpg.Record], settled: dict[int, Redeemed | Refusal]) -> None:
    """Answer keys that bought something before with what they bought, and today's balance."""
    rows = await queries.bought([state["redemption_id"] for state in repeats.values()])
    bought = {
        int(row["source_id"]): Bought(
            row["id"], row["type"], row["name"], registry.sentence_of(row["type"], row["terms"]), row["expires_at"]
        )
        for row in rows
    }
    accounts = await statements.accounts([state["outlet_id"] for state in repeats.values()])
    for n, state in repeats.items():
        settled[n] = Redeemed(
            state["redemption_id"],
            state["key_reward_id"],
            state["key_cost_points"],
            bought[state["redemption_id"]],
            accounts[state["outlet_id"]].balance,
            repeated=True,
        )
