"""The `leketong` command: what it prints, how it ends, and that a refusal stores nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import pytest_asyncio

from app import cli
from app.embedded import EmbeddedServers
from loyalty.organisation import rules
from tests import rows
from tests.conftest import ROOT, command, fresh_database

COMMANDS = (
    ("migrate",),
    ("migrate", "--check"),
    ("prove",),
    ("prove", "--explain", "T1"),
    ("backup", "house.backup"),
    ("restore", "house.backup"),
    ("restore", "house.backup", "--database", "came_back"),
    ("system-key", "add", "sfa", "--scopes", "feeds"),
)
NO_ADDRESS = "leketong: DATABASE_URL is not the address of a server; docs/operating.md shows its form\n"


@pytest_asyncio.fixture(scope="module")
async def url(servers: EmbeddedServers) -> str:
    """Give a database for the tests of this file."""
    return await fresh_database(servers)


def ended(database_url: str, *arguments: str) -> tuple[int, str, str]:
    """Run a command to its end; give its exit status, what it printed, and its complaint."""
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "DATABASE_URL": database_url},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("", "leketong: DATABASE_URL is not set and no house runs at LEKETONG_HOME; start one with `make run`\n"),
        ("postgresql://u:very/secret@127.0.0.1/d", NO_ADDRESS),
        ("postgresql://u:very-secret@127.0.0.1:port/d", NO_ADDRESS),
        ("postgresql://u:[very-secret@127.0.0.1/d", NO_ADDRESS),
    ],
)
def test_no_address_of_a_database_is_told_in_one_line(
    arguments: tuple[str, ...],
    given: str,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("LEKETONG_HOME", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", given)
    assert cli.main(arguments) == 1
    assert capfd.readouterr() == ("", told)
    assert list(tmp_path.iterdir()) == []


def test_a_stamper_waits_for_a_database_but_not_for_an_address() -> None:
    assert ended("postgresql://u:very/secret@127.0.0.1/d", "stamper") == (1, "", NO_ADDRESS)


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_database_out_of_reach_is_not_taken_for_an_empty_one(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:very-secret@127.0.0.1:1/d")
    assert cli.main(arguments) == 1
    assert capfd.readouterr() == ("", "leketong: 连不上 DATABASE_URL 指定的 PostgreSQL（ConnectionRefusedError）\n")


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("nonsense",),
        ("system-key",),
        ("system-key", "add", "sfa"),
        ("migrate", "--nonsense"),
        ("backup",),
        ("restore",),
    ],
)
def test_what_is_no_command_changes_nothing_and_ends_with_2(
    arguments: tuple[str, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    told = capfd.readouterr()
    assert (told.out, told.err.splitlines()[0].startswith("usage: leketong")) == ("", True)


async def test_migrations_are_applied_once_and_a_check_changes_nothing(servers: EmbeddedServers) -> None:
    admin, name = servers.database_url("postgres"), f"cli{os.getpid()}"
    await rows.execute(admin, f"CREATE DATABASE {name}")
    url = servers.database_url(name)
    tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
    assert ended(url, "migrate", "--check") == (
        3,
        "还没应用 0001_house\n还没应用 0002_event_log\n还没应用 0003_checkin_streaks\n",
        "",
    )
    assert await rows.fetch(url, tables) == [(0,)]
    assert ended(url, "migrate") == (0, "已应用 0001_house\n已应用 0002_event_log\n已应用 0003_checkin_streaks\n", "")
    assert ended(url, "migrate") == (0, "", "")
    assert ended(url, "migrate", "--check") == (0, "", "")


async def test_a_difference_is_named_and_ends_with_1(servers: EmbeddedServers) -> None:
    url = await fresh_database(servers)
    assert ended(url, "prove") == (0, "账目全部一致\n", "")
    await rows.execute(url, "INSERT INTO points_accounts (outlet_id, balance) VALUES (7, 5)")
    status, told, complaint = ended(url, "prove")
    assert (status, complaint) == (1, "")
    assert told.splitlines() == [
        "points.balances: outlet 7: account 5, entries none, lots none",
        "points.orphans: account of outlet 7, which does not exist",
        "发现 2 处差异",
    ]


async def test_a_key_is_the_last_line_alone_and_only_its_hash_is_kept(url: str) -> None:
    explained, key = command(url, "system-key", "add", "order-hub", "--scopes", "orders, feeds,orders").splitlines()
    assert explained == "已为 order-hub 生成系统密钥，权限：feeds、orders。请马上保存，它只显示这一次："
    assert key.startswith(rules.KEY_PREFIX)
    kept = await rows.fetch(url, "SELECT key_hash, scopes, revoked_at FROM system_keys WHERE name = 'order-hub'")
    assert kept == [(rules.key_hash(key), ["feeds", "orders"], None)]
    assert key not in str(await rows.picture(url))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("Bad Name", "--scopes", "feeds"), "名称只用小写字母"),
        (("", "--scopes", "feeds"), "名称只用小写字母"),
        (("a" * 65, "--scopes", "feeds"), "名称只用小写字母"),
        (("good", "--scopes", "feeds,nonsense"), "权限范围只能从这些里选"),
        (("good", "--scopes", "Feeds"), "权限范围只能从这些里选"),
        (("good", "--scopes", ","), "至少一个"),
        (("taken", "--scopes", "feeds"), "已经有一个叫“taken”的系统密钥"),
    ],
)
async def test_a_wrong_system_key_is_refused_in_words_and_not_stored(
    url: str, arguments: tuple[str, ...], told: str
) -> None:
    if await rows.fetch(url, "SELECT FROM system_keys WHERE name = 'taken'") == []:
        command(url, "system-key", "add", "taken", "--scopes", "orders")
    before = await rows.picture(url)
    status, printed, complaint = ended(url, "system-key", "add", *arguments)
    assert (status, printed, len(complaint.splitlines())) == (1, "", 1)
    assert told in complaint
    assert await rows.picture(url) == before
