"""PostgreSQL's own programs: the right one is chosen, and nobody reads the password over its shoulder."""

from pathlib import Path

import pytest

from app import archives, embedded
from app.archives import ArchiveFault

WHEEL = [(18, Path("/wheel/18")), (16, Path("/wheel/16"))]
URL = "postgresql://clerk:very-secret@db.example:5433/house"
RECORDER = """#!/bin/sh
case "$1" in --version) echo "$0 (PostgreSQL) 99.1 (Somewhere)"; exit;; esac
echo "$@" > "$0.arguments"
echo "$PGPASSWORD $PGHOST $PGPORT $PGUSER $PGDATABASE $PGSSLMODE $PGOPTIONS" > "$0.environment"
echo "first thing" >&2; echo "row with a phone" >&2; exit 3
"""


@pytest.mark.parametrize(
    ("on_path", "server_major", "program"),
    [
        ([], 16, "/wheel/16"),
        ([], 17, "/wheel/18"),
        ([], 18, "/wheel/18"),
        ([], 19, None),
        ([(15, Path("/usr/15"))], 16, "/wheel/16"),
        ([(16, Path("/usr/16"))], 16, "/usr/16"),
        ([(17, Path("/usr/17"))], 16, "/wheel/16"),
        ([(17, Path("/usr/17"))], 17, "/usr/17"),
        ([(18, Path("/usr/18"))], 18, "/usr/18"),
        ([(20, Path("/usr/20"))], 19, "/usr/20"),
    ],
)
def test_the_nearest_program_that_is_not_older_is_chosen(
    on_path: list[tuple[int, Path]], server_major: int, program: str | None
) -> None:
    assert archives.chosen(on_path + WHEEL, server_major) == (program and Path(program))


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder that is all of PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_the_wheel_serves_an_embedded_house_and_cannot_encrypt(path: Path) -> None:
    assert archives.program("pg_dump", URL, 16) == embedded.postgres_program("pg_dump", "16")
    with pytest.raises(ArchiveFault, match=r"PostgreSQL 19 或更新版本的 pg_dump$"):
        archives.program("pg_dump", URL, 19)
    for mode in ("require", "verify-ca", "verify-full"):
        with pytest.raises(ArchiveFault, match="要求加密，自带的程序不支持"):
            archives.program("pg_dump", f"{URL}?sslmode={mode}", 18)


def test_a_program_gets_the_password_unseen_and_only_its_first_words_are_told(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path / "pg_dump").write_text(RECORDER)
    (path / "pg_dump").chmod(0o755)
    monkeypatch.setenv("PGHOST", "elsewhere.example")
    monkeypatch.setenv("PGOPTIONS", "-c search_path=elsewhere")
    url = f"{URL}?sslmode=require"
    program = archives.program("pg_dump", url, 18)
    assert program == path / "pg_dump"
    with pytest.raises(ArchiveFault) as told:
        archives.run(program, archives.connected(url), "--format=custom")
    assert str(told.value) == "pg_dump 没能完成：first thing"
    assert (path / "pg_dump.arguments").read_text() == "--format=custom\n"
    assert (path / "pg_dump.environment").read_text() == "very-secret db.example 5433 clerk house require \n"


@pytest.mark.parametrize(
    ("copied", "names"),
    [
        ("", ()),
        ("COPY public.tortoise_migrations (id, app, name) FROM stdin;\n\\.\n", ()),
        (
            (
                "--\nCOPY public.tortoise_migrations (id, app, name) FROM stdin;\n2\tleketong\t0002_b\n"
                "1\tleketong\t0001_a\n3\tother\t0009_z\n\\.\n\n4\tleketong\t0004_d\n"
            ),
            ("0001_a", "0002_b"),
        ),
    ],
)
def test_migrations_are_read_from_a_backup(copied: str, names: tuple[str, ...]) -> None:
    assert archives.migrations_in(copied) == names
