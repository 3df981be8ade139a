"""Staff pages: how long the server takes for each, with as many outlets as the bench has members."""

import asyncio
import http.client
import statistics
import time

from app import database
from app.http.console import cookies
from benchmarks.figures import Figure
from benchmarks.houses import STAFF_TOKEN, House, Serving, Void
from loyalty import clock
from loyalty.customers.care import counts

ROUNDS = 19
MUST_MS = 60.0
PAGES = ("/", "/outlets", "/outlets?q=shop7", "/outlets?bound=yes&sort=name", "/outlets?page=100", "/outlets/B7",
         "/outlets/B7/points", "/outlets/B7/events", "/admin/staff", "/admin/audit", "/admin/organisation")  # fmt: skip
"""Together within what one person may look at in a minute."""


def measure(house: House, serving: Serving) -> Figure:
    """Look at each page, one after the other as a person does; give the slowest page's 95th percentile."""
    asyncio.run(_count(house.url))
    taken: dict[str, list[float]] = {page: [] for page in PAGES}
    connection = http.client.HTTPConnection("127.0.0.1", serving.port, timeout=10)
    # The first look at each page compiles its templates, once in the life of a worker.
    for number in range(ROUNDS + 1):
        for page in PAGES:
            started = time.perf_counter()
            connection.request("GET", page, headers={"cookie": f"{cookies.SESSION}={STAFF_TOKEN}"})
            answer = connection.getresponse()
            answer.read()
            if number:
                taken[page].append((time.perf_counter() - started) * 1000)
            if answer.status != http.client.OK:
                raise Void(f"{page} answered {answer.status}")
    connection.close()
    slowest = {page: round(statistics.quantiles(times, n=20)[-1], 1) for page, times in taken.items()}
    detail: dict[str, object] = {"outlets": house.members, "p95_ms": slowest}
    return Figure("page_p95_ms", max(slowest.values()), "ms", MUST_MS, None, detail, lower_is_better=True)


async def _count(url: str) -> None:
    async with database.opened(url, pool_max=1):
        await counts.count_places(clock.now())
