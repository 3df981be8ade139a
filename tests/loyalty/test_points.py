"""The ledger: accruals enter entries, lots and accounts in one statement, once a source."""

import asyncio
import contextvars
from datetime import UTC, date, datetime

import pytest

from loyalty import transactions
from loyalty.customers.errors import BindingRequired, SessionEnded
from loyalty.customers.personal import DataKeys
from loyalty.customers.standings import MemberRef
from loyalty.points import ledger
from loyalty.points.ledger import Accrual, Accrued
from loyalty.points.statements import statements
from loyalty.points.statements.statements import Account, Expiring
from tests import factories, rows

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)
DECEMBER = datetime(2026, 12, 31, 2, 0, tzinfo=UTC)
WAIT_SECONDS = 20

ACCOUNTS = "SELECT outlet_id, balance, owed FROM points_accounts ORDER BY 1"
LOTS = "SELECT outlet_id, expires_on, points_left FROM points_lots ORDER BY 1, 2"
ENTRIES = "SELECT outlet_id, points, -owed_change, source_id FROM ledger_entries ORDER BY id"


def accrual(outlet_id: int, points: int, source_id: str, at: datetime = AT) -> Accrual:
    """Give an accrual."""
    return Accrual(outlet_id, None, points, "test", source_id, "test:1", "测试得分", at)


async def accrue(*many: Accrual) -> list[Accrued]:
    """Accrue in a transaction of its own."""
    async with transactions.begin():
        return await ledger.accrue(many)


async def owe(url: str, outlet_id: int, points: int) -> None:
    """Let an outlet owe points, as a reversal will."""
    await rows.execute(
        url, "INSERT INTO points_accounts (outlet_id, balance, owed) VALUES ($1, 0, $2)", outlet_id, points
    )


async def test_nothing_to_pay_needs_no_transaction(db: str) -> None:
    assert await ledger.accrue([]) == []


async def test_outside_of_a_transaction_it_refuses(db: str) -> None:
    with pytest.raises(RuntimeError, match=r"inside transactions\.begin"):
        await ledger.accrue([accrual(1, 5, "a")])


async def test_many_outlets_in_one_call_and_one_of_them_twice(db: str) -> None:
    answers = await accrue(
        accrual(3, 5, "a"), accrual(1, 7, "b"), accrual(3, 20, "c"), accrual(2, 1, "d"), accrual(3, 2, "e", DECEMBER)
    )
    assert answers == [Accrued(balance, repeated=False) for balance in (27, 7, 27, 1, 27)]
    assert await rows.fetch(db, ACCOUNTS) == [(1, 7, 0), (2, 1, 0), (3, 27, 0)]
    november, december = date(2027, 11, 30), date(2027, 12, 31)
    assert await rows.fetch(db, LOTS) == [(1, november, 7), (2, november, 1), (3, november, 25), (3, december, 2)]
    assert await rows.fetch(db, ENTRIES) == [
        (3, 5, 0, "a"), (1, 7, 0, "b"), (3, 20, 0, "c"), (2, 1, 0, "d"), (3, 2, 0, "e"),
    ]  # fmt: skip


async def test_a_source_is_paid_once(db: str) -> None:
    await accrue(accrual(1, 5, "a"))
    answers = await accrue(accrual(1, 5, "a"), accrual(1, 3, "b"), accrual(2, 9, "a"))
    assert answers == [Accrued(8, repeated=True), Accrued(8, repeated=False), Accrued(0, repeated=True)]
    before = await rows.picture(db)
    assert await accrue(accrual(1, 5, "a"), accrual(1, 3, "b")) == [Accrued(8, repeated=True)] * 2
    assert await rows.picture(db) == before


async def test_a_source_that_comes_twice_in_one_call_is_paid_once(db: str) -> None:
    answers = await accrue(accrual(1, 5, "a"), accrual(1, 5, "a"))
    assert [(answer.balance_points, answer.repeated) for answer in answers] == [(5, False), (5, True)]
    assert await rows.fetch(db, ACCOUNTS) == [(1, 5, 0)]
    assert await rows.fetch(db, ENTRIES) == [(1, 5, 0, "a")]


@pytest.mark.parametrize(
    ("owed", "repaid", "balance", "left"),
    [
        (0, [0, 0, 0], 60, 0),
        (5, [5, 0, 0], 55, 0),
        (10, [10, 0, 0], 50, 0),
        (25, [10, 15, 0], 35, 0),
        (30, [10, 20, 0], 30, 0),
        (59, [10, 20, 29], 1, 0),
        (60, [10, 20, 30], 0, 0),
        (100, [10, 20, 30], 0, 40),
    ],
)
async def test_what_is_owed_is_repaid_first(db: str, owed: int, repaid: list[int], balance: int, left: int) -> None:
    await owe(db, 1, owed)
    answers = await accrue(accrual(1, 10, "a"), accrual(2, 4, "x"), accrual(1, 20, "b"), accrual(1, 30, "c"))
    assert [answer.balance_points for answer in answers] == [balance, 4, balance, balance]
    assert await rows.fetch(db, "SELECT -owed_change FROM ledger_entries WHERE outlet_id = 1 ORDER BY id") == [
        (points,) for points in repaid
    ]
    assert await rows.fetch(db, ACCOUNTS) == [(1, balance, left), (2, 4, 0)]
    lots = await rows.fetch(db, "SELECT points_left FROM points_lots WHERE outlet_id = 1")
    assert lots == ([(balance,)] if balance else [])


