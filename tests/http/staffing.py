"""Fills a house's database with two plants and somebody of every role, and prints what tests need to know of them.

Run as a program, since the tests' own process has another database open: python -m tests.http.staffing DATABASE_URL
"""

import asyncio
import sys
from datetime import datetime, timedelta

import msgspec

from app import database
from loyalty import clock, transactions
from loyalty.campaigns import campaigns
from loyalty.campaigns.campaigns import CampaignPlan
from loyalty.catalogue.masterdata import product_rows
from loyalty.catalogue.masterdata.product_rows import ProductRow
from loyalty.clock import business_date
from loyalty.customers import members, outlets
from loyalty.customers.outlet_rows import OutletRow
from loyalty.customers.personal import DataKeys
from loyalty.customers.standings import Standing
from loyalty.customers.territory import assignments
from loyalty.customers.territory import queries as territory_queries
from loyalty.ordering import documents
from loyalty.ordering.documents import NewOrder, number_of
from loyalty.ordering.fulfilment import queries
from loyalty.ordering.rules import Priced, PricedLine
from loyalty.organisation import places
from loyalty.organisation.audit import Actor
from loyalty.organisation.models import Node
from loyalty.points.adjustments import adjustments
from loyalty.rewards import catalogue
from loyalty.rewards.catalogue import RewardPlan
from loyalty.rewards.types.coupon import CouponTerms
from loyalty.staff import grants, people, rules
from loyalty.staff.models import StaffMember, StaffSession
from loyalty.staff.people import Reach
from loyalty.staff.rules import ROLES, Role

ACTOR = Actor("command", "tests", "测试")
SPARE = 4
ODD_CODE = "OWN/3?店#&%"


class Person(msgspec.Struct, frozen=True):
    """A staff member with the cookie of a live session."""

    id: int
    code: str
    token: str


class Staffing(msgspec.Struct, frozen=True):
    """Everybody and everything, in the plants OWN and FOREIGN."""

    root: Person
    """An administrator of the whole."""
    people: dict[str, Person]
    """One of each role at the plant OWN; the rep looks after the outlet OWN1."""
    nobody: Person
    """Somebody without a role."""
    foreign: Person
    """A rep at the plant FOREIGN."""
    spare: list[Person]
    """Reps at OWN whom a test may change."""
    own_plant: int
    foreign_plant: int
    own_office: int
    own_adjustment: int
    """Proposed by the operator of OWN for OWN1."""
    foreign_adjustment: int
    reward: int
    campaign: int
    own_order: str
    foreign_order: str


async def _person(code: str, name: str, role: Role | None, node_id: int) -> Person:
    at = clock.now() - timedelta(minutes=1)
    token = rules.new_session_token()
    async with transactions.begin():
        staff_id = await people.enter(code, name, ACTOR, at)
        if role is not None:
            await grants.give(staff_id, role, node_id, at, None, ACTOR, at)
        await StaffSession.create(
            token_hash=rules.token_hash(token),
            staff_id=staff_id,
            created_at=at,
            seen_at=clock.now(),
            expires_at=at + rules.SESSION_LIFE,
            address="127.0.0.1",
            device="测试",
        )
        await StaffMember.filter(id=staff_id).update(password_is_temporary=False, password_hash="none")
    return Person(staff_id, code, token)


