"""The catalogue of rewards: drafted, made live, paused and ended by marketing; every change in the audit."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

import asyncpg
import msgspec

from loyalty import transactions
from loyalty.campaigns import allotments, campaigns
from loyalty.organisation import audit
from loyalty.organisation.audit import Actor, AuditEntry
from loyalty.pictures import pictures
from loyalty.pictures.errors import PictureInvalid
from loyalty.rewards import queries
from loyalty.rewards.errors import RewardChanged, RewardInvalid, RewardStateWrong, RewardUnknown
from loyalty.rewards.rules import NEXT, Reward, State
from loyalty.rewards.types.registry import BY_CODE

NAME_LENGTH_MAX = 30
DESCRIPTION_LENGTH_MAX = 300
COST_POINTS_MAX = 10_000_000
COST_FEN_MAX = 100_000_00
DAYS_VALID_MAX = 366
LIMIT_MAX = 10_000
AUDIENCE_MAX = 100
LIVE_MAX = 200


class RewardPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What marketing decides of a reward. ``terms`` are an instance of its type's."""

    type: str
    name: str
    description: str
    terms: msgspec.Struct
    cost_points: int | None
    cost_fen: int
    units: int | None
    """How many there are in all; None for as many as are wanted."""
    from_at: datetime
    until_at: datetime
    days_valid: int
    picture_id: str | None = None
    campaign_id: int | None = None
    outlet_max: int | None = None
    outlet_month_max: int | None = None
    plants: tuple[str, ...] = ()
    value_classes: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


async def by_id(reward_ids: Collection[int]) -> dict[int, Reward]:
    """Read rewards by id: one statement, none for nothing. Needs a reader or a transaction."""
    if not reward_ids:
        return {}
    return {row["id"]: _told(row) for row in await queries.rewards(list(reward_ids))}


async def live(at: datetime) -> list[Reward]:
    """Read the rewards that points buy now or soon, paused ones too, at most LIVE_MAX. Needs a reader."""
    return [_told(row) for row in await queries.live(at, LIVE_MAX)]


async def search(text: str, state: str, kind: str, skip: int, limit: int) -> list[Reward]:
    """Find rewards for staff, the latest first. Needs a reader."""
    return [_told(row) for row in await queries.search(text, state, kind, skip, limit)]


async def read(reward_id: int) -> Reward:
    """Read one reward. Needs a reader. Raises RewardUnknown."""
    found = (await by_id([reward_id])).get(reward_id)
    if found is None:
        raise RewardUnknown
    return found


def _told(row: asyncpg.Record) -> Reward:
    given: dict[str, Any] = dict(row)
    return Reward(**given | {name: tuple(given[name]) for name in ("plants", "value_classes", "tags")})


async def add(plan: RewardPlan, actor: Actor, reason: str, at: datetime) -> int:
    """Make a draft with its units; return its id. Entry verb; leaves an audit entry.

    Raises RewardInvalid naming the field, UnitsInvalid, ReasonMissing.
    """
    reason = audit.required_reason(reason)
    require_sound(plan)
    async with transactions.begin():
        await _require_known(plan)
        reward_id = await queries.insert((plan.type, *_values(plan), actor.text, at))
        if plan.units is not None:
            await queries.set_allotment(reward_id, await allotments.make(f"reward:{reward_id}", plan.units))
        await audit.record([_entry("reward.added", reward_id, None, _shown(plan), actor, reason, at)])
        return reward_id


