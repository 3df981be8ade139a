"""`make bench`: ratios against a bare Sanic POST, taken in one run with one web worker on both sides."""

import asyncio
import platform
import statistics
import sys
import sysconfig
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from app import database
from benchmarks import houses, pages
from benchmarks.figures import Figure, median, show
from benchmarks.houses import BARE, House, Machine, Measured, Serving, Void
from benchmarks.processes import family_seconds, memory_mb, processor_seconds

ROUNDS = 9
REQUESTS = 4_000
LOOKS = 8
ORDERS = 2_000
ORDER_LINES = 10
SLOW_REQUESTS = 3_000
WARM_REQUESTS = 2_000
BARE_REQUESTS = 10_000
BARE_RATE_MIN = 30_000.0
SLOW_COMMIT_MS_MIN = 1.0
BARE_REQUEST = b"POST / HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


@dataclass(slots=True)
class Series:
    """What the rounds of one kind of request gave."""

    rates: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    """To what the same round gave for the base."""
    p99_ms: list[float] = field(default_factory=list)
    web_us: list[float] = field(default_factory=list)
    """Processor time of the web workers for each request."""
    postgres_us: list[float] = field(default_factory=list)

    def note(self, measured: Measured, web_seconds: float, postgres_seconds: float) -> None:
        """Keep one round."""
        self.rates.append(measured.rate)
        self.p99_ms.append(measured.p99_ms)
        self.web_us.append(web_seconds / measured.requests * 1e6)
        self.postgres_us.append(postgres_seconds / measured.requests * 1e6)

    def detail(self) -> dict[str, object]:
        """Tell the rounds one by one, and the medians of what they cost."""
        return {
            "rate": median(self.rates, 0),
            "rounds": [round(ratio, 3) for ratio in self.ratios],
            "p99_ms": median(self.p99_ms, 1),
            "web_us": median(self.web_us, 0),
            "postgres_us": median(self.postgres_us, 0),
        }


