"""`make bench-scale`: check-in and home in a house of 2,000,000 outlets against one of 10,000, in one run."""

import argparse
import asyncio
import random
import shutil
import sys
import time
from contextlib import ExitStack

import asyncpg

from app import database, proofs
from benchmarks import bench, expiry
from benchmarks.figures import Figure, median, show
from benchmarks.houses import STAFF_TOKEN, House, Machine, Serving, Void
from benchmarks.people import PEOPLE

SMALL_OUTLETS = 10_000
LARGE_OUTLETS = 2_000_000
DAYS = 10
"""Check-ins of each outlet before today, each with its ledger entry."""
CHUNK_OUTLETS = 250_000
COLD_ROUNDS = 8
ROUNDS = 21
REQUESTS = 330
PROVE_SECONDS_MAX = 120.0
BYTES_A_LOT = 5_000
BYTES_AN_OUTLET = 12_000
"""Tables and indexes, and as much again for the write-ahead log while they are loaded."""

HISTORY = """
    WITH days AS (
        SELECT o AS outlet_id, (now() AT TIME ZONE 'Asia/Shanghai')::date - {days} - 1 + d AS on_date, d AS streak_days
          FROM generate_series({first}, {last}) o, generate_series(1, {days}) d
    ), made AS (
        INSERT INTO checkins (outlet_id, business_date, member_id, at, streak_days, points, idempotency_key, input_hash)
        SELECT outlet_id, on_date, outlet_id, on_date + time '04:00', streak_days, 5, 'history-' || on_date, ''
          FROM days ORDER BY streak_days, outlet_id
        RETURNING id, outlet_id, at
    )
    INSERT INTO ledger_entries (outlet_id, member_id, kind, points, owed_change, expires_on, source_kind, source_id,
                                rule, why, at)
    SELECT outlet_id, outlet_id, 'accrual', 5, 0, '{expires_on}', 'checkin', id::text, 'checkin_ladder:built_in',
           '连续签到，得 5 分', at
      FROM made
"""
SUMS = (
    """
    INSERT INTO points_accounts (outlet_id, balance) SELECT n, 5 * {days} FROM generate_series(1, {outlets}) n
    """,
    """
    INSERT INTO points_lots (outlet_id, expires_on, points_left)
    SELECT n, '{expires_on}', 5 * {days} FROM generate_series(1, {outlets}) n
    """,
    """
    INSERT INTO checkin_streaks (outlet_id, last_on, streak_days, checkins)
    SELECT n, (now() AT TIME ZONE 'Asia/Shanghai')::date - 1, {days}, {days} FROM generate_series(1, {outlets}) n
    """,
)
SETTINGS = {
    "shared_buffers": "8GB",
    "max_wal_size": "16GB",
    "checkpoint_timeout": "30min",
    "wal_compression": "off",
}
"""As docs/operating.md asks of production's server, but for the compression: the wheel's server has pglz alone, which
costs a check-in more than all its statements, since most pages it touches are touched first since the checkpoint."""
WARM_REQUESTS = 400_000
"""Check-ins of the large house before it is measured. Right after a checkpoint each page is written to the log whole
when it is first touched; with a checkpoint every half hour, two thirds of a morning's check-ins come after so many."""
EXPIRES_ON = "2099-12-31"


async def load(url: str, outlets: int) -> None:
    """Fill an empty database with outlets that have checked in on each of the last DAYS days."""
    connection = await asyncpg.connect(**database.credentials(url))
    try:
        await connection.execute("SET synchronous_commit = off")
        for statement in PEOPLE:
            await connection.execute(statement.format(members=outlets, staff_token=STAFF_TOKEN))
        for first in range(1, outlets + 1, CHUNK_OUTLETS):
            last = min(first + CHUNK_OUTLETS - 1, outlets)
            await connection.execute(HISTORY.format(first=first, last=last, days=DAYS, expires_on=EXPIRES_ON))
            print(f"loaded {last} of {outlets} outlets", file=sys.stderr, flush=True)
        for statement in SUMS:
            await connection.execute(statement.format(outlets=outlets, days=DAYS, expires_on=EXPIRES_ON))
        await connection.execute("VACUUM ANALYZE")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


async def prove(url: str) -> tuple[float, int]:
    """Run every proof; tell how long it took and how many differences it found."""
    async with database.opened(url, pool_max=1, statement_seconds_max=None):
        started = time.monotonic()
        found = await proofs.prove()
        return time.monotonic() - started, len(found)


