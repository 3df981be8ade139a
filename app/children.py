"""Children of the supervisor: started, watched, restarted with back-off, stopped in order."""

import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGTERM, Signals

from app.readiness import READY_FD
from app.spawning import User, spawn

BACK_OFF_SECONDS = 0.1
BACK_OFF_SECONDS_MAX = 10.0
STOP_POLL_SECONDS = 0.1
STEADY_SECONDS = 30.0
"""A child that lived this long starts anew at once when it dies."""
LOG_BYTES_MAX = 10 * 1024 * 1024
LOG_LINES_SHOWN = 8

APART = {"web", "postgres", "redis"}
"""Web stops first, so that its requests end well; the servers last, one after the other."""


class ChildFault(Exception):  # noqa: N818 - told in one sentence
    """A child did not get ready."""


@dataclass(slots=True)
class Child:
    """One child, and how it is run."""

    name: str
    argv: Sequence[str]
    environ: Mapping[str, str]
    log: Path | None
    stop_signal: Signals = SIGTERM
    stop_seconds_max: float = 10.0
    user: User = field(default_factory=User)
    pass_fds: tuple[int, ...] = ()
    cwd: Path | None = None
    tells_ready: bool = False
    """Whether it writes to LEKETONG_READY_FD."""
    ready: Callable[[int], bool] | None = None
    """Otherwise: tells by its pid whether it serves; None when nobody waits for it."""
    process: subprocess.Popen[bytes] | None = None
    asked_to_stop: bool = False
    started_at: float = 0.0
    restart_at: float = 0.0
    back_off: float = BACK_OFF_SECONDS
    pipe: int | None = None

    @property
    def family(self) -> str:
        """Name what it is stopped together with: web workers, each server, and all that stands between them."""
        return self.name if self.name in APART else "between"

    @property
    def running(self) -> bool:
        """Tell whether the process lives."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start the process; does not wait."""
        environ, fds = dict(self.environ), list(self.pass_fds)
        if self.log is not None and self.log.exists() and self.log.stat().st_size > LOG_BYTES_MAX:
            self.log.replace(self.log.with_suffix(".log.1"))
        writing = None
        if self.tells_ready:
            self._close_pipe()
            self.pipe, writing = os.pipe()
            environ[READY_FD] = str(writing)
            fds.append(writing)
        self.process = spawn(
            self.argv,
            environ,
            death_signal=self.stop_signal,
            log=self.log,
            user=self.user,
            pass_fds=fds,
            cwd=self.cwd,
        )
        if writing is not None:
            os.close(writing)
        self.asked_to_stop = False
        self.started_at = time.monotonic()

    def await_ready(self, seconds_max: float, interrupted: Callable[[], bool]) -> None:
        """Return when the process serves, or when ``interrupted``. Raises ChildFault when it ends or takes too long."""
        deadline = time.monotonic() + seconds_max
        while not interrupted() and not self._is_ready():
            if not self.running or time.monotonic() > deadline:
                raise ChildFault(f"{self.name} 没能启动。{self.last_words()}")
            if self.pipe is None:
                time.sleep(0.02)

    def _is_ready(self) -> bool:
        if self.pipe is not None:
            readable, _, _ = select.select([self.pipe], [], [], 0.1)
            return bool(readable) and os.read(self.pipe, 1) == b"1"
        return self.ready is None or (self.process is not None and self.ready(self.process.pid))

    def bury(self) -> float:
        """Clear up after a death; return the seconds until the next start."""
        self._kill_group()
        self._close_pipe()
        if time.monotonic() - self.started_at > STEADY_SECONDS:
            self.back_off = BACK_OFF_SECONDS
        wait, self.back_off = self.back_off, min(self.back_off * 2, BACK_OFF_SECONDS_MAX)
        self.restart_at = time.monotonic() + wait
        return wait

    def ask_to_stop(self) -> None:
        """Send the polite signal, once: to some programs a second one means to hurry."""
        if self.process is not None and self.running and not self.asked_to_stop:
            self.asked_to_stop = True
            self.process.send_signal(self.stop_signal)

    def stop(self) -> None:
        """Stop: politely, and by force after stop_seconds_max, which a second signal shortens while we wait."""
        self.ask_to_stop()
        if self.process is not None:
            asked_at = time.monotonic()
            while self.running and time.monotonic() - asked_at < self.stop_seconds_max:
                with suppress(subprocess.TimeoutExpired):
                    self.process.wait(STOP_POLL_SECONDS)
            self._kill_group()
            self.process.wait()
        self._close_pipe()

    def last_words(self) -> str:
        """Give the end of the log, for whoever has to find out why it died."""
        if self.log is None or not self.log.exists():
            return ""
        with self.log.open("rb") as file:
            file.seek(max(0, self.log.stat().st_size - 4096))
            lines = file.read().decode(errors="replace").splitlines()[-LOG_LINES_SHOWN:]
        return f"日志 {self.log} 的最后几行：\n" + "\n".join(f"    {line}" for line in lines)

    def _kill_group(self) -> None:
        # What the child has started itself, such as Celery's pool, must not live on without it.
        if self.process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def _close_pipe(self) -> None:
        if self.pipe is not None:
            os.close(self.pipe)
            self.pipe = None
