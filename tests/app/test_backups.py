"""A backup and its way back: proved, going on where it was, whole or not at all."""

import asyncio
import fcntl
import os
import pkgutil
import re
import secrets
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import asyncpg
import pytest

from app import backups, migrations
from app.backups import BackupFault
from app.database import credentials, on_same_server
from app.embedded import EmbeddedServers
from games.checkin import checkins
from loyalty.customers.personal import DataKeys
from loyalty.events import queries as events
from tests import factories, rows
from tests.conftest import ROOT, fresh_database

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)
LATEST = max(module.name for module in pkgutil.iter_modules(migrations.__path__))
REPEAT = """
import asyncio, sys
from datetime import UTC, datetime
from app import database
from games.base import Play
from games.checkin import checkins
from loyalty.customers.standings import MemberRef
from games.checkin.checkins import CheckinInput

async def main():
    async with database.opened(sys.argv[1], pool_max=1):
        play = Play(MemberRef(int(sys.argv[2]), 0), "key-before-backup", b"input", CheckinInput(), datetime.now(UTC))
        (answer,) = await checkins.make([play])
        print(answer.repeated, answer.outcome.points, answer.balance_points)

asyncio.run(main())
"""


def ended(url: str, *arguments: str) -> tuple[int, list[str], str]:
    """Run a command to its end; give its exit status, the lines that it printed, and its complaint."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout.splitlines(), done.stderr


def leketong(url: str, *arguments: str) -> tuple[int, list[str], str]:
    """Run a `leketong` command to its end."""
    return ended(url, "-m", "app.cli", *arguments)


async def stamp_again(url: str) -> list[tuple[object, ...]]:
    """Stamp what waits in a database; give its feed."""
    connection = await asyncpg.connect(**credentials(url))
    try:
        await events.stamp(connection, AT, date(2026, 11, 4))
    finally:
        await connection.close()
    return await rows.fetch(
        url, "SELECT position::int, subject FROM event_log WHERE feed = 'engagement' ORDER BY position"
    )


async def test_what_comes_back_is_proved_and_goes_on(db: str, data_keys: DataKeys, tmp_path: Path) -> None:
    codes = [await factories.outlet(AT, data_keys) for _ in range(3)]
    people = [await factories.bound(code, AT, data_keys) for code in codes]
    await checkins.make([factories.play(people[0], AT, "key-before-backup")])
    await factories.stamped(db, AT)
    await checkins.make([factories.play(people[1], AT)])
    file = tmp_path / "house.backup"
    status, told, complaint = leketong(db, "backup", str(file))
    assert (status, complaint) == (0, "")
    assert re.fullmatch(rf"已备份到 {file}，0\.\d MB，\d+ 张表，迁移到 {LATEST}，来自 PostgreSQL 1[68]", told[0])
    assert told[1:] == ["请另存好 DATA_KEYS 和 SECRET_KEY：备份里没有它们，缺了 DATA_KEYS 就读不出手机号"]
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["house.backup"]
    # What happens later is not in it.
    await checkins.make([factories.play(people[2], AT)])
    before = await rows.picture(db)
    status, told, complaint = leketong(db, "restore", str(file), "--database", "came_back")
    assert (status, complaint) == (0, "")
    assert told[-2:] == [
        "数据流停在：engagement 1，orders 0，bindings 3。读得更远的系统，请从这里接着读",
        "账目全部一致",
    ]
    assert "要用这个库，请把 DATABASE_URL 里的库名换成 came_back" in told
    assert await rows.picture(db) == before
    url = on_same_server(db, "came_back")
    assert await rows.fetch(url, "SELECT outlet_id::int, balance::int FROM points_accounts ORDER BY 1") == [
        (1, 5),
        (2, 5),
    ]
    assert await stamp_again(url) == [(1, codes[0]), (2, codes[1])]
    assert ended(url, "-c", REPEAT, url, str(people[0].id)) == (0, ["True 5 5"], "")
    assert leketong(url, "prove") == (0, ["账目全部一致"], "")
    taken = leketong(db, "restore", str(file), "--database", "came_back")
    assert taken == (1, [], "leketong: 数据库 came_back 已经有了，请换一个名字\n")
    await rows.execute(db, "DROP DATABASE came_back")


async def test_a_file_that_is_there_and_a_used_database_are_left_alone(db: str, tmp_path: Path) -> None:
    file = tmp_path / "house.backup"
    assert leketong(db, "backup", str(file))[0] == 0
    written = file.read_bytes()
    assert leketong(db, "backup", str(file)) == (1, [], f"leketong: {file} 已经有了，请换一个文件名\n")
    assert file.read_bytes() == written
    before = await rows.picture(db)
    assert leketong(db, "restore", str(file)) == (
        1,
        [],
        "leketong: 这个数据库里已经有数据，不能覆盖；加 --database 新库名，恢复到同一台服务器的新库里\n",
    )
    assert await rows.picture(db) == before


@pytest.mark.parametrize("fault", ["missing", "text", "cut in the middle", "cut at the end", "turned bit"])
async def test_what_is_no_whole_backup_is_refused_and_leaves_no_database(db: str, fault: str, tmp_path: Path) -> None:
    file = tmp_path / "house.backup"
    if fault == "text":
        file.write_text("这不是备份")
    elif fault != "missing":
        assert leketong(db, "backup", str(file))[0] == 0
        whole = bytearray(file.read_bytes())
        if fault == "turned bit":
            # In the rows of feed_heads, which are in every backup.
            whole[whole.rindex(b"\x78\x9c") + 8] ^= 1
        file.write_bytes(whole[: {"cut in the middle": len(whole) * 2 // 3, "cut at the end": -1}.get(fault)])
    status, told, complaint = await asyncio.to_thread(leketong, db, "restore", str(file), "--database", "came_back")
    assert (status, told) == (1, [])
    told_of = f"没有 {file} 这个文件" if fault == "missing" else f"{file} 不是完整的乐客通备份"
    assert complaint == f"leketong: {told_of}\n"
    assert await rows.fetch(db, "SELECT count(*) FROM pg_database WHERE datname = 'came_back'") == [(0,)]


@pytest.mark.parametrize("name", ["Came", "1st", "a-b", "a;b", ""])
async def test_a_name_that_is_none_is_refused(db: str, name: str, tmp_path: Path) -> None:
    status, told, complaint = leketong(db, "restore", str(tmp_path / "x"), "--database", name)
    assert (status, told) == (1, [])
    assert complaint == "leketong: --database 请用小写字母开头的英文名，可带数字和下划线，最多 63 个字符\n"


async def test_a_folder_that_is_not_there_is_named(db: str, tmp_path: Path) -> None:
    file = tmp_path / "nowhere" / "house.backup"
    assert leketong(db, "backup", str(file)) == (
        1,
        [],
        f"leketong: {file} 写不进去：No such file or directory\n",
    )


async def test_two_backups_to_one_file_do_not_meet(db: str, tmp_path: Path) -> None:
    file, part = tmp_path / "house.backup", tmp_path / "house.backup.part"
    with part.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        status, told, complaint = leketong(db, "backup", str(file))
        assert (status, told) == (1, [])
        assert complaint == f"leketong: 另一个备份正在写 {part}，请等它完成，或换一个文件名\n"
        assert [path.name for path in tmp_path.iterdir()] == ["house.backup.part"]
    # Whoever wrote it was killed.
    part.write_bytes(b"left over" * 100_000)
    part.chmod(0o644)
    assert leketong(db, "backup", str(file))[0] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["house.backup"]
    assert file.stat().st_mode & 0o777 == 0o600


async def test_a_link_is_not_followed(db: str, tmp_path: Path) -> None:
    letters = tmp_path / "letters"
    letters.write_text("dear")
    for link in ("house.backup", "other.backup.part"):
        (tmp_path / link).symlink_to(letters)
    for name in ("house.backup", "other.backup"):
        assert leketong(db, "backup", str(tmp_path / name))[:2] == (1, [])
    assert letters.read_text() == "dear"


def test_a_folder_that_may_not_be_written_is_named(db: str, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    we = os.geteuid()
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(folder.stat().st_mode | 0o011)
    os.seteuid(we or 65_534)
    try:
        with pytest.raises(BackupFault, match=r"house\.backup 写不进去：Permission denied"):
            backups.backup(db, closed / "house.backup")
    finally:
        os.seteuid(we)
    assert list(closed.iterdir()) == []


async def empty_database(servers: EmbeddedServers) -> str:
    """Make a database without anything in it."""
    name = f"t{secrets.token_hex(6)}"
    await rows.execute(servers.database_url("postgres"), f"CREATE DATABASE {name}")
    return servers.database_url(name)


async def test_an_empty_database_is_filled_and_judged(
    db: str, servers: EmbeddedServers, data_keys: DataKeys, tmp_path: Path
) -> None:
    code = await factories.outlet(AT, data_keys)
    await checkins.make([factories.play(await factories.bound(code, AT, data_keys), AT)])
    await rows.execute(db, "UPDATE points_accounts SET balance = 9")
    file = tmp_path / "house.backup"
    assert leketong(db, "backup", str(file))[0] == 0
    url = await empty_database(servers)
    status, told, complaint = leketong(url, "restore", str(file))
    assert (status, complaint) == (1, "")
    assert told[-2:] == ["points.accounts: outlet 1: balance 9, entries say 5; balance 9, lots hold 5", "发现 1 处差异"]
    assert await rows.picture(url) == await rows.picture(db)
    assert leketong(url, "migrate") == (0, [], "")


async def test_what_fails_in_the_middle_leaves_nothing(db: str, servers: EmbeddedServers, tmp_path: Path) -> None:
    file = tmp_path / "house.backup"
    assert leketong(db, "backup", str(file))[0] == 0
    url = await empty_database(servers)
    await rows.execute(url, "CREATE SEQUENCE outlet_days_pkey")
    status, told, complaint = leketong(url, "restore", str(file))
    assert (status, told, len(complaint.splitlines())) == (1, [], 1)
    assert complaint.startswith("leketong: pg_restore 没能完成：pg_restore: error: ")
    there = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    assert await rows.fetch(url, there) == [("outlet_days_pkey",)]


def test_a_new_database_is_gone_when_its_restore_fails(db: str) -> None:
    there = "SELECT count(*) FROM pg_database WHERE datname = 'came_back'"
    with pytest.raises(KeyboardInterrupt), backups._target(db, "came_back") as url:
        assert asyncio.run(rows.fetch(url, there)) == [(1,)]
        raise KeyboardInterrupt
    assert asyncio.run(rows.fetch(db, there)) == [(0,)]


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        (
            "INSERT INTO tortoise_migrations (app, name, applied_at) VALUES ('leketong', '9999_later', now())",
            1,
            "leketong: 这份备份来自更新的版本（有 9999_later），请先换成那个版本的乐客通\n",
        ),
        (f"DELETE FROM tortoise_migrations WHERE name = '{LATEST}'", 3, ""),
    ],
    ids=["newer", "older"],
)
async def test_a_backup_of_another_version_is_told(
    servers: EmbeddedServers, change: str, status: int, said: str, tmp_path: Path
) -> None:
    there = await fresh_database(servers)
    await rows.execute(there, change)
    file = tmp_path / "house.backup"
    assert leketong(there, "backup", str(file))[0] == 0
    url = await empty_database(servers)
    ended_with, told, complaint = leketong(url, "restore", str(file))
    assert (ended_with, complaint) == (status, said)
    assert told[1:] == ([] if said else ["还差 1 步升级，请先运行 leketong migrate，再运行 leketong prove"])


async def test_a_database_of_somebody_else_is_no_house(servers: EmbeddedServers, tmp_path: Path) -> None:
    status, told, complaint = leketong(await empty_database(servers), "backup", str(tmp_path / "house.backup"))
    assert (status, told) == (1, [])
    assert complaint == "leketong: 写好的备份没通过检查，没有留下；请确认 DATABASE_URL 指定的是乐客通的数据库\n"
    assert list(tmp_path.iterdir()) == []


async def test_an_account_is_explained_entry_by_entry(db: str, data_keys: DataKeys) -> None:
    code = await factories.outlet(AT, data_keys)
    owner = await factories.bound(code, AT, data_keys)
    assert leketong(db, "prove", "--explain", code)[1][1:] == [
        "没有积分账户",
        "还没有积分记录",
        "没有剩余积分的批次",
        "这家店的账目一致",
    ]
    await checkins.make([factories.play(owner, AT)])
    status, told, complaint = leketong(db, "prove", "--explain", code)
    assert (status, complaint) == (0, "")
    assert told[1:] == [
        "账户：可用 5 分，待入账 0 分，欠 0 分",
        (
            "2026-11-04 10:00:00  +5 → 5  连续签到第 1 天，得 5 分，2027-11-30 到期"
            "  [accrual checkin 1, checkin_ladder:built_in]"
        ),
        "以上记录合计 5 分",
        "批次合计 5 分：2027-11-30 到期 5 分",
        "这家店的账目一致",
    ]
    await rows.execute(db, "UPDATE points_accounts SET balance = 9")
    status, told, complaint = leketong(db, "prove", "--explain", code)
    assert (status, complaint) == (1, "")
    assert told[-2:] == ["points.accounts: outlet 1: balance 9, entries say 5; balance 9, lots hold 5", "发现 1 处差异"]
    assert leketong(db, "prove", "--explain", "NOBODY") == (
        1,
        [],
        "leketong: 没有编码是 NOBODY 的门店，请核对编码\n",
    )
