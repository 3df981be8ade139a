"""The proofs: clean after real work, and each kind of tampering is found and named."""

from datetime import UTC, datetime

import asyncpg
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


async def tamper(url: str, statements: str) -> None:
    """Change what nobody may change: the trigger that keeps entries as they are is off meanwhile."""
    await rows.execute(
        url,
        f"ALTER TABLE ledger_entries DISABLE TRIGGER ledger_entries_stay; {statements};"
        " ALTER TABLE ledger_entries ENABLE TRIGGER ledger_entries_stay",
    )


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
            [("points.accounts", "outlet 1: balance 6, entries say 5; balance 6, lots hold 5")],
        ),
        (
            "UPDATE points_lots SET points_left = points_left - 1 WHERE outlet_id = 2",
            [
                ("points.accounts", "outlet 2: balance 5, lots hold 4"),
                ("points.lots", "outlet 2, lot of 2027-11-30: holds 4, entries say 5"),
            ],
        ),
        (
            "DELETE FROM points_lots WHERE outlet_id = 1",
            [
                ("points.accounts", "outlet 1: balance 5, lots hold none"),
                ("points.lots", "outlet 1, lot of 2027-11-30: holds none, entries say 5"),
            ],
        ),
        (
            "DELETE FROM points_accounts WHERE outlet_id = 1",
            [("points.accounts", "outlet 1: balance none, entries say 5; balance none, lots hold 5")],
        ),
        (
            "DELETE FROM ledger_entries WHERE outlet_id = 1",
            [
                ("points.accounts", "outlet 1: balance 5, entries say none"),
                ("points.lots", "outlet 1, lot of 2027-11-30: holds 5, entries say none"),
                ("checkin.paid", "check-in 1: 5 points promised, 0 paid"),
            ],
        ),
        (
            "UPDATE ledger_entries SET points = 6 WHERE outlet_id = 1",
            [
                ("points.accounts", "outlet 1: balance 5, entries say 6"),
                ("points.lots", "outlet 1, lot of 2027-11-30: holds 5, entries say 6"),
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
        (
            (
                "UPDATE ledger_entries SET expires_on = NULL, lot_dates = '{2027-11-30,2027-12-31}',"
                " lot_points = '{4,2}' WHERE outlet_id = 1"
            ),
            [
                ("points.lots", "outlet 1, lot of 2027-11-30: holds 5, entries say 4"),
                ("points.lots", "outlet 1, lot of 2027-12-31: holds none, entries say 2"),
                ("points.entries", "outlet 1, entry 1: lots do not fit"),
            ],
        ),
        (
            "UPDATE ledger_entries SET of_entry_id = 2 WHERE id = 1",
            [("points.entries", "outlet 1, entry 1: settles do not fit")],
        ),
        (
            (
                "INSERT INTO ledger_entries (outlet_id, kind, points, owed_change, of_entry_id, source_kind, source_id,"
                " rule, why, at) VALUES (1, 'reversal', -6, 6, 1, 'test', 'x', 'rule', '', '2026-11-05T00:00Z')"
            ),
            [
                ("points.accounts", "outlet 1: owed 0, entries say 6"),
                (
                    "points.settlements",
                    "outlet 1, entry 1: points 5, pending 0, settled 0, went back 6",
                ),
            ],
        ),
        (
            (
                "INSERT INTO campaigns (code, name, from_at, until_at, spent_points, made_by, made_at)"
                " VALUES ('autumn', '秋收', '2026-11-01T00:00Z', '2026-12-01T00:00Z', 7, 'tests', now())"
            ),
            [("points.budgets", "campaign autumn: spent 7, entries say 0")],
        ),
        (
            (
                "INSERT INTO points_adjustments (outlet_id, points, reason, state, made_by, made_role, made_at,"
                " limit_version, checked_by, checked_at)"
                " VALUES (1, 5, '补', 'approved', 1, 'operator', now(), 'v', 2, now())"
            ),
            [("points.adjustments", "outlet 1, adjustment 1: approved 5, entered none")],
        ),
    ],
)
async def test_tampering_is_found(worked: str, tampering: str, differences: list[tuple[str, str]]) -> None:
    await tamper(worked, tampering)
    assert await found() == differences


async def test_both_sides_changed_alike_still_differ_from_the_entries(worked: str) -> None:
    await rows.execute(worked, "UPDATE points_accounts SET balance = 50 WHERE outlet_id = 1")
    await rows.execute(worked, "UPDATE points_lots SET points_left = 50 WHERE outlet_id = 1")
    assert await found() == [
        ("points.accounts", "outlet 1: balance 50, entries say 5"),
        ("points.lots", "outlet 1, lot of 2027-11-30: holds 50, entries say 5"),
    ]


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
            "points.accounts: outlet 1: balance none, entries say 5; balance none, lots hold 5",
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
        "INSERT INTO ledger_entries"
        " (outlet_id, kind, points, owed_change, expires_on, source_kind, source_id, rule, why, at)"
        " SELECT 1, 'accrual', n, 1 - n, '2027-11-30', 'test', n::text, 'rule', '谢谢', '2026-11-05T00:00Z'"
        "   FROM generate_series(2, 4) n",
    )
    assert (await explained(1, worked))[1:5] == [
        "更早的记录合计 6 分，下面是最近 2 条",
        "2026-11-05 08:00:00  +3 → 7  谢谢，2027-11-30 到期  [accrual test 3, rule]",
        "2026-11-05 08:00:00  +4 → 8  谢谢，2027-11-30 到期  [accrual test 4, rule]",
        "以上记录合计 8 分",
    ]


@pytest.mark.parametrize("change", ["UPDATE ledger_entries SET points = 6", "DELETE FROM ledger_entries"])
async def test_the_database_itself_keeps_entries_as_they_are(worked: str, change: str) -> None:
    before = await rows.picture(worked)
    with pytest.raises(asyncpg.RaiseError, match="never changed or deleted"):
        await rows.execute(worked, change)
    assert await rows.picture(worked) == before
