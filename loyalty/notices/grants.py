"""Message grants: counted from what WeChat reports, never from what a phone claims."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from loyalty import transactions
from loyalty.notices import queries


class GrantReport(msgspec.Struct, frozen=True):
    """What WeChat says of one person and one template."""

    dedupe_key: str
    """The same for every retry of the same report."""
    openid: str
    template_id: str
    answer: Literal["accept", "reject"]


async def note(many: Sequence[GrantReport], at: datetime) -> int:
    """Take reports in, each once; return how many were new. Entry verb.

    An acceptance adds one message; a rejection in WeChat's settings takes all away.
    """
    async with transactions.begin():
        new = await queries.remember([report.dedupe_key for report in many], at)
        count = len(new)
        for report in many:
            if report.dedupe_key in new:
                # One call may bring the same report twice, too.
                new.discard(report.dedupe_key)
                accepted = report.answer == "accept"
                await queries.change_grant(report.openid, report.template_id, accepted=accepted, at=at)
        return count
