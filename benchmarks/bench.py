"""`make bench`: one JSON object per line on stdout, each a figure with what it must and should be."""

import statistics
import sys

import msgspec

from benchmarks.houses import Bench, Void, bench

ROUNDS = 3
CHECKINS = 20_000
BARE_REQUESTS = 60_000
BARE_RATE_MIN = 30_000.0


class Figure(msgspec.Struct, frozen=True):
    """One measured figure, with what it must and should be."""

    name: str
    value: float
    unit: str
    must: float | None
    goal: float | None
    detail: dict[str, object]
    lower_is_better: bool = False


def show(figure: Figure) -> None:
    """Print one figure as a line of its own."""
    print(msgspec.json.encode(figure).decode(), flush=True)


def measure(bench: Bench) -> None:
    """Take ratios in rounds, bare and ours in turn, and show the median of each."""
    bare_request = b"POST / HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    bare_file = bench.requests([bare_request] * BARE_REQUESTS)
    rates: dict[str, list[float]] = {"bare": [], "checkin": [], "repeat": [], "home": []}
    slowest: dict[str, list[float]] = {"bare": [], "checkin": [], "repeat": [], "home": []}

    def note(name: str, port: int, file: object, expected: str) -> None:
        measured = bench.load(port, file, expected=expected)  # type: ignore[arg-type]
        rates[name].append(measured.rate)
        slowest[name].append(measured.p99_ms)

    with bench.serving("benchmarks.bare") as bare_port, bench.serving("app.server") as port:
        bench.load(port, bench.homes(range(2_000)), expected="200")
        bench.load(port, bench.checkins(range(ROUNDS * CHECKINS, ROUNDS * CHECKINS + 2_000), "warm"), expected="201")
        for number in range(ROUNDS):
            members = range(number * CHECKINS, (number + 1) * CHECKINS)
            file = bench.checkins(members, f"round{number}")
            note("bare", bare_port, bare_file, "200")
            note("checkin", port, file, "201")
            note("repeat", port, file, "200")
            note("home", port, bench.homes(members), "200")
    bare = statistics.median(rates["bare"])
    if bare < BARE_RATE_MIN:
        raise Void(f"the generator drove the bare handler at {bare:.0f}/s only; {BARE_RATE_MIN:.0f}/s are needed")
    show(Figure("bare_rate", round(bare), "1/s", BARE_RATE_MIN, None, {"rounds": rates["bare"]}))
    for name, must, goal in (("checkin", 0.30, 0.45), ("repeat", 0.40, None), ("home", 0.20, 0.30)):
        ratios = [ours / base for ours, base in zip(rates[name], rates["bare"], strict=True)]
        detail: dict[str, object] = {"rates": rates[name], "p99_ms": slowest[name]}
        show(Figure(f"{name}_ratio", round(statistics.median(ratios), 3), "of bare", must, goal, detail))
    p99 = statistics.median(slowest["checkin"])
    show(Figure("checkin_p99_ms", p99, "ms", 40.0, None, {"rounds": slowest["checkin"]}, lower_is_better=True))


def main() -> int:
    """Run the bench."""
    try:
        with bench(ROUNDS * CHECKINS + 2_000) as opened:
            measure(opened)
    except Void as void:
        print(f"bench: {void}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