async def staff(data_keys: DataKeys) -> Staffing:
    """Make everybody. Entry verbs, one after the other."""
    at = clock.now() - timedelta(minutes=2)
    rows = [
        OutletRow(code="OWN1", name="自家便利店", plant_code="OWN", office_code="OFF", contact_phone="13911110001"),
        OutletRow(code="OWN2", name="自家超市", plant_code="OWN"),
        OutletRow(code=ODD_CODE, name="怪编号小店", plant_code="OWN"),
        OutletRow(code="FOREIGN1", name="外厂便利店", plant_code="FOREIGN"),
    ]
    await outlets.put(list(enumerate(rows)), "tests", at, data_keys)
    # Where a page's address takes a code, an outlet's or a product's, this one is both.
    await product_rows.put([(0, ProductRow(code="OWN1", name="测试汽水", category="汽水", units_per_case=24))], at)
    async with transactions.begin():
        root_id = await places.ensure_root(at)
        nodes = {node.code: node.id for node in await Node.filter(code__in=["OWN", "FOREIGN", "OFF"])}
    root = await _person("root", "总部管理员", "admin", root_id)
    everybody = {role: await _person(f"own-{role}", f"本厂{role}", role, nodes["OWN"]) for role in ROLES}
    nobody = await _person("nobody", "没有角色", None, root_id)
    foreign = await _person("foreign-rep", "外厂业务员", "rep", nodes["FOREIGN"])
    spare = [await _person(f"spare-{n}", f"备用{n}", "rep", nodes["OWN"]) for n in range(SPARE)]
    async with transactions.begin():
        (outlet,) = await territory_queries.lock_outlets(["OWN1"])
        await assignments.assign([(outlet["id"], everybody["rep"].id)], "tests", at)
    operator = await people.by_code(everybody["operator"].code, clock.now())
    chief = await people.by_code(root.code, clock.now())
    assert operator is not None
    assert chief is not None
    reach = Reach((root_id,))
    proposed = [
        await adjustments.propose(code, 5, "测试补分", by, reach, clock.now())
        for code, by in (("OWN1", operator), ("FOREIGN1", chief))
    ]
    return Staffing(
        root,
        dict(everybody.items()),
        nobody,
        foreign,
        spare,
        nodes["OWN"],
        nodes["FOREIGN"],
        nodes["OFF"],
        proposed[0],
        proposed[1],
        await _reward(at),
        await _campaign(at),
        await _order("OWN1", data_keys, at),
        await _order("FOREIGN1", data_keys, at),
    )


async def _order(outlet_code: str, data_keys: DataKeys, at: datetime) -> str:
    """Let an outlet have an order of one case, placed by a member who is bound to it."""
    member = (await members.recognise(f"staffing-{outlet_code}", None, at, data_keys)).member
    async with transactions.begin() as connection:
        (outlet,) = await territory_queries.lock_outlets([outlet_code])
        product_id = await connection.fetchval("SELECT id FROM products WHERE code = 'OWN1'")
        order_id = await queries.next_order_id()
        line = PricedLine(1, product_id, "OWN1", "测试汽水", "汽水", 24, 1, 4_800, 0, None, None, 4_800, 0)
        standing = Standing(member.id, outlet["id"], outlet_code, outlet_code, 1, "owner")
        order = NewOrder(
            order_id, number_of(order_id, at), standing, -order_id, None, None, "cash", business_date(at),
            at + timedelta(days=1), None, "", Priced((line,), 4_800, 0, ()), (), f"order-{order_id}", b"x", at,
        )  # fmt: skip
        await documents.store([order])
    return order.number


async def _reward(at: datetime) -> int:
    plan = RewardPlan(
        type="coupon",
        name="测试券",
        description="",
        terms=CouponTerms(100),
        cost_points=10,
        cost_fen=100,
        units=5,
        from_at=at,
        until_at=at + timedelta(days=30),
        days_valid=7,
    )
    return await catalogue.add(plan, ACTOR, "测试", at)


async def _campaign(at: datetime) -> int:
    plan = CampaignPlan(name="测试活动", from_at=at, until_at=at + timedelta(days=30), budget_points=100)
    return await campaigns.add("tests", plan, ACTOR, "测试", at)


async def _main(url: str) -> Staffing:
    async with database.opened(url, pool_max=2):
        return await staff(DataKeys([b"k" * 32]))


if __name__ == "__main__":
    sys.stdout.write(msgspec.json.encode(asyncio.run(_main(sys.argv[1]))).decode())