def measure(machine: Machine, house: House, serving: Serving, members: list[int], number: int) -> tuple[float, float]:
    """Let members check in and look at home; return both rates."""
    checkins = machine.load(serving.port, house.checkins(members, f"round{number}"), "201")
    homes = machine.load(serving.port, house.homes(members), "200")
    return checkins.rate, homes.rate


def run(machine: Machine, outlets: int, lots: int) -> None:
    """Prepare both houses on one server, measure them in turn, and show."""
    free = shutil.disk_usage(machine.folder).free
    needed = outlets * BYTES_AN_OUTLET + lots * BYTES_A_LOT
    if free < needed:
        raise Void(f"{needed / 1e9:.0f} GB of disk are needed in {machine.folder}; {free / 1e9:.0f} are free")
    with ExitStack() as stack:
        servers = stack.enter_context(machine.servers("scale", settings=SETTINGS))
        show(expiry.measure(servers, lots))
        if not outlets:
            return
        sizes = {"small": SMALL_OUTLETS, "large": outlets}
        loaded: dict[str, float] = {}
        found: dict[str, tuple[House, Serving]] = {}
        for name, size in sizes.items():
            started = time.monotonic()
            url = asyncio.run(servers.create(name))
            asyncio.run(load(url, size))
            loaded[name] = round(time.monotonic() - started)
            house = House(machine, servers, url, size)
            found[name] = house, stack.enter_context(house.serving())
        wanted = (COLD_ROUNDS + ROUNDS + 1) * REQUESTS
        people = {name: random.sample(range(1, size + 1), wanted) for name, size in sizes.items()}
        cold = _rounds(machine, found, people, range(COLD_ROUNDS + 1))[1:]
        house, serving = found["large"]
        measured = set(people["large"])
        others = [
            one for one in random.sample(range(1, outlets + 1), min(WARM_REQUESTS, outlets)) if one not in measured
        ]
        machine.load(serving.port, house.checkins(others, "warm"), "201")
        rounds = _rounds(machine, found, people, range(COLD_ROUNDS + 1, COLD_ROUNDS + ROUNDS + 1))
        seconds, differences = asyncio.run(prove(house.url))
    about: dict[str, object] = {"outlets": outlets, "ledger_entries": outlets * DAYS, "loaded_s": loaded}
    _show_growth("checkin_growth", 0, rounds, 1.2, about | {"warm_requests": len(others)})
    _show_growth("checkin_growth_after_a_checkpoint", 0, cold, None, about)
    _show_growth("home_growth", 1, rounds, None, about)
    detail = {**about, "differences": differences}
    show(Figure("prove_s", round(seconds, 1), "s", PROVE_SECONDS_MAX, None, detail, lower_is_better=True))


Rates = dict[str, tuple[float, float]]
"""Of one round: house → rate of check-ins and of homes."""


def _rounds(
    machine: Machine,
    found: dict[str, tuple[House, Serving]],
    people: dict[str, list[int]],
    numbers: range,
) -> list[Rates]:
    """Measure both houses in turn, each first every other time."""
    rounds = []
    for number in numbers:
        rates: Rates = {}
        for name in sorted(found, reverse=number % 2 == 0):
            house, serving = found[name]
            mine = people[name][number * REQUESTS : (number + 1) * REQUESTS]
            rates[name] = measure(machine, house, serving, mine, number)
        rounds.append(rates)
    return rounds


def _show_growth(name: str, place: int, rounds: list[Rates], must: float | None, about: dict[str, object]) -> None:
    ratios = [one["small"][place] / one["large"][place] for one in rounds]
    detail = {
        **about,
        "rounds": [round(ratio, 3) for ratio in ratios],
        "small_rate": median([one["small"][place] for one in rounds], 0),
        "large_rate": median([one["large"][place] for one in rounds], 0),
    }
    show(Figure(name, median(ratios), "times slower", must, None, detail, lower_is_better=True))


def main() -> int:
    """Run the bench."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale")
    parser.add_argument("--outlets", type=int, default=LARGE_OUTLETS, help="of the large house; 0 for none")
    parser.add_argument("--lots", type=int, default=expiry.LOTS, help="that expire in each round")
    options = parser.parse_args()
    return bench.main(lambda machine: run(machine, options.outlets, options.lots))


if __name__ == "__main__":
    sys.exit(main())
