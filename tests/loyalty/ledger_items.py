"""Items of the ledger's verbs with as little said as a test needs, and verbs run in transactions of their own."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

from loyalty import transactions
from loyalty.campaigns import campaigns
from loyalty.campaigns.campaigns import CampaignPlan
from loyalty.organisation.audit import Actor
from loyalty.points import ledger
from loyalty.points.derived.proofs import PROOFS
from loyalty.points.ledger import Accrual, Adjustment, Expired, Redemption
from loyalty.points.rules import EXPIRY, ExpiryTerms
from loyalty.points.settlements import Reversal, Settlement
from loyalty.rulebooks import rulebooks
from tests import rows

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)
ACTOR = Actor("command", "tests", "tests")
ACCOUNTS = "SELECT outlet_id, balance, pending, owed FROM points_accounts ORDER BY 1"
LOTS = "SELECT outlet_id, expires_on::text, points_left FROM points_lots WHERE points_left > 0 ORDER BY 1, 2"
ENTRIES = "SELECT kind, points, owed_change, pending_change FROM ledger_entries ORDER BY id"
Item = TypeVar("Item")
Answer = TypeVar("Answer")


def accrual(outlet_id: int, points: int, source_id: str, at: datetime = AT, campaign_id: int | None = None) -> Accrual:
    """Give points that an order earns."""
    return Accrual(outlet_id, None, points, "order", source_id, "orders:1", "订货得分", at, campaign_id)


def redemption(outlet_id: int, points: int, source_id: str, at: datetime = AT) -> Redemption:
    """Give points that a reward costs."""
    return Redemption(outlet_id, None, points, "redemption", source_id, "shop:1", "换了礼品", at)


def adjustment(outlet_id: int, points: int, source_id: str, at: datetime = AT) -> Adjustment:
    """Give points that staff give or take."""
    return Adjustment(outlet_id, points, "correction", source_id, "limits:1", "补登", at)


def settlement(source_id: str, at: datetime = AT) -> Settlement:
    """Give the end of an order's pending points."""
    return Settlement("order", source_id, "收货了", at)


def gone_back(of_id: str, share: tuple[int, int], source_id: str, at: datetime = AT) -> Reversal:
    """Give a share of an order that has gone back so far."""
    return Reversal("order", of_id, *share, "return", source_id, "退货", at)


def given_back(of_id: str, share: tuple[int, int], source_id: str, at: datetime = AT) -> Reversal:
    """Give a share of a redemption that has been given back so far."""
    return Reversal("redemption", of_id, *share, "return", source_id, "退回", at)


async def run(verb: Callable[[Sequence[Item]], Awaitable[Answer]], *many: Item) -> Answer:
    """Run a set verb in a transaction of its own."""
    async with transactions.begin():
        return await verb(many)


async def expire(before: date, limit: int = 1_000, at: datetime = AT) -> Expired:
    """Sweep in a transaction of its own."""
    async with transactions.begin():
        return await ledger.expire(before, limit, at)


async def plan(terms: ExpiryTerms, on: date) -> int:
    """Have expiry terms hold from a day on."""
    made_at = datetime(on.year, on.month, on.day, tzinfo=UTC) - timedelta(days=3)
    return await rulebooks.plan(EXPIRY, terms, on, ACTOR, "测试", made_at)


async def campaign(code: str = "autumn", **changes: Any) -> int:
    """Run a campaign for thirty days around AT."""
    values: dict[str, Any] = {
        "name": "秋收",
        "from_at": AT - timedelta(days=15),
        "until_at": AT + timedelta(days=15),
    } | changes
    return await campaigns.add(code, CampaignPlan(**values), ACTOR, "测试", AT)


async def proven() -> list[str]:
    """Give what the proofs of the points module find, without outlets that these tests did not make."""
    async with transactions.reader():
        found = [one for proof in PROOFS for one in await proof()]
    return [f"{one.proof}: {one.what}" for one in found if one.proof != "points.orphans"]


async def lots(url: str, outlet_id: int) -> list[tuple[str, int]]:
    """Give the lots of an outlet that hold something."""
    return [(str(row[1]), int(str(row[2]))) for row in await rows.fetch(url, LOTS) if row[0] == outlet_id]
