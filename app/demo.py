"""Demo data: an organisation, one staff account a role, shops and two weeks of their doings. First run only."""

import asyncio
import os
import sys
from contextlib import suppress
from datetime import UTC, datetime, time, timedelta

import httpx

from app import database, demo_catalogue, demo_orders, demo_rewards, demo_rows, house, settings
from app.demo_accounts import ACCOUNTS, PASSWORD
from app.demo_rows import Shop
from app.settings import Settings
from games.base import Play
from games.checkin import checkins
from games.checkin.checkins import CheckinInput
from loyalty import clock, transactions
from loyalty.customers import binding_codes, bindings, members, outlets
from loyalty.customers.care import counts
from loyalty.customers.errors import AlreadyBound, OwnerExists
from loyalty.customers.models import Assignment, Binding, Outlet
from loyalty.customers.outlet_rows import OutletRow
from loyalty.customers.personal import DataKeys
from loyalty.customers.rules import Role as BindingRole
from loyalty.customers.standings import MemberRef
from loyalty.customers.texts import CONSENT_VERSION
from loyalty.organisation import places, tree
from loyalty.organisation.audit import Actor
from loyalty.staff import grants, logins, people
from loyalty.staff.errors import GrantExists
from loyalty.staff.rules import Role

BY = Actor("command", "leketong", "演示数据")
AFANG_DAYS = 5
HISTORY_DAYS = 14
KNOWN_BEFORE = timedelta(days=60)
OPENS_AT = time(7)


async def load(config: Settings, at: datetime) -> str:
    """Load everything; return what to tell the person in front of the terminal. After an interrupted run, again."""
    data_keys = DataKeys(config.data_keys)
    for days in sorted({shop.known_days for shop in demo_rows.SHOPS}, reverse=True):
        rows = [_row(number, shop) for number, shop in enumerate(demo_rows.SHOPS) if shop.known_days == days]
        await outlets.put(list(enumerate(rows)), "demo", at - timedelta(days=days), data_keys)
    nodes = await _name_places(at)
    await _hire(nodes, at)
    await _assign(at)
    async with httpx.AsyncClient(base_url=config.wechat_base_url, timeout=5) as sandbox:
        afang = await _afang(sandbox, at, data_keys)
        guest = (await sandbox.post("/sandbox/members", json={"phone": demo_rows.LAOWANG_PHONE})).raise_for_status()
    await demo_catalogue.load(at)
    owners = await _live(at, data_keys)
    await demo_rewards.load(owners, at, BY)
    await demo_orders.load(owners, at)
    await counts.count_places(at)
    code = await binding_codes.issue("SH0002", None, "card", "demo", at)
    staff = "".join(f"    {one.code:<12}{one.role_title}，{one.name}\n" for one in ACCOUNTS)
    return (
        "  演示账号（微信沙箱里的人，用 openid 换登录码）\n"
        f"    阿芳，阿芳便利店的店主    openid {afang}\n"
        f"    老王，还没绑定门店        openid {guest.json()['openid']}\n"
        f"    老王烟酒的绑定码          {code.token}\n"
        f"  后台账号（密码都是 {PASSWORD}）\n{staff}"
    )


def _row(number: int, shop: Shop) -> OutletRow:
    plant, office, route = shop.place
    return OutletRow(
        code=shop.code,
        name=shop.name,
        plant_code=plant,
        office_code=office,
        route_code=route,
        address=shop.address,
        contact_name=shop.contact_name,
        contact_phone=str(demo_rows.PHONES_FROM + number),
        channel=shop.channel,
        value_class=shop.value_class,
        status="closed" if shop.status == "closed" else "open",
        delivery_days=list(shop.delivery_days),
    )


async def _name_places(at: datetime) -> dict[str, int]:
    """Name the places that the shops' rows have made, which confirms them; return the nodes by their code."""
    async with transactions.begin():
        root = await places.ensure_root(at - KNOWN_BEFORE)
        nodes = await tree.find([root])
    by_id = {node.id: node for node in nodes}
    found = {}
    for node in nodes:
        codes, above = [node.code], by_id.get(node.parent_id or 0)
        while above is not None and above.parent_id is not None:
            codes, above = [above.code, *codes], by_id.get(above.parent_id)
        name = demo_rows.PLACES.get(tuple(codes))
        if name is not None and (node.name, node.confirmed_at is None) != (name, False):
            await tree.rename(node.id, name, [root], BY, at)
        if node.kind != "route":
            found[node.code] = node.id
    return found


async def _hire(nodes: dict[str, int], at: datetime) -> None:
    since = at - KNOWN_BEFORE
    accounts = [await _person(one.code, one.name, one.role, nodes[one.node_code], since) for one in ACCOUNTS]
    for code, name, node_code in demo_rows.COLLEAGUES:
        await _person(code, name, "rep", nodes[node_code], since)
    await asyncio.gather(*(logins.set_password(one, PASSWORD, BY, at, temporary=False) for one in accounts))


