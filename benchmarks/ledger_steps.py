"""A million steps of the ledger's state machine against its model, in as many processes as there are cores."""

import os
import subprocess
import sys
import time

from benchmarks.figures import Figure
from benchmarks.household import ROOT

STEPS = int(os.environ.get("LEKETONG_LEDGER_STEPS", "1000000"))
SECONDS_MAX = 4 * 3_600.0
MACHINE = "tests/loyalty/test_ledger_machine.py"


def measure(seed: int, steps: int = STEPS) -> Figure:
    """Take so many steps in all; give in how many processes a verb did otherwise than the model says.

    Each process stops at its first difference and tells it on stderr. Raises subprocess.TimeoutExpired.
    """
    processes = os.cpu_count() or 1
    started = time.monotonic()
    children = [_started(seed + number, -(-steps // processes)) for number in range(processes)]
    failed = 0
    try:
        for child in children:
            told, _ = child.communicate(timeout=max(SECONDS_MAX - (time.monotonic() - started), 1.0))
            if child.returncode:
                failed += 1
                print(told[-10_000:], file=sys.stderr)
    finally:
        for child in children:
            child.kill()
    detail: dict[str, object] = {
        "steps": -(-steps // processes) * processes,
        "seed": seed,
        "processes": processes,
        "seconds": round(time.monotonic() - started),
    }
    return Figure("ledger_steps", failed, "differences", 0, None, detail, lower_is_better=True)


def _started(seed: int, steps: int) -> subprocess.Popen[str]:
    # Left to its settings, pytest would end a test after two minutes.
    command = [sys.executable, "-m", "pytest", "-q", "-o", "faulthandler_timeout=0", "-p", "no:cacheprovider", MACHINE]
    environ = os.environ | {"LEKETONG_LEDGER_STEPS": str(steps), "LEKETONG_LEDGER_SEED": str(seed)}
    return subprocess.Popen(  # noqa: S603 - a test of ours
        command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
