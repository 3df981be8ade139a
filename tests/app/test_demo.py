"""The demo data: enough of everything for every page, soon there, and the same after an interrupted first run."""

import time
from datetime import timedelta

import msgspec

from app import demo, demo_rows, proofs
from app.demo_accounts import ACCOUNTS, PASSWORD
from loyalty import clock
from loyalty.staff import logins, people
from tests import rows
from tests.conftest import House

SECONDS_MAX = 4.0
COUNTS = """
    SELECT (SELECT count(*) FROM outlets), (SELECT count(*) FROM outlets WHERE status = 'closed'),
           (SELECT count(*) FROM bindings WHERE ended_at IS NULL AND role = 'owner'),
           (SELECT count(*) FROM bindings WHERE ended_at IS NULL AND role = 'clerk'),
           (SELECT count(*) FROM staff), (SELECT count(*) FROM staff_grants),
           (SELECT count(*) FROM outlet_assignments WHERE until_at IS NULL)
"""


async def test_the_demo_is_loaded_soon_and_once(db: str, house: House) -> None:
    config, at = msgspec.structs.replace(house.settings, database_url=db), clock.now()
    started = time.monotonic()
    told = await demo.load(config, at)
    took = time.monotonic() - started
    assert took < SECONDS_MAX
    assert await rows.fetch(db, COUNTS) == [(28, 1, 15, 11, 9, 9, 13)]
    unconfirmed = await rows.fetch(db, "SELECT kind, code FROM organisation_nodes WHERE confirmed_at IS NULL")
    assert unconfirmed == [("plant", "XZ")]
    days = await rows.fetch(db, "SELECT business_date, count(*) FROM checkins GROUP BY 1 ORDER BY 1")
    assert [day for day, _ in days] == [clock.business_date(at) - timedelta(days=n) for n in range(14, -1, -1)]
    assert await proofs.prove() == []
    streak = "SELECT streak_days FROM checkin_streaks s JOIN outlets o ON o.id = s.outlet_id WHERE o.code = 'SH0001'"
    assert await rows.fetch(db, streak) == [(5,)]
    before = await rows.fetch(db, COUNTS), days
    again = await demo.load(config, at + timedelta(seconds=1))
    assert (
        await rows.fetch(db, COUNTS),
        await rows.fetch(db, "SELECT business_date, count(*) FROM checkins GROUP BY 1 ORDER BY 1"),
    ) == before
    assert [line for line in again.splitlines() if "店主" in line] == [
        line for line in told.splitlines() if "店主" in line
    ]


async def test_every_demo_account_logs_in_with_its_role(db: str, house: House) -> None:
    at = clock.now()
    await demo.load(msgspec.structs.replace(house.settings, database_url=db), at)
    for account in ACCOUNTS:
        made = await logins.log_in(account.code, PASSWORD, "127.0.0.1", "tests", at)
        staff = await logins.recognise(made.token, at)
        assert staff is not None
        assert (staff.name, staff.roles, made.password_is_temporary) == (account.name, frozenset({account.role}), False)
    for code, _, _ in demo_rows.COLLEAGUES:
        colleague = await people.by_code(code, at)
        assert colleague is not None
        assert colleague.roles == {"rep"}