async def _person(code: str, name: str, role: Role, node_id: int, at: datetime) -> int:
    found = await people.by_code(code, at)
    staff_id = found.id if found is not None else await people.add(code, name, BY, at)
    with suppress(GrantExists):
        async with transactions.begin():
            await grants.give(staff_id, role, node_id, at, None, BY, at)
    return staff_id


async def _assign(at: datetime) -> None:
    for rep_code, codes in demo_rows.LOOKED_AFTER.items():
        rep = await people.by_code(rep_code, at)
        if rep is None:
            continue
        async with transactions.begin():
            for outlet in await Outlet.filter(code__in=codes).order_by("id"):
                if not await Assignment.exists(outlet_id=outlet.id):
                    await Assignment.create(
                        outlet_id=outlet.id, staff_id=rep.id, from_at=at - KNOWN_BEFORE, source="demo"
                    )


async def _afang(sandbox: httpx.AsyncClient, at: datetime, data_keys: DataKeys) -> str:
    """Make 阿芳, who has checked in on the last days, not yet today; return her openid."""
    async with transactions.begin():
        owner = await Binding.filter(outlet__code="SH0001", role="owner", ended_at=None).prefetch_related("member")
    if owner:
        openid, unionid = owner[0].member.openid or "", owner[0].member.unionid
    else:
        made = (await sandbox.post("/sandbox/members", json={"phone": demo_rows.AFANG_PHONE})).raise_for_status()
        openid, unionid = made.json()["openid"], made.json()["unionid"]
    afang = (await members.recognise(openid, unionid, at, data_keys)).member
    await members.keep_phone(afang, demo_rows.AFANG_PHONE, "86", at, data_keys)
    await _bind(afang, "SH0001", "owner", at - timedelta(days=AFANG_DAYS + 1), data_keys)
    for days in range(AFANG_DAYS, 0, -1):
        await checkins.make([Play(afang, f"demo-play-{days}", b"demo", CheckinInput(), at - timedelta(days=days))])
    return openid


async def _live(at: datetime, data_keys: DataKeys) -> dict[str, MemberRef]:
    """Let the other shops bind, and check in day after day, each in its own rhythm; return their owners."""
    owners: dict[str, MemberRef] = {}
    for number, shop in enumerate(demo_rows.SHOPS):
        if shop.bound_days is None:
            continue
        bound_at = _instant(at, shop.bound_days, number)
        for one in range(shop.clerks + 1):
            identity = f"demo-{shop.code}-{one}"
            person = (await members.recognise(identity, f"{identity}-union", bound_at, data_keys)).member
            await _bind(person, shop.code, "clerk" if one else "owner", bound_at, data_keys)
            if not one:
                owners[shop.code] = person
                phone = str(demo_rows.PHONES_FROM + number)
                await members.keep_phone(person, phone, "86", bound_at, data_keys)
    for days in range(HISTORY_DAYS, -1, -1):
        plays = [
            Play(owners[shop.code], f"demo-play-{days}", b"demo", CheckinInput(), _instant(at, days, number))
            for number, shop in enumerate(demo_rows.SHOPS)
            if shop.bound_days is not None and days <= shop.bound_days and shop.rhythm and (days + number) % shop.rhythm
        ]
        await checkins.make(plays)
    return owners


def _instant(at: datetime, days: int, number: int) -> datetime:
    """Give an instant of the day so many days ago, after the shops have opened, each at its own; never one to come."""
    day = clock.business_date(at) - timedelta(days=days)
    opening = datetime.combine(day, OPENS_AT, clock.SHANGHAI).astimezone(UTC)
    return min(at, opening + timedelta(minutes=number * 37 % 600))


async def _bind(member: MemberRef, outlet_code: str, role: BindingRole, at: datetime, data_keys: DataKeys) -> None:
    code = await binding_codes.issue(outlet_code, role, "card", "demo", at)
    with suppress(OwnerExists, AlreadyBound):
        await bindings.bind(
            bindings.Request(member, "demo-binding", b"demo", code.token, None, CONSENT_VERSION, at), data_keys
        )


async def _main(config: Settings) -> str:
    async with database.opened(config.database_url, pool_max=2, name="leketong-demo"):
        return await load(config, clock.now())


def main(config: Settings) -> int:
    """Load the demo data unless an earlier run has told of it."""
    told = config.home / "demo.txt"
    if not told.exists():
        text = asyncio.run(_main(config))
        told.touch(mode=0o600)
        told.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(settings.from_environment(house.environment(os.environ))))
