"""The reps' pages over HTTP: what is new shows, trouble first, page by page, each within the own outlets."""

import re
from collections.abc import Callable

import pytest_asyncio

from loyalty.staff.rules import Role
from tests import rows
from tests.conftest import House, command
from tests.http import offering
from tests.http.colleagues import colleague
from tests.http.conftest import Browser, Callers, Database
from tests.http.offering import Offered
from tests.http.staffing import Person, Staffing
from tests.http.test_console import Visitor
from tests.http.test_order_pages import shop
from tests.http.test_orders_http import Shop

__all__ = ["shop"]
BrowserOf = Callable[[Person], Browser]
PART = {"hx-request": "true", "hx-target": "sfa-orders"}
_ASSIGN = """
    INSERT INTO outlet_assignments (outlet_id, staff_id, from_at, source)
    SELECT id, $2::bigint, now() - interval '1 minute', 'tests' FROM outlets WHERE code = $1 RETURNING id
"""


@pytest_asyncio.fixture(scope="module")
async def offered(house: House, callers: Callers, staffing: Staffing) -> Offered:
    """Bring a plant's catalogue, after the staff of all tests is there."""
    return await offering.offer(offering.calling(house, callers, "tests-sfa-pages"))


class Visiting:
    """A shop with the rep who looks after it and the supervisor of its plant."""

    def __init__(self, shop: Shop, rep: Browser, rep_id: int, supervisor: Browser) -> None:
        self.shop, self.rep, self.rep_id, self.supervisor = shop, rep, rep_id, supervisor


@pytest_asyncio.fixture
async def visiting(house: House, shop: Shop, browser_of: BrowserOf) -> Visiting:
    """Give a shop to a rep of its own."""
    assert shop.owner.outlet_code is not None
    mark = shop.owner.outlet_code.lower()
    ((plant,),) = await rows.fetch(
        house.database_url, "SELECT id FROM organisation_nodes WHERE code = $1", f"P{shop.offered.mark}"
    )
    assert isinstance(plant, int)

    async def join(code: str, role: Role) -> Person:
        return await colleague(house, f"{code}-{mark}", f"{code}-{mark}", role, plant)

    rep, lead = await join("v", "rep"), await join("l", "supervisor")
    await rows.fetch(house.database_url, _ASSIGN, shop.owner.outlet_code, rep.id)
    return Visiting(shop, browser_of(rep), rep.id, browser_of(lead))


def numbers(page: str) -> list[str]:
    """Give the orders that a page lists, in its order."""
    return re.findall(r'href="/sfa/orders/([^"]+)"', page)


async def again(browser: Browser, page: str) -> tuple[int, str]:
    """Ask again as a page that is open does."""
    (seen,) = re.findall(r'"seen": "([0-9a-f]+)"', page)
    answer = await browser.get(f"/sfa?seen={seen}", **PART)
    return answer.status_code, answer.text


async def test_a_new_order_shows_where_a_page_asks_again(visiting: Visiting) -> None:
    first = await visiting.shop.order(("1", 3))
    page = (await visiting.rep.get("/sfa")).text
    assert numbers(page) == [first]
    assert f'href="/outlets/{visiting.shop.owner.outlet_code}"' in page
    assert await again(visiting.rep, page) == (204, "")
    second = await visiting.shop.order(("3", 2))
    status, part = await again(visiting.rep, page)
    assert (status, numbers(part)) == (200, [second, first])
    assert "<html" not in part
    assert await again(visiting.rep, part) == (204, "")


async def test_what_is_in_trouble_stands_first_and_says_why(visiting: Visiting, stored: Database) -> None:
    late, short, calm = [await visiting.shop.order(("1", 5)) for _ in range(3)]
    await stored.connection.execute(
        "UPDATE orders SET placed_at = placed_at - interval '3 hours' WHERE number = $1", late
    )
    await visiting.shop.report(short, "shorted", (1, 3))
    page = (await visiting.rep.get("/sfa")).text
    assert numbers(page) == [short, late, calm]
    assert page.index("要您留意的</h2>") < page.index("缺货等店里选") < page.index("仓库还没确认")
    assert page.index("仓库还没确认") < page.index("最新的订单</h2>") < page.index(calm)
    assert numbers((await visiting.rep.get("/sfa?only=trouble")).text) == [short, late]


async def test_it_is_narrowed_by_outlet_status_and_day(visiting: Visiting, stored: Database) -> None:
    today, earlier = await visiting.shop.order(("1", 3)), await visiting.shop.order(("3", 2))
    await visiting.shop.report(earlier, "delivered")
    await stored.connection.execute(
        "UPDATE orders SET placed_at = placed_at - interval '1 day' WHERE number = $1", earlier
    )
    for query, found in (
        (f"q={visiting.shop.owner.outlet_code}", [earlier, today]), ("q=OWN1", []), (f"q={today}", [today]),
        ("status=delivered", [earlier]), ("status=placed", [today]), ("status=eaten", [earlier, today]),
        ("day=today", [today]), ("day=yesterday", [earlier]), ("day=week", [earlier, today]),
        ("day=comes_today", []), ("before=x", [earlier, today]),
    ):  # fmt: skip
        assert numbers((await visiting.rep.get(f"/sfa?{query}")).text) == found, query


