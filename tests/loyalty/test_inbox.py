"""The inbox and the queue of messages: what is told, to whom, how often, and when."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from loyalty import transactions
from loyalty.customers.errors import BindingRequired
from loyalty.customers.personal import DataKeys
from loyalty.customers.standings import MemberRef
from loyalty.events import log
from loyalty.notices import grants, inbox, rules
from loyalty.notices.grants import GrantReport
from loyalty.notices.reactions import REACTIONS
from loyalty.notices.rules import Told
from loyalty.ordering.rules import Wish
from loyalty.points import ledger
from loyalty.points.ledger import Accrual
from tests import factories, rows
from tests.catalogue import AT, stocked
from tests.ordering import ids, later, owner, placed, report, wished

NOTICES = "SELECT kind, about_id, title, asks FROM notices ORDER BY id"
MESSAGES = "SELECT template, state, body::text FROM messages ORDER BY id"


def shanghai(hour: int, minute: int = 0, day: int = 4) -> datetime:
    """Give an instant by Shanghai's clock."""
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC) - timedelta(hours=8)


@pytest.mark.parametrize(
    ("at", "due"),
    [
        (shanghai(20, 59), shanghai(20, 59)),
        (shanghai(21), shanghai(8, day=5)),
        (shanghai(23, 59), shanghai(8, day=5)),
        (shanghai(0), shanghai(8)),
        (shanghai(7, 59), shanghai(8)),
        (shanghai(8), shanghai(8)),
    ],
)
def test_nobody_is_woken(at: datetime, due: datetime) -> None:
    assert rules.due_at(at) == due


@pytest.mark.parametrize(
    ("asks", "told_today", "may"), [(False, 19, True), (False, 20, False), (True, 20, True), (True, 500, True)]
)
def test_an_inbox_is_told_only_so_much_but_always_what_asks(asks: bool, told_today: int, may: bool) -> None:
    assert rules.may_tell(Told("order", "", "", asks), told_today) is may


@pytest.mark.parametrize(
    ("template", "queued", "may"),
    [("order_status", 4, True), ("order_status", 5, False), ("flash_opening", 5, False), ("shortage", 50, True)],
)
def test_a_member_gets_only_so_many_messages_but_always_a_shortage(template: Any, queued: int, may: bool) -> None:
    assert rules.may_send(template, queued) is may


DATA: dict[str, Any] = {
    "number": "L26110400000000042", "member_id": "7", "deliver_on": "2026-11-05", "eta_on": None, "reason": "",
    "by": "hub", "asks": True,
    "lines": [{"line_number": 1, "product_code": "A", "name": "清" * 30, "cases": 7, "cases_short": 3}],
}  # fmt: skip


@pytest.mark.parametrize("event_type", [*REACTIONS, "order.placed", "order.received", "order.shortage_decided"])
def test_every_message_fits_its_fields(event_type: str) -> None:
    data = DATA | ({"lines": [{"line_number": 1, "cases": 2}]} if event_type == "order.returned" else {})
    told, worded = rules.notice_of(event_type, data), rules.message_of(event_type, data, AT)
    assert (told is None) == (event_type not in REACTIONS)
    if worded is not None:
        for name, text in worded.fields.items():
            assert 0 < len(text) <= (32 if name.startswith("character") else 20), (name, text)
    assert rules.message_of("order.cancelled", DATA | {"by": "member"}, AT) is None
    assert rules.notice_of("order.cancelled", DATA | {"by": "member"}) is None


def test_a_flash_opening_is_worth_nothing_once_it_is_open() -> None:
    opens = shanghai(10)
    worded = rules.flash_message("十一月闪促", opens)
    assert (worded.fields["time2"], worded.good_until) == ("2026年11月4日 10:00", opens)


async def reacted(db: str, at: datetime = AT) -> None:
    """Stamp what happened and let notices react to it."""
    await factories.stamped(db, at)
    while await log.react("notices", "orders", REACTIONS, 500, at):
        pass


async def allow(db: str, member: MemberRef, template_id: str = "t-order", times: int = 1) -> str:
    """Let a member allow messages; give the openid."""
    ((openid,),) = await rows.fetch(db, "SELECT openid FROM members WHERE id = $1", member.id)
    reports = [GrantReport(f"{member.id}-{template_id}-{n}", str(openid), template_id, "accept") for n in range(times)]
    await grants.note(reports, AT)
    return str(openid)


