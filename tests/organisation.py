"""An organisation and its people for tests, made through the real verbs."""

from datetime import datetime, timedelta

import msgspec

from loyalty import transactions
from loyalty.organisation import places, tree
from loyalty.organisation.audit import Actor
from loyalty.staff import grants, logins, people
from loyalty.staff.logins import LoggedIn
from loyalty.staff.people import Staff
from loyalty.staff.rules import Role
from tests import rows

BY = Actor("command", "tests", "测试")
BEFORE = timedelta(days=1)
ADDRESS, DEVICE = "127.0.0.1", "tests"
PASSWORD = "a long walk by the river"


class Places(msgspec.Struct, frozen=True):
    """Two plants below the root; the first has an office with a route."""

    root: int
    shanghai: int
    nanjing: int
    pudong: int
    route: int


async def planted(at: datetime) -> Places:
    """Make the places, a day before."""
    since = at - BEFORE
    async with transactions.begin():
        root = await places.ensure_root(since)
    shanghai = await tree.add("plant", "SH", "上海工厂", root, [root], BY, since)
    nanjing = await tree.add("plant", "NJ", "南京工厂", root, [root], BY, since)
    pudong = await tree.add("office", "PD", "浦东营业所", shanghai, [root], BY, since)
    route = await tree.add("route", "R1", "一线", pudong, [root], BY, since)
    return Places(root, shanghai, nanjing, pudong, route)


async def staff(code: str, role: Role, node_id: int, at: datetime, name: str = "某人") -> Staff:
    """Take somebody in with a role, a day before; they have no password."""
    since = at - BEFORE
    async with transactions.begin():
        staff_id = await people.enter(code, name, BY, since)
        await grants.give(staff_id, role, node_id, since, None, BY, since)
    return await again(code, at)


async def again(code: str, at: datetime) -> Staff:
    """Read somebody with the grants that they have now."""
    found = await people.by_code(code, at)
    assert found is not None
    return found


async def with_password(person: Staff, at: datetime, password: str = PASSWORD) -> None:
    """Give somebody a password that is not temporary."""
    await logins.set_password(person.id, password, BY, at, temporary=False)


async def logged_in(person: Staff, at: datetime, password: str = PASSWORD) -> LoggedIn:
    """Log somebody in."""
    return await logins.log_in(person.code, password, ADDRESS, DEVICE, at)


async def actions(url: str, count: int) -> list[object]:
    """Give the audit's last actions, the latest first."""
    found = await rows.fetch(url, "SELECT action FROM audit_entries ORDER BY id DESC LIMIT $1", count)
    return [action for (action,) in found]
