"""Houses to measure: real servers, many bound members, web workers, and the load generator."""

import asyncio
import base64
import os
import secrets
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import asyncpg
import msgspec

from app import database, embedded, settings
from app.http.principals import MemberTokens
from benchmarks.people import PEOPLE
from loyalty import clock
from loyalty.customers.standings import MemberRef

ROOT = Path(__file__).parent.parent
WAIT_SECONDS_MAX = 30.0
LOAD_SECONDS_MAX = 300.0
CONNECTIONS = 64
BARE = "benchmarks.bare"
SLOW_DISK_US = 1_000
QUOTE_LINES = 20
STAFF_TOKEN = "a-staff-member-of-the-bench-alone"  # noqa: S105 - opens a throw-away house


class Measured(msgspec.Struct, frozen=True):
    """What the generator tells of one run."""

    requests: int
    seconds: float
    rate: float
    p50_ms: float
    p99_ms: float
    statuses: dict[str, int]


class Void(Exception):  # noqa: N818 - told in one sentence
    """The run says nothing: a tool is missing, or an answer was not what it should be."""


@dataclass(frozen=True, slots=True)
class Serving:
    """Workers that serve on one port."""

    port: int
    pids: tuple[int, ...]


class Machine:
    """A folder for everything, and the generator."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._load = self.compiled("load")
        self._files = 0

    def compiled(self, name: str, *flags: str) -> Path:
        """Compile one of the small C sources. Raises Void without a compiler."""
        compiler = shutil.which("cc")
        if compiler is None:
            raise Void("a C compiler is needed as `cc`; on Debian: apt-get install gcc libc6-dev")
        built = self.folder / name
        source = ROOT / "benchmarks" / f"{name.partition('.')[0]}.c"
        subprocess.run([compiler, "-O2", *flags, "-o", built, source, "-ldl"], check=True)  # noqa: S603 - our own source
        return built

    def requests(self, items: Sequence[bytes]) -> Path:
        """Write requests for the generator."""
        self._files += 1
        path = self.folder / f"requests-{self._files}"
        with path.open("wb") as file:
            for item in items:
                file.write(struct.pack("<I", len(item)) + item)
        return path

    def load(self, port: int, requests: Path, expected: str) -> Measured:
        """Send the requests over 64 connections. Raises Void when any answer has another status than ``expected``."""
        done = subprocess.run(  # noqa: S603 - our own program
            [self._load, str(port), str(CONNECTIONS), requests],
            capture_output=True,
            check=False,
            timeout=LOAD_SECONDS_MAX,
        )
        if done.returncode:
            raise Void(done.stderr.decode())
        measured = msgspec.json.decode(done.stdout, type=Measured)
        if set(measured.statuses) != {expected}:
            raise Void(f"expected only {expected}, got {measured.statuses}")
        return measured

    @contextmanager
    def serving(self, module: str, environ: dict[str, str] | None = None, workers: int = 1) -> Iterator[Serving]:
        """Serve a module's application on a free port while inside."""
        with socket.create_server(("127.0.0.1", 0), backlog=4096) as bound:
            port = bound.getsockname()[1]
            arguments = [str(bound.fileno())] if module == BARE else ["--fd", str(bound.fileno())]
            with (self.folder / f"{module}.log").open("ab") as log:
                children = [
                    subprocess.Popen(  # noqa: S603 - our own program
                        [sys.executable, "-m", module, *arguments],
                        cwd=ROOT,
                        env=environ or {"PATH": os.environ["PATH"]},
                        stdout=log,
                        stderr=log,
                        pass_fds=(bound.fileno(),),
                    )
                    for _ in range(workers)
                ]
            try:
                _answering(port)
                yield Serving(port, tuple(child.pid for child in children))
            finally:
                for child in children:
                    child.terminate()
                for child in children:
                    child.wait(WAIT_SECONDS_MAX)

    @contextmanager
    def servers(
        self, name: str, *, slow_disk: bool = False, settings: Mapping[str, str] | None = None
    ) -> Iterator["Servers"]:
        """Run PostgreSQL, with settings of its own, and Redis while inside; on request with a disk of 1 ms."""
        places = embedded.Places(self.folder / name)
        described = embedded.postgres(places)
        given = [f"--{setting}={value}" for setting, value in (settings or {}).items()]
        described = replace(described, argv=(*described.argv, *given))
        if slow_disk:
            library = self.compiled("slow_disk.so", "-shared", "-fPIC")
            preloaded = {"LD_PRELOAD": str(library), "SLOW_DISK_US": str(SLOW_DISK_US)}
            described = replace(described, environ=described.environ | preloaded)
        redis = embedded.redis(places)
        with ExitStack() as stack:
            postgres = embedded.start(described)
            stack.callback(embedded.stop, postgres, described.stop_signal)
            stack.callback(embedded.stop, embedded.start(redis), redis.stop_signal)
            yield Servers(places, postgres.pid)


@dataclass(frozen=True, slots=True)
class Servers:
    """A running PostgreSQL and Redis."""

    places: embedded.Places
    postgres_pid: int

    async def create(self, name: str) -> str:
        """Create a database with all migrations; give its address."""
        admin = await asyncpg.connect(**database.credentials(embedded.database_url(self.places, "postgres")))
        await admin.execute(f"CREATE DATABASE {name}")
        await admin.close()
        url = embedded.database_url(self.places, name)
        await database.migrate(url, lambda _name: None)
        return url


