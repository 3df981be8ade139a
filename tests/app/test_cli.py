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
from loyalty.staff import passwords
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
    ("staff", "add", "zhang", "--name", "张三", "--role", "admin"),
    ("staff", "reset-password", "zhang"),
)
MIGRATIONS = sorted(file.stem for file in (ROOT / "app/migrations").glob("[0-9]*.py"))
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
        ("staff",),
        ("staff", "add", "zhang", "--name", "张三"),
        ("staff", "add", "zhang", "--role", "admin"),
        ("staff", "add", "zhang", "--name", "张三", "--role", "boss"),
        ("staff", "reset-password"),
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
    assert ended(url, "migrate", "--check") == (3, "".join(f"还没应用 {name}\n" for name in MIGRATIONS), "")
    assert await rows.fetch(url, tables) == [(0,)]
    assert ended(url, "migrate") == (0, "".join(f"已应用 {name}\n" for name in MIGRATIONS), "")
    assert ended(url, "migrate") == (0, "", "")
    assert ended(url, "migrate", "--check") == (0, "", "")


async def test_a_difference_is_named_and_ends_with_1(servers: EmbeddedServers) -> None:
    url = await fresh_database(servers)
    assert ended(url, "prove") == (0, "账目全部一致\n", "")
    await rows.execute(url, "INSERT INTO points_accounts (outlet_id, balance) VALUES (7, 5)")
    status, told, complaint = ended(url, "prove")
    assert (status, complaint) == (1, "")
    assert told.splitlines() == [
        "points.accounts: outlet 7: balance 5, entries say none; balance 5, lots hold none",
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


async def test_an_administrator_is_taken_in_with_a_temporary_password(url: str) -> None:
    explained, password = command(url, "staff", "add", "Root", "--name", "林晓", "--role", "admin").splitlines()
    assert explained == "已添加 林晓（Root），集团总部的 admin。临时密码只显示这一次，登录后请马上换掉："
    kept = await rows.fetch(
        url,
        "SELECT m.name, m.password_is_temporary, m.password_hash, g.role, n.code, g.until_at, g.granted_by FROM staff m"
        " JOIN staff_grants g ON g.staff_id = m.id JOIN organisation_nodes n ON n.id = g.node_id WHERE login = 'root'",
    )
    ((name, temporary, password_hash, *granted),) = kept
    assert (name, temporary, granted) == ("林晓", True, ["admin", "HQ", None, "command:leketong"])
    assert await passwords.matches(str(password_hash), password)
    assert password not in str(await rows.picture(url))
    told = "SELECT actor_name, action FROM audit_entries WHERE subject_kind = 'staff' ORDER BY id DESC LIMIT 3"
    assert await rows.fetch(url, told) == [
        ("命令行", "password.reset"),
        ("命令行", "grant.added"),
        ("命令行", "staff.added"),
    ]


async def test_a_role_is_given_at_a_plant_and_the_root_is_made(servers: EmbeddedServers) -> None:
    url = await fresh_database(servers)
    await rows.execute(url, "TRUNCATE organisation_nodes CASCADE")
    before = await rows.picture(url)
    add = ("staff", "add", "lead", "--name", "周建平", "--role", "plant_lead")
    status, printed, complaint = ended(url, *add, "--node", "SH")
    assert (status, printed) == (1, "")
    assert complaint == "leketong: 没找到这个组织。它可能已经调整过，请刷新后再选。\n"
    assert await rows.picture(url) == before
    command(url, *add)
    await rows.execute(
        url,
        "WITH made AS (INSERT INTO organisation_nodes (kind, code, name, parent_id, parent_kind, created_at)"
        " SELECT 'plant', 'SH', '上海工厂', id, 'group', now() FROM organisation_nodes RETURNING id, parent_id)"
        " INSERT INTO organisation_closure SELECT id, id, 0 FROM made UNION ALL SELECT parent_id, id, 1 FROM made",
    )
    explained, _ = command(
        url, "staff", "add", "op", "--name", "吴敏", "--role", "operator", "--node", "SH"
    ).splitlines()
    assert explained.startswith("已添加 吴敏（op），上海工厂的 operator。")
    granted = await rows.fetch(
        url,
        "SELECT m.code, g.role, n.code FROM staff_grants g JOIN staff m ON m.id = g.staff_id"
        " JOIN organisation_nodes n ON n.id = g.node_id ORDER BY g.id",
    )
    assert granted == [("lead", "plant_lead", "HQ"), ("op", "operator", "SH")]


async def test_a_reset_unlocks_and_the_new_password_is_the_last_line(url: str) -> None:
    _, first = command(url, "staff", "add", "locked", "--name", "孙静", "--role", "checker").splitlines()
    await rows.execute(url, "UPDATE staff SET tries = 5, locked_until = now() + '1 h' WHERE code = 'locked'")
    explained, second = command(url, "staff", "reset-password", "LOCKED").splitlines()
    assert explained.startswith("已为 孙静（LOCKED）重置密码")
    kept = "SELECT password_hash, password_is_temporary, tries, locked_until FROM staff WHERE code = 'locked'"
    ((password_hash, *state),) = await rows.fetch(url, kept)
    assert state == [True, 0, None]
    assert [await passwords.matches(str(password_hash), one) for one in (first, second)] == [False, True]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("add", "bad code", "--name", "张三", "--role", "admin"), "工号用字母"),
        (("add", "nameless", "--name", " ", "--role", "admin"), "请填写名称"),
        (("add", "TAKEN", "--name", "张三", "--role", "admin"), "已经有同事用这个工号"),
        (("add", "zhang", "--name", "张三", "--role", "admin", "--node", "nowhere"), "没找到这个组织"),
        (("reset-password", "nobody"), "没找到这位同事"),
    ],
)
async def test_a_wrong_staff_command_is_refused_in_words_and_changes_nothing(
    url: str, arguments: tuple[str, ...], told: str
) -> None:
    if await rows.fetch(url, "SELECT FROM staff WHERE code = 'taken'") == []:
        command(url, "staff", "add", "taken", "--name", "在职", "--role", "marketer")
    before = await rows.picture(url)
    status, printed, complaint = ended(url, "staff", *arguments)
    assert (status, printed, len(complaint.splitlines())) == (1, "", 1)
    assert told in complaint
    assert await rows.picture(url) == before
