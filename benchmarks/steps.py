"""Many steps of the state machines against their models, in as many processes as there are cores."""

import os
import subprocess
import sys
import time

from benchmarks.figures import Figure
from benchmarks.household import ROOT

MACHINES = {"ledger": 1_000_000, "order": 100_000}
"""Name of a machine, as its test is called, to how many steps of it are taken in all."""
SECONDS_MAX = 4 * 3_600.0


def measure(name: str, seed: int) -> Figure:
    """Take so many steps of a machine in all; give in how many processes a verb did otherwise than the model says.

    Each process stops at its first difference and tells it on stderr. Raises subprocess.TimeoutExpired.
    """
    processes = os.cpu_count() or 1
    steps = int(os.environ.get(f"LEKETONG_{name.upper()}_STEPS", MACHINES[name]))
    started = time.monotonic()
    children = [_started(name, seed + number, -(-steps // processes)) for number in range(processes)]
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
    return Figure(f"{name}_steps", failed, "differences", 0, None, detail, lower_is_better=True)


def _started(name: str, seed: int, steps: int) -> subprocess.Popen[str]:
    # Left to its settings, pytest would end a test after two minutes.
    command = [sys.executable, "-m", "pytest", "-q", "-o", "faulthandler_timeout=0", "-p", "no:cacheprovider"]
    command.append(f"tests/loyalty/test_{name}_machine.py")
    environ = os.environ | {
        f"LEKETONG_{name.upper()}_STEPS": str(steps),
        f"LEKETONG_{name.upper()}_SEED": str(seed),
    }
    return subprocess.Popen(  # noqa: S603 - a test of ours
        command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
