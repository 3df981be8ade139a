"""`leketong run` and `leketong web`: children in order, restarted when they die, stopped in reverse.

Sanic's own manager never restarts a crashed worker and leaves workers behind when it is killed, so the listening socket
is ours and each worker is a child of ours.
"""

import socket
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector

from app import dependencies, embedded, house, settings, sfa_keys
from app.children import Child, ChildFault
from app.dependencies import DependencyFault
from app.embedded import EmbeddedServerFault, Places, Server
from app.house import HouseOccupied
from app.ports import LOCAL, PortFault, listen
from app.settings import Settings, SettingsError
from app.watching import READY_SECONDS_MAX, Interrupted, Supervisor, say, step

ROOT = Path(__file__).parent.parent
LEFT_PORT_SECONDS_MAX = 5.0


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
    except (SettingsError, PortFault, DependencyFault, EmbeddedServerFault, ChildFault) as fault:
        return _fail(str(fault))
    return 0


def _run(supervisor: Supervisor, home: Path, environ: dict[str, str]) -> None:
    started = time.monotonic()
    say("乐客通正在启动")
    places = Places(home)
    sandboxed = not environ.get("WECHAT_APPID")
    host = environ.get("HOST") or LOCAL
    # Left behind by a supervisor that was killed: its workers may still be ending, with the port in their hands.
    patience = LEFT_PORT_SECONDS_MAX if (home / "house.json").exists() else 0.0
    with (
        listen(environ, "PORT", 8000, host, patience) as web,
        listen(environ, "SANDBOX_PORT", 8001, LOCAL, patience) as sandbox,
        listen(environ, "HUB_PORT", 8002, LOCAL, patience) as hub,
    ):
        web_url = f"http://{host}:{web.getsockname()[1]}"
        sandbox_url = f"http://{LOCAL}:{sandbox.getsockname()[1]}"
        environ |= {"LEKETONG_HOME": str(home), "PORT": str(web.getsockname()[1])}
        environ.setdefault("PUBLIC_URL", web_url)
        given = _servers(supervisor, places, environ)
        if sandboxed:
            environ |= house.demo_secrets(home, environ) | {"WECHAT_BASE_URL": sandbox_url, "LEKETONG_DEMO": "1"}
            environ |= house.DEMO_TEMPLATES
            environ.setdefault("SFA_JWKS", str(sfa_keys.ensure_pair(home)))
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
        if sandboxed:
            supervisor.start([_demo_hub(home, hub, python)])
            supervisor.stop_first("web")
        metrics_url = serve_metrics(supervisor, config, host)
        hub_url = f"http://{LOCAL}:{hub.getsockname()[1]}"
        _tell_addresses(home, web_url, (sandbox_url, hub_url) if sandboxed else None, metrics_url)
        say(f"准备就绪，用了 {time.monotonic() - started:.1f} 秒。按 Ctrl-C 停止。")
        supervisor.watch()


def serve_web(environ: Mapping[str, str]) -> int:
    """Run only the web workers and their metrics, until a signal: one of production's processes."""
    supervisor = Supervisor()
    full = dict(environ)
    try:
        config = settings.from_environment(full)
        _check("DATABASE_URL", dependencies.check_postgres, config.database_url)
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
    except (SettingsError, PortFault, DependencyFault, ChildFault) as fault:
        return _fail(str(fault))
    return 0


def _servers(supervisor: Supervisor, places: Places, environ: dict[str, str]) -> bool:
    """Start or check PostgreSQL and Redis; tell whether PostgreSQL was given."""
    given = bool(environ.get("DATABASE_URL"))
    if given:
        _check("DATABASE_URL", dependencies.check_postgres, environ["DATABASE_URL"])
    else:
        with step("PostgreSQL 已启动"):
            supervisor.add(_server_child(embedded.postgres(places, environ.get("LEKETONG_POSTGRES") or "18")))
            dependencies.create_database(embedded.database_url(places, "postgres"), "leketong")
        environ["DATABASE_URL"] = embedded.database_url(places)
    if environ.get("REDIS_URL"):
        _check("REDIS_URL", dependencies.check_redis, environ["REDIS_URL"])
    else:
        with step("Redis 已启动"):
            supervisor.add(_server_child(embedded.redis(places)))
        environ["REDIS_URL"] = embedded.redis_url(places)
    return given


def _check(name: str, check: Callable[[str], None], url: str) -> None:
    try:
        check(url)
    except ValueError:
        raise settings.not_an_address(name) from None


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


def _demo_hub(home: Path, hub: socket.socket, python: Callable[..., Child]) -> Child:
    state = str(home / "demo-hub.sqlite")
    arguments = ["-m", "app.hub", "--fd", str(hub.fileno()), "--state", state]
    return python("demo-hub", arguments, fds=(hub.fileno(),))


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
    sender = ["worker", "--loglevel", "INFO", "--pool", "solo", "--queues", "sending", "--hostname", "sender@%h"]
    supervisor.start(
        [
            python("celery-beat", [*celery, *beat]),
            python("celery-worker", [*celery, *worker]),
            # A process of its own for what waits for other programs' servers, so that nothing else waits for them.
            python("celery-sender", [*celery, *sender, "--without-gossip", "--without-mingle"]),
        ]
    )
    supervisor.stop_first("web")


def serve_metrics(supervisor: Supervisor, config: Settings, host: str) -> str:
    """Serve /metrics, the sum over all children, and give its address."""
    supervisor.metrics_folder = config.home / "metrics"
    registry = CollectorRegistry()
    MultiProcessCollector(registry, str(supervisor.metrics_folder))  # type: ignore[no-untyped-call]
    try:
        server, _ = start_http_server(config.metrics_port or 0, host, registry)
    except OSError as fault:
        raise PortFault(f"METRICS_PORT 指定的端口 {config.metrics_port} 用不了（{fault.strerror}），请换一个") from None
    return f"http://{host}:{server.server_port}/metrics"


def fresh_folder(folder: Path) -> Path:
    """Clear the folder of metrics of processes that are gone: their counts would be added for ever.

    Raises SettingsError when the home cannot be used.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise house.unusable(folder.parent, fault) from None
    for left in folder.glob("*_*.db"):
        if not Path(f"/proc/{left.stem.rpartition('_')[2]}").exists():
            left.unlink()
    return folder


def _ours(environ: Mapping[str, str]) -> dict[str, str]:
    names = {"DATABASE_URL", "REDIS_URL", "PUBLIC_URL", "PORT", "SECRET_KEY", "DATA_KEYS", "LEKETONG_DEMO"}
    return {name: value for name, value in environ.items() if name in names or name.startswith("WECHAT_")}


def _tell_addresses(home: Path, web_url: str, demo_urls: tuple[str, str] | None, metrics_url: str) -> None:
    say("")
    say(f"  接口      {web_url}")
    say(f"  接口文档  {web_url}/docs")
    if demo_urls:
        say(f"  微信沙箱  {demo_urls[0]}/sandbox/")
        say(f"  订单中心  {demo_urls[1]}/")
    say(f"  指标      {metrics_url}")
    say(f"  日志      {home / 'logs'}")
    if (home / "demo.txt").exists():
        say("")
        say((home / "demo.txt").read_text().rstrip())
    say("")


def _fail(sentence: str) -> int:
    print(f"leketong: {sentence}", file=sys.stderr, flush=True)
    return 1
