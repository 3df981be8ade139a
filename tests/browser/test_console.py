"""Staff pages in a real browser: each at a desk and on a phone, without serious faults, asking for nothing outside."""

import asyncio
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.conftest import SIZES, faults, opened

pytestmark = pytest.mark.browser

PICTURES = Path(__file__).parent.parent.parent / "docs" / "guides" / "images"
PAGES: tuple[tuple[str, str, str], ...] = (
    ("/", "admin", "console-overview"),
    ("/outlets", "operator", "console-outlets"),
    ("/outlets/SH0001", "operator", "console-outlet"),
    ("/outlets/SH0001/points", "operator", "console-outlet-points"),
    ("/outlets/SH0001/events", "rep", "console-outlet-events"),
    ("/outlets/SH0001/changes", "operator", "console-outlet-changes"),
    ("/outlets/SH0002/entitlements", "operator", "console-outlet-entitlements"),
    ("/ops/adjustments", "checker", "ops-adjustments"),
    ("/ops/adjustments/new?outlet=SH0001", "operator", "ops-adjustment-new"),
    ("/ops/products", "operator", "ops-products"),
    ("/ops/products/QP03", "operator", "ops-product"),
    ("/ops/orders", "operator", "ops-orders"),
    ("/ops/orders?only=stuck", "operator", "ops-orders-stuck"),
    ("/ops/orders/{order}", "operator", "ops-order"),
    ("/ops/orders/shortages", "operator", "ops-shortages"),
    ("/ops/orders/bulk", "operator", "ops-orders-bulk"),
    ("/outlets/SH0003/orders", "operator", "console-outlet-orders"),
    ("/ops/products/sheets", "marketer", "ops-sheets"),
    ("/marketing/rewards", "marketer", "marketing-rewards"),
    ("/marketing/rewards/{reward}", "marketer", "marketing-reward"),
    ("/marketing/rewards/new?type=gift", "marketer", "marketing-reward-new"),
    ("/marketing/campaigns", "marketer", "marketing-campaigns"),
    ("/marketing/rules", "marketer", "marketing-rules"),
    ("/marketing/rules/expiry", "marketer", "marketing-rule-book"),
    ("/marketing/rules/checkin_ladder/new", "marketer", "marketing-rule-new"),
    ("/ops/reps", "supervisor", "console-reps"),
    ("/ops/reps/{rep}", "lead", "console-hand-over"),
    ("/admin/staff", "admin", "console-staff"),
    ("/admin/staff/new", "admin", "console-staff-new"),
    ("/admin/staff/{operator}", "admin", "console-staff-one"),
    ("/admin/organisation", "admin", "console-organisation"),
    ("/admin/organisation/{plant}", "admin", "console-node"),
    ("/admin/switches", "admin", "console-switches"),
    ("/admin/switches/checkin", "admin", "console-switch"),
    ("/admin/keys", "admin", "console-keys"),
    ("/admin/keys/new", "admin", "console-key-new"),
    ("/admin/webhooks", "admin", "admin-webhooks"),
    ("/admin/webhooks/new", "admin", "admin-webhook-new"),
    ("/admin/webhooks/demo-hub", "admin", "admin-webhook"),
    ("/admin/audit", "admin", "console-audit"),
    ("/sfa", "rep", "sfa-orders"),
    ("/sfa?only=trouble", "supervisor", "sfa-orders-trouble"),
    ("/sfa/orders/{order}", "supervisor", "sfa-order"),
    ("/me", "rep", "console-me"),
    ("/password", "rep", "console-password"),
    ("/components", "admin", "console-components"),
)
ON_A_PHONE = {"console-overview", "console-outlets", "console-outlet", "sfa-orders", "sfa-order"}
FOUND_BY: dict[str, tuple[str, str | re.Pattern[str]]] = {
    "{rep}": ("/ops/reps", "李强"),
    "{operator}": ("/admin/staff", "孙丽"),
    "{plant}": ("/admin/organisation", "上海工厂"),
    "{reward}": ("/marketing/rewards", "满 100 减 10 券"),
    "{order}": ("/ops/orders?only=short", re.compile(r"^L\d+")),
}


async def filled(page: Page, path: str) -> str:
    """Fill an address with the number that a list's link carries."""
    for name, (listed_at, text) in FOUND_BY.items():
        if name in path:
            await page.goto(listed_at)
            href = await page.get_by_role("link", name=text, exact=True).first.get_attribute("href")
            assert href is not None
            return path.replace(name, href.rsplit("/", 1)[1])
    return path


