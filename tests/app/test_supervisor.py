"""One running house, killed in every way, and told wrong things at its start."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from app import ports
from app.embedded import EmbeddedServers
from app.ports import LOCAL, PortFault, listen
from app.settings import SettingsError
from tests.conftest import environment, fresh_database
from tests.test_journey import Running, start, stop

ROOT = Path(__file__).parent.parent.parent
BACK_SECONDS_MAX = 20.0


@pytest_asyncio.fixture(scope="module")
async def running() -> AsyncIterator[Running]:
    """Run a house for the tests of this file."""
    base = Path(f"/tmp/lks-{os.getpid()}")
    base.mkdir(mode=0o755)
    found = await start(base / "home")
    yield found
    if found.process.poll() is None:
        stop(found)
    shutil.rmtree(base)


def descendants(pid: int) -> dict[int, str]:
    """Give every process below ``pid`` with its command line."""
    parents, lines = {}, {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                stat = (folder / "stat").read_text().rpartition(")")[2].split()
                lines[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if stat[0] != "Z":
                parents[int(folder.name)] = int(stat[1])
    found: dict[int, str] = {}
    grown = {pid}
    while grown:
        grown = {child for child, parent in parents.items() if parent in grown and child not in found}
        found |= {child: lines[child] for child in grown}
    return found


def child(running: Running, part: str) -> int:
    """Find the supervisor's own child whose command line holds ``part``."""
    for pid, line in sorted(descendants(running.process.pid).items()):
        if (
            part in line
            and int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]) == running.process.pid
        ):
            return pid
    raise AssertionError(f"no child with {part} below {running.process.pid}")


async def serves(running: Running, *, degraded: set[str] | None = None) -> None:
    """Return when the house is ready, with nothing degraded but what is named."""
    async with httpx.AsyncClient(timeout=2) as client, asyncio.timeout(BACK_SECONDS_MAX):
        while True:
            try:
                answer = await client.get(f"{running.web}/health/ready")
                if answer.status_code == 200 and set(answer.json()["degraded"]) <= (degraded or set()):
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)


async def replaced(running: Running, part: str, old: int) -> None:
    """Return when another child does the work."""
    async with asyncio.timeout(BACK_SECONDS_MAX):
        while True:
            try:
                if child(running, part) != old:
                    return
            except (AssertionError, FileNotFoundError):
                pass
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    "part",
    [
        "app.server",
        "app.cli stamper",
        "wechat.sandbox",
        "tasks.celery beat",
        "tasks.celery worker",
        "redis-server",
        "bin/postgres",
    ],
)
async def test_a_killed_child_is_replaced_and_the_house_serves(running: Running, part: str) -> None:
    old = child(running, part)
    os.kill(old, signal.SIGKILL)
    await replaced(running, part, old)
    await serves(running, degraded={"celery"})


async def test_commands_find_the_running_house(running: Running) -> None:
    assert running.command("migrate", "--check").returncode == 0
    assert running.command("prove").stdout.splitlines()[-1] == "账目全部一致"


@pytest.fixture
def home() -> Iterator[Path]:
    """Name a home that the servers' own user can reach: below a closed folder root would leave some in /var/lib."""
    base = Path(tempfile.mkdtemp(prefix="lkh-"))
    base.chmod(0o755)
    yield base / "home"
    shutil.rmtree(base)


