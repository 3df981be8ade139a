"""A house to measure: real servers, many bound members, one web worker, and the load generator."""

import asyncio
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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import msgspec

from app import database, settings
from app.embedded import EmbeddedServers
from app.http.principals import MemberTokens
from loyalty import clock
from loyalty.customers.standings import MemberRef

ROOT = Path(__file__).parent.parent
WAIT_SECONDS_MAX = 30.0


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


def compiled(name: str, folder: Path, *flags: str) -> Path:
    """Compile one of the small C sources. Raises Void without a compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise Void("make bench needs a C compiler as `cc`; on Debian: apt-get install gcc libc6-dev")
    built = folder / name
    source = ROOT / "benchmarks" / f"{name}.c"
    subprocess.run([compiler, "-O2", *flags, "-o", built, source, "-ldl"], check=True)  # noqa: S603 - our own source
    return built


class Bench:
    """One machine to measure on: servers, a database with members, a generator."""

    def __init__(self, folder: Path, servers: EmbeddedServers, database_url: str, members: int) -> None:
        self.folder = folder
        self._load = compiled("load", folder)
        self.environ = {
            "PATH": os.environ["PATH"],
            "LEKETONG_HOME": str(folder),
            "DATABASE_URL": database_url,
            "REDIS_URL": servers.redis_url,
            "WECHAT_APPID": "wxbench",
            "WECHAT_SECRET": "bench",
            "WECHAT_TOKEN": "bench",
            "WECHAT_AES_KEY": "b" * 43,
            "WECHAT_BASE_URL": "http://127.0.0.1:9",
            "SECRET_KEY": secrets.token_urlsafe(48),
            "DATA_KEYS": "YmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmI=",
            "PROMETHEUS_MULTIPROC_DIR": str(folder / "metrics"),
        }
        (folder / "metrics").mkdir(exist_ok=True)
        tokens = MemberTokens(settings.from_environment(self.environ).secret_keys)
        at = clock.now()
        self.tokens = [tokens.give(MemberRef(number, 0), at)[0] for number in range(1, members + 1)]
        self._files = 0

    def requests(self, items: Sequence[bytes]) -> Path:
        """Write requests for the generator."""
        self._files += 1
        path = self.folder / f"requests-{self._files}"
        with path.open("wb") as file:
            for item in items:
                file.write(struct.pack("<I", len(item)) + item)
        return path

    def checkins(self, members: Sequence[int], round_name: str) -> Path:
        """Write a check-in for each member, each with a key of its own."""
        return self.requests(
            [
                b"POST /mp/v1/games/checkin/plays HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
                b"Content-Length: 2\r\nAuthorization: Bearer %b\r\nIdempotency-Key: %b-%08d\r\n\r\n{}"
                % (self.tokens[number].encode(), round_name.encode(), number)
                for number in members
            ]
        )

    def homes(self, members: Sequence[int]) -> Path:
        """Write a look at home for each member."""
        return self.requests(
            [
                b"GET /mp/v1/home HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %b\r\n\r\n"
                % self.tokens[number].encode()
                for number in members
            ]
        )

    def load(self, port: int, requests: Path, *, expected: str, connections: int = 64) -> Measured:
        """Send the requests. Raises Void when any answer has another status than ``expected``."""
        done = subprocess.run(  # noqa: S603 - our own program
            [self._load, str(port), str(connections), requests], capture_output=True, check=False, timeout=300
        )
        if done.returncode:
            raise Void(done.stderr.decode())
        measured = msgspec.json.decode(done.stdout, type=Measured)
        if set(measured.statuses) != {expected}:
            raise Void(f"expected only {expected}, got {measured.statuses}")
        return measured

    @contextmanager
    def serving(self, module: str, workers: int = 1) -> Iterator[int]:
        """Serve a module's application on a free port while inside; give the port."""
        with socket.create_server(("127.0.0.1", 0), backlog=4096) as bound:
            port = bound.getsockname()[1]
            arguments = [str(bound.fileno())] if module == "benchmarks.bare" else ["--fd", str(bound.fileno())]
            with (self.folder / f"{module}.log").open("ab") as log:
                children = [
                    subprocess.Popen(  # noqa: S603 - our own program
                        [sys.executable, "-m", module, *arguments],
                        cwd=ROOT,
                        env=self.environ,
                        stdout=log,
                        stderr=log,
                        pass_fds=(bound.fileno(),),
                    )
                    for _ in range(workers)
                ]
            try:
                _answering(port)
                yield port
            finally:
                for child in children:
                    child.terminate()
                for child in children:
                    child.wait(WAIT_SECONDS_MAX)


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
def bench(members: int) -> Iterator[Bench]:
    """Open a bench with so many members, each bound to an outlet of their own."""
    folder = Path(tempfile.mkdtemp(prefix="lkb-"))
    folder.chmod(0o755)
    try:
        with EmbeddedServers(folder) as servers:
            url = asyncio.run(_prepared(servers, members))
            yield Bench(folder, servers, url, members)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _prepared(servers: EmbeddedServers, members: int) -> str:
    admin = await asyncpg.connect(**database.credentials(servers.database_url("postgres")))
    await admin.execute("CREATE DATABASE bench")
    await admin.close()
    url = servers.database_url("bench")
    await database.migrate(url, lambda _name: None)
    connection = await asyncpg.connect(**database.credentials(url))
    await connection.execute(
        "INSERT INTO organisation_nodes (kind, code, name, created_at) VALUES ('plant', 'P', 'P', now())"
    )
    await connection.execute(
        "INSERT INTO outlets (code, name, plant_id, status, created_at, updated_at)"
        f" SELECT 'B' || n, 'shop ' || n, 1, 'open', now(), now() FROM generate_series(1, {members}) n"
    )
    await connection.execute(
        "INSERT INTO members (openid, current_outlet_id, created_at)"
        f" SELECT 'o' || n, n, now() FROM generate_series(1, {members}) n"
    )
    await connection.execute(
        "INSERT INTO bindings (outlet_id, member_id, role, way, consent_version, consented_at, bound_at,"
        " idempotency_key, input_hash)"
        f" SELECT n, n, 'owner', 'offer', 'bench', now(), now(), 'bench', '' FROM generate_series(1, {members}) n"
    )
    await connection.execute("VACUUM ANALYZE")
    await connection.close()
    return url
