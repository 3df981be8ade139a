"""The demo's rewards shop: what points buy, with pictures, a campaign, some redemptions, an adjustment that waits."""

import struct
import zlib
from datetime import datetime, timedelta

import msgspec

from loyalty import transactions
from loyalty.campaigns import campaigns
from loyalty.campaigns.campaigns import CampaignPlan
from loyalty.customers.standings import MemberRef
from loyalty.organisation import places
from loyalty.organisation.audit import Actor
from loyalty.points.adjustments import adjustments
from loyalty.rewards import catalogue, redemptions
from loyalty.rewards.catalogue import RewardPlan
from loyalty.rewards.redemptions import Redemption
from loyalty.rewards.types.coupon import CouponTerms
from loyalty.rewards.types.gift import GiftTerms
from loyalty.rewards.types.points import PointsTerms
from loyalty.rewards.types.price import PriceTerms
from loyalty.staff import people
from loyalty.staff.people import Reach
from loyalty.staff.rules import Role

REASON = "演示数据"
OPEN_DAYS = 90
WIDTH, HEIGHT = 240, 160
Colour = tuple[int, int, int]


class Shown(msgspec.Struct, frozen=True):
    """A reward of the demo."""

    name: str
    description: str
    terms: msgspec.Struct
    type: str
    cost_points: int | None
    cost_fen: int
    units: int | None
    colour: Colour
    outlet_month_max: int | None = None


SHOWN = (
    Shown(
        "满 100 减 10 券",
        "订货时自动能用，一单一张。",
        CouponTerms(10_00, 100_00),
        "coupon",
        30,
        10_00,
        500,
        (230, 88, 60),
    ),
    Shown(
        "满 300 减 40 券", "多囤一点更划算。", CouponTerms(40_00, 300_00), "coupon", 100, 40_00, 200, (204, 60, 80), 2
    ),
    Shown(
        "冰镇展示架一个",
        "放在门口，饮料更好卖。",
        GiftTerms("G-RACK", "冰镇展示架", 1, "个"),
        "gift",
        120,
        85_00,
        20,
        (52, 120, 200),
        1,
    ),
    Shown(
        "遮阳伞一把",
        "夏天必备，送货时一起带来。",
        GiftTerms("G-UMB", "遮阳伞", 1, "把"),
        "gift",
        60,
        35_00,
        30,
        (40, 150, 130),
        1,
    ),
    Shown(
        "橙味汽水特价",
        "凭这个价再订两箱。",
        PriceTerms("P-ORANGE", "橙味汽水 330ml×24", 36_00, 2),
        "price",
        40,
        8_00,
        None,
        (240, 160, 40),
    ),
    Shown("开店周年礼", "活动发放，不用积分换。", PointsTerms(88), "points", None, 0, None, (120, 90, 180)),
)
PROPOSING: tuple[Role, ...] = ("operator",)
BUYERS = 6
"""So many shops have redeemed the first reward, where they had the points."""


async def load(owners: dict[str, MemberRef], at: datetime, by: Actor) -> None:
    """Put rewards into the shop and let some shops redeem; after an interrupted run, again."""
    async with transactions.reader():
        known = {one.name for one in await catalogue.search("", "", "", 0, 100)}
    if not known:
        await _campaign(at, by)
    for one in SHOWN:
        if one.name not in known:
            await _add(one, at - timedelta(days=3), by)
    async with transactions.reader():
        found = {one.name: one.id for one in await catalogue.search("", "live", "", 0, 100)}
    wishes = [
        Redemption(owner, "demo-redemption", b"demo", found[SHOWN[number % 2].name], None, at - timedelta(hours=number))
        for number, owner in enumerate(list(owners.values())[:BUYERS])
    ]
    await redemptions.redeem(wishes)
    await _propose(at)


async def _add(one: Shown, at: datetime, by: Actor) -> None:
    plan = RewardPlan(
        type=one.type,
        name=one.name,
        description=one.description,
        terms=one.terms,
        cost_points=one.cost_points,
        cost_fen=one.cost_fen,
        units=one.units,
        from_at=at,
        until_at=at + timedelta(days=OPEN_DAYS),
        days_valid=30,
        outlet_month_max=one.outlet_month_max,
    )
    made = await catalogue.add(plan, by, REASON, at)
    await catalogue.set_picture(made, picture(one.colour), by, REASON, at)
    await catalogue.move(made, "live", by, REASON, at)


async def _campaign(at: datetime, by: Actor) -> None:
    plan = CampaignPlan(
        name="周年庆送积分",
        from_at=at - timedelta(days=7),
        until_at=at + timedelta(days=30),
        budget_points=50_000,
        outlet_points_max=500,
        outlet_day_points_max=100,
    )
    await campaigns.add("anniversary", plan, by, REASON, at)


async def _propose(at: datetime) -> None:
    """Let the operator propose an adjustment that waits for a second person."""
    operator = await people.by_code("operator", at)
    async with transactions.begin():
        root = await places.ensure_root(at)
    if operator is None:
        return
    async with transactions.reader():
        if await adjustments.search(Reach((root,)), "", "", 0, 1, at):
            return
    await adjustments.propose(
        "SH0001", 20, "上周系统升级时签到没记上，补给店主", operator, operator.reach(PROPOSING), at
    )


def picture(colour: Colour) -> bytes:
    """Draw a small PNG: a light card on a colour that darkens towards its foot."""
    rows = []
    for y in range(HEIGHT):
        shade = 1 - 0.35 * y / HEIGHT
        ground = bytes(round(part * shade) for part in colour)
        row = bytearray(b"\0")
        for x in range(WIDTH):
            on_card = abs(x - WIDTH / 2) < WIDTH * 0.28 and abs(y - HEIGHT / 2) < HEIGHT * 0.26
            notch = (
                on_card
                and abs(y - HEIGHT / 2) < HEIGHT * 0.05
                and abs(abs(x - WIDTH / 2) - WIDTH * 0.28) < HEIGHT * 0.06
            )
            row += b"\xff\xfb\xf4" if on_card and not notch else ground
        rows.append(bytes(row))
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(b"".join(rows), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
