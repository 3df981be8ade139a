"""Campaigns: made and changed by marketing, spent by whoever pays points on their behalf.

A budget is never passed: points that do not fit whole are not paid, and from then on the campaign gives nothing, so
that nobody who comes later gets what an earlier one did not.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec

from loyalty import transactions
from loyalty.campaigns import queries
from loyalty.campaigns.errors import BudgetBelowSpent, CampaignCodeTaken, CampaignInvalid, CampaignUnknown
from loyalty.organisation import audit
from loyalty.organisation.audit import Actor, AuditEntry

WARN_BPS = 8_000
"""Share of the budget at which marketing is warned."""
CAMPAIGNS_MAX = 500
NAME_LENGTH_MAX = 40
POINTS_MAX = 10_000_000_000


class Campaign(msgspec.Struct, frozen=True):
    """A campaign as it stands."""

    id: int
    code: str
    name: str
    from_at: datetime
    until_at: datetime
    budget_points: int | None
    outlet_points_max: int | None
    outlet_day_points_max: int | None
    spent_points: int
    warned_at: datetime | None
    stopped_at: datetime | None
    made_by: str
    made_at: datetime


class CampaignPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What marketing decides of a campaign."""

    name: str
    from_at: datetime
    until_at: datetime
    budget_points: int | None = None
    outlet_points_max: int | None = None
    outlet_day_points_max: int | None = None
    stopped: bool = False


async def lock(campaign_ids: Collection[int]) -> dict[int, Campaign]:
    """Lock campaigns in id order, and tell how they stand. Set verb: one statement, none for nothing."""
    if not campaign_ids:
        return {}
    return {row["id"]: Campaign(**row) for row in await queries.lock_campaigns(list(set(campaign_ids)))}


class Budgets:
    """Locked campaigns, and what one call gives of their budgets; ``store`` keeps it."""

    def __init__(self, found: dict[int, Campaign]) -> None:
        self.found = found
        self.spent = dict.fromkeys(found, 0)
        self.stopped = {one.id for one in found.values() if one.stopped_at is not None}
        self.latest_at: datetime | None = None

    def spend(self, campaign_id: int, points: int, at: datetime) -> bool:
        """Spend points; False outside the campaign's time, after it stopped, or when they do not fit: then it stops."""
        one = self.found.get(campaign_id)
        if one is None or campaign_id in self.stopped or not one.from_at <= at < one.until_at:
            return False
        self.latest_at = at if self.latest_at is None else max(self.latest_at, at)
        if one.budget_points is not None and one.spent_points + self.spent[campaign_id] + points > one.budget_points:
            self.stopped.add(campaign_id)
            return False
        self.spent[campaign_id] += points
        return True


async def store(budgets: Budgets) -> None:
    """Keep what was spent of budgets, warn at WARN_BPS, note who stopped. Set verb: one statement, none for nothing."""
    if budgets.latest_at is not None:
        await queries.spend(sorted(budgets.spent.items()), budgets.latest_at, WARN_BPS, sorted(budgets.stopped))


async def give_back(many: Sequence[tuple[int, int]]) -> None:
    """Give points back to budgets whose campaigns are locked. Set verb: one statement."""
    if many:
        await queries.give_back(many)


async def read(campaign_ids: Collection[int]) -> dict[int, Campaign]:
    """Read campaigns by id. Needs a reader."""
    return {row["id"]: Campaign(**row) for row in await queries.by_id(list(campaign_ids))}


async def read_all() -> list[Campaign]:
    """Read campaigns, the latest first, at most CAMPAIGNS_MAX. Needs a reader."""
    return [Campaign(**row) for row in await queries.campaigns(CAMPAIGNS_MAX)]


async def add(code: str, plan: CampaignPlan, actor: Actor, reason: str, at: datetime) -> int:
    """Make a campaign; return its id. Entry verb; leaves an audit entry. Raises CampaignInvalid, CampaignCodeTaken."""
    reason = audit.required_reason(reason)
    _require_sound(plan)
    if not (code.isascii() and code.replace("-", "").isalnum() and len(code) <= NAME_LENGTH_MAX):
        raise CampaignInvalid(field="code", expected=f"代码请用字母、数字和 -，最多 {NAME_LENGTH_MAX} 个字")
    async with transactions.begin():
        values = (*_values(plan), actor.text, at)
        made = await queries.add((code, *values))
        if made is None:
            raise CampaignCodeTaken(field="code")
        await audit.record([_audited(code, "campaign.added", {}, plan, actor, reason, at)])
        return made


async def change(campaign_id: int, plan: CampaignPlan, actor: Actor, reason: str, at: datetime) -> None:
    """Change a campaign, stop it or let it go on. Entry verb; leaves an audit entry.

    Raises CampaignUnknown, CampaignInvalid, BudgetBelowSpent, ReasonMissing.
    """
    reason = audit.required_reason(reason)
    _require_sound(plan)
    async with transactions.begin():
        old = (await lock([campaign_id])).get(campaign_id)
        if old is None:
            raise CampaignUnknown
        if plan.budget_points is not None and plan.budget_points < old.spent_points:
            raise BudgetBelowSpent(field="budget_points", spent_points=old.spent_points)
        stopped_at = (old.stopped_at or at) if plan.stopped else None
        await queries.change(campaign_id, (*_values(plan), stopped_at, WARN_BPS))
        before = msgspec.structs.asdict(old) | {"stopped": old.stopped_at is not None}
        await audit.record([_audited(old.code, "campaign.changed", before, plan, actor, reason, at)])


def _values(plan: CampaignPlan) -> tuple[object, ...]:
    return (
        plan.name,
        plan.from_at,
        plan.until_at,
        plan.budget_points,
        plan.outlet_points_max,
        plan.outlet_day_points_max,
    )


def _require_sound(plan: CampaignPlan) -> None:
    if not 1 <= len(plan.name.strip()) <= NAME_LENGTH_MAX:
        raise CampaignInvalid(field="name", expected=f"名称请填 1 到 {NAME_LENGTH_MAX} 个字")
    if plan.until_at <= plan.from_at:
        raise CampaignInvalid(field="until_at", expected="结束要晚于开始")
    for field in ("budget_points", "outlet_points_max", "outlet_day_points_max"):
        points = getattr(plan, field)
        if points is not None and not 1 <= points <= POINTS_MAX:
            raise CampaignInvalid(field=field, expected=f"请填 1 到 {POINTS_MAX} 之间的整数，不限就留空")


def _audited(
    code: str, action: str, before: dict[str, object], plan: CampaignPlan, actor: Actor, reason: str, at: datetime
) -> AuditEntry:
    after = msgspec.structs.asdict(plan)
    changed = [name for name in after if not before or before[name] != after[name]]
    told = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in after.items()}
    kept = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in before.items()}
    return AuditEntry(
        at=at,
        actor=actor,
        action=action,
        subject_kind="campaign",
        subject_id=code,
        before={name: kept[name] for name in changed} if before else None,
        after={name: told[name] for name in changed},
        reason=reason,
    )
