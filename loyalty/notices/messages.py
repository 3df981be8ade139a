"""Messages: which are to be sent now, and what became of each. Nothing here calls WeChat; tasks do.

A permission is one message: it is used up when WeChat has taken the message, and gone when WeChat says that there is
none (43101), which is normal. What may have gone out is never sent again.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

import asyncpg
import msgspec

from loyalty import transactions
from loyalty.customers import standings
from loyalty.customers.standings import MemberRef
from loyalty.notices import queries, rules
from loyalty.notices.rules import TEMPLATES, Template

CLAIMED_MAX = 50
LEASE = timedelta(minutes=2)
Ending = Literal["sent", "no_grant", "refused", "failed", "expired", "unsure", "later", "template_faulty"]


class Sendable(msgspec.Struct, frozen=True):
    """A message that is ours to send until its lease ends."""

    id: int
    openid: str
    template: Template
    template_id: str
    fields: dict[str, str]
    page: str
    attempts: int


class Allowance(msgspec.Struct, frozen=True):
    """How many messages of a template a member still allows."""

    template: Template
    template_id: str
    title: str
    credits: int


async def claim(template_ids: Mapping[Template, str], at: datetime) -> list[Sendable]:
    """Lease messages that are due and that WeChat would take, the oldest first. Entry verb.

    Those that have lost their point, whose member has left the outlet, or who allow none of that template, end here
    without a call. Templates without an id are left alone.
    """
    async with transactions.begin():
        codes = [code for code in template_ids if template_ids[code]]
        rows = await queries.claim(codes, [template_ids[code] for code in codes], at, at + LEASE, CLAIMED_MAX)
        ended = {row["id"]: _ending(row, at) for row in rows}
        await queries.end([(one, state, at) for one, state in ended.items() if state is not None])
    return [
        Sendable(
            row["id"],
            row["openid"],
            row["template"],
            row["template_id"],
            msgspec.json.decode(row["body"], type=dict[str, str]),
            row["page"],
            row["attempts"],
        )
        for row in rows
        if ended[row["id"]] is None
    ]


def _ending(row: asyncpg.Record, at: datetime) -> str | None:
    if row["good_until"] <= at:
        return "expired"
    if not row["is_bound"] or row["openid"] is None:
        return "refused"
    return "no_grant" if row["credits"] < 1 else None


async def settle(one: Sendable, ending: Ending, at: datetime) -> None:
    """Note what became of a message, and of the permission that it needs. Entry verb."""
    async with transactions.begin():
        if ending == "sent":
            await queries.use_grant(one.openid, one.template_id, at)
        elif ending == "no_grant":
            await queries.change_grant(one.openid, one.template_id, accepted=False, at=at)
        if ending == "later" and one.attempts < len(rules.BACK_OFF_MINUTES):
            wait = timedelta(minutes=rules.BACK_OFF_MINUTES[one.attempts])
            await queries.put_off(one.id, one.attempts + 1, rules.due_at(at + wait))
        elif ending == "template_faulty":
            # Somebody has to mend the template; others of it would fail alike, so this one waits an hour with them.
            await queries.put_off(one.id, one.attempts, rules.due_at(at + timedelta(hours=1)))
        else:
            await queries.end([(one.id, "failed" if ending == "later" else ending, at)])


async def allowances(member: MemberRef, template_ids: Mapping[Template, str]) -> Sequence[Allowance]:
    """Tell a member how many messages of each template they still allow. Raises SessionEnded."""
    async with transactions.reader():
        await standings.require_session(member)
        known = await queries.grants_of(member.id)
    return [
        Allowance(code, template_ids[code], title, known.get(template_ids[code], 0))
        for code, title in TEMPLATES.items()
        if template_ids.get(code)
    ]
