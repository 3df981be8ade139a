"""The catalogue: what makes no sense is named, states follow one table, changes leave a trace, pictures are ones."""

from datetime import timedelta
from typing import Any, get_args

import msgspec
import pytest

from loyalty import transactions
from loyalty.campaigns import campaigns
from loyalty.campaigns.allotments import UNITS_MAX
from loyalty.campaigns.campaigns import CampaignPlan
from loyalty.campaigns.errors import UnitsInvalid
from loyalty.clock import SHANGHAI
from loyalty.customers.audiences import Audience
from loyalty.customers.personal import DataKeys
from loyalty.organisation.errors import ReasonMissing
from loyalty.pictures.errors import PictureInvalid
from loyalty.rewards import catalogue
from loyalty.rewards.errors import RewardChanged, RewardInvalid, RewardStateWrong, RewardUnknown
from loyalty.rewards.rules import NEXT, Reward, State
from loyalty.rewards.types.coupon import CouponTerms
from loyalty.rewards.types.gift import GiftTerms
from loyalty.rewards.types.points import PointsTerms
from tests import rows
from tests.storefront import AT, BY, UNITS, buy, plan, proven, reward, rich

STATES: tuple[State, ...] = get_args(State)
AUDITED = "SELECT action, before, after, reason, actor_name FROM audit_entries ORDER BY id DESC LIMIT 1"
HUNDRED_AND_ONE = tuple(f"t{n}" for n in range(101))


async def read(reward_id: int) -> Reward:
    """Read a reward."""
    async with transactions.reader():
        return await catalogue.read(reward_id)


async def change(reward_id: int, version: int, **changes: Any) -> None:
    """Change a reward to the sound plan with some changes."""
    await catalogue.change(reward_id, plan(**changes), version, BY, "改一下", AT)


async def _campaign() -> int:
    """Make a campaign that a reward may name."""
    span = CampaignPlan(name="周年庆", from_at=AT, until_at=AT + timedelta(days=9))
    return await campaigns.add("anniversary", span, BY, "周年庆", AT)


async def test_a_campaign_that_there_is_not_is_refused(db: str) -> None:
    before = await rows.picture(db)
    with pytest.raises(RewardInvalid) as refused:
        await reward(campaign_id=7)
    assert refused.value.data == {"field": "campaign_id", "expected": "请从列出的活动里选一个"}
    assert await rows.picture(db) == before


async def test_the_same_instant_in_another_zone_is_no_change(db: str) -> None:
    made = await reward(live=False)
    shanghai = (AT - timedelta(days=1)).astimezone(SHANGHAI)
    await catalogue.change(made, plan(name="改了名", from_at=shanghai), 1, BY, "改名", AT)
    ((after,),) = await rows.fetch(db, "SELECT after::text FROM audit_entries WHERE action = 'reward.changed'")
    assert "from_at" not in str(after)


async def test_a_draft_is_kept_as_it_was_planned(db: str) -> None:
    named = await _campaign()
    made = await reward(
        units=5,
        live=False,
        name="  满 100 减 10 ",
        description=" 本月有效 ",
        plants=("SH", "NJ"),
        value_classes=("A",),
        tags=("夜市",),
        outlet_max=3,
        outlet_month_max=1,
        campaign_id=named,
    )
    found = await read(made)
    assert msgspec.structs.asdict(found) == {
        "id": made, "type": "coupon", "name": "满 100 减 10", "description": "本月有效", "picture_id": None,
        "terms": found.terms, "cost_points": 100, "cost_fen": 1_000, "allotment_id": found.allotment_id,
        "campaign_id": named, "outlet_max": 3, "outlet_month_max": 1, "plants": ("SH", "NJ"), "value_classes": ("A",),
        "tags": ("夜市",), "from_at": AT - timedelta(days=1), "until_at": AT + timedelta(days=30), "days_valid": 7,
        "state": "draft", "version": 1, "made_by": "command:tests", "made_at": AT,
    }  # fmt: skip
    assert msgspec.json.decode(found.terms) == {"off_fen": 1_000, "minimum_fen": 10_000}
    assert found.audience == Audience(("SH", "NJ"), ("A",), ("夜市",))
    assert found.is_limited
    assert await rows.fetch(db, "SELECT id, purpose FROM allotments") == [(found.allotment_id, f"reward:{made}")]
    assert await rows.fetch(db, UNITS) == [(5, 5, 0)]
    assert [row[0] for row in await rows.fetch(db, AUDITED)] == ["reward.added"]


