"""A model of the ledger in plain integers, written from its promises alone: what each verb must answer and leave.

It knows nothing of Holding, of SQL or of locks. One verb at a time, each whole; verbs that run at once must come out as
some order of them does.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from loyalty.clock import business_date
from loyalty.points.earnings.earnings import Earned, Earning
from loyalty.points.errors import AlreadyReleased, InsufficientPoints, SourceUnknown
from loyalty.points.ledger import Accrual, Accrued, Adjustment, Pended, Redeemed, Redemption
from loyalty.points.rules import ExpiryTerms
from loyalty.points.settlements import Reversal, Settled, Settlement
from tests.loyalty.ledger_books import Books
from tests.loyalty.ledger_facts import Base, Campaign, Entry, Key, Source, last_day


@dataclass(slots=True)
class Model(Books):
    """The verbs."""

    def terms_on(self, on: date) -> tuple[int | None, ExpiryTerms]:
        """Tell the version of the expiry rule that is in force on a day."""
        _, version, terms = max((one for one in self.terms if one[0] <= on), key=lambda one: one[0])
        return version, terms

    def accrue(self, many: Sequence[Accrual]) -> list[Accrued]:
        """Pay, each document once; the balance is that after the whole call."""
        repeated = []
        for one in many:
            source = (one.source_kind, one.source_id)
            repeated.append(("accrual", source) in self.entries)
            if not repeated[-1]:
                version, terms = self.terms_on(business_date(one.at))
                until = last_day(terms, business_date(one.at))
                owed, lots = self._give(one.outlet_id, [(until, one.points)])
                entry = Entry(
                    one.outlet_id, "accrual", source, one.points, owed, 0, lots, None, one.campaign_id, version
                )
                self._enter(entry, filled=until)
        return [Accrued(self.balance(one.outlet_id), again) for one, again in zip(many, repeated, strict=True)]

    def pend(self, many: Sequence[Accrual]) -> list[Pended]:
        """Promise, each document once; pending is that after the whole call."""
        repeated = []
        for one in many:
            source = (one.source_kind, one.source_id)
            repeated.append(("pending", source) in self.entries)
            if not repeated[-1]:
                version, _ = self.terms_on(business_date(one.at))
                self.pending[one.outlet_id] = self.pending.get(one.outlet_id, 0) + one.points
                campaign = one.campaign_id
                self._enter(Entry(one.outlet_id, "pending", source, 0, 0, one.points, (), None, campaign, version))
        return [Pended(self.pending.get(one.outlet_id, 0), again) for one, again in zip(many, repeated, strict=True)]

    def redeem(self, many: Sequence[Redemption]) -> list[Redeemed | InsufficientPoints]:
        """Spend what ends soonest."""
        return [
            self._spend("redemption", one.outlet_id, one.points, (one.source_kind, one.source_id), one.at)
            for one in many
        ]

    def adjust(self, many: Sequence[Adjustment]) -> list[Redeemed | InsufficientPoints]:
        """Give as an accrual does, or take as a redemption does."""
        answers: list[Redeemed | InsufficientPoints] = []
        for one in many:
            source, on = (one.source_kind, one.source_id), business_date(one.at)
            if one.points < 0 or ("adjustment", source) in self.entries:
                answers.append(self._spend("adjustment", one.outlet_id, -one.points, source, one.at))
                continue
            version, terms = self.terms_on(on)
            owed, lots = self._give(one.outlet_id, [(last_day(terms, on), one.points)])
            self._enter(Entry(one.outlet_id, "adjustment", source, one.points, owed, 0, lots, None, None, version))
            answers.append(Redeemed(self.spendable(one.outlet_id, on), repeated=False))
        return answers

    def release(self, many: Sequence[Settlement]) -> list[Settled | SourceUnknown]:
        """Pay what is still pending, by the terms that were promised. A document that was paid is not paid again."""
        answers: list[Settled | SourceUnknown] = []
        for one in many:
            source, on = (one.source_kind, one.source_id), business_date(one.at)
            base = self.bases.get(("pending", source))
            if base is None:
                answers.append(SourceUnknown())
                continue
            entry, points = base.entry, base.pending
            if ("accrual", source) in self.entries:
                answers.append(Settled(0, 0, 0, self.spendable(entry.outlet, on), repeated=True))
                continue
            owed = 0
            if points:
                body = next(body for _, version, body in self.terms if version == entry.terms)
                until = last_day(body, on)
                owed, lots = self._give(entry.outlet, [(until, points)])
                self.pending[entry.outlet] -= points
                base.pending, base.filled, base.released = 0, until, True
                paid = Entry(
                    entry.outlet, "accrual", source, points, owed, -points, lots, ("pending", source), entry.campaign,
                    entry.terms,
                )  # fmt: skip
                self.entries["accrual", source] = paid
            answers.append(Settled(points, points, -owed, self.spendable(entry.outlet, on), repeated=False))
        return answers

    def cancel(self, many: Sequence[Settlement]) -> list[Settled | SourceUnknown | AlreadyReleased]:
        """Drop what is still pending."""
        answers: list[Settled | SourceUnknown | AlreadyReleased] = []
        for one in many:
            source, on = (one.source_kind, one.source_id), business_date(one.at)
            base = self.bases.get(("pending", source))
            if base is None:
                answers.append(SourceUnknown())
            elif base.released:
                answers.append(AlreadyReleased())
            else:
                repeated = ("reversal", source) in self.entries
                points = 0 if repeated else base.pending
                if points:
                    self._take_back(("pending", source), points, source, on)
                balance = self.spendable(base.entry.outlet, on)
                answers.append(Settled(points, points, 0, balance, repeated))
        return answers

    def reverse(self, many: Sequence[Reversal]) -> list[Settled | SourceUnknown]:
        """Take earned points back, as far as the share that went back so far demands."""
        answers: list[Settled | SourceUnknown] = []
        for one in many:
            of, on = (one.of_kind, one.of_id), business_date(one.at)
            key: Key = ("pending", of) if ("pending", of) in self.bases else ("accrual", of)
            base = self.bases.get(key)
            if base is None:
                answers.append(SourceUnknown())
                continue
            points, repeated = self._due(base, base.entry.pending or base.entry.points, one)
            pending = owed = 0
            if points:
                entry = self._take_back(key, points, (one.source_kind, one.source_id), on)
                pending, owed = -entry.pending, entry.owed
            balance = self.spendable(base.entry.outlet, on)
            answers.append(Settled(points, pending, owed, balance, repeated))
        return answers

    def refund(self, many: Sequence[Reversal]) -> list[Settled | SourceUnknown]:
        """Give spent points back to the lots that they came from; a lot that has ended lives for the days of grace."""
        answers: list[Settled | SourceUnknown] = []
        for one in many:
            of, source, on = (one.of_kind, one.of_id), (one.source_kind, one.source_id), business_date(one.at)
            base = self.bases.get(("redemption", of))
            if base is None:
                answers.append(SourceUnknown())
                continue
            points, repeated = self._due(base, -base.entry.points, one)
            owed = 0
            if points:
                grace = on + timedelta(days=self.terms_on(on)[1].grace_days)
                # Point by point: the lot that ends last comes back first, after what came back before.
                taken = [day for day, spent in sorted(base.entry.lots, reverse=True) for _ in range(-spent)]
                back: dict[date, int] = {}
                for day in taken[base.gone_back : base.gone_back + points]:
                    until = day if day >= on else grace
                    back[until] = back.get(until, 0) + 1
                owed, lots = self._give(base.entry.outlet, sorted(back.items()))
                base.gone_back += points
                self._enter(Entry(base.entry.outlet, "reversal", source, points, owed, 0, lots, ("redemption", of)))
            balance = self.spendable(base.entry.outlet, on)
            answers.append(Settled(points, 0, -owed, balance, repeated))
        return answers

    def earn(self, many: Sequence[Earning]) -> list[Earned]:
        """Pay or promise what fits under every cap, and whole into the budget; a budget that is passed stops."""
        answers = []
        for one in many:
            accrual, on = one.accrual, business_date(one.accrual.at)
            source, outlet = (accrual.source_kind, accrual.source_id), accrual.outlet_id
            if ("accrual", source) in self.entries or ("pending", source) in self.entries:
                answers.append(Earned(0, "", repeated=True))
                continue
            campaign = None if accrual.campaign_id is None else self.campaigns.get(accrual.campaign_id)
            caps = self._caps(one, campaign, on)
            points, cut_by = accrual.points, ""
            for room, name, _ in caps:
                if room < points:
                    points, cut_by = max(room, 0), name
            if (
                points
                and accrual.campaign_id is not None
                and (campaign is None or not campaign.spends(points, accrual.at))
            ):
                points, cut_by = 0, "campaign_budget"
            if points:
                for scope in {scope for _, _, scope in caps}:
                    self.earned[outlet, scope, on] = self.earned.get((outlet, scope, on), 0) + points
                given = Accrual(
                    outlet, None, points, *source, accrual.rule, accrual.why, accrual.at, accrual.campaign_id
                )
                if one.pending:
                    self.pend([given])
                else:
                    self.accrue([given])
            answers.append(Earned(points, cut_by, repeated=False))
        return answers

    def due(self, before: date) -> set[tuple[int, date]]:
        """Tell the lots whose last day is before a day."""
        return {(outlet, day) for outlet, day in self.lots if day < before}

    def expire(self, lots: Collection[tuple[int, date]]) -> int:
        """End lots; tell how many points went. A lot that is not there has none."""
        gone = 0
        for lot in lots:
            points = self.lots.pop(lot, 0)
            gone += points
            self.swept[lot] = self.swept.get(lot, 0) + points
        return gone

    def _caps(self, one: Earning, campaign: Campaign | None, on: date) -> list[tuple[int, str, str]]:
        """Give the room under each cap, its name and what it counts."""
        outlet = one.accrual.outlet_id

        def room(scope: str, most: int, *, in_all: bool = False) -> int:
            days = (points for (owner, each, day), points in self.earned.items()
                    if (owner, each) == (outlet, scope) and (in_all or day == on))  # fmt: skip
            return most - sum(days)

        _, house = max((one for one in self.day_caps if one[0] <= on), key=lambda one: one[0])
        caps = []
        if house.outlet_day_points_max is not None:
            caps.append((room("day", house.outlet_day_points_max), "day_cap", "day"))
        if one.rule_day_points_max is not None:
            scope = f"rule:{one.book}"
            caps.append((room(scope, one.rule_day_points_max), "rule_cap", scope))
        scope = f"campaign:{one.accrual.campaign_id}"
        if campaign is not None and campaign.outlet_day_max is not None:
            caps.append((room(scope, campaign.outlet_day_max), "campaign_day_cap", scope))
        if campaign is not None and campaign.outlet_max is not None:
            caps.append((room(scope, campaign.outlet_max, in_all=True), "campaign_cap", scope))
        return caps

    def _spend(
        self, kind: str, outlet: int, points: int, source: Source, at: datetime
    ) -> Redeemed | InsufficientPoints:
        on = business_date(at)
        free = self.spendable(outlet, on)
        if (kind, source) in self.entries:
            return Redeemed(free, repeated=True)
        if free < points:
            return InsufficientPoints(balance_points=free, missing_points=points - free)
        self._enter(Entry(outlet, kind, source, -points, lots=self._take(outlet, points, on)))
        return Redeemed(free - points, repeated=False)

    def _take_back(self, key: Key, points: int, source: Source, on: date) -> Entry:
        """Take back: what is pending of it, then from its own lot, then soonest first; the rest is owed."""
        base = self.bases[key]
        outlet, campaign = base.entry.outlet, base.entry.campaign
        pending = min(points, base.pending)
        rest = points - pending
        moved: dict[date, int] = {}
        if base.filled is not None and base.filled >= on:
            moved[base.filled] = -min(rest, self.lots.get((outlet, base.filled), 0))
            self.lots[outlet, base.filled] = self.lots.get((outlet, base.filled), 0) + moved[base.filled]
        there = min(rest + sum(moved.values()), self.spendable(outlet, on))
        for day, part in self._take(outlet, there, on):
            moved[day] = moved.get(day, 0) + part
        owed = rest + sum(moved.values())
        base.pending -= pending
        base.gone_back += points
        self.pending[outlet] = self.pending.get(outlet, 0) - pending
        self.owed[outlet] = self.owed.get(outlet, 0) + owed
        if campaign is not None:
            self.campaigns[campaign].spent -= points
        lots = tuple((day, part) for day, part in sorted(moved.items()) if part)
        return self._enter(Entry(outlet, "reversal", source, -rest, owed, -pending, lots, key, campaign))

    def _due(self, base: Base, total: int, one: Reversal) -> tuple[int, bool]:
        """Tell what is to go back now, and whether the document did it before. Half a point is a whole one."""
        if ("reversal", (one.source_kind, one.source_id)) in self.entries:
            return 0, True
        share, rest = divmod(total * one.numerator, one.denominator)
        return max(share + (2 * rest >= one.denominator) - base.gone_back, 0), False
