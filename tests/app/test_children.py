"""Children: ready, restarted with back-off, stopped politely once and then by force."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.children import LOG_BYTES_MAX, STEADY_SECONDS, Child, ChildFault

ROOT = Path(__file__).parent.parent.parent
WAIT_SECONDS_MAX = 10.0
STUBBORN = """
import signal
def asked(*_): print("asked", flush=True)
signal.signal(signal.SIGTERM, asked)
print("up", flush=True)
while True: signal.pause()
"""
PARENT = """
import subprocess, sys
print(subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"]).pid, flush=True)
import signal; signal.pause()
"""
READY = "from app import readiness; readiness.tell(); import signal; signal.pause()"


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Child]]:
    """Give a maker of children that do not outlive the test."""
    made: list[Child] = []

    def child(program: str, *, tells_ready: bool = False) -> Child:
        log = tmp_path / "child.log"
        environ = {"PATH": os.environ["PATH"]}
        made.append(Child("child", [sys.executable, "-c", program], environ, log, cwd=ROOT, tells_ready=tells_ready))
        return made[-1]

    yield child
    for one in made:
        one.stop_seconds_max = 0.0
        one.stop()


def until(true: Callable[[], bool]) -> None:
    """Return when something has come true elsewhere."""
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def told(child: Child) -> list[str]:
    """Give the lines of a child's log."""
    assert child.log is not None
    return child.log.read_text().splitlines() if child.log.exists() else []


def lives(pid: int) -> bool:
    """Tell whether a process runs and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def waits_for_a_child(thread: threading.Thread) -> bool:
    """Tell whether a thread is inside Popen.wait now."""
    frame = sys._current_frames().get(thread.ident or 0)
    while frame is not None:
        if frame.f_code is subprocess.Popen.wait.__code__:
            return True
        frame = frame.f_back
    return False


def test_the_wait_before_a_restart_doubles_and_starts_anew_after_a_steady_life(make: Callable[..., Child]) -> None:
    child = make("")
    child.started_at = time.monotonic()
    waits = [child.bury() for _ in range(9)]
    assert waits == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0])
    child.started_at = time.monotonic() - STEADY_SECONDS - 1
    assert child.bury() == 0.1


def test_ready_is_what_the_child_says(make: Callable[..., Child]) -> None:
    child = make(READY, tells_ready=True)
    child.start()
    child.await_ready(WAIT_SECONDS_MAX, lambda: False)
    assert child.running


def test_a_child_that_ends_before_it_is_ready_is_told_with_its_last_words(make: Callable[..., Child]) -> None:
    child = make("raise SystemExit('no paper left')", tells_ready=True)
    child.start()
    with pytest.raises(ChildFault, match=r"child 没能启动。日志 .*child\.log 的最后几行：\n    no paper left"):
        child.await_ready(WAIT_SECONDS_MAX, lambda: False)


def test_a_child_that_takes_too_long_is_a_fault(make: Callable[..., Child]) -> None:
    child = make("import signal; signal.pause()", tells_ready=True)
    child.start()
    with pytest.raises(ChildFault, match="没能启动"):
        child.await_ready(0.0, lambda: False)


def test_it_is_asked_once_and_forced_as_soon_as_somebody_hurries(make: Callable[..., Child]) -> None:
    child = make(STUBBORN)
    child.stop_seconds_max = 3600.0
    child.start()
    until(lambda: told(child) == ["up"])
    child.ask_to_stop()
    until(lambda: told(child) == ["up", "asked"])
    stopping = threading.Thread(target=child.stop)
    stopping.start()
    until(lambda: waits_for_a_child(stopping))
    child.stop_seconds_max = 0.0
    stopping.join(WAIT_SECONDS_MAX)
    assert not stopping.is_alive()
    assert child.process is not None
    assert child.process.returncode == -signal.SIGKILL
    assert told(child) == ["up", "asked"]


def test_what_a_dead_child_has_started_dies_with_it(make: Callable[..., Child]) -> None:
    child = make(PARENT)
    child.start()
    until(lambda: len(told(child)) == 1)
    started = int(told(child)[0])
    assert child.process is not None
    child.process.kill()
    child.process.wait()
    assert lives(started)
    child.bury()
    until(lambda: not lives(started))


def test_a_long_log_is_put_aside_at_a_start(make: Callable[..., Child]) -> None:
    child = make("print('anew')")
    assert child.log is not None
    with child.log.open("wb") as log:
        log.truncate(LOG_BYTES_MAX + 1)
    child.start()
    until(lambda: not child.running)
    assert told(child) == ["anew"]
    assert child.log.with_suffix(".log.1").stat().st_size == LOG_BYTES_MAX + 1