@pytest.mark.parametrize(
    ("changes", "field", "expected"),
    [
        ({"type": "car"}, "type", "请从列出的奖品类型里选一个"),
        ({"type": "gift"}, "type", "请从列出的奖品类型里选一个"),
        ({"terms": GiftTerms("U1", "伞")}, "type", "请从列出的奖品类型里选一个"),
        ({"name": ""}, "name", "名称请填 1 到 30 个字"),
        ({"name": "  "}, "name", "名称请填 1 到 30 个字"),
        ({"name": "券" * 31}, "name", "名称请填 1 到 30 个字"),
        ({"description": "说" * 301}, "description", "说明最多 300 个字"),
        ({"until_at": AT - timedelta(days=1)}, "until_at", "结束要晚于开始"),
        ({"until_at": AT - timedelta(days=2)}, "until_at", "结束要晚于开始"),
        ({"type": "points", "terms": PointsTerms(5)}, "cost_points", "积分奖励不能拿积分换，请留空"),
        ({"cost_points": 0}, "cost_points", "请填 1 到 10000000 之间的整数"),
        ({"cost_points": 10_000_001}, "cost_points", "请填 1 到 10000000 之间的整数"),
        ({"outlet_max": 0}, "outlet_max", "请填 1 到 10000 之间的整数"),
        ({"outlet_max": 10_001}, "outlet_max", "请填 1 到 10000 之间的整数"),
        ({"outlet_month_max": -1}, "outlet_month_max", "请填 1 到 10000 之间的整数"),
        ({"cost_fen": -1}, "cost_fen", "成本请填 0 到 100000 元"),
        ({"cost_fen": 10_000_001}, "cost_fen", "成本请填 0 到 100000 元"),
        ({"days_valid": 0}, "days_valid", "有效天数请填 1 到 366"),
        ({"days_valid": 367}, "days_valid", "有效天数请填 1 到 366"),
        ({"plants": HUNDRED_AND_ONE}, "plants", "最多 100 个"),
        ({"value_classes": HUNDRED_AND_ONE}, "value_classes", "最多 100 个"),
        ({"tags": HUNDRED_AND_ONE}, "tags", "最多 100 个"),
    ],
)
async def test_what_makes_no_sense_is_named(db: str, changes: dict[str, Any], field: str, expected: str) -> None:
    made = await reward(live=False)
    before = await rows.picture(db)
    for refused in (catalogue.add(plan(**changes), BY, "上架", AT), change(made, 1, **changes)):
        with pytest.raises(RewardInvalid) as raised:
            await refused
        assert raised.value.data == {"field": field, "expected": expected}
        assert raised.value.detail == f"请改一下：{expected}。"
    assert await rows.picture(db) == before


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "券" * 30, "description": "说" * 300, "cost_points": 10_000_000, "cost_fen": 10_000_000},
        {"cost_points": 1, "outlet_max": 1, "outlet_month_max": 10_000, "days_valid": 1, "cost_fen": 0},
        {"days_valid": 366, "tags": HUNDRED_AND_ONE[1:], "until_at": AT - timedelta(days=1, microseconds=-1)},
        {"type": "points", "terms": PointsTerms(5), "cost_points": None},
    ],
)
async def test_the_bounds_themselves_are_sound(db: str, changes: dict[str, Any]) -> None:
    assert await reward(live=False, **changes) == 1


@pytest.mark.parametrize("old", STATES)
@pytest.mark.parametrize("new", STATES)
async def test_states_follow_one_table(db: str, old: State, new: State) -> None:
    made = await reward(live=False)
    for state in {"draft": (), "live": ("live",), "paused": ("live", "paused"), "ended": ("ended",)}[old]:
        await catalogue.move(made, state, BY, "上架", AT)  # type: ignore[arg-type]
    version = (await read(made)).version
    if new in NEXT[old]:
        await catalogue.move(made, new, BY, "换状态", AT)
        found = await read(made)
        assert (found.state, found.version) == (new, version + 1)
        assert await rows.fetch(db, AUDITED) == [
            ("reward.moved", f'{{"state": "{old}"}}', f'{{"state": "{new}"}}', "换状态", "tests")
        ]
    else:
        before = await rows.picture(db)
        with pytest.raises(RewardStateWrong):
            await catalogue.move(made, new, BY, "换状态", AT)
        assert await rows.picture(db) == before


def test_what_is_ended_stays_so_and_nothing_goes_back_to_a_draft() -> None:
    assert NEXT["ended"] == ()
    assert not any("draft" in after for after in NEXT.values())
    assert set(NEXT) == set(STATES)


