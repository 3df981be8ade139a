"""A real browser, and a demo house whose staff pages it opens."""

import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Request, async_playwright

from tests.conftest import ROOT, WAIT_SECONDS_MAX

CHROMIUM = "/usr/bin/chromium"
READY = "准备就绪"
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}


class Seen:
    """What a page asked for, and what it complained of."""

    def __init__(self, page: Page) -> None:
        self.asked: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("requestfailed", self._failed)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on(
            "console",
            lambda message: self.complaints.append(message.text) if message.type in {"error", "warning"} else None,
        )

    def _failed(self, request: Request) -> None:
        # What was still on its way when the page was left for another one is no fault.
        if request.failure != "net::ERR_ABORTED":
            self.complaints.append(f"failed: {request.url} {request.failure}")


@pytest_asyncio.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
            env={**os.environ, "LANGUAGE": "zh_CN"},
        )
        yield running
        await running.close()


@dataclass(frozen=True)
class Demo:
    """Where the demo house and what stands around it are, and the owner who logs in."""

    url: str
    sandbox: str
    hub: str
    openid: str


@pytest.fixture(scope="session")
def demo_url(demo: Demo) -> str:
    """Give the demo house's address."""
    return demo.url


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Run a demo house as `make run` does, with everything that its first run makes."""
    home = tmp_path_factory.mktemp("demo")
    home.chmod(0o755)
    environ = {"PATH": os.environ["PATH"], "LEKETONG_HOME": str(home), "WEB_WORKERS": "1"}
    running = subprocess.Popen(
        [sys.executable, "-m", "app.cli", "run"],
        cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert running.stdout is not None
    told = ""
    for line in running.stdout:
        told += line
        if READY in line:
            break
    found = [
        re.search(pattern, told)
        for pattern in (r"接口 +(\S+)", r"微信沙箱 +(\S+)/sandbox/", r"订单中心 +(\S+)/", r"店主 +openid (\S+)")
    ]
    yield Demo(*(one[1] if one else "" for one in found))
    running.terminate()
    running.communicate(timeout=WAIT_SECONDS_MAX)


@asynccontextmanager
async def opened(
    browser: Browser, size: str, scheme: str = "light", code: str | None = None, url: str = ""
) -> AsyncIterator[tuple[Page, Seen]]:
    """Open a window of a size, logged in as one of the demo's accounts where one is named."""
    width, height = SIZES[size]
    context = await browser.new_context(
        base_url=url,
        viewport={"width": width, "height": height},
        locale="zh-CN",
        timezone_id="Asia/Shanghai",
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
        has_touch=size == "phone",
    )
    page = await context.new_page()
    seen = Seen(page)
    if code is not None:
        await page.goto("/login")
        await page.locator(f'[data-fill-code="{code}"]').click()
        await page.get_by_role("button", name="登录", exact=True).click()
        await page.wait_for_url(re.compile(r"/(sfa)?$"))
    yield page, seen
    await context.close()


AXE = (Path(__file__).parent / "axe.min.js").read_text()


async def faults(page: Page) -> list[str]:
    """Give what axe-core finds serious or critical on a page, each with where it is."""
    session = await page.context.new_cdp_session(page)
    # The page's own policy lets nobody add a script; axe is let in past it.
    await session.send("Runtime.evaluate", {"expression": AXE})
    found = await page.evaluate("() => axe.run().then((result) => result.violations)")
    return [
        f"{one['id']}: {node['html'][:160]}"
        for one in found
        if one["impact"] in {"serious", "critical"}
        for node in one["nodes"]
    ]
