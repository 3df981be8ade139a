"""`make soak`: sixty kills under load, a million steps of the ledger, and the test suite on PostgreSQL 16."""

import argparse
import asyncio
import os
import random
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import steps
from benchmarks.figures import Figure, median, show
from benchmarks.household import PARTS, ROOT, SUPERVISOR, Household, NotThere
from benchmarks.kills import Kill, Trial, Verdict

KILLS = 60
BACK_SECONDS = 10.0
OUTLETS = 400_000
SUITE_SECONDS_MAX = 1_200.0


def plan(kills: int, seed: int) -> list[str]:
    """Give the parts to kill: each as often as the others, in random order."""
    parts = [*PARTS, SUPERVISOR]
    planned = [parts[number % len(parts)] for number in range(kills)]
    random.Random(seed).shuffle(planned)
    return planned


async def rehearse(home: Path, planned: list[str], seed: int) -> tuple[list[Kill], Verdict]:
    """Kill what was planned, one after the other; return how each went and what was found at the end."""
    household = Household(home)
    trial = Trial(household, home.parent / "acknowledged", seed)
    kills = []
    try:
        await trial.open(OUTLETS)
        for number, part in enumerate(planned, start=1):
            print(f"{number}/{len(planned)} {part}", file=sys.stderr, end="", flush=True)
            kills.append(await trial.kill(part))
            told = f": served after {kills[-1].served_seconds:.2f} s, whole after {kills[-1].whole_seconds:.2f} s"
            print(told, file=sys.stderr, flush=True)
        return kills, await trial.close()
    finally:
        household.stop()


def show_kills(kills: list[Kill], verdict: Verdict, seed: int) -> None:
    """Show what the kills gave."""
    for line in (*verdict.differences, *verdict.proved.splitlines()):
        print(line, file=sys.stderr)
    found = len(verdict.differences) + bool(verdict.proved)
    about: dict[str, object] = {
        "seed": seed,
        "acknowledged": verdict.acknowledged,
        "stored": verdict.stored,
        "answer_lost": verdict.stored - verdict.acknowledged,
    }
    show(Figure("kills", len(kills), "kills", KILLS, None, about))
    show(Figure("kills_differences", found, "differences", 0, None, about, lower_is_better=True))
    by_part = {
        part: {
            "kills": len(ones),
            "served_s": [round(one.served_seconds, 2) for one in ones],
            "whole_s_median": median([one.whole_seconds for one in ones], 2),
        }
        for part in [*PARTS, SUPERVISOR]
        if (ones := [one for one in kills if one.part == part])
    }
    slowest = max(one.served_seconds for one in kills)
    detail: dict[str, object] = {"seed": seed, "parts": by_part}
    show(Figure("kills_served_again_s", round(slowest, 2), "s", BACK_SECONDS, None, detail, lower_is_better=True))


def suite_on_16() -> None:
    """Run the test suite on the older PostgreSQL, and show how many tests failed."""
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-m", "not browser"],
        cwd=ROOT,
        env=os.environ | {"LEKETONG_POSTGRES": "16", "LEKETONG_LEDGER_STEPS": "10000"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=SUITE_SECONDS_MAX,
    )
    closing = done.stdout.strip().splitlines()[-1]
    if done.returncode:
        print(done.stdout[-5_000:], file=sys.stderr)
    failed = sum(int(number) for number in re.findall(r"(\d+) (?:failed|error)", closing))
    detail: dict[str, object] = {"closing_line": closing, "seconds": round(time.monotonic() - started)}
    unfinished = float(failed or (done.returncode != 0))
    show(Figure("postgres_16_failures", unfinished, "tests", 0, None, detail, lower_is_better=True))


def main() -> int:
    """Run the soak; exit status 1 when something did not come back at all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak")
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--no-ledger", action="store_true", help="leave out the ledger's state machine")
    parser.add_argument("--no-suite", action="store_true", help="leave out the tests on PostgreSQL 16")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="lks-"))
    folder.chmod(0o755)
    try:
        kills, verdict = asyncio.run(rehearse(folder / "home", plan(options.kills, options.seed), options.seed))
    except (NotThere, TimeoutError) as fault:
        why = str(fault) or "something did not come back in time"
        print(f"soak (seed {options.seed}): {why}; see {folder}", file=sys.stderr)
        return 1
    show_kills(kills, verdict, options.seed)
    shutil.rmtree(folder, ignore_errors=True)
    if not options.no_ledger:
        for machine in steps.MACHINES:
            show(steps.measure(machine, options.seed))
    if not options.no_suite:
        suite_on_16()
    return 0


if __name__ == "__main__":
    sys.exit(main())
