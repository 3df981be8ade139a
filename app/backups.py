"""`leketong backup` and `leketong restore`: one file with all facts, whole or not at all, proved when it is back.

PostgreSQL's own pg_dump and pg_restore do the work: those of the wheel, or for a newer server those on the PATH. The
password travels in their environment, never on a command line.
"""

import asyncio
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from app import database, embedded, proofs
from loyalty import transactions
from loyalty.proofs import Difference

FILE_MARK = "TABLE DATA public ledger_entries"
"""What the list of contents of every backup of ours has in it."""
NAME_FORM = re.compile(r"[a-z][a-z0-9_]{0,62}")
WHEEL_MAJORS = (16, 18)
SECONDS_MAX = 6 * 3600


class BackupFault(Exception):  # noqa: N818 - told in one sentence
    """A backup was not made, or not restored; nothing was left half done."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What is in a database after a restore."""

    url: str
    tables: int
    behind: list[str]
    """Migrations that this version has and the backup did not."""
    differences: list[Difference]
    """What the proofs found; not asked for while migrations are behind."""


def backup(url: str, file: Path) -> int:
    """Write everything in the database to a file that only its owner reads; return the number of bytes.

    Consistent as of one moment; the house goes on serving. Raises BackupFault, and then there is no file.
    """
    if file.exists():
        raise BackupFault(f"{file} 已经有了，请换一个文件名")
    part = file.with_name(f"{file.name}.part")
    try:
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as fault:
        raise BackupFault(f"{file} 写不进去：{fault.strerror}") from None
    try:
        major = asyncio.run(_server_major(url))
        _run(_program("pg_dump", major), url, "--format=custom", "--no-owner", "--no-privileges", f"--file={part}")
        _contents(part, major)
        with part.open("rb") as written:
            os.fsync(written.fileno())
        os.link(part, file)
    except FileExistsError:
        raise BackupFault(f"{file} 已经有了，请换一个文件名") from None
    finally:
        part.unlink(missing_ok=True)
    return file.stat().st_size


def restore(url: str, file: Path, name: str | None) -> Restored:
    """Put a backup into an empty database, or into a new one of that name on the same server, in one transaction.

    Then analyses it, looks for missing migrations and runs the proofs. Raises BackupFault when nothing was changed.
    """
    if name is not None and not NAME_FORM.fullmatch(name):
        raise BackupFault("--database 请用小写字母开头的英文名，可带数字和下划线，最多 63 个字符")
    if not file.is_file():
        raise BackupFault(f"没有 {file} 这个文件")
    major = asyncio.run(_server_major(url))
    tables = _contents(file, major)
    if name is not None:
        asyncio.run(_create(url, name))
        url = database.on_same_server(url, name)
    elif asyncio.run(_is_used(url)):
        raise BackupFault("这个数据库里已经有数据，不能覆盖；加 --database 新库名，恢复到同一台服务器的新库里")
    try:
        target = str(database.credentials(url)["database"])
        _run(
            _program("pg_restore", major),
            url,
            "--no-owner",
            "--no-privileges",
            "--single-transaction",
            "--exit-on-error",
            f"--dbname={target}",
            str(file),
        )
    except BackupFault:
        if name is not None:
            asyncio.run(_drop(url, name))
        raise
    behind, differences = asyncio.run(_examined(url))
    return Restored(url, tables, behind, differences)


def _program(name: str, server_major: int) -> Path:
    wheel_major = next((major for major in WHEEL_MAJORS if server_major <= major), None)
    if wheel_major is not None:
        # What a newer pg_restore sets first, an older server may not know.
        return embedded.postgres_program(name, str(wheel_major))
    found = shutil.which(name)
    if found is None:
        raise BackupFault(f"服务器是 PostgreSQL {server_major}，请先安装同版本的 {name}")
    return Path(found)


def _run(program: Path, url: str | None, *arguments: str) -> str:
    given = {} if url is None else database.credentials(url)
    environ = {
        "PATH": os.defpath,
        "LC_ALL": "C",
        **{
            variable: str(given[key])
            for variable, key in (
                ("PGHOST", "host"),
                ("PGPORT", "port"),
                ("PGUSER", "user"),
                ("PGPASSWORD", "password"),
                ("PGDATABASE", "database"),
                ("PGSSLMODE", "ssl"),
            )
            if given.get(key)
        },
    }
    done = subprocess.run(  # noqa: S603 - PostgreSQL's own program
        [program, *arguments], env=environ, capture_output=True, text=True, check=False, timeout=SECONDS_MAX
    )
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise BackupFault(f"{program.name} 没能完成：{said[0] if said else done.returncode}")
    return done.stdout


def _contents(file: Path, major: int) -> int:
    """Tell how many tables a backup has. Raises BackupFault for a file that is none of ours, or not whole."""
    try:
        listed = _run(_program("pg_restore", major), None, "--list", str(file))
    except BackupFault:
        listed = ""
    if FILE_MARK not in listed:
        raise BackupFault(f"{file} 不是完整的乐客通备份")
    return listed.count(" TABLE DATA ")


async def _server_major(url: str) -> int:
    connection = await asyncpg.connect(**database.credentials(url))
    try:
        return int(await connection.fetchval("SHOW server_version_num")) // 10_000
    finally:
        await connection.close()


async def _is_used(url: str) -> bool:
    connection = await asyncpg.connect(**database.credentials(url))
    try:
        return bool(await connection.fetchval("SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = 'public')"))
    finally:
        await connection.close()


async def _create(url: str, name: str) -> None:
    connection = await asyncpg.connect(**database.credentials(url))
    try:
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    except asyncpg.DuplicateDatabaseError:
        raise BackupFault(f"数据库 {name} 已经有了，请换一个名字") from None
    except asyncpg.InsufficientPrivilegeError:
        raise BackupFault("这个数据库用户不能新建数据库；请先建好空库，再用 DATABASE_URL 指定它") from None
    finally:
        await connection.close()


async def _drop(url: str, name: str) -> None:
    connection = await asyncpg.connect(**database.credentials(database.on_same_server(url, "postgres")))
    try:
        await connection.execute(f"DROP DATABASE IF EXISTS {name}")
    finally:
        await connection.close()


async def _examined(url: str) -> tuple[list[str], list[Difference]]:
    async with database.opened(url, pool_max=1, statement_seconds_max=None):
        async with transactions.reader() as connection:
            await connection.execute("ANALYZE")
        behind = await database.behind()
        return behind, [] if behind else await proofs.prove()
