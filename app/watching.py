"""Watching children: started in order, kept alive until a signal, stopped in reverse."""

import os
import select
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from prometheus_client.multiprocess import mark_process_dead

from app.children import Child, ChildFault

READY_SECONDS_MAX = 60.0
WATCH_SECONDS = 0.5


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
        """Stop every child, the one started last first; those of one family together."""
        while self.children:
            group = [child for child in self.children if child.family == self.children[-1].family]
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
