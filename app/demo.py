"""Demo data: a few outlets and a member who has been around for a week. Loaded on the first run only."""

import asyncio
import os
import sys
from contextlib import suppress
from datetime import datetime, timedelta

import httpx

from app import database, house, settings
from app.settings import Settings
from games.base import Play
from games.checkin import checkins
from games.checkin.checkins import CheckinInput
from loyalty import clock
from loyalty.customers import binding_codes, bindings, members, outlets
from loyalty.customers.errors import OwnerExists
from loyalty.customers.outlet_rows import OutletRow
from loyalty.customers.personal import DataKeys
from loyalty.customers.standings import MemberRef
from loyalty.customers.texts import CONSENT_VERSION

PHONE = "13800138000"
DAYS_BEFORE = 5
ROWS = (
    OutletRow(code="SH0001", name="阿芳便利店", plant_code="SH", office_code="SH-PD", route_code="R01", value_class="A",
              contact_name="陈阿芳", contact_phone=PHONE, channel="便利店", delivery_days=[2, 5]),
    OutletRow(code="SH0002", name="老王烟酒", plant_code="SH", office_code="SH-PD", route_code="R01", value_class="B",
              contact_name="王建国", contact_phone="13800138001", channel="烟酒店", delivery_days=[2, 5]),
    OutletRow(code="SH0003", name="好邻居超市", plant_code="SH", office_code="SH-MH", route_code="R07", value_class="A",
              contact_name="李梅", contact_phone="13800138002", channel="超市", delivery_days=[1, 3, 5]),
    OutletRow(code="NJ0001", name="秦淮小吃", plant_code="NJ", office_code="NJ-QH", route_code="R02", value_class="C",
              contact_name="赵强", contact_phone="13800138003", channel="餐饮", delivery_days=[3]),
)  # fmt: skip


async def load(config: Settings, at: datetime) -> str:
    """Load everything; return what to tell the person in front of the terminal. After an interrupted run, again."""
    data_keys = DataKeys(config.data_keys)
    await outlets.put(list(enumerate(ROWS)), "demo", at, data_keys)
    async with httpx.AsyncClient(base_url=config.wechat_base_url, timeout=5) as sandbox:
        made = (await sandbox.post("/sandbox/members", json={"phone": PHONE})).raise_for_status().json()
        guest = (await sandbox.post("/sandbox/members", json={"phone": "13800138001"})).raise_for_status().json()
    owner = (await members.recognise(made["openid"], made["unionid"], at, data_keys)).member
    await members.keep_phone(owner, PHONE, "86", at, data_keys)
    with suppress(OwnerExists):
        await _bind(owner, "SH0001", at - timedelta(days=DAYS_BEFORE + 1), data_keys)
    for days in range(DAYS_BEFORE, 0, -1):
        play = Play(owner, f"demo-play-{days}", b"demo", CheckinInput(), at - timedelta(days=days))
        await checkins.make([play])
    code = await binding_codes.issue("SH0002", None, "card", "demo", at)
    return (
        "  演示账号（微信沙箱里的人，用 openid 换登录码）\n"
        f"    阿芳，阿芳便利店的店主    openid {made['openid']}\n"
        f"    老王，还没绑定门店        openid {guest['openid']}\n"
        f"    老王烟酒的绑定码          {code.token}\n"
    )


async def _bind(member: MemberRef, outlet_code: str, at: datetime, data_keys: DataKeys) -> None:
    code = await binding_codes.issue(outlet_code, "owner", "card", "demo", at)
    await bindings.bind(
        bindings.Request(member, "demo-binding", b"demo", code.token, None, CONSENT_VERSION, at), data_keys
    )


async def _main(config: Settings) -> str:
    async with database.opened(config.database_url, pool_max=2, name="leketong-demo"):
        return await load(config, clock.now())


def main(config: Settings) -> int:
    """Load the demo data unless an earlier run has told of it."""
    told = config.home / "demo.txt"
    if not told.exists():
        text = asyncio.run(_main(config))
        told.touch(mode=0o600)
        told.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(settings.from_environment(house.environment(os.environ))))