class House:
    """A database with members, each bound to an outlet of their own, and what its web workers need."""

    def __init__(self, machine: Machine, servers: Servers, url: str, members: int) -> None:
        self.machine = machine
        self.url = url
        self.postgres_pid = servers.postgres_pid
        metrics = machine.folder / f"metrics-{servers.postgres_pid}-{url.partition('?')[0].rpartition('/')[2]}"
        metrics.mkdir()
        self.environ = {
            "PATH": os.environ["PATH"],
            "LEKETONG_HOME": str(machine.folder),
            "DATABASE_URL": url,
            "REDIS_URL": embedded.redis_url(servers.places),
            "WECHAT_APPID": "wxbench",
            "WECHAT_SECRET": "bench",
            "WECHAT_TOKEN": "bench",
            "WECHAT_AES_KEY": "b" * 43,
            "WECHAT_BASE_URL": "http://127.0.0.1:9",
            "SECRET_KEY": secrets.token_urlsafe(48),
            "DATA_KEYS": base64.b64encode(b"b" * 32).decode(),
            "PROMETHEUS_MULTIPROC_DIR": str(metrics),
        }
        self._tokens = MemberTokens(settings.from_environment(self.environ).secret_keys)
        self._at = clock.now()
        self.members = members

    def serving(self, workers: int = 1) -> AbstractContextManager[Serving]:
        """Serve the house with so many web workers while inside."""
        return self.machine.serving("app.server", self.environ, workers)

    def _token(self, number: int) -> bytes:
        return self._tokens.give(MemberRef(number, 0), self._at)[0].encode()

    def checkins(self, members: Sequence[int], name: str) -> Path:
        """Write a check-in for each member, each with a key of its own."""
        return self.machine.requests(
            [
                b"POST /mp/v1/games/checkin/plays HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
                b"Content-Length: 2\r\nAuthorization: Bearer %b\r\nIdempotency-Key: %b-%08d\r\n\r\n{}"
                % (self._token(number), name.encode(), number)
                for number in members
            ]
        )

    def redemptions(self, members: Sequence[int], name: str) -> Path:
        """Write a redemption of what five points buy, of limited units, for each member, each with a key of its own."""
        body = b'{"cost_points":5}'
        return self.machine.requests(
            [
                b"POST /mp/v1/rewards/1/redemptions HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
                b"Content-Length: %d\r\nAuthorization: Bearer %b\r\nIdempotency-Key: %b-%08d\r\n\r\n%b"
                % (len(body), self._token(number), name.encode(), number, body)
                for number in members
            ]
        )

    def products(self, members: Sequence[int]) -> Path:
        """Write a look at the first page of what the outlet is offered, for each member."""
        return self.machine.requests(
            [
                b"GET /mp/v1/products HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %b\r\n\r\n" % self._token(number)
                for number in members
            ]
        )

    def orders(self, quotes: Sequence[tuple[int, int]], name: str) -> Path:
        """Write an order of each quote, (member, quote), each with a key of its own."""
        return self.machine.requests(
            [
                b"POST /mp/v1/orders HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
                b"Content-Length: %d\r\nAuthorization: Bearer %b\r\nIdempotency-Key: %b-%08d\r\n\r\n%b"
                % (len(body), self._token(number), name.encode(), number, body)
                for number, body in (
                    (number, msgspec.json.encode({"quote_id": str(quote_id)})) for number, quote_id in quotes
                )
            ]
        )

    def quotes(self, members: Sequence[int], name: str, line_count: int = QUOTE_LINES) -> Path:
        """Write a wish for a quote of so many lines for each member, each with a key of its own."""
        lines = [{"product_id": str(number), "cases": 2} for number in range(1, line_count + 1)]
        body = msgspec.json.encode({"lines": lines})
        return self.machine.requests(
            [
                b"POST /mp/v1/quotes HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
                b"Content-Length: %d\r\nAuthorization: Bearer %b\r\nIdempotency-Key: %b-%08d\r\n\r\n%b"
                % (len(body), self._token(number), name.encode(), place, body)
                for place, number in enumerate(members)
            ]
        )

    def homes(self, members: Sequence[int]) -> Path:
        """Write a look at home for each member."""
        return self.machine.requests(
            [
                b"GET /mp/v1/home HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %b\r\n\r\n" % self._token(number)
                for number in members
            ]
        )


def _answering(port: int) -> None:
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/live", timeout=WAIT_SECONDS_MAX):
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise Void("the server did not answer")


@contextmanager
def machine() -> Iterator[Machine]:
    """Give a machine with a folder that is removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="lkb-"))
    folder.chmod(0o755)
    try:
        yield Machine(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def house(machine: Machine, servers: Servers, members: int) -> House:
    """Prepare a house with so many members, each bound to an outlet of their own."""
    return House(machine, servers, asyncio.run(_prepared(servers, members)), members)


async def _prepared(servers: Servers, members: int) -> str:
    url = await servers.create("bench")
    connection = await asyncpg.connect(**database.credentials(url))
    try:
        for statement in PEOPLE:
            await connection.execute(statement.format(members=members, staff_token=STAFF_TOKEN))
        await connection.execute("VACUUM ANALYZE")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()
    return url