async def test_an_order_is_one_line_that_says_how_far_it_is(db: str, data_keys: DataKeys) -> None:
    await stocked("A")
    found, member = await ids(db), await owner(data_keys)
    order = await placed(member, Wish(found["A"], 5))
    await report(order.number, "confirmed")
    await reacted(db)
    first = await inbox.of_member(member, None, 10, unread_only=False)
    assert ([one.title for one in first.items], first.unread) == (["订单已确认"], 1)
    await inbox.mark_read(member, first.items[0].id)
    await report(order.number, "shorted", (1, 3))
    await report(order.number, "shipped", at=later(hours=1))
    await reacted(db)
    seen = await inbox.of_member(member, None, 10, unread_only=True)
    assert {(one.title, one.asks, one.is_read, one.about_id) for one in seen.items} == {
        ("有商品缺货", True, False, order.number), ("送货中", False, False, order.number),
    }  # fmt: skip
    assert await rows.fetch(db, "SELECT count(*) FROM notices") == [(2,)]
    before = await rows.picture(db)
    await rows.execute(db, "UPDATE consumer_cursors SET position = 0 WHERE consumer = 'notices'")
    kept = await rows.fetch(db, NOTICES)
    await reacted(db)
    assert set(await rows.fetch(db, NOTICES)) <= set(kept)
    assert len(before) == len(await rows.picture(db))


async def test_reading_goes_only_forwards_and_only_to_what_is_there(db: str, data_keys: DataKeys) -> None:
    await stocked("A")
    found, member = await ids(db), await owner(data_keys)
    for n in range(3):
        order = await placed(member, Wish(found["A"], 3), key=f"order-{n}")
        await report(order.number, "confirmed")
    await reacted(db)
    seen = await inbox.of_member(member, None, 2, unread_only=False)
    assert (len(seen.items), seen.unread) == (2, 3)
    await inbox.mark_read(member, 2**60)
    await inbox.mark_read(member, 1)
    assert (await inbox.of_member(member, None, 9, unread_only=True)).items == []
    other, guest = await owner(data_keys), await factories.member(AT, data_keys)
    assert (await inbox.of_member(other, None, 9, unread_only=False)).items == []
    with pytest.raises(BindingRequired):
        await inbox.mark_read(guest, 1)


async def test_only_who_has_allowed_a_message_gets_one_and_the_latest_counts(db: str, data_keys: DataKeys) -> None:
    await stocked("A")
    found, member, silent = await ids(db), await owner(data_keys), await owner(data_keys)
    await allow(db, member)
    for one in (member, silent):
        order = await placed(one, Wish(found["A"], 5))
        await report(order.number, "confirmed")
    await reacted(db)
    assert [(one[0], one[1]) for one in await rows.fetch(db, MESSAGES)] == [("order_status", "queued")]
    ((number,),) = await rows.fetch(db, "SELECT about_id FROM messages")
    await report(str(number), "shipped", at=later(hours=1))
    await report(str(number), "shorted", (1, 3), at=later(hours=2))
    await reacted(db)
    assert [(one[0], one[1]) for one in await rows.fetch(db, MESSAGES)] == [
        ("order_status", "expired"), ("order_status", "queued"),
    ]  # fmt: skip
    # The truck has left: what is short now is told in the inbox, and needs no answer.
    assert ("shortage", str(number), "有商品没装上车", False) in await rows.fetch(db, NOTICES)


async def test_who_took_the_order_back_is_not_told(db: str, data_keys: DataKeys) -> None:
    await stocked("A")
    found, member = await ids(db), await owner(data_keys)
    await allow(db, member)
    order = await placed(member, Wish(found["A"], 3))
    await wished(member, order.number, "cancelled")
    await reacted(db)
    assert await rows.fetch(db, NOTICES) == []
    assert await rows.fetch(db, MESSAGES) == []


async def test_points_that_end_soon_are_told_once(db: str, data_keys: DataKeys) -> None:
    people = [await owner(data_keys) for _ in range(3)]
    outlet_ids = [int(str(one)) for (one,) in await rows.fetch(db, "SELECT current_outlet_id FROM members ORDER BY id")]
    async with transactions.begin():
        await ledger.accrue(
            [Accrual(one, None, 25, "tests", str(one), "rule", "测试", AT) for one in outlet_ids[: len(people) - 1]]
        )
    ((ends_on,),) = await rows.fetch(db, "SELECT DISTINCT expires_on FROM points_lots")
    assert isinstance(ends_on, date)
    midday = datetime.combine(ends_on, time(4), UTC)
    for before in (31, 30, 30, 8, 7, 6):
        after, at = 0, midday - timedelta(days=before)
        for days in rules.EXPIRING_DAYS:
            while after := await inbox.tell_expiring(at, days, after, limit=1):
                pass
    told = await rows.fetch(db, "SELECT outlet_id, at, text FROM notices ORDER BY outlet_id")
    text = f"有 25 分 {ends_on.month} 月 {ends_on.day} 日到期，去兑换商城看看吧。"
    # A week before takes the place of a month before.
    assert told == [(one, midday - timedelta(days=7), text) for one in outlet_ids[:2]]


async def test_what_is_old_is_forgotten(db: str, data_keys: DataKeys) -> None:
    await stocked("A")
    found, member = await ids(db), await owner(data_keys)
    order = await placed(member, Wish(found["A"], 3))
    await report(order.number, "confirmed")
    await reacted(db)
    assert await inbox.forget(AT + inbox.KEPT) == 0
    assert await inbox.forget(AT + inbox.KEPT + timedelta(seconds=1)) == 1
    assert await rows.fetch(db, NOTICES) == []
