"""Every proof there is, run as one, and the story of one outlet's points for a person to follow."""

from datetime import date, datetime

import msgspec

from app import metrics
from games.checkin.proofs import PROOFS as CHECKIN_PROOFS
from loyalty import clock, transactions
from loyalty.clock import SHANGHAI
from loyalty.ordering.proofs import PROOFS as ORDERING_PROOFS
from loyalty.organisation.proofs import PROOFS as ORGANISATION_PROOFS
from loyalty.points.derived.proofs import PROOFS as POINTS_PROOFS
from loyalty.points.holdings import Lots
from loyalty.points.statements import statements
from loyalty.points.statements.statements import Expiring, Story
from loyalty.proofs import Difference, Proof
from loyalty.rewards.proofs import PROOFS as REWARDS_PROOFS

PROOFS: tuple[Proof, ...] = (
    *ORGANISATION_PROOFS,
    *POINTS_PROOFS,
    *REWARDS_PROOFS,
    *ORDERING_PROOFS,
    *CHECKIN_PROOFS,
)
ENTRIES_TOLD_MAX = 200


class Explanation(msgspec.Struct, frozen=True):
    """One outlet's points with everything that must be true of them."""

    story: Story
    lots: list[Expiring]
    """What is left of its points, by the day on which it ends."""
    differences: list[Difference]


async def prove() -> list[Difference]:
    """Recompute everything that must always be true; return each difference, and count them for the alarm."""
    differences: list[Difference] = []
    async with transactions.reader():
        for proof in PROOFS:
            found = await proof()
            metrics.DIFFERENCES.labels(f"{proof.__module__}.{proof.__name__}").set(len(found))
            differences += found
    metrics.PROVEN_AT.set(clock.now().timestamp())
    return differences


async def explain(outlet_code: str) -> Explanation | None:
    """Tell the last ENTRIES_TOLD_MAX entries of an outlet and run every proof for it; None for an unknown outlet.

    All as of one moment, so that what is told adds up while the house serves.
    """
    async with (
        transactions.reader() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        story = await statements.story_of(outlet_code, ENTRIES_TOLD_MAX)
        if story is None:
            return None
        lots = await statements.expiring(story.outlet_id, date.min)
        found = [difference for proof in PROOFS for difference in await proof(story.outlet_id)]
        return Explanation(story, lots, found)


def lines_of(outlet_code: str, explanation: Explanation) -> list[str]:
    """Put an explanation into lines to read from top to bottom."""
    story = explanation.story
    account = story.account
    told = [f"{outlet_code} {story.outlet_name}"]
    told.append(
        "没有积分账户"
        if account is None
        else f"账户：可用 {account.balance} 分，待入账 {account.pending} 分，欠 {account.owed} 分"
    )
    if story.entries and story.opening:
        told.append(f"更早的记录合计 {story.opening} 分，下面是最近 {len(story.entries)} 条")
    for line in story.entries:
        entry = line.entry
        until = _lots_text(entry.lots)
        told.append(
            f"{_instant(entry.at)}  {entry.points:+d} → {line.balance_after}  {entry.why}{until}"
            f"  [{entry.kind} {entry.source_kind} {entry.source_id}, {entry.rule}]"
        )
    if story.entries:
        told.append(f"以上记录合计 {story.entries[-1].balance_after} 分")
    else:
        told.append("还没有积分记录")
    lots = "，".join(f"{_day(one.expires_on)} 到期 {one.points} 分" for one in explanation.lots)
    told.append(f"批次合计 {sum(one.points for one in explanation.lots)} 分：{lots}" if lots else "没有剩余积分的批次")
    told += [f"{one.proof}: {one.what}" for one in explanation.differences]
    told.append(f"发现 {len(explanation.differences)} 处差异" if explanation.differences else "这家店的账目一致")
    return told


def _lots_text(lots: Lots) -> str:
    if len(lots) == 1 and lots[0][1] > 0:
        return f"，{_day(lots[0][0])} 到期"
    return "，" + "、".join(f"{_day(day)} 到期的 {points:+d}" for day, points in lots) if lots else ""


def _day(on: date) -> str:
    return on.isoformat()


def _instant(at: datetime) -> str:
    return at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")
