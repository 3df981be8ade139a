"""Orders: placed as they were quoted, each of a batch by itself, with what they need held or not at all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, timedelta
from functools import partial

import msgspec
import pytest

from loyalty import transactions
from loyalty.batches import Batcher
from loyalty.catalogue.shelves import Shelves
from loyalty.customers.personal import DataKeys
from loyalty.customers.standings import MemberRef
from loyalty.errors import Refusal
from loyalty.ordering import orders
from loyalty.ordering.documents import Invoice
from loyalty.ordering.orders import Placed
from loyalty.ordering.rules import OrderTerms, Wish
from tests import factories, rows
from tests.catalogue import AT, price, product, put_prices, put_products, stocked
from tests.ordering import (
    balance,
    entitled,
    ids,
    later,
    owner,
    placed,
    placing,
    quoted_for,
    report,
    standing_of,
    try_to_place,
    wished,
)


def codes(answers: list[Placed | Refusal]) -> list[str]:
    """Give what came of each: the status, or the refusal's code."""
    return [one.code if isinstance(one, Refusal) else one.status for one in answers]


async def test_an_order_is_what_was_quoted_and_the_hub_is_told(db: str, data_keys: DataKeys) -> None:
    await stocked("A", "B")
    await put_products(product("B", deposit_fen=200, multiple_cases=2))
    found, member = await ids(db), await owner(data_keys)
    coupon = await entitled(db, member, "coupon", '{"off_fen": 1000, "minimum_fen": 10000}')
    gift = await entitled(db, member, "gift", '{"item_code": "U", "item_name": "伞", "quantity": 2, "unit": "把"}')
    quote = await quoted_for(member, Wish(found["A"], 3), Wish(found["B"], 2), entitlement_ids=(coupon, gift))
    await put_prices(price("A", 9_900, plant_code="P1"))
    wish = placing(
        member,
        quote.quote_id,
        invoice=Invoice("normal", "阿芳便利店", "91310000X"),
        note="放后门",
        at=later(minutes=14),
    )
    first, again = [(await try_to_place(wish))[0] for _ in range(2)]
    assert isinstance(first, Placed)
    assert isinstance(again, Placed)
    assert (first.status, first.total_fen, first.deliver_on, first.joins, first.repeated) == (
        "placed", 23_400, date(2026, 11, 5), None, False,
    )  # fmt: skip
    assert first.number.startswith("L261104")
    assert again == msgspec.structs.replace(first, repeated=True)
    assert await standing_of(db, first.number) == ("placed", 23_400, [(3, 0), (2, 0)])
    ((told,),) = await rows.fetch(db, "SELECT data::text FROM outbox WHERE type = 'order.placed'")
    assert msgspec.json.decode(str(told)) == {
        "number": first.number,
        "member_id": str(member.id),
        "placed_at": "2026-11-04T02:14:00Z",
        "deliver_on": "2026-11-05",
        "payment": "cash",
        "joins": None,
        "because_of": None,
        "invoice": {"kind": "normal", "title": "阿芳便利店", "tax_number": "91310000X"},
        "note": "放后门",
        "goods_fen": 24_000,
        "discount_fen": 1_000,
        "deposit_fen": 400,
        "total_fen": 23_400,
        "lines": [
            {
                "line_number": 1, "product_code": "A", "name": "汽水A", "cases": 3, "units_per_case": 24,
                "price_fen": 4_800, "special_cases": 0, "special_price_fen": None, "amount_fen": 14_400,
                "deposit_fen": 0,
            },
            {
                "line_number": 2, "product_code": "B", "name": "汽水B", "cases": 2, "units_per_case": 24,
                "price_fen": 4_800, "special_cases": 0, "special_price_fen": None, "amount_fen": 9_600,
                "deposit_fen": 400,
            },
        ],
        "gifts": [
            {
                "entitlement_id": str(gift), "name": "权益", "item_code": "U", "item_name": "伞", "quantity": 2,
                "unit": "把",
            }
        ],
    }  # fmt: skip
    held = await rows.fetch(db, "SELECT id, state, held_by FROM entitlements ORDER BY id")
    assert held == [(one, "held", f"order:{first.number}") for one in (coupon, gift)]


