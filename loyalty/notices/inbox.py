"""The inbox: what happened to an outlet that its members should know, and how far each has read."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from loyalty import transactions
from loyalty.clock import business_date
from loyalty.customers import standings
from loyalty.customers.standings import MemberRef
from loyalty.events.log import LoggedEvent
from loyalty.notices import queries, rules
from loyalty.notices.queries import MessageRow, NoticeRow
from loyalty.points.statements import statements

KEPT = timedelta(days=180)
MESSAGES_KEPT = timedelta(days=60)
PUSHES_KEPT = timedelta(days=30)
BATCH_MAX = 2_000


class SeenNotice(msgspec.Struct, frozen=True):
    """A line of the inbox as a member sees it."""

    id: int
    kind: str
    about_kind: str
    about_id: str
    title: str
    text: str
    asks: bool
    at: datetime
    is_read: bool


class Inbox(msgspec.Struct, frozen=True):
    """A part of the inbox, the latest first, and how many lines are unread in all."""

    items: list[SeenNotice]
    unread: int


async def tell(events: Sequence[LoggedEvent]) -> None:
    """Tell members what happened to orders: in the inbox, and by a message where they have allowed one. Set verb.

    A reaction: it runs in the transaction that moves the cursor, an event is told once. Later states of an order take
    the place of earlier ones, in the inbox and in the queue. Frequency is capped by ``rules``.
    """
    outlets = await queries.outlets_by_code({one.subject for one in events})
    since = rules.day_start(events[0].recorded_at)
    told_today = Counter(await queries.told_since(set(outlets.values()), since))
    notices: list[NoticeRow] = []
    messages: list[MessageRow] = []
    for one in events:
        outlet_id = outlets.get(one.subject)
        if outlet_id is None:
            continue
        told = rules.notice_of(one.type, one.data)
        if told is not None and rules.may_tell(told, told_today[outlet_id]):
            told_today[outlet_id] += 1
            row = NoticeRow(
                outlet_id, told.kind, "order", one.data["number"], told.title, told.text, told.asks, one.event_id,
                one.occurred_at,
            )  # fmt: skip
            notices.append(row)
        worded = rules.message_of(one.type, one.data, one.occurred_at)
        if worded is not None:
            messages.append(
                MessageRow(
                    int(one.data["member_id"]),
                    outlet_id,
                    worded.template,
                    one.data["number"],
                    worded.fields,
                    rules.ORDER_PAGE + one.data["number"],
                    rules.due_at(one.recorded_at),
                    worded.good_until,
                    one.event_id,
                    one.recorded_at,
                )
            )
    await queries.add_notices(_latest(notices))
    await queue(messages)


def _latest(rows: Sequence[NoticeRow]) -> list[NoticeRow]:
    """Leave out what a later line of the same call takes the place of."""
    last = {(row.outlet_id, row.kind, row.about_id): row for row in rows}
    return list(last.values())


async def queue(rows: Sequence[MessageRow]) -> None:
    """Queue messages to members who are bound to the outlet and have allowed some message. Set verb.

    One that says more of the same takes the place of what is still queued. A member gets only so many a day.
    """
    if not rows:
        return
    allowed = await queries.reachable([(row.member_id, row.outlet_id) for row in rows])
    since = rules.day_start(min(row.made_at for row in rows))
    queued = Counter(await queries.queued_since({row.member_id for row in rows}, since))
    wanted = []
    for row in rows:
        if (row.member_id, row.outlet_id) in allowed and rules.may_send(row.template, queued[row.member_id]):
            queued[row.member_id] += 1
            wanted.append(row)
    for row in wanted:
        await queries.replace_queued(row.member_id, row.template, row.about_id, row.made_at)
        await queries.add_messages([row])


async def tell_expiring(at: datetime, days: int, after_outlet_id: int, limit: int = BATCH_MAX) -> int:
    """Tell outlets whose points end in so many days, each once. Entry verb; return the last outlet's id, 0 at the end.

    Called again with what it returns.
    """
    on = business_date(at) + timedelta(days=days)
    async with transactions.begin():
        found = await statements.ending_on(on, after_outlet_id, limit)
        rows = []
        for outlet_id, points in found:
            told = rules.expiring_notice(points, on)
            key = f"expiring:{outlet_id}:{on.isoformat()}:{days}"
            about = on.isoformat()
            rows.append(NoticeRow(outlet_id, told.kind, "points", about, told.title, told.text, told.asks, key, at))
        await queries.add_notices(rows)
        return found[-1][0] if len(found) == limit else 0


async def of_member(member: MemberRef, before_id: int | None, limit: int, *, unread_only: bool) -> Inbox:
    """Read the inbox of the member's outlet. Raises SessionEnded, BindingRequired."""
    async with transactions.reader():
        standing = await standings.require(member)
        read_up_to = await queries.mark_of(standing.member_id, standing.outlet_id)
        rows = await queries.of_outlet(standing.outlet_id, before_id, read_up_to if unread_only else 0, limit)
        unread = await queries.count_after(standing.outlet_id, read_up_to)
    items = [SeenNotice(**row, is_read=row["id"] <= read_up_to) for row in rows]
    return Inbox(items, unread)


async def mark_read(member: MemberRef, up_to_id: int) -> None:
    """Note how far a member has read; never backwards, never past what is there. Entry verb.

    Raises SessionEnded, BindingRequired.
    """
    async with transactions.begin():
        standing = await standings.require(member)
        await queries.mark(standing.member_id, standing.outlet_id, up_to_id)


async def forget(at: datetime) -> int:
    """Delete what is old, a batch of each kind; return how many. Entry verb; called again until it returns 0."""
    async with transactions.begin():
        return await queries.forget(at - KEPT, at - MESSAGES_KEPT, at - PUSHES_KEPT, BATCH_MAX)