async def settled(page: Page) -> None:
    """Return when the fonts are there and each chart is drawn."""
    await page.evaluate("document.fonts.ready")
    for plot in await page.locator(".plot").all():
        await expect(plot.locator("canvas")).to_be_visible()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_page_is_whole_and_open_to_everybody(
    demo_url: str, browser: Browser, size: str, scheme: str
) -> None:
    width, _ = SIZES[size]
    for code in sorted({who for _, who, _ in PAGES}):
        async with opened(browser, size, scheme, code, demo_url) as (page, seen):
            for path, who, name in PAGES:
                if who != code:
                    continue
                address = await filled(page, path)
                answer = await page.goto(address)
                assert answer is not None
                assert answer.status == 200, address
                await settled(page)
                assert await faults(page) == [], address
                assert await page.evaluate("document.documentElement.scrollWidth") <= width, address
                if scheme == "light" and (size == "desktop" or name in ON_A_PHONE):
                    await pictured(page, name if size == "desktop" else f"{name}-phone")
            origin = urlsplit(demo_url).netloc
            assert {urlsplit(url).netloc for url in seen.asked if not url.startswith("data:")} == {origin}
            complaints = [one for one in seen.complaints if "2026-13-01" not in one]
            assert complaints == []


async def pictured(page: Page, name: str) -> None:
    """Take a picture for the guides, where `make pictures` asks for it: times stand in them, so no two are the same."""
    if not os.environ.get("LEKETONG_PICTURES"):
        return
    await page.evaluate("document.activeElement?.blur(); window.scrollTo(0, 0)")
    await page.screenshot(path=PICTURES / f"{name}.png")


@pytest.mark.parametrize("size", SIZES)
async def test_the_log_in_page_offers_the_demos_accounts(demo_url: str, browser: Browser, size: str) -> None:
    async with opened(browser, size, url=demo_url) as (page, seen):
        await page.goto("/login")
        assert await faults(page) == []
        await expect(page.locator("[data-fill-code]")).to_have_count(7)
        await pictured(page, "console-login" if size == "desktop" else "console-login-phone")
        await page.get_by_label("工号").fill("admin")
        await page.get_by_label("密码").fill("不是这个密码")
        await page.get_by_role("button", name="登录", exact=True).click()
        alert = page.get_by_role("alert")
        await expect(alert).to_contain_text("工号或密码不对")
        await expect(alert).to_be_focused()
        await expect(page.get_by_label("工号")).to_have_value("admin")
        await expect(page.get_by_label("密码")).to_have_value("")
        assert [one for one in seen.complaints if "403" not in one] == []


async def test_a_table_searches_sorts_and_keeps_its_address(demo_url: str, browser: Browser) -> None:
    async with opened(browser, "desktop", code="admin", url=demo_url) as (page, seen):
        await page.goto("/outlets")
        rows = page.locator("#outlets tbody tr")
        search = page.get_by_placeholder("编号、店名、拼音首字母或手机号")
        await search.press_sequentially("afbld")
        await expect(rows).to_have_count(1)
        await expect(rows.first).to_contain_text("阿芳便利店")
        await expect(search).to_be_focused()
        assert page.url.endswith("/outlets?q=afbld&sort=code")
        await page.reload()
        await expect(rows).to_have_count(1)
        await page.go_back()
        await expect(rows).not_to_have_count(1)
        await page.get_by_label("绑定").select_option("no")
        await expect(page.locator("#outlets tbody .badge.good")).to_have_count(0)
        await search.fill("没有这家店")
        await expect(page.locator("#outlets")).to_contain_text("没有找到")
        await page.get_by_role("link", name="清空条件").click()
        await page.get_by_role("link", name=re.compile("^编号")).click()
        await expect(page.locator("#outlets th[aria-sort]")).to_have_attribute("aria-sort", "descending")
        async with page.expect_download() as downloading:
            await page.get_by_role("link", name="导出").click()
        download = await downloading.value
        text = (await asyncio.to_thread(Path(await download.path()).read_bytes)).decode("utf-8-sig")
        assert text.splitlines()[0] == "门店,编号,所属,业务员,价值级,绑定,状态"
        assert seen.complaints == []


async def test_a_table_says_when_it_could_not_be_had(demo_url: str, browser: Browser) -> None:
    async with opened(browser, "desktop", code="admin", url=demo_url) as (page, _):
        await page.goto("/outlets")
        await page.route("**/outlets?**", lambda route: route.abort())
        await page.get_by_placeholder("编号、店名、拼音首字母或手机号").fill("abc")
        await expect(page.locator("#outlets [role=alert]")).to_contain_text("没取到数据")
        await page.unroute("**/outlets?**")
        await page.get_by_role("link", name="再试一次").click()
        await expect(page.locator("#outlets")).to_be_visible()


