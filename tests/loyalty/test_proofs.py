"""The proofs: clean after real work, and each kind of tampering is found and named."""

from datetime import UTC, datetime

import pytest

from app import proofs
from app.proofs import prove
from games.checkin import checkins
from loyalty.customers.personal import DataKeys
from tests import factories, rows

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)


@pytest.fixture
async def worked(db: str, data_keys: DataKeys) -> str:
    """Give a database in which two outlets have checked in; the ids of both are 1 and 2."""
    people = [await factories.bound(await factories.outlet(AT, data_keys), AT, data_keys) for _ in range(2)]
    await checkins.make([factories.play(person, AT) for person in people])
    return db


async def found() -> list[tuple[str, str]]:
    """Give what the proofs find."""
    return [(difference.proof, difference.what) for difference in await prove()]


async def test_honest_work_is_clean(worked: str) -> None:
    assert await found() == []


@pytest.mark.parametrize(
    ("tampering", "differences"),
    [
        (
            "UPDATE points_accounts SET balance = balance + 1 WHERE outlet_id = 1",
            [("points.balances", "outlet 1: account 6, entries 5, lots 5")],
        ),
        (
            "UPDATE points_lots SET points_left = points_left - 1 WHERE outlet_id = 2",
            [("points.balances", "outlet 2: account 5, entries 5, lots 4")],
        ),
        (
            "DELETE FROM points_lots WHERE outlet_id = 1",
            [("points.balances", "outlet 1: account 5, entries 5, lots none")],
        ),
        (
            "DELETE FROM points_accounts WHERE outlet_id = 1",
            [("points.balances", "outlet 1: account none, entries 5, lots 5")],
        ),
        (
            "DELETE FROM ledger_entries WHERE outlet_id = 1",
            [
                ("points.balances", "outlet 1: account 5, entries none, lots 5"),
                ("checkin.paid", "check-in 1: 5 points promised, 0 paid"),
            ],
        ),
        (
            "UPDATE ledger_entries SET points = 6 WHERE outlet_id = 1",
            [
                ("points.balances", "outlet 1: account 5, entries 6, lots 5"),
                ("checkin.paid", "check-in 1: 5 points promised, 6 paid"),
            ],
        ),
        (
            "UPDATE checkins SET points = 7 WHERE outlet_id = 2",
            [("checkin.paid", "check-in 2: 7 points promised, 5 paid")],
        ),
        (
            "UPDATE checkins SET outlet_id = 3 WHERE outlet_id = 2",
            [
                ("checkin.paid", "check-in 2: 5 points promised, 0 paid"),
                (
                    "checkin.streaks",
                    "outlet 2: streak 1 on 2026-11-04 after 1 check-ins; made 0 on no day after 0",
                ),
                (
                    "checkin.streaks",
                    "outlet 3: streak 0 on no day after 0 check-ins; made 1 on 2026-11-04 after 1",
                ),
            ],
        ),
        (
            "UPDATE checkin_streaks SET streak_days = 2, checkins = 2 WHERE outlet_id = 1",
            [
                (
                    "checkin.streaks",
                    "outlet 1: streak 2 on 2026-11-04 after 2 check-ins; made 1 on 2026-11-04 after 1",
                )
            ],
        ),
        (
            "INSERT INTO points_accounts (outlet_id) VALUES (9)",
            [("points.orphans", "account of outlet 9, which does not exist")],
        ),
    ],
)
async def test_tampering_is_found(worked: str, tampering: str, differences: list[tuple[str, str]]) -> None:
    await rows.execute(worked, tampering)
    assert await found() == differences


async def test_both_sides_changed_alike_still_differ_from_the_entries(worked: str) -> None:
    await rows.execute(worked, "UPDATE points_accounts SET balance = 50 WHERE outlet_id = 1")
    await rows.execute(worked, "UPDATE points_lots SET points_left = 50 WHERE outlet_id = 1")
    assert await found() == [("points.balances", "outlet 1: account 50, entries 5, lots 50")]


async def explained(outlet_id: int, url: str) -> list[str]:
    """Give the explanation of an outlet, without its first line."""
    ((code,),) = await rows.fetch(url, "SELECT code FROM outlets WHERE id = $1", outlet_id)
    explanation = await proofs.explain(str(code))
    assert explanation is not None
    return proofs.lines_of(str(code), explanation)[1:]


async def test_an_account_is_explained_with_its_own_differences_alone(worked: str) -> None:
    await rows.execute(worked, "DELETE FROM points_accounts WHERE outlet_id = 1")
    await rows.execute(worked, "UPDATE checkins SET points = 7 WHERE outlet_id = 1")
    told = await explained(1, worked)
    assert (told[0], told[2:]) == (
        "没有积分账户",
        [
            "以上记录合计 5 分",
            "批次合计 5 分：2027-11-30 到期 5 分",
            "points.balances: outlet 1: account none, entries 5, lots 5",
            "checkin.paid: check-in 1: 7 points promised, 5 paid",
            "发现 2 处差异",
        ],
    )
    assert (await explained(2, worked))[-1] == "这家店的账目一致"
    assert await proofs.explain("NOBODY") is None


async def test_a_long_account_is_told_from_where_it_stood(worked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proofs, "ENTRIES_TOLD_MAX", 2)
    await rows.execute(
        worked,
        "INSERT INTO ledger_entries (outlet_id, kind, points, owed_repaid, source_kind, source_id, rule, why, at)"
        " SELECT 1, 'accrual', n, n - 1, 'test', n::text, 'rule', '谢谢', '2026-11-05T00:00Z'"
        "   FROM generate_series(2, 4) n",
    )
    assert (await explained(1, worked))[1:5] == [
        "更早的记录合计 6 分，下面是最近 2 条",
        "2026-11-05 08:00:00  +3 → 7  谢谢  [accrual test 3, rule]",
        "2026-11-05 08:00:00  +4 → 8  谢谢  [accrual test 4, rule]",
        "以上记录合计 8 分",
    ]