async def test_a_source_paid_before_repays_nothing_again(db: str) -> None:
    await accrue(accrual(1, 10, "a"))
    await rows.execute(db, "UPDATE points_accounts SET owed = 10")
    assert await accrue(accrual(1, 10, "a"), accrual(1, 12, "b")) == [
        Accrued(12, repeated=True),
        Accrued(12, repeated=False),
    ]
    assert await rows.fetch(db, ACCOUNTS) == [(1, 12, 0)]
    assert await rows.fetch(db, ENTRIES) == [(1, 10, 0, "a"), (1, 12, 10, "b")]


async def test_a_source_that_comes_twice_in_one_call_repays_once(db: str) -> None:
    await owe(db, 1, 25)
    answers = await accrue(accrual(1, 10, "a"), accrual(1, 10, "a"), accrual(1, 10, "b"))
    assert [answer.repeated for answer in answers] == [False, True, False]
    assert await rows.fetch(db, ACCOUNTS) == [(1, 0, 5)]
    assert await rows.fetch(db, ENTRIES) == [(1, 10, 10, "a"), (1, 10, 10, "b")]


async def test_two_at_once_repay_what_is_owed_once(db: str) -> None:
    await owe(db, 1, 10)
    async with asyncio.timeout(WAIT_SECONDS):
        async with transactions.begin():
            await ledger.accrue([accrual(1, 10, "a")])
            # In a context of its own: the open transaction is not handed on.
            second = asyncio.create_task(accrue(accrual(1, 10, "b")), context=contextvars.Context())
            await rows.until_blocked(db)
        assert await second == [Accrued(10, repeated=False)]
    assert await rows.fetch(db, ACCOUNTS) == [(1, 10, 0)]
    assert await rows.fetch(db, ENTRIES) == [(1, 10, 10, "a"), (1, 10, 0, "b")]


async def test_a_rollback_leaves_nothing(db: str) -> None:
    async def fail() -> None:
        async with transactions.begin():
            await ledger.accrue([accrual(1, 5, "a")])
            raise ZeroDivisionError

    before = await rows.picture(db)
    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await rows.picture(db) == before


@pytest.mark.parametrize("known", [True, False], ids=["accounts that exist", "accounts that are new"])
async def test_opposite_orders_at_once_do_not_deadlock(db: str, known: bool) -> None:
    outlets = range(1, 41)
    if known:
        await accrue(*(accrual(outlet, 1, f"first-{outlet}") for outlet in outlets))
    barrier = asyncio.Barrier(6)

    async def pay(run: int) -> None:
        order = outlets if run % 2 else reversed(outlets)
        async with transactions.begin():
            await barrier.wait()
            await ledger.accrue([accrual(outlet, 5, f"{run}-{outlet}") for outlet in order])

    async with asyncio.timeout(WAIT_SECONDS):
        await asyncio.gather(*(pay(run) for run in range(6)))
    assert await rows.fetch(db, ACCOUNTS) == [(outlet, 30 + known, 0) for outlet in outlets]


async def test_one_source_at_once_is_paid_once(db: str) -> None:
    barrier = asyncio.Barrier(4)

    async def pay() -> Accrued:
        async with transactions.begin():
            await barrier.wait()
            (answer,) = await ledger.accrue([accrual(1, 5, "a")])
            return answer

    async with asyncio.timeout(WAIT_SECONDS):
        answers = await asyncio.gather(*(pay() for _ in range(4)))
    assert sorted(answer.repeated for answer in answers) == [False, True, True, True]
    assert await rows.fetch(db, ACCOUNTS) == [(1, 5, 0)]


async def test_every_outlet_asked_for_has_an_account(db: str) -> None:
    await accrue(accrual(1, 5, "a"))
    await owe(db, 2, 9)
    async with transactions.reader():
        assert await statements.accounts([3, 1, 2]) == {3: Account(), 1: Account(5, 0, 0), 2: Account(0, 0, 9)}


@pytest.mark.parametrize("column", ["balance", "pending", "owed"])
async def test_no_account_goes_below_zero(db: str, column: str) -> None:
    await accrue(accrual(1, 5, "a"))
    with pytest.raises(Exception, match=f"points_accounts_{column}_not_negative"):
        await rows.execute(db, f"UPDATE points_accounts SET {column} = -1")


async def test_a_member_reads_the_outlets_account_and_entries(db: str, data_keys: DataKeys) -> None:
    owner = await factories.bound(await factories.outlet(AT, data_keys), AT, data_keys)
    ((outlet_id,),) = await rows.fetch(db, "SELECT id FROM outlets")
    assert isinstance(outlet_id, int)
    neighbour = outlet_id + 1
    await accrue(accrual(neighbour, 99, "x"), *(accrual(outlet_id, number, f"s{number}") for number in (1, 2, 3)))
    await accrue(accrual(outlet_id, 4, "s4", DECEMBER))
    account, expiring = await statements.account_of(owner, AT)
    assert account == Account(10, 0, 0)
    assert expiring == [Expiring(date(2027, 11, 30), 6), Expiring(date(2027, 12, 31), 4)]
    latest = await statements.entries_of(owner, None, 3)
    assert [(entry.points, entry.source_id, entry.why) for entry in latest] == [
        (4, "s4", "测试得分"), (3, "s3", "测试得分"), (2, "s2", "测试得分"),
    ]  # fmt: skip
    assert [entry.points for entry in await statements.entries_of(owner, latest[-1].id, 3)] == [1]


async def test_others_read_nothing(db: str, data_keys: DataKeys) -> None:
    stranger = await factories.member(AT, data_keys)
    for member, refusal in ((stranger, BindingRequired), (MemberRef(stranger.id, 7), SessionEnded)):
        with pytest.raises(refusal):
            await statements.account_of(member, AT)
        with pytest.raises(refusal):
            await statements.entries_of(member, None, 10)