async def change(reward_id: int, plan: RewardPlan, version: int, actor: Actor, reason: str, at: datetime) -> None:
    """Change a reward; what was redeemed before keeps its terms. Entry verb; leaves an audit entry.

    Raises RewardUnknown, RewardChanged when ``version`` is not today's, RewardStateWrong for an ended one,
    RewardInvalid, UnitsInvalid for fewer units than are taken, ReasonMissing. Locks the reward, then its allotment.
    """
    reason = audit.required_reason(reason)
    require_sound(plan)
    async with transactions.begin():
        old = await _locked(reward_id)
        if old.version != version:
            raise RewardChanged
        if old.state == "ended":
            raise RewardStateWrong
        if plan.type != old.type:
            raise RewardInvalid(field="type", expected="奖品类型不能改，请另建一个")
        await _require_known(plan)
        before = _shown_kept(old) | {"units": await _resize(old, plan.units)}
        await queries.update(reward_id, _values(plan))
        await audit.record([_entry("reward.changed", reward_id, before, _shown(plan), actor, reason, at)])


async def _resize(old: Reward, units: int | None) -> int | None:
    """Give a locked reward another number of units; return the number before."""
    if old.allotment_id is None:
        if units is not None:
            await queries.set_allotment(old.id, await allotments.make(f"reward:{old.id}", units))
        return None
    if units is None:
        raise RewardInvalid(field="units", expected="限量的奖品不能改成不限量，请另建一个")
    return (await allotments.resize(old.allotment_id, units)).units_total


async def move(reward_id: int, state: State, actor: Actor, reason: str, at: datetime) -> None:
    """Make a reward live, pause it, let it go on, or end it. Entry verb; leaves an audit entry.

    Who redeems after the commit is judged by the new state. Raises RewardUnknown, RewardStateWrong, ReasonMissing.
    """
    reason = audit.required_reason(reason)
    async with transactions.begin():
        old = await _locked(reward_id)
        if state not in NEXT[old.state]:
            raise RewardStateWrong
        await queries.set_state(reward_id, state)
        entry = _entry("reward.moved", reward_id, {"state": old.state}, {"state": state}, actor, reason, at)
        await audit.record([entry])


async def free_returned(reward_id: int, actor: Actor, reason: str, at: datetime) -> int:
    """Let everybody have the units that were given back; return how many. Entry verb; leaves an audit entry.

    Raises RewardUnknown, RewardStateWrong for an ended one and where no unit waits, ReasonMissing. Locks the reward,
    then its allotment.
    """
    reason = audit.required_reason(reason)
    async with transactions.begin():
        one = await _locked(reward_id)
        if one.state == "ended" or one.allotment_id is None:
            raise RewardStateWrong
        units = await allotments.free_returned(one.allotment_id)
        if not units:
            raise RewardStateWrong
        await audit.record([_entry("reward.changed", reward_id, None, {"count": units}, actor, reason, at)])
        return units


async def set_picture(reward_id: int, content: bytes, actor: Actor, reason: str, at: datetime) -> None:
    """Give a reward a picture, and keep it; neither without the other. Entry verb; leaves an audit entry.

    Raises ReasonMissing, PictureInvalid, RewardUnknown, RewardStateWrong for an ended one.
    """
    reason = audit.required_reason(reason)
    async with transactions.begin():
        old = await _locked(reward_id)
        if old.state == "ended":
            raise RewardStateWrong
        digest = await pictures.keep(content, actor, at)
        await queries.set_picture(reward_id, digest)
        before = {"picture_id": (old.picture_id or "")[:12] or None}
        after = {"picture_id": digest[:12]}
        await audit.record([_entry("reward.changed", reward_id, before, after, actor, reason, at)])


async def _locked(reward_id: int) -> Reward:
    row = await queries.lock(reward_id)
    if row is None:
        raise RewardUnknown
    return _told(row)


async def _require_known(plan: RewardPlan) -> None:
    """Check that the picture and the campaign that a plan names are there."""
    if plan.campaign_id is not None and not await campaigns.read([plan.campaign_id]):
        raise RewardInvalid(field="campaign_id", expected="请从列出的活动里选一个")
    if plan.picture_id is not None and not await pictures.is_kept(plan.picture_id):
        raise PictureInvalid(field="picture")


