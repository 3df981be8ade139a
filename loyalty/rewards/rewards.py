"""Granting rewards: the bridge by which a game, or staff, gives points or an entitlement without knowing either."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from loyalty.campaigns import allotments
from loyalty.clock import business_date
from loyalty.errors import Refusal
from loyalty.points import entering
from loyalty.points.earnings import earnings
from loyalty.points.earnings.earnings import Earning
from loyalty.points.ledger import Accrual
from loyalty.rewards import catalogue, rules
from loyalty.rewards.entitlements import queries as kept
from loyalty.rewards.entitlements.entitlements import Entitlement, told
from loyalty.rewards.errors import RewardClosed, RewardPaused, RewardSoldOut, RewardUnknown
from loyalty.rewards.rules import Reward
from loyalty.rewards.types import registry
from loyalty.rewards.types.points import PointsTerms

BOOK = "reward"


class Grant(msgspec.Struct, frozen=True):
    """A reward for an outlet, for a source that is rewarded once."""

    outlet_id: int
    member_id: int | None
    reward_id: int
    source_kind: str
    source_id: str
    why: str
    at: datetime


class Granted(msgspec.Struct, frozen=True):
    """What was granted: points, or an entitlement."""

    points: int
    entitlement: Entitlement | None
    repeated: bool


async def grant(many: Sequence[Grant]) -> list[Granted | Refusal]:
    """Grant rewards. Set verb: a fixed number of statements however many; RuntimeError outside a transaction.

    A source that was rewarded before is told so with the entitlement that it got, whatever has become of the reward.
    Units are taken first, points are paid last, under their campaign's caps and budget. Refusals: RewardUnknown,
    RewardPaused, RewardClosed, RewardSoldOut.
    """
    known = await catalogue.by_id({one.reward_id for one in many})
    refused = {n: _closed_by(known.get(one.reward_id), one.at) for n, one in enumerate(many)}
    answers: dict[int, Granted | Refusal] = {n: refusal for n, refusal in refused.items() if refusal is not None}
    answers |= await _granted_before([(n, many[n]) for n in answers])
    open_ones = [(n, one, known[one.reward_id]) for n, one in enumerate(many) if n not in answers]
    entitled = [(n, one, reward) for n, one, reward in open_ones if registry.BY_CODE[reward.type].is_entitlement]
    answers |= await _entitle(entitled)
    paid = [(n, one, reward) for n, one, reward in open_ones if not registry.BY_CODE[reward.type].is_entitlement]
    answers |= await _pay(paid)
    return [answers[n] for n in range(len(many))]


def _closed_by(reward: Reward | None, at: datetime) -> Refusal | None:
    if reward is None or reward.state == "draft" or at < reward.from_at:
        return RewardUnknown()
    if reward.state == "paused":
        return RewardPaused()
    return RewardClosed() if reward.state == "ended" or at >= reward.until_at else None


async def _granted_before(many: Sequence[tuple[int, Grant]]) -> dict[int, Granted]:
    """Tell which of some grants, whose rewards are closed by now, took place while they were open."""
    if not many:
        return {}
    before = await _kept([one for _, one in many])
    paid = {source for _, source in await entering.entered(["accrual"], [_source(one) for _, one in many])}
    return {
        n: Granted(0, before.get(_source(one)), repeated=True)
        for n, one in many
        if _source(one) in before or _source(one) in paid
    }


def _source(one: Grant) -> tuple[str, str]:
    return one.source_kind, one.source_id


async def _entitle(many: Sequence[tuple[int, Grant, Reward]]) -> dict[int, Granted | Refusal]:
    if not many:
        return {}
    await allotments.lock({reward.allotment_id for _, _, reward in many if reward.allotment_id is not None})
    before = await _kept([one for _, one, _ in many])
    answers: dict[int, Granted | Refusal] = {}
    wanted: dict[tuple[str, str], tuple[int, Grant, Reward]] = {}
    for n, one, reward in many:
        if _source(one) in before:
            answers[n] = Granted(0, before[_source(one)], repeated=True)
        else:
            wanted.setdefault(_source(one), (n, one, reward))
    limited = [(n, reward.allotment_id) for n, _, reward in wanted.values() if reward.allotment_id is not None]
    taken = await allotments.take([allotment_id for _, allotment_id in limited])
    sold_out = {n for (n, _), got in zip(limited, taken, strict=True) if not got}
    answers |= {n: RewardSoldOut() for n in sold_out}
    due = [(n, one, reward) for n, one, reward in wanted.values() if n not in sold_out]
    answers |= await _store(due)
    for n, one, _ in many:
        if n not in answers:
            first = answers[wanted[_source(one)][0]]
            answers[n] = Granted(0, first.entitlement, repeated=True) if isinstance(first, Granted) else first
    return answers


async def _store(due: Sequence[tuple[int, Grant, Reward]]) -> dict[int, Granted | Refusal]:
    """Store entitlements. Somebody else may have rewarded a source meanwhile: then theirs is told, our unit goes back.

    No lock keeps two grants of a reward without units apart, the constraint on sources does.
    """
    made = {(row["source_kind"], row["source_id"]): told(row) for row in await kept.grant([_row(*one) for one in due])}
    late = [(one, reward) for _, one, reward in due if _source(one) not in made]
    theirs = await _kept([one for one, _ in late]) if late else {}
    await allotments.give_back([reward.allotment_id for _, reward in late if reward.allotment_id is not None])
    return {
        n: Granted(0, made[_source(one)], repeated=False)
        if _source(one) in made
        else Granted(0, theirs[_source(one)], repeated=True)
        for n, one, _ in due
    }


async def _kept(many: Sequence[Grant]) -> dict[tuple[str, str], Entitlement]:
    rows = await kept.known_sources([_source(one) for one in many])
    return {(row["source_kind"], row["source_id"]): told(row) for row in rows}


def _row(_n: int, one: Grant, reward: Reward) -> tuple[object, ...]:
    until = rules.expires_at(business_date(one.at), reward.days_valid)
    return (
        one.outlet_id,
        one.member_id,
        reward.id,
        reward.type,
        reward.name,
        reward.terms,
        reward.allotment_id,
        one.source_kind,
        one.source_id,
        one.at,
        until,
    )


async def _pay(many: Sequence[tuple[int, Grant, Reward]]) -> dict[int, Granted | Refusal]:
    wanted = []
    for _, one, reward in many:
        terms = registry.terms_of(reward.type, reward.terms)
        points = terms.points if isinstance(terms, PointsTerms) else 0
        accrual = Accrual(
            one.outlet_id,
            one.member_id,
            points,
            one.source_kind,
            one.source_id,
            f"{BOOK}:{reward.id}.{reward.version}",
            one.why,
            one.at,
            reward.campaign_id,
        )
        wanted.append(Earning(accrual, BOOK))
    earned = await earnings.earn(wanted)
    return {n: Granted(got.points, None, got.repeated) for (n, _, _), got in zip(many, earned, strict=True)}
