"""Quotes: worked out anew, kept for repeats, judged item by item, deleted in time."""

import asyncio
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from loyalty.batches import Batcher
from loyalty.catalogue.shelves import Shelves
from loyalty.customers.errors import BindingRequired, SessionEnded
from loyalty.customers.personal import DataKeys
from loyalty.customers.standings import MemberRef
from loyalty.errors import Refusal
from loyalty.ordering import quotes
from loyalty.ordering.quotes import Quoted
from loyalty.ordering.rules import LINES_MAX, ORDER_TERMS, OrderTerms, Wish
from loyalty.ordering.working_out import QuoteRequest
from loyalty.rulebooks import rulebooks
from tests import factories, rows
from tests.catalogue import AT, price, product, put_prices, put_products, stocked
from tests.ordering import entitled, ids, owner, request
from tests.organisation import BY

QUOTES = "SELECT member_id, payment, deliver_on, total_fen, idempotency_key FROM quotes ORDER BY id"


def told(answer: Quoted | Refusal) -> tuple[Any, ...]:
    """Give a quote's sums and what stands against it, or a refusal's code and data."""
    if isinstance(answer, Refusal):
        return answer.code, answer.data
    priced, against = answer.body.priced, answer.body.against
    return priced.goods_fen, priced.discount_fen, priced.total_fen, None if against is None else against.code


async def quoted(*many: QuoteRequest) -> list[tuple[Any, ...]]:
    """Quote, and give what came of it."""
    return [told(one) for one in await quotes.quote(Shelves(), many)]


async def test_a_quote_is_worked_out_from_todays_prices_and_kept(db: str, data_keys: DataKeys) -> None:
    await stocked("A", "B")
    await put_products(product("B", deposit_fen=200, multiple_cases=2))
    found, member = await ids(db), await owner(data_keys, delivery_days=[2, 5])
    (first,) = await quotes.quote(Shelves(), [request(member, Wish(found["A"], 3), Wish(found["B"], 2))])
    assert isinstance(first, Quoted)
    assert told(first) == (24_000, 0, 24_400, None)
    assert first.body.dates == tuple(date(2026, 11, day) for day in (6, 10, 13, 17))
    assert (first.deliver_on, first.expires_at) == (date(2026, 11, 6), AT + timedelta(minutes=15))
    await put_prices(price("A", 1))
    (again,) = await quotes.quote(Shelves(), [request(member, Wish(found["A"], 3), at=AT + timedelta(minutes=5))])
    assert isinstance(again, Quoted)
    assert (again.repeated, again.quote_id, again.body, again.expires_at) == (
        True, first.quote_id, first.body, first.expires_at,
    )  # fmt: skip
    assert await quoted(request(member, Wish(found["A"], 3), key="another-key")) == [(3, 0, 3, "order_minimum")]
    assert await rows.fetch(db, QUOTES) == [
        (member.id, "cash", date(2026, 11, 6), 24_400, "quote-key"),
        (member.id, "cash", date(2026, 11, 6), 3, "another-key"),
    ]


async def test_items_of_a_batch_are_judged_by_themselves(db: str, data_keys: DataKeys) -> None:
    await stocked("A", "B")
    await put_products(product("B", status="ended"))
    found, member = await ids(db), await owner(data_keys)
    guest = await factories.member(AT, data_keys)
    a, b = Wish(found["A"], 3), Wish(found["B"], 3)
    many = [
        request(member, a, key="0"),
        request(member, a, b, key="1"),
        request(member, key="2"),
        request(member, a, a, key="3"),
        request(member, *(Wish(n, 1) for n in range(1, LINES_MAX + 2)), key="4"),
        request(member, a, key="5", deliver_on=date(2026, 11, 4)),
        request(member, a, key="6", deliver_on=date(2026, 11, 9)),
        request(member, a, key="7", payment="account"),
        request(guest, a, key="8"),
        request(MemberRef(member.id, member.epoch + 1), a, key="9"),
        request(member, Wish(0, 1), key="10"),
        request(member, a, key="0"),
    ]
    dates = [f"2026-11-{day:02}" for day in (5, 6, 7, 8, 9)]
    assert await quoted(*many) == [
        (14_400, 0, 14_400, None),
        ("product_unknown", {"field": "lines[1].product_id"}),
        ("lines_invalid", {"field": "lines", "lines_max": LINES_MAX}),
        ("lines_invalid", {"field": "lines", "lines_max": LINES_MAX}),
        ("lines_invalid", {"field": "lines", "lines_max": LINES_MAX}),
        ("delivery_day_invalid", {"field": "deliver_on", "dates": dates}),
        (14_400, 0, 14_400, None),
        (14_400, 0, 14_400, "payment_not_allowed"),
        (BindingRequired.code, {}),
        (SessionEnded.code, {}),
        ("product_unknown", {"field": "lines[0].product_id"}),
        ("try_again", {}),
    ]
    assert await rows.fetch(db, "SELECT idempotency_key FROM quotes ORDER BY 1") == [("0",), ("6",), ("7",)]


async def test_a_key_with_another_input_or_at_another_outlet_is_refused(db: str, data_keys: DataKeys) -> None:
    await stocked("A")
    found, member = await ids(db), await owner(data_keys)
    assert await quoted(request(member, Wish(found["A"], 3))) == [(14_400, 0, 14_400, None)]
    before = await rows.picture(db)
    assert await quoted(request(member, Wish(found["A"], 4), input_hash=b"other")) == [("idempotency_key_reused", {})]
    assert await rows.picture(db) == before