async def test_a_switch_is_killed_by_keyboard_and_home_knows_within_a_second(demo_url: str, browser: Browser) -> None:
    async with opened(browser, "desktop", code="admin", url=demo_url) as (page, seen):

        async def home_says() -> bool:
            answer = await page.request.get("/mp/v1/home")
            return bool((await answer.json())["switches"]["checkin"])

        assert await home_says()
        await page.goto("/admin/switches/checkin")
        await page.get_by_role("button", name="紧急关闭").press("Enter")
        dialog = page.get_by_role("dialog")
        await expect(dialog).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(dialog).to_be_hidden()
        await expect(page.get_by_role("button", name="紧急关闭")).to_be_focused()
        await page.keyboard.press("Enter")
        await page.get_by_label("原因").locator("visible=true").last.fill("演练")
        assert await faults(page) == []
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("已关闭，一秒内生效")).to_be_visible()
        async with asyncio.timeout(2):
            while await home_says():
                await asyncio.sleep(0.05)
        await page.get_by_role("button", name="恢复").first.click()
        await page.get_by_role("dialog").get_by_label("原因").fill("演练结束")
        await page.get_by_role("dialog").get_by_role("button", name="恢复").click()
        await expect(page.get_by_text("已恢复，一秒内生效")).to_be_visible()
        async with asyncio.timeout(2):
            while not await home_says():
                await asyncio.sleep(0.05)
        assert seen.complaints == []


async def test_an_owner_is_unbound_and_bound_again_with_a_reason(demo_url: str, browser: Browser) -> None:
    async with opened(browser, "phone", code="operator", url=demo_url) as (page, seen):
        await page.goto("/outlets/SH0001")
        await page.get_by_role("button", name="解除绑定").first.click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("原因").fill("店主换了手机")
        await dialog.get_by_role("button", name="解除绑定").click()
        await expect(page.get_by_text("已解除绑定")).to_be_visible()
        await expect(page.get_by_text("已解除", exact=True)).to_be_visible()
        assert "done=" not in page.url
        await page.get_by_role("button", name="恢复").first.click()
        await page.get_by_role("dialog").get_by_label("原因").fill("弄错了")
        await page.get_by_role("dialog").get_by_role("button", name="恢复绑定").click()
        await expect(page.get_by_text("已恢复绑定")).to_be_visible()
        await page.get_by_role("link", name="处理记录").click()
        await expect(page.locator(".timeline")).to_contain_text("店主换了手机")
        assert seen.complaints == []


async def test_the_menu_of_a_phone_and_the_choice_of_light_and_dark(demo_url: str, browser: Browser) -> None:
    async with opened(browser, "phone", code="rep", url=demo_url) as (page, _):
        menu = page.get_by_role("button", name="菜单")
        await expect(page.get_by_role("navigation", name="主菜单")).to_be_hidden()
        await menu.click()
        await expect(menu).to_have_attribute("aria-expanded", "true")
        nav = page.get_by_role("navigation", name="主菜单")
        await expect(nav).to_be_visible()
        assert await nav.get_by_role("link").all_inner_texts() == ["总览", "门店订单", "门店"]
        assert await faults(page) == []
        await page.keyboard.press("Escape")
        await expect(nav).to_be_hidden()
        await expect(menu).to_be_focused()
        await page.get_by_role("button", name="切换明暗").click()
        assert await page.evaluate("document.documentElement.dataset.theme") == "dark"
        await page.reload()
        assert await page.evaluate("document.documentElement.dataset.theme") == "dark"
        assert await faults(page) == []


async def test_every_target_of_a_phone_is_large_enough(demo_url: str, browser: Browser) -> None:
    async with opened(browser, "phone", code="admin", url=demo_url) as (page, _):
        for path in ("/", "/outlets", "/admin/staff/new", "/admin/switches/checkin"):
            await page.goto(path)
            small = await page.evaluate(
                "[...document.querySelectorAll('button, .button, input:not([type=hidden], [type=checkbox]), select')]"
                ".filter((one) => one.checkVisibility()).map((one) => [one.outerHTML.slice(0, 80),"
                " one.getBoundingClientRect().height]).filter(([, height]) => height < 43.5)"
            )
            assert small == [], path
