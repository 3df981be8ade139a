"""What a bench prints, and what it reads of processes."""

import os
import subprocess
import sys

import msgspec
import pytest

from benchmarks.bench import Series
from benchmarks.figures import Figure, median, show
from benchmarks.houses import Measured
from benchmarks.processes import children, descendants, is_alive, memory_mb, processor_seconds


def figure(value: float, must: float | None, *, lower_is_better: bool = False) -> Figure:
    """Give a figure."""
    return Figure("checkin_ratio", value, "of bare", must, 0.45, {"rounds": [value]}, lower_is_better=lower_is_better)


@pytest.mark.parametrize(
    ("value", "must", "lower_is_better", "missed"),
    [
        (0.30, 0.30, False, False),
        (0.29, 0.30, False, True),
        (40.0, 40.0, True, False),
        (40.1, 40.0, True, True),
        (0.01, None, False, False),
    ],
)
def test_what_must_be_is_reached_or_missed(
    value: float, must: float | None, *, lower_is_better: bool, missed: bool
) -> None:
    assert figure(value, must, lower_is_better=lower_is_better).missed is missed


def test_a_figure_is_one_line_of_json_and_a_miss_is_told_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    show(figure(0.29, 0.30))
    printed = capsys.readouterr()
    assert msgspec.json.decode(printed.out) == {
        "name": "checkin_ratio",
        "value": 0.29,
        "unit": "of bare",
        "must": 0.3,
        "goal": 0.45,
        "detail": {"rounds": [0.29]},
        "lower_is_better": False,
    }
    assert printed.out.count("\n") == 1
    assert printed.err == "checkin_ratio is 0.29 of bare; it must be at least 0.3\n"
    show(figure(0.30, 0.30))
    assert capsys.readouterr().err == ""


def test_a_round_costs_what_its_processes_used() -> None:
    series = Series()
    series.note(Measured(2_000, 0.5, 4_000.0, 10.0, 20.0, {"201": 2_000}), 0.4, 0.2)
    series.note(Measured(2_000, 0.4, 5_000.0, 8.0, 16.0, {"201": 2_000}), 0.2, 0.1)
    series.ratios = [0.25, 0.35]
    assert series.detail() == {
        "rate": 4_500.0,
        "rounds": [0.25, 0.35],
        "p99_ms": 18.0,
        "web_us": 150.0,
        "postgres_us": 75.0,
    }
    assert median([1.0, 2.0, 4.0]) == 2.0


def test_processes_are_seen_as_the_kernel_tells() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert child.pid in children(os.getpid())
        assert child.pid in descendants(os.getpid())
        assert is_alive(child.pid)
        assert 0 <= processor_seconds(child.pid) < 60
        child.communicate(b"\n")
    assert not is_alive(child.pid)
    now, highest = memory_mb(os.getpid())
    assert 10 < now <= highest
