"""A real `leketong run` to kill parts of, and who its parts are."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import asyncpg
import msgspec
from redis import Redis
from redis.exceptions import RedisError

from app import database
from benchmarks.processes import children, descendants, is_alive

ROOT = Path(__file__).parent.parent
START_SECONDS_MAX = 120.0
GONE_SECONDS_MAX = 10.0
WEB_WORKERS = 2

PARTS: dict[str, str] = {
    "web": "app.server",
    "postgres": "bin/postgres",
    "redis": "bin/redis-server",
    "celery-worker": "tasks.celery worker --loglevel INFO --concurrency",
    "celery-sender": "tasks.celery worker --loglevel INFO --pool solo",
    "celery-beat": "tasks.celery beat",
    "stamper": "app.cli stamper",
}
"""Part → what its command line contains. The supervisor is a part too: the process that we started ourselves."""
SUPERVISOR = "supervisor"


class NotThere(Exception):  # noqa: N818 - told in one sentence
    """What had to be there in time was not."""


class Household:
    """One house in a home of its own. It survives the kill of its supervisor: ``start`` brings it back."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = _free_port()
        self.web = f"http://127.0.0.1:{self.port}"
        self._environ = {
            "PATH": os.environ["PATH"],
            "LEKETONG_HOME": str(home),
            "PORT": str(self.port),
            "SANDBOX_PORT": str(_free_port()),
            "HUB_PORT": str(_free_port()),
            "WEB_WORKERS": str(WEB_WORKERS),
        }
        if "LEKETONG_POSTGRES" in os.environ:
            self._environ["LEKETONG_POSTGRES"] = os.environ["LEKETONG_POSTGRES"]
        self._process: subprocess.Popen[bytes] | None = None
        self._orphans: list[int] = []
        self._out = home.parent / f"{home.name}.out"

    def launch(self) -> None:
        """Start `leketong run`, as a service manager would; does not wait."""
        with self._out.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "app.cli", "run"], cwd=ROOT, env=self._environ, stdout=output, stderr=output
            )

    async def until_ready(self) -> None:
        """Return when the house says that it is ready. Raises NotThere."""
        said = self._out.read_text().count("准备就绪") if self._out.exists() else 0
        await until(lambda: self._out.read_text().count("准备就绪") > said, START_SECONDS_MAX, "the house")

    @property
    def settings(self) -> dict[str, str]:
        """Give the environment of the running house's children."""
        return msgspec.json.decode((self.home / "house.json").read_bytes(), type=dict[str, str])

    async def connect(self) -> "asyncpg.Connection[asyncpg.Record]":
        """Connect to the house's database."""
        return await asyncpg.connect(**database.credentials(self.settings["DATABASE_URL"]))

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """Give the supervisor's process."""
        if self._process is None:
            raise RuntimeError("the house was not started")
        return self._process

    def pids(self, part: str) -> list[int]:
        """List the processes of a part, those that the supervisor started."""
        if part == SUPERVISOR:
            return [self.process.pid]
        return [pid for pid in children(self.process.pid) if PARTS[part] in _command(pid)]

    def kill(self, part: str, choose: Callable[[list[int]], int]) -> int:
        """Kill one process of a part with SIGKILL; return its pid. Raises NotThere when there is none."""
        pids = self.pids(part)
        if not pids:
            raise NotThere(f"no process of {part}")
        pid = choose(pids)
        self._orphans = descendants(pid) if part == SUPERVISOR else []
        os.kill(pid, signal.SIGKILL)
        return pid

    async def bury(self) -> None:
        """After the supervisor's death: wait for all that it had started to end too. Raises NotThere."""
        self.process.wait(GONE_SECONDS_MAX)
        await until(lambda: not any(map(is_alive, self._orphans)), GONE_SECONDS_MAX, "the end of all children")

    def redis_answers(self) -> bool:
        """Tell whether Redis answers a ping."""
        try:
            with Redis.from_url(self.settings["REDIS_URL"], socket_timeout=1, socket_connect_timeout=1) as redis:
                return bool(redis.ping())
        except (RedisError, OSError):
            return False

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a `leketong` command that finds this house by its home."""
        return subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-m", "app.cli", *arguments],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "LEKETONG_HOME": str(self.home)},
            capture_output=True,
            text=True,
            check=False,
            timeout=START_SECONDS_MAX,
        )

    def stop(self) -> None:
        """Stop the house."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(START_SECONDS_MAX)


async def until(true: Callable[[], bool], seconds_max: float, what: str) -> float:
    """Return how long it took until something was true. Raises NotThere."""
    started = time.monotonic()
    while not true():
        if time.monotonic() - started > seconds_max:
            raise NotThere(f"{what} did not come within {seconds_max:.0f} s")
        await asyncio.sleep(0.02)
    return time.monotonic() - started


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        return int(bound.getsockname()[1])
