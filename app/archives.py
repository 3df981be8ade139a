"""PostgreSQL's own pg_dump and pg_restore: which of them to use, how they are run, and what is in a file of theirs."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM

from app import database, embedded
from app.spawning import spawn

MARKS = ("TABLE DATA public ledger_entries", "TABLE DATA public tortoise_migrations")
"""What the list of contents of every backup of ours has in it."""
ENCRYPTED = {"require", "verify-ca", "verify-full"}
PASSED_ON = ("PATH", "HOME", "PGPASSFILE", "PGPASSWORD", "PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY", "PGSSLCRL")
"""What the caller's environment may add to the address: asyncpg reads the same of it."""
SECONDS_MAX = 6 * 3600
TOLD_BYTES_MAX = 4_096
READ_BYTES_MAX = 4_000_000


class ArchiveFault(Exception):  # noqa: N818 - told in one sentence
    """A program of PostgreSQL is missing or has failed, or a file is no whole backup of ours."""


@dataclass(frozen=True, slots=True)
class Archive:
    """What a backup says of itself."""

    tables: int
    server_major: int
    """The PostgreSQL that it was taken from."""
    migrations: tuple[str, ...]
    """Those that its database had, the oldest first."""


def chosen(there: Sequence[tuple[int, Path]], server_major: int) -> Path | None:
    """Choose the program of the least major that is not older than the server's; of two alike the first.

    An older one refuses the server; what a newer pg_restore sets first, an older server may not know.
    """
    fit = [one for one in there if one[0] >= server_major]
    return min(fit, key=lambda one: one[0])[1] if fit else None


def program(name: str, url: str, server_major: int) -> Path:
    """Give the program for a server: the PATH's before the wheel's, which know no TLS. Raises ArchiveFault."""
    there = _on_path(name)
    encrypted = database.credentials(url).get("ssl") in ENCRYPTED
    if not encrypted:
        there += _in_wheel(name)
    found = chosen(there, server_major)
    if found is None:
        why = "（DATABASE_URL 要求加密，自带的程序不支持）" if encrypted else ""
        raise ArchiveFault(f"请在 PATH 里装好 PostgreSQL {server_major} 或更新版本的 {name}{why}")
    return found


def _in_wheel(name: str) -> list[tuple[int, Path]]:
    return [(int(major), embedded.postgres_program(name, major)) for major in embedded.POSTGRES_MAJORS]


def _on_path(name: str) -> list[tuple[int, Path]]:
    found = shutil.which(name)
    if found is None:
        return []
    told = subprocess.run([found, "--version"], capture_output=True, text=True, check=False, timeout=10)  # noqa: S603
    version = re.search(r"\) (\d+)", told.stdout)
    return [] if version is None else [(int(version[1]), Path(found))]


def connected(url: str) -> dict[str, str]:
    """Give the environment in which a program reaches a database: the password is on no command line."""
    given = database.credentials(url)
    names = {
        "PGHOST": "host",
        "PGPORT": "port",
        "PGUSER": "user",
        "PGPASSWORD": "password",
        "PGDATABASE": "database",
        "PGSSLMODE": "ssl",
    }
    return _environ() | {name: str(given[key]) for name, key in names.items() if given.get(key)}


def _environ() -> dict[str, str]:
    return {name: os.environ[name] for name in PASSED_ON if name in os.environ} | {"LC_ALL": "C"}


def run(program: Path, environ: dict[str, str], *arguments: str) -> None:
    """Run a program to its end; it does not outlive us. Raises ArchiveFault with the first thing that it said.

    Only the first: what follows may quote rows.
    """
    with tempfile.TemporaryDirectory(prefix="leketong-") as folder:
        said = Path(folder) / "said"
        child = spawn([str(program), *arguments], environ, death_signal=SIGTERM, log=said)
        try:
            status = child.wait(SECONDS_MAX)
        except subprocess.TimeoutExpired:
            raise ArchiveFault(f"{program.name} 超过 {SECONDS_MAX // 3600} 小时还没完成") from None
        finally:
            embedded.stop(child, SIGTERM)
        if status:
            lines = _start_of(said, TOLD_BYTES_MAX).strip().splitlines()
            raise ArchiveFault(f"{program.name} 没能完成：{lines[0] if lines else status}")


def read(file: Path) -> Archive:
    """Read a backup from its first byte to its last and tell what it is. Raises ArchiveFault when it is not whole."""
    newest = max(_in_wheel("pg_restore") + _on_path("pg_restore"))[1]
    with tempfile.TemporaryDirectory(prefix="leketong-") as folder:
        listed, applied = Path(folder) / "listed", Path(folder) / "applied"
        try:
            run(newest, _environ(), "--list", f"--file={listed}", str(file))
            only = ("--data-only", "--schema=public", "--table=tortoise_migrations")
            run(newest, _environ(), *only, f"--file={applied}", str(file))
            # The list stands at the beginning of a file, whatever became of the rest: that is found by reading it.
            run(newest, _environ(), "--file=/dev/null", str(file))
        except ArchiveFault:
            raise _not_whole(file) from None
        contents = _start_of(listed, READ_BYTES_MAX)
        version = re.search(r"^; +Dumped from database version: (\d+)", contents, re.MULTILINE)
        names = migrations_in(_start_of(applied, READ_BYTES_MAX))
    if version is None or not names or not all(mark in contents for mark in MARKS):
        raise _not_whole(file)
    return Archive(contents.count(" TABLE DATA "), int(version[1]), names)


def _not_whole(file: Path) -> ArchiveFault:
    return ArchiveFault(f"{file} 不是完整的乐客通备份")


def migrations_in(copied: str) -> tuple[str, ...]:
    """Name our migrations in the rows of tortoise_migrations as pg_restore writes them, in the order of their names."""
    head = re.search(r"^COPY public\.tortoise_migrations \(([^)]*)\) FROM stdin;$", copied, re.MULTILINE)
    if head is None:
        return ()
    columns = head[1].split(", ")
    lines = copied[head.end() :].partition("\n\\.\n")[0].splitlines()
    rows = [dict(zip(columns, line.split("\t"), strict=False)) for line in lines if line]
    return tuple(sorted(row["name"] for row in rows if row.get("app") == database.APP))


def _start_of(file: Path, size: int) -> str:
    with file.open("rb") as opened:
        return opened.read(size).decode(errors="replace")