def require_sound(plan: RewardPlan) -> None:
    """Check a plan by itself. Raises RewardInvalid naming the field and what would be right."""
    kind = BY_CODE.get(plan.type)
    if kind is None or not isinstance(plan.terms, kind.terms_type):
        raise RewardInvalid(field="type", expected="请从列出的奖品类型里选一个")
    if not 1 <= len(plan.name.strip()) <= NAME_LENGTH_MAX:
        raise RewardInvalid(field="name", expected=f"名称请填 1 到 {NAME_LENGTH_MAX} 个字")
    if len(plan.description) > DESCRIPTION_LENGTH_MAX:
        raise RewardInvalid(field="description", expected=f"说明最多 {DESCRIPTION_LENGTH_MAX} 个字")
    if plan.until_at <= plan.from_at:
        raise RewardInvalid(field="until_at", expected="结束要晚于开始")
    if plan.cost_points is not None and not kind.is_entitlement:
        raise RewardInvalid(field="cost_points", expected="积分奖励不能拿积分换，请留空")
    if plan.units is not None and not kind.is_entitlement:
        raise RewardInvalid(field="units", expected="积分奖励不限份数，请用活动预算来管")
    _require_numbers(plan)


def _require_numbers(plan: RewardPlan) -> None:
    limits = (("cost_points", COST_POINTS_MAX), ("outlet_max", LIMIT_MAX), ("outlet_month_max", LIMIT_MAX))
    for field, most in limits:
        value = getattr(plan, field)
        if value is not None and not 1 <= value <= most:
            raise RewardInvalid(field=field, expected=f"请填 1 到 {most} 之间的整数")
    if not 0 <= plan.cost_fen <= COST_FEN_MAX:
        raise RewardInvalid(field="cost_fen", expected="成本请填 0 到 100000 元")
    if not 1 <= plan.days_valid <= DAYS_VALID_MAX:
        raise RewardInvalid(field="days_valid", expected=f"有效天数请填 1 到 {DAYS_VALID_MAX}")
    for field in ("plants", "value_classes", "tags"):
        if len(getattr(plan, field)) > AUDIENCE_MAX:
            raise RewardInvalid(field=field, expected=f"最多 {AUDIENCE_MAX} 个")


def _values(plan: RewardPlan) -> tuple[Any, ...]:
    return (
        plan.name.strip(),
        plan.description.strip(),
        plan.picture_id,
        msgspec.json.encode(plan.terms).decode(),
        plan.cost_points,
        plan.cost_fen,
        plan.campaign_id,
        plan.outlet_max,
        plan.outlet_month_max,
        list(plan.plants),
        list(plan.value_classes),
        list(plan.tags),
        plan.from_at,
        plan.until_at,
        plan.days_valid,
    )


def _shown(plan: RewardPlan) -> dict[str, Any]:
    # As kept ones are read back, or the same instant would look changed.
    in_utc = msgspec.structs.replace(plan, from_at=plan.from_at.astimezone(UTC), until_at=plan.until_at.astimezone(UTC))
    shown: dict[str, Any] = msgspec.to_builtins(in_utc)
    return shown | {"picture_id": (plan.picture_id or "")[:12] or None}


def _shown_kept(reward: Reward) -> dict[str, Any]:
    kept: dict[str, Any] = msgspec.to_builtins(reward)
    return kept | {"terms": msgspec.json.decode(reward.terms), "picture_id": (reward.picture_id or "")[:12] or None}


def _entry(
    action: str,
    reward_id: int,
    before: dict[str, Any] | None,
    after: dict[str, Any],
    actor: Actor,
    reason: str,
    at: datetime,
) -> AuditEntry:
    changed: Sequence[str] = [name for name in after if before is None or before.get(name) != after[name]]
    return AuditEntry(
        at=at,
        actor=actor,
        action=action,
        subject_kind="reward",
        subject_id=str(reward_id),
        before=None if before is None else {name: before.get(name) for name in changed},
        after={name: after[name] for name in changed},
        reason=reason,
    )