async def test_items_of_a_batch_are_judged_by_themselves(db: str, data_keys: DataKeys) -> None:
    await stocked("A")
    found, member, other = await ids(db), await owner(data_keys), await owner(data_keys)
    guest = await factories.member(AT, data_keys)
    good = await quoted_for(member, Wish(found["A"], 3), key="good")
    small = await quoted_for(member, Wish(found["A"], 1), key="small")
    account = await quoted_for(member, Wish(found["A"], 3), key="account", payment="account")
    theirs = await quoted_for(other, Wish(found["A"], 3))
    answers = await try_to_place(
        placing(member, good.quote_id),
        placing(member, small.quote_id, key="1"),
        placing(member, account.quote_id, key="2"),
        placing(member, theirs.quote_id, key="3"),
        placing(member, 2**40, key="4"),
        placing(guest, good.quote_id, key="5"),
        placing(MemberRef(member.id, member.epoch + 1), good.quote_id, key="6"),
        placing(member, good.quote_id, key="7"),
        placing(other, theirs.quote_id, key="8"),
    )
    assert codes(answers) == [
        "placed", "order_minimum", "payment_not_allowed", "quote_unknown", "quote_unknown", "binding_required",
        "token_revoked", "try_again", "placed",
    ]  # fmt: skip
    before = await rows.picture(db)
    again = await try_to_place(
        placing(member, good.quote_id, key="7"), placing(member, small.quote_id, input_hash=b"other")
    )
    assert codes(again) == ["quote_used", "idempotency_key_reused"]
    assert isinstance(answers[0], Placed)
    assert isinstance(again[0], Refusal)
    assert again[0].data == {"number": answers[0].number}
    assert await rows.picture(db) == before


async def test_an_ended_quote_is_honoured_or_refused_with_the_new_price(db: str, data_keys: DataKeys) -> None:
    await stocked("A", "B")
    found, member = await ids(db), await owner(data_keys)
    same = await quoted_for(member, Wish(found["B"], 3), key="same")
    dear = await quoted_for(member, Wish(found["A"], 3), Wish(found["B"], 1), key="dear")
    gone = await quoted_for(member, Wish(found["A"], 3), key="gone", at=later(minutes=-1))
    await put_prices(price("A", 5_000, plant_code="P1"))
    after = later(minutes=15)
    before = await rows.picture(db)
    (changed,) = await try_to_place(placing(member, dear.quote_id, at=after))
    assert isinstance(changed, Refusal)
    assert (changed.code, changed.data) == (
        "price_changed",
        {
            "was_fen": 19_200,
            "total_fen": 19_800,
            "lines": [{"product_id": str(found["A"]), "name": "汽水A", "was_fen": 14_400, "now_fen": 15_000}],
        },
    )
    await put_products(product("A", status="ended"))
    assert codes(await try_to_place(placing(member, gone.quote_id, at=after))) == ["product_unknown"]
    late = later(hours=6)
    assert codes(await try_to_place(placing(member, same.quote_id, at=late))) == ["delivery_day_invalid"]
    assert {name: kept for name, kept in before.items() if name != "outbox"} == {
        name: kept for name, kept in (await rows.picture(db)).items() if name != "outbox"
    }
    assert codes(await try_to_place(placing(member, same.quote_id, at=after))) == ["placed"]


async def test_a_quote_never_holds_past_its_days_cut_off(db: str, data_keys: DataKeys) -> None:
    await stocked("A")
    found, member = await ids(db), await owner(data_keys)
    at = AT.replace(hour=7, minute=50)  # 15:50 in Shanghai, ten minutes before the truck is loaded
    quote = await quoted_for(member, Wish(found["A"], 3), at=at)
    assert (quote.deliver_on, quote.expires_at) == (date(2026, 11, 5), at + timedelta(minutes=10))
    assert quote.body.cut_off_at == quote.expires_at


async def test_what_joins_tomorrows_truck_or_was_won_has_no_minimum(db: str, data_keys: DataKeys) -> None:
    await stocked("A", "B")
    found, member = await ids(db), await owner(data_keys)
    won = await entitled(
        db, member, "price", '{"product_code": "A", "product_name": "汽水", "price_fen": 100, "cases_max": 2}'
    )
    flash = await placed(member, Wish(found["A"], 2, won), key="flash", deliver_on=date(2026, 11, 7))
    assert (flash.total_fen, flash.joins) == (200, None)
    first = await placed(member, Wish(found["A"], 3), key="first")
    added = await placed(member, Wish(found["B"], 1), key="added", at=later(minutes=5))
    assert (added.joins, added.total_fen) == (first.number, 4_800)
    # One that joins an order which has gone meanwhile has to stand by itself.
    quote = await quoted_for(member, Wish(found["B"], 1), key="orphan", at=later(minutes=6))
    for number in (first.number, added.number):
        await wished(member, number, "cancelled", later(minutes=7), key=number)
    answers = await try_to_place(placing(member, quote.quote_id, key="orphan", at=later(minutes=8)))
    assert codes(answers) == ["order_minimum"]


