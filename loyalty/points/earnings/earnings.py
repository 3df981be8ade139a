"""Earning under caps and budgets: an outlet's day, a rule's day, a campaign's day and whole, a campaign's budget.

What does not fit under a cap is cut off, and the member is told so. What does not fit into a budget is not paid at all:
see ``campaigns``. What is taken back later does not open a cap again, but goes back into the budget.
"""

from collections.abc import Sequence
from datetime import date

import msgspec

from loyalty.campaigns import campaigns
from loyalty.campaigns.campaigns import Budgets, Campaign
from loyalty.clock import business_date
from loyalty.points import entering, ledger, locks
from loyalty.points.earnings import queries
from loyalty.points.ledger import Accrual
from loyalty.points.rules import DAY_CAP
from loyalty.rulebooks import rulebooks


class Earning(msgspec.Struct, frozen=True):
    """Points that a rule gives for something."""

    accrual: Accrual
    book: str
    """The rule book that gave the number; its cap is counted under it."""
    rule_day_points_max: int | None = None
    pending: bool = False
    """Whether they are only promised, as for an order on its way."""


class Earned(msgspec.Struct, frozen=True):
    """What became of it: the points paid or promised, and what cut them, empty when all were given."""

    points: int
    cut_by: str
    repeated: bool


class _Cap(msgspec.Struct, frozen=True):
    """One cap: what is counted, and how much it may come to on one day or, without one, in all."""

    scope: str
    on_date: date | None
    points_max: int
    name: str


async def earn(many: Sequence[Earning]) -> list[Earned]:
    """Pay or promise points as far as caps and budgets let. Set verb: a fixed number of statements.

    Locks campaigns in id order, then accounts in outlet order. A document is paid once; a repeat moves nothing.
    """
    if not many:
        return []
    days = [business_date(one.accrual.at) for one in many]
    found = await campaigns.lock([one.accrual.campaign_id for one in many if one.accrual.campaign_id is not None])
    outlet_ids = [one.accrual.outlet_id for one in many]
    await locks.ensure_accounts(outlet_ids)
    await locks.lock_accounts(outlet_ids)
    sources = [(one.accrual.source_kind, one.accrual.source_id) for one in many]
    known = {source for _, source in await entering.entered(["accrual", "pending"], sources)}
    house = await rulebooks.in_force(DAY_CAP, days)
    caps = [
        _caps_of(one, found.get(one.accrual.campaign_id or 0), on, house[on].body.outlet_day_points_max)
        for one, on in zip(many, days, strict=True)
    ]
    counts = _Counts(await _counted(outlet_ids, caps))
    budgets = Budgets(found)
    answers: list[Earned] = []
    given: list[tuple[Accrual, bool]] = []
    for n, one in enumerate(many):
        if sources[n] in known:
            answers.append(Earned(0, "", repeated=True))
            continue
        accrual = one.accrual
        points, cut_by = counts.within(accrual, caps[n])
        if points and accrual.campaign_id is not None and not budgets.spend(accrual.campaign_id, points, accrual.at):
            points, cut_by = 0, "campaign_budget"
        answers.append(Earned(points, cut_by, repeated=False))
        if points:
            known.add(sources[n])
            counts.add(accrual.outlet_id, caps[n], days[n], points)
            given.append((_cut(accrual, points, cut_by), one.pending))
    await campaigns.store(budgets)
    await ledger.accrue([accrual for accrual, pending in given if not pending])
    await ledger.pend([accrual for accrual, pending in given if pending])
    if counts.added:
        await queries.add([(*key, points) for key, points in sorted(counts.added.items())])
    return answers


class _Counts:
    """What outlets have earned under caps, kept up while a call works through its items."""

    def __init__(self, known: dict[tuple[int, str], dict[date, int]]) -> None:
        self.known = known
        self.added: dict[tuple[int, str, date], int] = {}

    def within(self, accrual: Accrual, caps: list[_Cap]) -> tuple[int, str]:
        """Tell how many of the points fit under every cap, and which cap cut most."""
        points, cut_by = accrual.points, ""
        for cap in caps:
            by_day = self.known.get((accrual.outlet_id, cap.scope), {})
            used = sum(by_day.values()) if cap.on_date is None else by_day.get(cap.on_date, 0)
            if cap.points_max - used < points:
                points, cut_by = max(cap.points_max - used, 0), cap.name
        return points, cut_by

    def add(self, outlet_id: int, caps: list[_Cap], on: date, points: int) -> None:
        """Count points under each cap's scope."""
        for scope in {cap.scope for cap in caps}:
            by_day = self.known.setdefault((outlet_id, scope), {})
            by_day[on] = by_day.get(on, 0) + points
            key = (outlet_id, scope, on)
            self.added[key] = self.added.get(key, 0) + points


def _caps_of(one: Earning, campaign: Campaign | None, on: date, house_max: int | None) -> list[_Cap]:
    caps = []
    if house_max is not None:
        caps.append(_Cap("day", on, house_max, "day_cap"))
    if one.rule_day_points_max is not None:
        caps.append(_Cap(f"rule:{one.book}", on, one.rule_day_points_max, "rule_cap"))
    if campaign is not None and campaign.outlet_day_points_max is not None:
        caps.append(_Cap(f"campaign:{campaign.id}", on, campaign.outlet_day_points_max, "campaign_day_cap"))
    if campaign is not None and campaign.outlet_points_max is not None:
        caps.append(_Cap(f"campaign:{campaign.id}", None, campaign.outlet_points_max, "campaign_cap"))
    return caps


async def _counted(outlet_ids: Sequence[int], caps: Sequence[list[_Cap]]) -> dict[tuple[int, str], dict[date, int]]:
    every = [cap for each in caps for cap in each]
    by_day = {cap.scope for cap in every}
    whole = {cap.scope for cap in every if cap.on_date is None}
    days = {cap.on_date for cap in every if cap.on_date is not None}
    counted: dict[tuple[int, str], dict[date, int]] = {}
    for row in await queries.earned(sorted(set(outlet_ids)), by_day, days, whole) if every else ():
        counted.setdefault((row["outlet_id"], row["scope"]), {})[row["on_date"]] = row["points"]
    return counted


def _cut(accrual: Accrual, points: int, cut_by: str) -> Accrual:
    if not cut_by:
        return accrual
    word = "活动上限" if cut_by.startswith("campaign") else "当天上限"
    return msgspec.structs.replace(accrual, points=points, why=f"{accrual.why}（到了{word}，记 {points} 分）")