async def test_pages_follow_each_other_without_a_gap(visiting: Visiting, stored: Database) -> None:
    number = await visiting.shop.order(("1", 3))
    made = await stored.connection.fetch(
        """
        INSERT INTO orders SELECT (jsonb_populate_record(o, jsonb_build_object(
            'id', nextval(pg_get_serial_sequence('orders', 'id')), 'number', o.number || '-' || n,
            'quote_id', -o.id * 100 - n, 'idempotency_key', o.idempotency_key || n))).*
          FROM orders o, generate_series(1, 24) n WHERE o.number = $1 ORDER BY n RETURNING number
        """,
        number,
    )
    await stored.connection.execute(
        """
        INSERT INTO order_lines SELECT (jsonb_populate_record(l, jsonb_build_object(
            'id', nextval(pg_get_serial_sequence('order_lines', 'id')), 'order_id', o.id))).*
          FROM orders o, orders f JOIN order_lines l ON l.order_id = f.id
         WHERE f.number = $1 AND o.number LIKE $1 || '-%'
        """,
        number,
    )
    everything = [number, *(row["number"] for row in made)][::-1]
    first = (await visiting.rep.get("/sfa")).text
    (path,) = re.findall(r'rel="next" href="([^"]+)"', first)
    await visiting.shop.order(("3", 2))
    second = (await visiting.rep.get(path)).text
    assert numbers(first) + numbers(second) == everything
    assert len(numbers(first)) == 20
    assert ("data-live" in first, "data-live" in second) == (True, False)
    assert 'rel="next"' not in second


async def test_one_order_tells_what_the_shop_may_still_do(visiting: Visiting) -> None:
    number = await visiting.shop.order(("1", 5), ("3", 2))
    path = f"/sfa/orders/{number}"
    page = (await visiting.rep.get(path)).text
    assert all(text in page for text in (number, "清泉乌龙茶", "预计送到", "进度", "取消这个订单"))
    assert not re.search(r'<form[^>]+action="(?!/logout)', page)
    assert "确认收货" not in page
    await visiting.shop.report(number, "shorted", (1, 3))
    assert "换别的、等下一趟，或者不要了" in (await visiting.rep.get(path)).text
    await visiting.shop.report(number, "delivered")
    page = (await visiting.rep.get(path)).text
    assert "点“确认收货”" in page
    assert "取消这个订单" not in page


async def test_a_supervisor_sees_the_reps_orders_and_looks_at_one_rep(
    visiting: Visiting, staffing: Staffing, stored: Database
) -> None:
    number = await visiting.shop.order(("1", 3))
    page = (await visiting.supervisor.get("/sfa")).text
    assert number in numbers(page)
    assert f'<option value="{visiting.rep_id}">' in page
    assert number in numbers((await visiting.supervisor.get(f"/sfa?rep={visiting.rep_id}")).text)
    # A rep of another plant, whose outlets are none of this supervisor's.
    assert numbers((await visiting.supervisor.get(f"/sfa?rep={staffing.people['rep'].id}")).text) == []
    await stored.connection.execute("DELETE FROM outlet_assignments WHERE staff_id = $1", visiting.rep_id)
    assert numbers((await visiting.supervisor.get(f"/sfa?rep={visiting.rep_id}")).text) == []
    assert number in numbers((await visiting.supervisor.get("/sfa")).text)
    # A rep cannot become another by the address.
    assert numbers((await visiting.rep.get(f"/sfa?rep={staffing.people['rep'].id}")).text) == []


async def test_somebody_elses_order_is_not_there(staffing: Staffing, browser_of: BrowserOf) -> None:
    for role in ("rep", "supervisor"):
        browser = browser_of(staffing.people[role])
        listed = numbers((await browser.get("/sfa")).text)
        assert staffing.own_order in listed, role
        assert staffing.foreign_order not in listed, role
        assert (await browser.get(f"/sfa/orders/{staffing.own_order}")).status_code == 200
        missing = await browser.get(f"/sfa/orders/{staffing.foreign_order}")
        unknown = await browser.get("/sfa/orders/L000")
        assert (missing.status_code, unknown.status_code) == (404, 404), role
        assert numbers((await browser.get("/sfa?q=FOREIGN1")).text) == []


async def test_the_pages_are_the_reps_and_lead_to_each_other(staffing: Staffing, browser_of: BrowserOf) -> None:
    for role in ("admin", "plant_lead", "operator", "marketer", "checker"):
        browser = browser_of(staffing.people[role])
        assert (await browser.get("/sfa")).status_code == 403, role
        assert (await browser.get(f"/sfa/orders/{staffing.own_order}")).status_code == 403, role
    rep, operator = browser_of(staffing.people["rep"]), browser_of(staffing.people["operator"])
    page = (await rep.get("/outlets/OWN1/orders")).text
    assert f'href="/sfa/orders/{staffing.own_order}"' in page
    assert ('<a href="/sfa"' in page, '<a href="/ops/orders"' in page) == (True, False)
    page = (await operator.get("/outlets/OWN1/orders")).text
    assert f'href="/ops/orders/{staffing.own_order}"' in page
    assert ('<a href="/sfa"' in page, '<a href="/ops/orders"' in page) == (False, True)


async def test_a_rep_lands_there_after_the_log_in(house: House) -> None:
    given = command(house.database_url, "staff", "add", "landing", "--name", "新业务员", "--role", "rep").splitlines()[
        -1
    ]
    visitor, good = Visitor(house), "一句只有我知道的话呀"
    async with visitor.client:
        assert (await visitor.log_in("landing", given)).headers["location"] == "/password"
        fields = {"csrf": await visitor.token("/password"), "current": given, "new": good, "again": good}
        done = await visitor.client.post("/password", data=fields)
        assert done.headers["location"] == "/sfa?done=password_changed"
    for asked, led in (("/", "/sfa"), ("/outlets", "/outlets")):
        visitor = Visitor(house)
        async with visitor.client:
            assert (await visitor.log_in("landing", good, asked)).headers["location"] == led
