"""Entitlements, statements and pictures over HTTP: one's own alone, page by page, by month, for ever."""

import hashlib
from datetime import datetime

import pytest

from loyalty.clock import SHANGHAI
from tests.http.conftest import Callers, Database, refused
from tests.http.storefront import Storefront, without_instants

PNG = b"\x89PNG\r\n\x1a\n" + b"a picture of an umbrella"
ENTITLEMENTS = "/mp/v1/entitlements"


@pytest.fixture
def shop(callers: Callers, stored: Database) -> Storefront:
    """Give a shop of this test alone."""
    return Storefront(callers, stored)


async def test_an_outlet_sees_its_own_entitlements_page_by_page(shop: Storefront) -> None:
    owner, other, coupon = await shop.rich(1_000), await shop.rich(1_000), await shop.reward()
    bought = [(await shop.redeem(owner, coupon)).json()["entitlement"]["id"] for _ in range(3)]
    theirs = (await shop.redeem(other, coupon)).json()["entitlement"]["id"]
    seen: list[str] = []
    cursor, pages = None, 0
    while True:
        more = "" if cursor is None else f"&cursor={cursor}"
        page = (await shop.get(f"{ENTITLEMENTS}?limit=2{more}", owner)).json()
        seen += [one["id"] for one in page["items"]]
        cursor, pages = page["next_cursor"], pages + 1
        if cursor is None:
            break
    assert (seen, pages) == (bought[::-1], 2)
    (one,) = (await shop.get(f"{ENTITLEMENTS}?cursor={theirs}&limit=1", other)).json()["items"] or [None]
    assert one is None, "what comes before the first is nothing, whosever it is"
    (one,) = (await shop.get(ENTITLEMENTS, other)).json()["items"]
    assert without_instants(one, "granted_at", "expires_at") == {
        "id": theirs,
        "type": "coupon",
        "name": "满 100 减 10",
        "sentence": "订货满 100 元减 10 元",
        "terms": {"off_fen": 1_000, "minimum_fen": 10_000},
        "state": "free",
    }
    # Three pages of one, full to the last: no cursor leads to nothing.
    page = (await shop.get(f"{ENTITLEMENTS}?limit=3", owner)).json()
    assert (len(page["items"]), page["next_cursor"]) == (3, None)


async def test_what_is_over_is_shown_as_lapsed_before_any_sweep(shop: Storefront) -> None:
    owner, coupon = await shop.rich(), await shop.reward()
    bought = (await shop.redeem(owner, coupon)).json()["entitlement"]["id"]
    await shop.connection.execute(
        "UPDATE entitlements SET granted_at = now() - interval '9 days', expires_at = now() - interval '1 second'"
        " WHERE id = $1",
        int(bought),
    )
    (one,) = (await shop.get(ENTITLEMENTS, owner)).json()["items"]
    assert one["state"] == "lapsed"


@pytest.mark.parametrize(
    ("query", "code", "names"),
    [
        ("cursor=abc", "out_of_range", "cursor"),
        ("cursor=0", "out_of_range", "cursor"),
        ("cursor=-5", "out_of_range", "cursor"),
        ("cursor=", "out_of_range", "cursor"),
        (f"cursor={'9' * 19}", "out_of_range", "cursor"),
        (f"cursor={'9' * 33}", "out_of_range", "cursor"),
        ("limit=0", "out_of_range", "limit"),
        ("limit=101", "out_of_range", "limit"),
        ("limit=many", "wrong_type", "limit"),
        ("page=2", "unknown_field", "page"),
    ],
)
async def test_where_nobody_ever_was_there_is_no_page(shop: Storefront, query: str, code: str, names: str) -> None:
    refused(await shop.get(f"{ENTITLEMENTS}?{query}", await shop.rich()), 422, code, names)


async def test_a_month_is_told_in_full(shop: Storefront) -> None:
    owner, coupon = await shop.rich(250), await shop.reward()
    await shop.redeem(owner, coupon)
    month = f"{datetime.now(SHANGHAI):%Y-%m}"
    told = (await shop.get("/mp/v1/points/statement", owner)).json()
    assert (await shop.get(f"/mp/v1/points/statement?month={month}", owner)).json() == told
    lines = told.pop("lines")
    assert told == {
        "month": month,
        "opening": {"balance": 0, "pending": 0, "owed": 0},
        "closing": {"balance": 150, "pending": 0, "owed": 0},
        "by_kind": {"accrual": 250, "redemption": -100},
        "cut": False,
    }
    assert [(one["entry"]["points"], one["balance_after"]) for one in lines] == [(250, 250), (-100, 150)]
    for other, balance in (("2020-01", 0), ("2099-12", 150)):
        empty = (await shop.get(f"/mp/v1/points/statement?month={other}", owner)).json()
        assert (empty["month"], empty["closing"]["balance"], empty["lines"]) == (other, balance, [])


@pytest.mark.parametrize(
    "month", ["2026-13", "2026-00", "26-01", "2026-1", "2026-01-01", "1999-12", "2100-01", "", "abc", "2026-0%D9%A1"]
)
async def test_what_is_no_month_has_no_statement(shop: Storefront, month: str) -> None:
    answer = await shop.get(f"/mp/v1/points/statement?month={month}", await shop.rich())
    refused(answer, 422, "out_of_range", "month")


async def test_a_month_and_a_line_is_no_month(shop: Storefront) -> None:
    answer = await shop.get("/mp/v1/points/statement?month=2026-01%0A", await shop.rich())
    refused(answer, 422, "out_of_range", "month")


async def test_pictures_are_for_everybody_and_for_ever(shop: Storefront) -> None:
    owner = await shop.rich()
    digest = hashlib.sha256(PNG).hexdigest()
    await shop.connection.execute(
        "INSERT INTO pictures (digest, content_type, content, made_by, made_at)"
        " VALUES ($1, 'image/png', $2, 'tests', now())",
        digest,
        PNG,
    )
    await shop.reward(picture_id=digest)
    (one,) = (await shop.listed(owner))["items"]
    assert one["picture_url"] == f"/pictures/{digest}"
    answer = await shop.client.get(one["picture_url"])
    assert (answer.status_code, answer.content) == (200, PNG)
    told = {name: answer.headers[name] for name in ("content-type", "cache-control", "x-content-type-options")}
    assert told == {
        "content-type": "image/png",
        "cache-control": "public, max-age=31536000, immutable",
        "x-content-type-options": "nosniff",
    }
    assert answer.headers["content-security-policy"] == "default-src 'none'"


@pytest.mark.parametrize(
    "digest", ["0" * 64, "0" * 63, "0" * 65, "A" * 64, "..%2Fsettings", "abc", f"{'0' * 63}%00", f"{'0' * 64}%0A"]
)
async def test_where_no_picture_is_there_is_none(shop: Storefront, digest: str) -> None:
    refused(await shop.client.get(f"/pictures/{digest}"), 404, "path_unknown")