async def test_of_two_who_change_at_once_the_later_is_told(db: str) -> None:
    made = await reward()
    assert (await read(made)).version == 2
    await change(made, 2, name="新名字")
    before = await rows.picture(db)
    for version in (1, 2, 4):
        with pytest.raises(RewardChanged):
            await change(made, version, name="别的名字")
    assert await rows.picture(db) == before
    assert ((await read(made)).name, (await read(made)).version) == ("新名字", 3)


async def test_a_change_leaves_what_it_changed_in_the_audit(db: str) -> None:
    made = await reward(units=5)
    await change(made, 2, units=7, name="新名字", tags=("夜市",), terms=CouponTerms(2_000, 10_000))
    ((action, before, after, reason, _),) = await rows.fetch(db, AUDITED)
    assert (action, reason) == ("reward.changed", "改一下")
    assert msgspec.json.decode(str(before)) == {
        "name": "满 100 减 10",
        "terms": {"off_fen": 1_000, "minimum_fen": 10_000},
        "units": 5,
        "tags": [],
    }
    assert msgspec.json.decode(str(after)) == {
        "name": "新名字",
        "terms": {"off_fen": 2_000, "minimum_fen": 10_000},
        "units": 7,
        "tags": ["夜市"],
    }


@pytest.mark.parametrize(
    ("before", "refused"),
    [("ended", RewardStateWrong), ("type", RewardInvalid), ("unknown", RewardUnknown), ("reason", ReasonMissing)],
)
async def test_a_change_that_cannot_be_changes_nothing(db: str, before: str, refused: type[Exception]) -> None:
    made = await reward()
    if before == "ended":
        await catalogue.move(made, "ended", BY, "结束", AT)
    kept = await rows.picture(db)
    version = (await read(made)).version
    values = {"type": "gift", "terms": GiftTerms("U1", "伞")} if before == "type" else {}
    with pytest.raises(refused):
        await catalogue.change(
            made + (before == "unknown"), plan(**values), version, BY, "" if before == "reason" else "改", AT
        )
    assert await rows.picture(db) == kept


async def test_units_are_resized_within_what_is_taken(db: str, data_keys: DataKeys) -> None:
    made = await reward(units=5)
    await buy(await rich(data_keys), made, 3)
    for units, free in ((3, 0), (10, 7), (UNITS_MAX, UNITS_MAX - 3), (4, 1)):
        await change(made, (await read(made)).version, units=units)
        assert await rows.fetch(db, UNITS) == [(units, free, 0)]
    before = await rows.picture(db)
    for units in (2, 0, -1, UNITS_MAX + 1):
        with pytest.raises(UnitsInvalid) as refused:
            await change(made, (await read(made)).version, units=units)
        assert (refused.value.data["units_min"], refused.value.data["units_max"]) == (3, UNITS_MAX)
    with pytest.raises(RewardInvalid) as unlimited:
        await change(made, (await read(made)).version, units=None)
    assert unlimited.value.data == {"field": "units", "expected": "限量的奖品不能改成不限量，请另建一个"}
    assert await rows.picture(db) == before
    await proven()


async def test_one_without_end_may_be_limited_later(db: str, data_keys: DataKeys) -> None:
    made = await reward()
    owner = await rich(data_keys)
    await buy(owner, made)
    await change(made, 2, units=2)
    await buy(owner, made, 2, AT + timedelta(seconds=1))
    assert await rows.fetch(db, UNITS) == [(2, 0, 0)]
    await proven()


async def test_a_reward_names_a_picture_that_is_there(db: str) -> None:
    with pytest.raises(PictureInvalid):
        await reward(picture_id="0" * 64)
    assert await rows.fetch(db, "SELECT FROM rewards") == []


async def test_staff_find_rewards_the_latest_first(db: str) -> None:
    first, second = await reward(name="减十元券"), await reward(live=False, name="减五元券")
    third = await reward(name="红包", type="points", terms=PointsTerms(5), cost_points=None)

    async def found(text: str = "", state: str = "", kind: str = "", skip: int = 0, limit: int = 10) -> list[int]:
        async with transactions.reader():
            return [one.id for one in await catalogue.search(text, state, kind, skip, limit)]

    assert await found() == [third, second, first]
    assert await found("元券") == [second, first]
    assert await found("%") == []
    assert await found(state="draft") == [second]
    assert await found(kind="points") == [third]
    assert await found(skip=1, limit=1) == [second]
    async with transactions.reader():
        assert await catalogue.by_id([]) == {}
        assert set(await catalogue.by_id([first, 999_999])) == {first}
        with pytest.raises(RewardUnknown):
            await catalogue.read(999_999)
