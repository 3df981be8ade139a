"""`leketong run` and `leketong web`: children in order, restarted when they die, stopped in reverse.

Sanic's own manager never restarts a crashed worker and leaves workers behind when it is killed, so the listening socket
is ours and each worker is a child of ours.
"""

import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from app import dependencies, embedded, house, settings
from app.children import Child, ChildFault
from app.dependencies import DependencyFault
from app.embedded import EmbeddedServerFault, Places, Server
from app.house import HouseOccupied
from app.settings import Settings, SettingsError

ROOT = Path(__file__).parent.parent
READY_SECONDS_MAX = 60.0
PORTS_TRIED = 50
WATCH_SECONDS = 0.5
LOCAL = "127.0.0.1"


class PortTaken(Exception):  # noqa: N818 - told in one sentence
    """A port that was asked for by name is taken."""


class Interrupted(Exception):  # noqa: N818 - not a fault
    """Somebody asked us to stop while we were still starting."""


class Supervisor:
    """Starts children in order, watches them until a signal, stops them in reverse."""

    def __init__(self) -> None:
        self.children: list[Child] = []
        self.metrics_folder: Path | None = None
        self._signals = 0
        self._woken, self._waking = os.pipe()

    @contextmanager
    def listening_to_signals(self) -> Iterator[None]:
        """Turn signals into wake-ups of ``watch`` while inside; stop every child on the way out."""
        for end in (self._woken, self._waking):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self._waking)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._count)
        try:
            yield
        finally:
            self.stop()

    def _count(self, *_: object) -> None:
        self._signals += 1
        if self._signals > 1:
            for child in self.children:
                child.stop_seconds_max = 0.5

    def interrupted(self) -> bool:
        """Tell whether somebody has asked us to stop."""
        return self._signals > 0

    def add(self, child: Child) -> Child:
        """Start a child and wait until it serves. Raises ChildFault, or Interrupted."""
        self.start([child])
        child.await_ready(READY_SECONDS_MAX, self.interrupted)
        self.go_on()
        return child

    def start(self, children: list[Child]) -> None:
        """Start children without waiting."""
        for child in children:
            self.children.append(child)
            child.start()

    def stop_first(self, name: str) -> None:
        """Have the children of this name stopped before all others."""
        self.children.sort(key=lambda child: child.name == name)

    def go_on(self) -> None:
        """Raise Interrupted when somebody has asked us to stop."""
        if self.interrupted():
            raise Interrupted

    def run_once(self, child: Child) -> None:
        """Run a child to its end. Raises ChildFault when it fails, or Interrupted."""
        child.start()
        while child.running:
            if self.interrupted():
                child.stop()
                raise Interrupted
            self._sleep(0.05)
        if child.process is None or child.process.returncode != 0:
            raise ChildFault(f"{child.name} 没能完成。{child.last_words()}")

    def watch(self) -> None:
        """Keep every child alive until a signal asks us to stop."""
        while not self.interrupted():
            self._reap_orphans()
            now = time.monotonic()
            for child in self.children:
                if child.running:
                    continue
                if child.restart_at <= child.started_at:
                    self._bury(child)
                elif child.restart_at <= now:
                    child.start()
            self._sleep(WATCH_SECONDS if all(child.running for child in self.children) else 0.05)

    def _bury(self, child: Child) -> None:
        process = child.process
        if process is not None and self.metrics_folder is not None:
            mark_process_dead(process.pid, str(self.metrics_folder))  # type: ignore[no-untyped-call]
        seconds = child.bury()
        code = process.returncode if process is not None else "?"
        say(f"{child.name} 意外停止（{code}），{seconds:.1f} 秒后重新启动")
        if process is not None and process.returncode > 0:
            say(child.last_words())

    def _reap_orphans(self) -> None:
        if os.getpid() != 1:
            return
        ours = {child.process.pid for child in self.children if child.process is not None}
        with suppress(ChildProcessError):
            while found := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                if found.si_pid in ours:
                    return
                os.waitpid(found.si_pid, 0)

    def _sleep(self, seconds: float) -> None:
        select.select([self._woken], [], [], seconds)
        with suppress(BlockingIOError):
            os.read(self._woken, 4096)

    def stop(self) -> None:
        """Stop every child, the one started last first; those of one name together."""
        while self.children:
            group = [child for child in self.children if child.name == self.children[-1].name]
            for child in group:
                child.ask_to_stop()
            for child in group:
                child.stop()
                self.children.remove(child)


