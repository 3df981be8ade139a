"""Message grants: what WeChat reports is counted once, however often it reports it."""

from datetime import UTC, datetime
from typing import Literal

from loyalty.notices import grants
from loyalty.notices.grants import GrantReport
from tests import rows

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)
GRANTS = "SELECT openid, template_id, credits FROM message_grants ORDER BY 1, 2"


def report(key: str, answer: Literal["accept", "reject"], template: str = "t1", openid: str = "o1") -> GrantReport:
    """Give a report."""
    return GrantReport(key, openid, template, answer)


async def test_one_acceptance_is_one_message(db: str) -> None:
    many = [report("k1", "accept"), report("k2", "accept"), report("k3", "accept", "t2"), report("k1", "accept")]
    await grants.note([report("k9", "accept", openid="o2")], AT)
    assert await grants.note(many[:3], AT) == 3
    assert await rows.fetch(db, GRANTS) == [("o1", "t1", 2), ("o1", "t2", 1), ("o2", "t1", 1)]
    before = await rows.picture(db)
    assert await grants.note(many, AT) == 0
    assert await rows.picture(db) == before


async def test_a_report_twice_in_one_call_counts_once(db: str) -> None:
    assert await grants.note([report("k1", "accept"), report("k1", "accept")], AT) == 1
    assert await rows.fetch(db, GRANTS) == [("o1", "t1", 1)]


async def test_a_rejection_takes_all_away_and_a_new_tap_starts_again(db: str) -> None:
    await grants.note([report("k1", "accept"), report("k2", "accept"), report("k3", "accept", "t2")], AT)
    await grants.note([report("k4", "reject")], AT)
    assert await rows.fetch(db, GRANTS) == [("o1", "t1", 0), ("o1", "t2", 1)]
    await grants.note([report("k5", "accept")], AT)
    await grants.note([report("k6", "reject", "t3")], AT)
    assert await rows.fetch(db, GRANTS) == [("o1", "t1", 1), ("o1", "t2", 1), ("o1", "t3", 0)]
