"""Embedded servers: whoever we are, wherever the home lies, whatever happened before."""

import asyncio
import os
import pwd
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import dependencies, embedded
from app.embedded import EmbeddedServerFault, EmbeddedServers, Places
from tests import rows

ROOT = Path(__file__).parent.parent.parent
PROGRAM = """
from pathlib import Path
from app import dependencies
from app.embedded import EmbeddedServers
import sys
with EmbeddedServers(Path(sys.argv[1])) as servers:
    dependencies.check_postgres(servers.database_url("postgres"))
    dependencies.check_redis(servers.redis_url)
    print("works at", servers.places.base)
"""
"""Both servers in a process of their own."""


@pytest.fixture
def base() -> Iterator[Path]:
    """Give a short folder that everybody can pass through."""
    folder = Path(f"/tmp/lke-{os.getpid()}")
    folder.mkdir(mode=0o755)
    yield folder
    shutil.rmtree(folder)


def works(servers: EmbeddedServers) -> None:
    """Check that both servers take connections."""
    dependencies.check_postgres(servers.database_url("postgres"))
    dependencies.check_redis(servers.redis_url)


def test_killed_servers_start_again_with_their_data(base: Path) -> None:
    with EmbeddedServers(base / "home") as servers:
        asyncio.run(rows.execute(servers.database_url("postgres"), "CREATE TABLE kept AS SELECT 7 AS number"))
        for child, _ in servers._running:
            child.kill()
            child.wait()
        servers._running.clear()
        assert (base / "home/postgres/postmaster.pid").exists()
        with EmbeddedServers(base / "home") as again:
            works(again)
            assert asyncio.run(rows.fetch(again.database_url("postgres"), "SELECT number FROM kept")) == [(7,)]


def test_a_left_over_pid_of_another_program_does_not_matter(base: Path) -> None:
    with EmbeddedServers(base / "home"):
        pass
    pid_file = base / "home/postgres/postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n{base / 'home/postgres'}\n0\n5432\n\n\n0 0\nready\n")
    places = Places(base / "home")
    os.chown(pid_file, places.user.uid or os.geteuid(), places.user.gid or os.getegid())
    with EmbeddedServers(base / "home") as servers:
        works(servers)


def test_a_long_path_keeps_its_sockets_elsewhere(base: Path) -> None:
    home = base / ("long" * 30)
    with EmbeddedServers(home) as servers:
        works(servers)
        assert len(str(servers.places.sockets)) < 60
        shutil.rmtree(servers.places.sockets, ignore_errors=True)


def test_a_folder_of_somebody_else_is_refused(base: Path) -> None:
    if os.geteuid() == 0:
        foreign = base / "home/sockets"
        foreign.mkdir(parents=True)
        os.chown(foreign, 12_345, 12_345)
        with pytest.raises(EmbeddedServerFault, match="属于别的用户"):
            Places(base / "home")


def test_data_of_another_version_is_told(base: Path) -> None:
    places = Places(base / "home")
    data = places.own(base / "home/postgres")
    (data / "PG_VERSION").write_text("14\n")
    with pytest.raises(EmbeddedServerFault, match="PostgreSQL 14 的数据"):
        embedded.postgres(places)


def test_a_folder_that_holds_something_else_is_left_alone(base: Path) -> None:
    strange = base / "home/postgres/letters"
    strange.mkdir(parents=True)
    with pytest.raises(EmbeddedServerFault, match="不是 PostgreSQL 的数据目录"):
        embedded.postgres(Places(base / "home"))
    assert strange.exists()


def test_a_first_run_killed_midway_needs_no_cleaning(base: Path) -> None:
    half_made = base / "home/postgres.new-killed"
    half_made.mkdir(parents=True)
    (half_made / "PG_VERSION").write_text("18\n")
    first = subprocess.Popen([sys.executable, "-c", PROGRAM, str(base / "home")], cwd=ROOT, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while not [made for made in (base / "home").glob("postgres.new-*/PG_VERSION") if made.parent != half_made]:
        assert first.poll() is None
        assert time.monotonic() < deadline
    first.kill()
    first.wait()
    assert not (base / "home/postgres").exists()
    with EmbeddedServers(base / "home") as servers:
        works(servers)
    assert not half_made.exists()


def test_a_link_where_everybody_may_write_is_refused(base: Path) -> None:
    home = base / ("link" * 30)
    sockets = Places(home).sockets
    sockets.rmdir()
    sockets.symlink_to(base)
    with pytest.raises(EmbeddedServerFault, match="是一个链接"):
        Places(home)
    sockets.unlink()
    assert base.stat().st_uid == os.geteuid()


def test_an_unknown_version_is_told(base: Path) -> None:
    with pytest.raises(EmbeddedServerFault, match="LEKETONG_POSTGRES 只能是 18 或 16"):
        embedded.postgres(Places(base / "home"), "17")


def test_an_ordinary_user_needs_no_root(base: Path) -> None:
    home = base / "home"
    home.mkdir()
    become: list[str] = []
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(home, nobody.pw_uid, nobody.pw_gid)
        become = ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
        # Root's interpreter and checkout may lie where that user can't look: then it is allowed to pass.
        ways = (*Path(sys.executable).resolve().parents, *ROOT.parents)
        if not all(folder.stat().st_mode & 0o001 for folder in ways):
            become += ["--inh-caps=-all,+dac_override", "--ambient-caps=-all,+dac_override"]
    done = subprocess.run(
        [*become, sys.executable, "-c", PROGRAM, str(home)],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout.strip()) == (0, f"works at {home}"), done.stderr
    assert (home / "postgres/PG_VERSION").stat().st_uid == home.stat().st_uid != 0


def test_root_below_a_closed_home_keeps_its_data_where_the_servers_can_reach_it(base: Path) -> None:
    if os.geteuid() == 0:
        closed = base / "closed"
        closed.mkdir(mode=0o700)
        with EmbeddedServers(closed / "home") as servers:
            works(servers)
            assert servers.places.base.parent == Path("/var/lib/leketong")
            assert (closed.stat().st_mode & 0o777) == 0o700
        shutil.rmtree(servers.places.base)