async def test_entitlements_are_the_outlets_free_ones(db: str, data_keys: DataKeys) -> None:
    await stocked("A")
    found, member, other = await ids(db), await owner(data_keys), await owner(data_keys)
    coupon = await entitled(db, member, "coupon", '{"off_fen": 1000, "minimum_fen": 10000}')
    special = await entitled(
        db, member, "price", '{"product_code": "A", "product_name": "汽水", "price_fen": 4000, "cases_max": 2}'
    )
    gift = await entitled(db, member, "gift", '{"item_code": "U", "item_name": "伞"}')
    lapsed = await entitled(db, member, "coupon", '{"off_fen": 1}', expires_at=AT)
    held = await entitled(db, member, "coupon", '{"off_fen": 2}', state="held", held_by="order:1", held_at=AT)
    theirs = await entitled(db, other, "coupon", '{"off_fen": 3}')
    wish = Wish(found["A"], 3, special)
    whole = request(member, wish, entitlement_ids=(coupon, gift), key="whole")
    assert await quoted(whole) == [(12_800, 1_000, 11_800, None)]
    (again,) = await quotes.quote(Shelves(), [whole])
    assert isinstance(again, Quoted)
    assert (again.body.priced.coupon_id, again.body.priced.gift_ids) == (coupon, (gift,))
    named = (lapsed, held, theirs, 2**62, special)
    unfit = [request(member, wish, entitlement_ids=(one,), key=f"unfit-{one}") for one in named]
    assert [code for code, _ in await quoted(*unfit)] == ["entitlement_unfit"] * 5
    short = request(member, Wish(found["A"], 2), entitlement_ids=(coupon,), key="short")
    assert await quoted(short) == [
        ("coupon_minimum", {"field": "entitlement_ids", "minimum_fen": 10_000, "missing_fen": 400})
    ]
    # Nothing is held by a quote.
    assert await rows.fetch(db, "SELECT count(*) FROM entitlements WHERE state = 'free'") == [(5,)]


async def test_an_outlets_own_minimum_days_and_tag_count(db: str, data_keys: DataKeys) -> None:
    await stocked("A")
    found = await ids(db)
    small = await owner(data_keys, minimum_order_fen=4_800)
    never = await owner(data_keys, delivery_days=[])
    tagged = await owner(data_keys)
    ((outlet_id,),) = await rows.fetch(db, "SELECT current_outlet_id FROM members WHERE id = $1", tagged.id)
    await rows.execute(
        db, "INSERT INTO outlet_tags (outlet_id, tag, source, since) VALUES ($1, '账期', 'tests', now())", outlet_id
    )
    assert await quoted(
        request(small, Wish(found["A"], 1)), request(never, Wish(found["A"], 3)),
        request(tagged, Wish(found["A"], 3), payment="account"),
    ) == [(4_800, 0, 4_800, None), ("no_delivery", {}), (14_400, 0, 14_400, None)]  # fmt: skip


async def test_the_rule_book_of_the_day_counts(db: str, data_keys: DataKeys) -> None:
    await stocked("A")
    found, member = await ids(db), await owner(data_keys)
    terms = OrderTerms(cut_off_hour=9, quote_minutes=3, cash_minimum_fen=0)
    await rulebooks.plan(ORDER_TERMS, terms, date(2026, 11, 5), BY, "试点", AT)
    tomorrow = AT + timedelta(days=1)
    today, later = await quotes.quote(
        Shelves(), [request(member, Wish(found["A"], 1), key=str(at), at=at) for at in (AT, tomorrow)]
    )
    assert (told(today), told(later)) == ((4_800, 0, 4_800, "order_minimum"), (4_800, 0, 4_800, None))
    assert isinstance(later, Quoted)
    assert (later.deliver_on, later.expires_at) == (date(2026, 11, 7), tomorrow + timedelta(minutes=3))


async def test_a_key_used_by_two_workers_at_once_is_kept_once(db: str, data_keys: DataKeys) -> None:
    await stocked("A")
    found, member = await ids(db), await owner(data_keys)
    wish = request(member, Wish(found["A"], 3))
    answers = await asyncio.gather(
        *(Batcher(partial(quotes.quote, Shelves())).submit(wish) for _ in range(6)), return_exceptions=True
    )
    kept = {one.quote_id for one in answers if isinstance(one, Quoted)}
    assert (len(kept), len(await rows.fetch(db, QUOTES))) == (1, 1)
    assert {type(one).__name__ for one in answers} <= {"Quoted", "TryAgain"}


@pytest.mark.parametrize(
    ("at", "left"), [(AT + timedelta(minutes=15, days=2), 2), (AT + timedelta(minutes=15, days=2, seconds=1), 0)]
)
async def test_quotes_go_two_days_after_their_end(db: str, data_keys: DataKeys, at: datetime, left: int) -> None:
    await stocked("A")
    found, member = await ids(db), await owner(data_keys)
    await quotes.quote(Shelves(), [request(member, Wish(found["A"], 3), key=str(n)) for n in range(2)])
    assert await quotes.forget(at, 1) == min(1, 2 - left)
    assert await quotes.forget(at) == max(1 - left, 0)
    assert len(await rows.fetch(db, QUOTES)) == left