def say(line: str) -> None:
    """Tell the person in front of the terminal."""
    print(line, flush=True)


@contextmanager
def step(what: str) -> Iterator[None]:
    """Tell what was done and how long it took."""
    started = time.monotonic()
    yield
    say(f"  {what}（{time.monotonic() - started:.1f} 秒）")


def run(environ: Mapping[str, str]) -> int:
    """Run the whole house until a signal: what is not given is embedded. Returns the exit status."""
    home = house.home_of(environ)
    supervisor = Supervisor()
    try:
        with house.occupied(home), supervisor.listening_to_signals():
            _run(supervisor, home, dict(environ))
            say("正在停止…")
        (home / "house.json").unlink(missing_ok=True)
        say("已停止，下次 make run 会接着用这些数据。")
    except Interrupted:
        say("已停止。")
    except HouseOccupied:
        return _fail(f"{home} 里已经有一个乐客通在运行；先停掉它，或用 LEKETONG_HOME 换一个目录")
    except (SettingsError, PortTaken, DependencyFault, EmbeddedServerFault, ChildFault) as fault:
        return _fail(str(fault))
    return 0


def _run(supervisor: Supervisor, home: Path, environ: dict[str, str]) -> None:
    started = time.monotonic()
    say("乐客通正在启动")
    places = Places(home)
    sandboxed = not environ.get("WECHAT_APPID")
    host = environ.get("HOST") or LOCAL
    with listen(environ, "PORT", 8000, host) as web, listen(environ, "SANDBOX_PORT", 8001, LOCAL) as sandbox:
        web_url = f"http://{host}:{web.getsockname()[1]}"
        sandbox_url = f"http://{LOCAL}:{sandbox.getsockname()[1]}"
        environ |= {"LEKETONG_HOME": str(home), "PORT": str(web.getsockname()[1])}
        environ.setdefault("PUBLIC_URL", web_url)
        given = _servers(supervisor, places, environ)
        if sandboxed:
            environ |= house.demo_secrets(home) | {"WECHAT_BASE_URL": sandbox_url, "LEKETONG_DEMO": "1"}
        environ["PROMETHEUS_MULTIPROC_DIR"] = str(fresh_folder(home / "metrics"))
        config = settings.from_environment(environ)
        python = _python(home, environ)
        sandbox_child = _sandbox(home, sandbox, sandbox_url, f"{web_url}/wechat/callback", python)
        if sandboxed:
            # Migrations take about as long as its imports: both at once.
            supervisor.start([sandbox_child])
        _migrate(supervisor, python, given=given)
        house.announce(home, _ours(environ))
        if sandboxed:
            with step("微信沙箱和演示数据已备好"):
                sandbox_child.await_ready(READY_SECONDS_MAX, supervisor.interrupted)
                supervisor.go_on()
                if not (home / "demo.txt").exists():
                    supervisor.run_once(python("demo", ["-m", "app.demo"]))
        with step(f"事件编号器和 {config.web_workers} 个网页进程已启动"):
            stamper = python("stamper", ["-m", "app.cli", "stamper"], tells_ready=True)
            supervisor.start([stamper])
            _add_web(supervisor, config, web, python, after=stamper)
        _add_celery(supervisor, home, python)
        metrics_url = serve_metrics(supervisor, config, host)
        _tell_addresses(home, web_url, sandbox_url if sandboxed else None, metrics_url)
        say(f"准备就绪，用了 {time.monotonic() - started:.1f} 秒。按 Ctrl-C 停止。")
        supervisor.watch()