def run(**environ: str) -> subprocess.CompletedProcess[str]:
    """Start a house that cannot start; give what it told."""
    return subprocess.run(
        [sys.executable, "-m", "app.cli", "run"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


async def test_a_second_supervisor_in_the_same_home_is_refused(running: Running) -> None:
    refused = run(LEKETONG_HOME=str(running.home))
    assert refused.returncode == 1
    assert "已经有一个乐客通在运行" in refused.stderr


async def test_a_taken_port_that_was_asked_for_is_an_error(running: Running, home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = run(LEKETONG_HOME=str(home), PORT=port)
    assert refused.returncode == 1
    assert f"PORT 指定的端口 {port} 被占用了" in refused.stderr


def test_a_port_that_a_killed_house_still_holds_is_waited_for() -> None:
    with ThreadPoolExecutor(1) as pool:
        with socket.create_server((LOCAL, 0)) as held:
            port = held.getsockname()[1]
            with pytest.raises(PortFault):
                listen({"PORT": str(port)}, "PORT", 8000, LOCAL)
            waiting = pool.submit(listen, {"PORT": str(port)}, "PORT", 8000, LOCAL, BACK_SECONDS_MAX)
        with waiting.result(BACK_SECONDS_MAX) as bound:
            assert bound.getsockname()[1] == port


def test_a_taken_default_port_moves_to_the_next() -> None:
    with socket.create_server((LOCAL, 0)) as taken:
        port = taken.getsockname()[1]
        with ports.listen({}, "PORT", port, LOCAL) as bound:
            assert port < bound.getsockname()[1] < port + ports.PORTS_TRIED


@pytest.mark.parametrize("port", ["²", "-1", "65536", "http"])
def test_a_port_that_is_none_is_named(port: str) -> None:
    with pytest.raises(SettingsError, match="PORT must be a whole number from 0 to 65535"):
        ports.listen({"PORT": port}, "PORT", 8000, LOCAL)


def test_an_address_that_is_not_ours_is_not_told_as_taken_ports() -> None:
    with pytest.raises(PortFault, match="请检查 HOST 和 PORT"):
        ports.listen({}, "PORT", 8000, "192.0.2.1")


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("DATABASE_URL", "postgresql://u:very-secret@127.0.0.1:port/d"),
        ("REDIS_URL", "http://u:very-secret@127.0.0.1/0"),
    ],
)
async def test_what_is_no_address_of_a_server_is_named(
    servers: EmbeddedServers, home: Path, name: str, url: str
) -> None:
    given = {"DATABASE_URL": servers.database_url("postgres"), name: url}
    refused = run(LEKETONG_HOME=str(home), PORT="0", SANDBOX_PORT="0", **given)
    assert refused.returncode == 1
    assert refused.stderr == f"leketong: {name} is not the address of a server; docs/operating.md shows its form\n"


async def test_a_home_that_cannot_be_used_is_named(home: Path) -> None:
    home.touch()
    refused = run(LEKETONG_HOME=str(home))
    assert refused.returncode == 1
    assert refused.stderr.startswith("leketong: LEKETONG_HOME cannot be used: File exists")


async def test_a_database_out_of_reach_is_named_without_its_password(home: Path) -> None:
    refused = run(
        LEKETONG_HOME=str(home),
        DATABASE_URL="postgresql://u:very-secret@127.0.0.1:1/d",
        PORT="0",
        SANDBOX_PORT="0",
    )
    assert refused.returncode == 1
    assert "DATABASE_URL" in refused.stderr
    assert "very-secret" not in refused.stderr + refused.stdout


async def test_a_given_database_that_is_behind_is_not_touched(servers: EmbeddedServers, home: Path) -> None:
    url = servers.database_url("postgres")
    refused = run(LEKETONG_HOME=str(home), DATABASE_URL=url, REDIS_URL=servers.redis_url, PORT="0", SANDBOX_PORT="0")
    assert refused.returncode == 1
    assert "leketong migrate" in refused.stderr


@asynccontextmanager
async def web_alone(
    servers: EmbeddedServers, home: Path, **more: str
) -> AsyncIterator[tuple[subprocess.Popen[bytes], str]]:
    """Run `leketong web` with a database of its own; give the process and its address."""
    settings = {"PORT": "0", "HOST": "127.0.0.1", "WEB_WORKERS": "1", "LEKETONG_HOME": str(home), **more}
    process = subprocess.Popen(
        [sys.executable, "-m", "app.cli", "web"],
        cwd=ROOT,
        env=environment(servers, await fresh_database(servers)) | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    told = (await asyncio.to_thread(process.stdout.readline)).decode()
    try:
        yield process, told.split("：", 1)[1].split("，")[0]
    finally:
        process.terminate()
        assert process.wait(15) == 0
        process.stdout.close()


async def test_web_alone_serves_and_stops(servers: EmbeddedServers, tmp_path: Path) -> None:
    async with web_alone(servers, tmp_path) as (_, address), httpx.AsyncClient() as client:
        assert (await client.get(f"{address}/health/live")).status_code == 200


async def test_an_accepted_request_is_answered_though_the_house_stops(servers: EmbeddedServers, tmp_path: Path) -> None:
    entered, released = asyncio.Event(), asyncio.Event()

    async def slow_wechat(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        entered.set()
        await released.wait()
        body = b'{"errcode":40029,"errmsg":"invalid code"}'
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(body), body))
        await writer.drain()
        writer.close()

    wechat = await asyncio.start_server(slow_wechat, "127.0.0.1", 0)
    base_url = f"http://127.0.0.1:{wechat.sockets[0].getsockname()[1]}"
    async with (
        wechat,
        web_alone(servers, tmp_path, WECHAT_BASE_URL=base_url) as (process, address),
        httpx.AsyncClient(timeout=20) as client,
    ):
        accepted = asyncio.create_task(client.post(f"{address}/mp/v1/session", json={"code": "any-code"}))
        await entered.wait()
        process.send_signal(signal.SIGTERM)
        with pytest.raises(httpx.TransportError):
            async with asyncio.timeout(BACK_SECONDS_MAX), httpx.AsyncClient(timeout=1) as late:
                while True:
                    await late.get(f"{address}/health/live")
        assert not accepted.done()
        released.set()
        answer = await accepted
    assert (answer.status_code, answer.json()["code"]) == (422, "code_invalid")


async def test_when_the_supervisor_is_killed_all_die_and_the_next_start_needs_no_cleaning(running: Running) -> None:
    below = descendants(running.process.pid)
    assert len(below) > 8
    running.process.kill()
    running.process.wait()
    deadline = time.monotonic() + BACK_SECONDS_MAX
    while left := [
        pid
        for pid, line in below.items()
        if line and Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes()
    ]:
        assert time.monotonic() < deadline, [below[pid] for pid in left]
        await asyncio.sleep(0.05)
    found = await start(running.home)
    running.web, running.sandbox, running.process = found.web, found.sandbox, found.process
    await serves(running, degraded={"celery"})