class Bench:
    """One run: what serves, and what was measured."""

    def __init__(self, machine: Machine, house: House, slow: House) -> None:
        self.machine, self.house, self.slow = machine, house, slow
        self.series: dict[str, Series] = {}
        self._bare_file = machine.requests([BARE_REQUEST] * BARE_REQUESTS)
        self._next_member = {house.url: 1, slow.url: 1}

    def members(self, house: House, number: int) -> range:
        """Give members of a house who have not checked in yet."""
        first = self._next_member[house.url]
        self._next_member[house.url] = first + number
        return range(first, first + number)

    def measure(self, name: str, serving: Serving, file: Path, expected: str, house: House | None = None) -> None:
        """Send a file of requests, and note what came of it."""
        web, postgres = self._seconds(serving, house)
        measured = self.machine.load(serving.port, file, expected)
        web_after, postgres_after = self._seconds(serving, house)
        self.series.setdefault(name, Series()).note(measured, web_after - web, postgres_after - postgres)

    def _seconds(self, serving: Serving, house: House | None) -> tuple[float, float]:
        web = sum(processor_seconds(pid) for pid in serving.pids)
        return web, 0.0 if house is None else family_seconds(house.postgres_pid)

    def bare(self, serving: Serving) -> float:
        """Measure the base once; return its rate."""
        self.measure("bare", serving, self._bare_file, "200")
        return self.series["bare"].rates[-1]

    def round(self, number: int, bare: Serving, one: Serving, two: Serving, slow: Serving) -> None:
        """Measure everything once, the base before and after."""
        before = self.bare(bare)
        ours = self.members(self.house, REQUESTS)
        checkins = self.house.checkins(ours, f"round{number}")
        self.measure("checkin", one, checkins, "201", self.house)
        self.measure("repeat", one, checkins, "200", self.house)
        self.measure("home", one, self.house.homes(ours), "200", self.house)
        # Each has just earned what the reward costs.
        redemptions = self.house.redemptions(ours, f"redeem{number}")
        self.measure("redemption", one, redemptions, "201", self.house)
        # Whoever orders looks more than once; check-ins alone need somebody new each time.
        ordering = [*ours[: REQUESTS // LOOKS]] * LOOKS
        self.measure("products", one, self.house.products(ordering), "200", self.house)
        self.measure("quote", one, self.house.quotes(ordering, f"quote{number}"), "201", self.house)
        buying, name = ours[:ORDERS], f"basket{number}"
        self.machine.load(one.port, self.house.quotes(buying, name, ORDER_LINES), "201")
        baskets = asyncio.run(_quote_ids(self.house.url, name))
        self.measure("order", one, self.house.orders(baskets, f"order{number}"), "201", self.house)
        after = self.bare(bare)
        for name in ("checkin", "repeat", "home", "redemption", "products", "quote", "order"):
            series = self.series[name]
            series.ratios.append(series.rates[-1] / ((before + after) / 2))
        others = self.members(self.house, REQUESTS)
        self.measure("two_workers", two, self.house.checkins(others, f"round{number}"), "201", self.house)
        others = self.members(self.slow, SLOW_REQUESTS)
        self.measure("slow_disk", slow, self.slow.checkins(others, f"round{number}"), "201", self.slow)
        for name in ("two_workers", "slow_disk"):
            self.series[name].ratios.append(self.series[name].rates[-1] / self.series["checkin"].rates[-1])


def run(machine: Machine) -> None:
    """Prepare, measure and show."""
    fast_members = 2 * (ROUNDS * REQUESTS + WARM_REQUESTS)
    with ExitStack() as stack:
        house = houses.house(machine, stack.enter_context(machine.servers("fast")), fast_members)
        slow_servers = stack.enter_context(machine.servers("slow", slow_disk=True))
        slow = houses.house(machine, slow_servers, ROUNDS * SLOW_REQUESTS + WARM_REQUESTS)
        commit_ms = asyncio.run(_commit_ms(slow.url))
        if commit_ms < SLOW_COMMIT_MS_MIN:
            raise Void(f"the slow disk is not slow: a commit takes {commit_ms:.2f} ms")
        bare = stack.enter_context(machine.serving(BARE))
        one, two = (stack.enter_context(house.serving(workers)) for workers in (1, 2))
        slow_web = stack.enter_context(slow.serving())
        bench = Bench(machine, house, slow)
        for where, serving in ((house, one), (house, two), (slow, slow_web)):
            machine.load(serving.port, where.checkins(bench.members(where, WARM_REQUESTS), "warm"), "201")
        for number in range(ROUNDS):
            bench.round(number, bare, one, two, slow_web)
        memory = memory_mb(one.pids[0])
        _show(bench, asyncio.run(_batch_items(house.url)), memory)
        show(pages.measure(house, one))


def _show(bench: Bench, batch_items: float, memory: tuple[float, float]) -> None:
    base = bench.series["bare"]
    rate = statistics.median(base.rates)
    void = rate < BARE_RATE_MIN
    more: dict[str, object] = {"void": True} if void else {}
    if void:
        print(_void_because(base, rate), file=sys.stderr, flush=True)
    about = {
        "rounds": [round(one) for one in base.rates],
        "server_share_of_a_core": round(median(base.web_us) * rate / 1e6, 2),
        "python": platform.python_version(),
        "python_optimised": _optimised(),
        "kernel": platform.release(),
    }
    show(Figure("bare_rate", round(rate), "1/s", BARE_RATE_MIN, None, about | more))
    shown: tuple[tuple[str, float, float | None, str], ...] = (
        ("checkin", 0.30, 0.45, "of bare"),
        ("repeat", 0.40, None, "of bare"),
        ("home", 0.20, 0.30, "of bare"),
        ("redemption", 0.20, None, "of bare"),
        ("products", 0.20, None, "of bare"),
        ("quote", 0.15, None, "of bare"),
        ("order", 0.08, None, "of bare"),
        ("slow_disk", 0.50, None, "of the fast disk"),
        ("two_workers", 0.90, None, "of one worker"),
    )
    for name, must, goal, unit in shown:
        series = bench.series[name]
        detail = series.detail() | more | ({"batch_items": round(batch_items, 1)} if name == "checkin" else {})
        show(Figure(f"{name}_ratio", median(series.ratios), unit, must, goal, detail))
    slowest = bench.series["checkin"].p99_ms
    show(
        Figure("checkin_p99_ms", median(slowest, 1), "ms", 40.0, None, {"rounds": slowest} | more, lower_is_better=True)
    )
    now, highest = memory
    show(Figure("web_worker_memory_mb", now, "MB", 150.0, None, {"highest": highest}, lower_is_better=True))


def _void_because(base: Series, rate: float) -> str:
    share = median(base.web_us) * rate / 1e6
    return (
        f"void: the bare handler was driven at {rate:.0f}/s, not {BARE_RATE_MIN:.0f}/s; its own process used"
        f" {share:.0%} of a core, and this Python was built {'with' if _optimised() else 'without'} optimisations"
    )


def _optimised() -> bool:
    return "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")


async def _quote_ids(url: str, name: str) -> list[tuple[int, int]]:
    connection = await asyncpg.connect(**database.credentials(url))
    try:
        found = await connection.fetch(
            "SELECT member_id, id FROM quotes WHERE idempotency_key LIKE $1 || '-%' ORDER BY id", name
        )
        return [(row["member_id"], row["id"]) for row in found]
    finally:
        await connection.close()


async def _commit_ms(url: str) -> float:
    connection = await asyncpg.connect(**database.credentials(url))
    try:
        await connection.execute("CREATE TABLE a_disk (n int)")
        started = time.perf_counter()
        for _ in range(20):
            await connection.execute("INSERT INTO a_disk VALUES (1)")
        return (time.perf_counter() - started) / 20 * 1000
    finally:
        await connection.close()


async def _batch_items(url: str) -> float:
    """Tell how many check-ins a statement stored in the mean: rows of one transaction have one xmin."""
    connection = await asyncpg.connect(**database.credentials(url))
    try:
        return float(await connection.fetchval("SELECT count(*)::float8 / count(DISTINCT xmin::text) FROM checkins"))
    finally:
        await connection.close()


def main(measure: Callable[[Machine], None] = run) -> int:
    """Run a bench; exit status 1 when it says nothing."""
    try:
        with houses.machine() as opened:
            measure(opened)
    except Void as void:
        print(f"bench: {void}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
