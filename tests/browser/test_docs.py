"""The docs page in a real browser: it shows the operations, asks nothing from elsewhere and complains of nothing."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, expect

from app.server import GROUPS
from tests.browser.conftest import Seen
from tests.conftest import House

pytestmark = pytest.mark.browser

PICTURE = Path(__file__).parent.parent.parent / "docs" / "guides" / "images" / "api-docs.png"
OPERATIONS = sum(len(group.endpoints) for group in GROUPS) + 2


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)], ids=["desktop", "phone"])
async def test_the_page_shows_the_operations_offline(house: House, browser: Browser, width: int, height: int) -> None:
    page = await browser.new_page(viewport={"width": width, "height": height}, locale="zh-CN")
    seen = Seen(page)
    await page.goto(f"{house.base_url}/docs")
    assert await page.title() == "乐客通 接口文档"
    await expect(page.locator(".opblock")).to_have_count(OPERATIONS)
    await expect(page.get_by_text("同意并绑定门店")).to_be_visible()
    # Nothing hangs over the edge: no sideways scrolling of the page.
    assert await page.evaluate("document.documentElement.scrollWidth") <= width
    if width > height:
        PICTURE.parent.mkdir(parents=True, exist_ok=True)
        # The picture shows the address that a reader's own house has, so that it stays the same from run to run.
        await page.locator(".servers option").evaluate("option => option.textContent = 'http://127.0.0.1:8000'")
        await page.screenshot(path=PICTURE)
    await page.locator("#operations-小程序：登录后-post_mp_v1_bindings .opblock-summary-control").click()
    await expect(page.get_by_text("idempotency_key_reused").first).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") <= width
    origin = urlsplit(house.base_url).netloc
    assert {urlsplit(url).netloc for url in seen.asked if not url.startswith("data:")} == {origin}
    assert seen.complaints == []
    await page.close()


async def test_a_call_can_be_tried_from_the_page(house: House, browser: Browser) -> None:
    page = await browser.new_page(viewport={"width": 1280, "height": 900}, locale="zh-CN")
    seen = Seen(page)
    await page.goto(f"{house.base_url}/docs")
    block = page.locator(".opblock").filter(has_text="/health/live")
    await block.locator(".opblock-summary-control").click()
    await block.get_by_role("button", name="Try it out").click()
    await block.get_by_role("button", name="Execute").click()
    await expect(block.locator(".live-responses-table .response").first).to_contain_text('"live"')
    assert seen.complaints == []
    await page.close()