def serve_web(environ: Mapping[str, str]) -> int:
    """Run only the web workers and their metrics, until a signal: one of production's processes."""
    supervisor = Supervisor()
    full = dict(environ)
    try:
        config = settings.from_environment(full)
        dependencies.check_postgres(config.database_url)
        host = full.get("HOST") or "0.0.0.0"  # noqa: S104 - production listens to its load balancer
        full["PROMETHEUS_MULTIPROC_DIR"] = str(fresh_folder(config.home / "metrics"))
        with supervisor.listening_to_signals(), listen(full | {"PORT": str(config.port)}, "PORT", 8000, host) as web:
            python = _python(None, full)
            _add_web(supervisor, config, web, python)
            metrics_url = serve_metrics(supervisor, config, host)
            say(f"乐客通 web 已就绪：http://{host}:{web.getsockname()[1]}，指标 {metrics_url}")
            supervisor.watch()
    except Interrupted:
        return 0
    except (SettingsError, PortTaken, DependencyFault, ChildFault) as fault:
        return _fail(str(fault))
    return 0


def _servers(supervisor: Supervisor, places: Places, environ: dict[str, str]) -> bool:
    """Start or check PostgreSQL and Redis; tell whether PostgreSQL was given."""
    given = bool(environ.get("DATABASE_URL"))
    if given:
        dependencies.check_postgres(environ["DATABASE_URL"])
    else:
        with step("PostgreSQL 已启动"):
            supervisor.add(_server_child(embedded.postgres(places, environ.get("LEKETONG_POSTGRES") or "18")))
            dependencies.create_database(embedded.database_url(places, "postgres"), "leketong")
        environ["DATABASE_URL"] = embedded.database_url(places)
    if environ.get("REDIS_URL"):
        dependencies.check_redis(environ["REDIS_URL"])
    else:
        with step("Redis 已启动"):
            supervisor.add(_server_child(embedded.redis(places)))
        environ["REDIS_URL"] = embedded.redis_url(places)
    return given


def _server_child(server: Server) -> Child:
    return Child(
        server.name,
        server.argv,
        server.environ,
        server.log,
        stop_signal=server.stop_signal,
        user=server.user,
        ready=server.ready,
    )


def _python(home: Path | None, environ: Mapping[str, str]) -> Callable[..., Child]:
    """Give a maker of children that run Python modules of this checkout."""

    def child(
        name: str,
        arguments: list[str],
        *,
        fds: tuple[int, ...] = (),
        tells_ready: bool = False,
        ready: Callable[[int], bool] | None = None,
    ) -> Child:
        return Child(
            name,
            [sys.executable, *arguments],
            environ,
            None if home is None else home / "logs" / f"{name}.log",
            pass_fds=fds,
            cwd=ROOT,
            tells_ready=tells_ready,
            ready=ready,
        )

    return child


def _migrate(supervisor: Supervisor, python: Callable[..., Child], *, given: bool) -> None:
    if given:
        try:
            supervisor.run_once(python("migrate", ["-m", "app.cli", "migrate", "--check"]))
        except ChildFault:
            raise ChildFault("DATABASE_URL 指定的数据库还没升级到这个版本，请先运行 leketong migrate") from None
    else:
        with step("数据库结构已是最新"):
            supervisor.run_once(python("migrate", ["-m", "app.cli", "migrate"]))


def _sandbox(home: Path, sandbox: socket.socket, url: str, callback_url: str, python: Callable[..., Child]) -> Child:
    state = str(home / "sandbox.sqlite")
    return python(
        "sandbox",
        ["-m", "wechat.sandbox", "--fd", str(sandbox.fileno()), "--state", state, "--callback-url", callback_url],
        fds=(sandbox.fileno(),),
        ready=dependencies.answers(f"{url}/sandbox/health"),
    )


