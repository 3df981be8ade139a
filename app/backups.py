"""`leketong backup` and `leketong restore`: one file with all facts, whole or not at all, proved when it is back."""

import asyncio
import contextlib
import fcntl
import os
import pkgutil
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from app import archives, database, migrations, proofs
from app.archives import Archive, ArchiveFault
from loyalty import transactions
from loyalty.events import queries as events
from loyalty.events.rules import FEEDS, Feed
from loyalty.proofs import Difference

NAME_FORM = re.compile(r"[a-z][a-z0-9_]{0,62}")
LOCK_WAIT = "60s"
"""A backup waits this long for a migration that holds a table."""


class BackupFault(Exception):  # noqa: N818 - told in one sentence
    """A backup was not made, or not restored; nothing was left half done."""


@dataclass(frozen=True, slots=True)
class Written:
    """A backup that is on disk and was read back."""

    size_bytes: int
    archive: Archive


@dataclass(frozen=True, slots=True)
class Restored:
    """What is in a database after a restore."""

    url: str
    archive: Archive
    behind: list[str]
    """Migrations that this version has and the backup did not."""
    heads: Mapping[Feed, int]
    """The last position of each feed; like the differences, not asked for while migrations are behind."""
    differences: list[Difference]
    """What the proofs found."""


def backup(url: str, file: Path) -> Written:
    """Write everything in the database to a file that only its owner reads, and read it back.

    Consistent as of one moment; the house goes on serving. Raises BackupFault, and then there is no file.
    """
    file = file.absolute()
    major = asyncio.run(_server_major(url))
    try:
        program = archives.program("pg_dump", url, major)
        with _reserved(file) as part:
            archives.run(
                program,
                archives.connected(url),
                "--format=custom",
                "--schema=public",
                "--no-owner",
                "--no-privileges",
                f"--lock-wait-timeout={LOCK_WAIT}",
                f"--file={part}",
            )
            written = Written(part.stat().st_size, _read_back(part))
            _publish(part, file)
            return written
    except ArchiveFault as fault:
        raise BackupFault(str(fault)) from None
    except OSError as fault:
        raise BackupFault(f"{file} 写不进去：{fault.strerror}") from None


def _read_back(part: Path) -> Archive:
    try:
        return archives.read(part)
    except ArchiveFault:
        raise BackupFault("写好的备份没通过检查，没有留下；请确认 DATABASE_URL 指定的是乐客通的数据库") from None


@contextlib.contextmanager
def _reserved(file: Path) -> Iterator[Path]:
    """Hold the place where a file is written before it gets its name; what a killed backup left there is taken over.

    Two at once would otherwise publish each other's unfinished file.
    """
    _check_free(file)
    part = file.with_name(f"{file.name}.part")
    number = os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            ours = os.path.samestat(os.fstat(number), part.stat()) and os.fstat(number).st_uid == os.geteuid()
        except (BlockingIOError, FileNotFoundError):
            ours = False
        if not ours:
            raise BackupFault(f"另一个备份正在写 {part}，请等它完成，或换一个文件名")
        os.fchmod(number, 0o600)
        try:
            yield part
        finally:
            part.unlink(missing_ok=True)
    finally:
        os.close(number)


def _check_free(file: Path) -> None:
    if os.path.lexists(file):
        raise BackupFault(f"{file} 已经有了，请换一个文件名")


def _publish(part: Path, file: Path) -> None:
    with part.open("rb") as written:
        os.fsync(written.fileno())
    _check_free(file)
    part.rename(file)
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def restore(url: str, file: Path, name: str | None) -> Restored:
    """Put a backup into an empty database, or into a new one of that name on the same server, in one transaction.

    Then analyses it, looks for missing migrations and runs the proofs. Raises BackupFault when nothing was changed.
    """
    file = file.absolute()
    if name is not None and not NAME_FORM.fullmatch(name):
        raise BackupFault("--database 请用小写字母开头的英文名，可带数字和下划线，最多 63 个字符")
    if not file.is_file():
        raise BackupFault(f"没有 {file} 这个文件")
    if not os.access(file, os.R_OK):
        raise BackupFault(f"{file} 读不了，请换能读它的用户")
    if name is None and asyncio.run(_is_used(url)):
        raise BackupFault("这个数据库里已经有数据，不能覆盖；加 --database 新库名，恢复到同一台服务器的新库里")
    try:
        major = asyncio.run(_server_major(url))
        archive = archives.read(file)
        _check_fits(archive, major)
        program = archives.program("pg_restore", url, major)
        with _target(url, name) as target_url:
            archives.run(
                program,
                archives.connected(target_url),
                "--schema=public",
                "--no-owner",
                "--no-privileges",
                "--single-transaction",
                "--exit-on-error",
                f"--dbname={_conninfo(target_url)}",
                str(file),
            )
    except ArchiveFault as fault:
        raise BackupFault(str(fault)) from None
    return asyncio.run(_examined(target_url, archive))


def _check_fits(archive: Archive, server_major: int) -> None:
    known = {module.name for module in pkgutil.iter_modules(migrations.__path__)}
    unknown = [name for name in archive.migrations if name not in known]
    if unknown:
        raise BackupFault(f"这份备份来自更新的版本（有 {unknown[-1]}），请先换成那个版本的乐客通")
    if archive.server_major > server_major:
        raise BackupFault(f"这份备份来自 PostgreSQL {archive.server_major}，不能恢复到更旧的 {server_major}")


@contextlib.contextmanager
def _target(url: str, name: str | None) -> Iterator[str]:
    """Give the database to restore into; a new one is gone again when that fails."""
    if name is None:
        yield url
        return
    asyncio.run(_create(url, name))
    try:
        yield database.on_same_server(url, name)
    except BaseException:
        asyncio.run(_drop(url, name))
        raise


def _conninfo(url: str) -> str:
    """Name the database so that nothing in its name is taken for more of an address."""
    name = str(database.credentials(url)["database"]).replace("\\", "\\\\").replace("'", "\\'")
    return f"dbname='{name}'"


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
    connection = await asyncpg.connect(**database.credentials(url))
    try:
        # By force: pg_restore's own session may still be ending.
        await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    finally:
        await connection.close()


async def _examined(url: str, archive: Archive) -> Restored:
    async with database.opened(url, pool_max=1, statement_seconds_max=None):
        async with transactions.reader() as connection:
            await connection.execute("ANALYZE")
        behind = await database.behind()
        if behind:
            return Restored(url, archive, behind, {}, [])
        async with transactions.reader():
            heads = {feed: await events.head_position(feed) for feed in FEEDS}
        return Restored(url, archive, behind, heads, await proofs.prove())