async def test_the_maximum_is_of_the_trucks_goods_together(db: str, data_keys: DataKeys) -> None:
    await stocked("A", price_fen=100_00)
    found, member = await ids(db), await owner(data_keys)
    most = OrderTerms().cash_maximum_fen // 100_00
    await placed(member, Wish(found["A"], most - 1), key="first")
    quote = await quoted_for(member, Wish(found["A"], 2), key="too-much")
    assert quote.body.against is not None
    assert (quote.body.against.code, quote.body.against.data) == (
        "order_maximum", {"maximum_fen": OrderTerms().cash_maximum_fen},
    )  # fmt: skip


async def test_an_order_gets_all_it_needs_or_holds_nothing(db: str, data_keys: DataKeys) -> None:
    await stocked("A")
    found, member = await ids(db), await owner(data_keys)
    coupon, gift = [
        await entitled(db, member, kind, terms)
        for kind, terms in (("coupon", '{"off_fen": 100}'), ("gift", '{"item_code": "U", "item_name": "伞"}'))
    ]
    lines = Wish(found["A"], 3)
    both = await quoted_for(member, lines, key="both", entitlement_ids=(coupon, gift))
    one = await quoted_for(member, lines, key="one", entitlement_ids=(coupon,))
    assert codes(await try_to_place(placing(member, one.quote_id, key="1"), placing(member, both.quote_id))) == [
        "placed", "entitlement_held",
    ]  # fmt: skip
    assert await rows.fetch(db, "SELECT id, state FROM entitlements ORDER BY id") == [(coupon, "held"), (gift, "free")]
    assert await rows.fetch(db, "SELECT count(*) FROM orders") == [(1,)]


async def test_two_phones_place_one_order_of_a_quote(db: str, data_keys: DataKeys) -> None:
    await stocked("A")
    found, member = await ids(db), await owner(data_keys)
    quote = await quoted_for(member, Wish(found["A"], 3))
    wishes = [placing(member, quote.quote_id, key=f"phone-{n}") for n in range(4)]
    answers = await asyncio.gather(
        *(Batcher(partial(orders.place, Shelves())).submit(one) for one in wishes), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in answers) == ["Placed", "QuoteUsed", "QuoteUsed", "QuoteUsed"]
    assert await rows.fetch(db, "SELECT count(*) FROM orders") == [(1,)]


@pytest.mark.parametrize(
    ("reports", "points", "status"),
    [
        (["confirmed"], (0, 56), "confirmed"),
        (["confirmed", "shipped", "delivered"], (0, 56), "delivered"),
        (["delivered", "shipped", "confirmed"], (0, 56), "delivered"),
        (["confirmed", "confirmed"], (0, 56), "confirmed"),
        (["cancelled", "confirmed"], (0, 0), "cancelled"),
        (["confirmed", "cancelled"], (0, 0), "cancelled"),
        (["rejected"], (0, 0), "rejected"),
    ],
)
async def test_points_follow_what_the_hub_reports_in_any_order(
    db: str, data_keys: DataKeys, reports: list[str], points: tuple[int, int], status: str
) -> None:
    await stocked("A")
    found, member = await ids(db), await owner(data_keys)
    coupon = await entitled(db, member, "coupon", '{"off_fen": 100}')
    order = await placed(member, Wish(found["A"], 3), entitlement_ids=(coupon,))
    for one in reports:
        await report(order.number, one)
    assert await balance(db, member) == points
    assert (await standing_of(db, order.number))[0] == status
    ((state,),) = await rows.fetch(db, "SELECT state FROM entitlements")
    assert state == ("free" if status in {"cancelled", "rejected"} else "redeemed")


async def test_a_batch_takes_at_most_eight_statements_however_large(
    db: str, data_keys: DataKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stocked(*(f"P{n}" for n in range(10)))
    found, many = await ids(db), []
    for n in range(12):
        member = await owner(data_keys)
        coupon = await entitled(db, member, "coupon", f'{{"off_fen": {n + 1}}}')
        lines = [Wish(product_id, 2) for product_id in found.values()]
        quote = await quoted_for(member, *lines, entitlement_ids=(coupon,))
        many.append(placing(member, quote.quote_id))
    asked: list[str] = []
    begin = transactions.begin

    @asynccontextmanager
    async def overheard() -> AsyncIterator[transactions.Connection]:
        async with begin() as connection:
            with connection.query_logger(lambda record: asked.append(record.query)):
                yield connection

    monkeypatch.setattr(transactions, "begin", overheard)
    counts = []
    for batch in (many[:1], many[1:]):
        asked.clear()
        assert codes(await try_to_place(*batch)) == ["placed"] * len(batch)
        counts.append(len(asked))
    assert counts[0] == counts[1] <= 8