def _add_web(
    supervisor: Supervisor,
    config: Settings,
    web: socket.socket,
    python: Callable[..., Child],
    after: Child | None = None,
) -> None:
    workers = [
        python("web", ["-m", "app.server", "--fd", str(web.fileno())], fds=(web.fileno(),), tells_ready=True)
        for _ in range(config.web_workers)
    ]
    if after is not None:
        # Its events would wait: nobody is served before they can be numbered.
        after.await_ready(READY_SECONDS_MAX, supervisor.interrupted)
        supervisor.go_on()
    supervisor.start(workers)
    for worker in workers:
        worker.await_ready(READY_SECONDS_MAX, supervisor.interrupted)
    supervisor.go_on()


def _add_celery(supervisor: Supervisor, home: Path, python: Callable[..., Child]) -> None:
    """Start Celery's worker and beat: last, for nobody waits for them, but stopped before what they use."""
    (home / "celery").mkdir(exist_ok=True)
    celery = ["-m", "celery", "-A", "tasks.celery"]
    worker = ["worker", "--loglevel", "INFO", "--concurrency", "1", "--without-gossip", "--without-mingle"]
    beat = ["beat", "--loglevel", "INFO", "--pidfile", "", "--schedule", str(home / "celery" / "beat")]
    supervisor.start([python("celery-beat", [*celery, *beat]), python("celery-worker", [*celery, *worker])])
    supervisor.stop_first("web")


def listen(environ: Mapping[str, str], name: str, default: int, host: str) -> socket.socket:
    """Listen on the port that the variable asks for, else on the default or the next free one.

    Raises PortTaken for a port that was asked for, and SettingsError for one that is no port.
    """
    text = environ.get(name, "").strip()
    if text and (not text.isdigit() or int(text) > settings.PORT_MAX):
        raise SettingsError(f"{name} must be a whole number from 0 to {settings.PORT_MAX}")
    wanted = [int(text)] if text else list(range(default, default + PORTS_TRIED))
    for port in wanted:
        with suppress(OSError):
            bound = socket.create_server((host, port), backlog=4096)
            bound.set_inheritable(True)
            return bound
    if text:
        raise PortTaken(f"{name} 指定的端口 {text} 被占用了，请换一个，或停掉占用它的程序")
    raise PortTaken(f"{default} 到 {default + PORTS_TRIED - 1} 的端口都被占用了，请用 {name} 指定一个")


def serve_metrics(supervisor: Supervisor, config: Settings, host: str) -> str:
    """Serve /metrics, the sum over all children, and give its address."""
    supervisor.metrics_folder = config.home / "metrics"
    registry = CollectorRegistry()
    MultiProcessCollector(registry, str(supervisor.metrics_folder))  # type: ignore[no-untyped-call]
    try:
        server, _ = start_http_server(config.metrics_port or 0, host, registry)
    except OSError:
        raise PortTaken(f"METRICS_PORT 指定的端口 {config.metrics_port} 被占用了，请换一个") from None
    return f"http://{host}:{server.server_port}/metrics"


def fresh_folder(folder: Path) -> Path:
    """Empty the folder of metrics: counts of processes that are gone would be added for ever."""
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob("*.db"):
        left.unlink()
    return folder


def _ours(environ: Mapping[str, str]) -> dict[str, str]:
    names = {"DATABASE_URL", "REDIS_URL", "PUBLIC_URL", "PORT", "SECRET_KEY", "DATA_KEYS", "LEKETONG_DEMO"}
    return {name: value for name, value in environ.items() if name in names or name.startswith("WECHAT_")}


def _tell_addresses(home: Path, web_url: str, sandbox_url: str | None, metrics_url: str) -> None:
    say("")
    say(f"  接口      {web_url}")
    say(f"  接口文档  {web_url}/docs")
    if sandbox_url:
        say(f"  微信沙箱  {sandbox_url}/sandbox/")
    say(f"  指标      {metrics_url}")
    say(f"  日志      {home / 'logs'}")
    if (home / "demo.txt").exists():
        say("")
        say((home / "demo.txt").read_text().rstrip())
    say("")


def _fail(sentence: str) -> int:
    print(f"leketong: {sentence}", file=sys.stderr, flush=True)
    return 1
