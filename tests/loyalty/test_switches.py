"""Switches: whom a rule lets in when, and what is stored when somebody says a rule anew."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty import transactions
from loyalty.errors import Refusal
from loyalty.organisation import audit
from loyalty.organisation.audit import REASON_LENGTH_MAX, Actor
from loyalty.organisation.errors import ReasonMissing
from loyalty.switches import rules, switches
from loyalty.switches.errors import (
    ConditionWrong,
    FeatureUnknown,
    PercentWrong,
    PlantUnknown,
    SpanWrong,
    SwitchChangedMeanwhile,
)
from loyalty.switches.features import BY_CODE, FEATURES
from loyalty.switches.rules import ALL_BPS, DEFAULTS, Board, Subject, SwitchRule
from loyalty.switches.switches import VALUE_LENGTH_MAX, VALUES_MAX, KeptSwitch
from tests import rows
from tests.organisation import planted

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)
HOUR = timedelta(hours=1)
LIN, WANG = Actor("staff", "7", "林晓"), Actor("staff", "8", "王强")
SHOP = Subject("SH0001", "SH", "A", ("new", "cold"))
PLAIN = Subject("SH0002", "SH", None, ())
OUTLETS = 10_000
CODES = st.sampled_from([feature.code for feature in FEATURES])
SHARES = st.integers(0, ALL_BPS)
AUDITED = """
    SELECT action, actor_id, subject_id, before::text, after::text, reason, node_id, at
      FROM audit_entries WHERE subject_kind = 'switch' ORDER BY id
"""
STORE = """
    INSERT INTO switches (feature, version, enabled, killed, plants, value_classes, tags, percent_bps, from_at,
                          until_at, changed_at, changed_by)
    VALUES ('checkin', $1, true, false, '{}', '{}', '{}', $2, $3, $4, $3, 'tests')
"""


@pytest.mark.parametrize(
    ("rule", "known", "shop", "plain", "guest"),
    [
        (SwitchRule(), True, True, True, True),
        (SwitchRule(enabled=False), False, False, False, False),
        (SwitchRule(killed=True), False, False, False, False),
        (SwitchRule(killed=True, plants=("SH",)), False, False, False, False),
        (SwitchRule(percent_bps=0), False, False, False, False),
        (SwitchRule(from_at=AT), True, True, True, True),
        (SwitchRule(from_at=AT + INSTANT), False, False, False, False),
        (SwitchRule(until_at=AT), False, False, False, False),
        (SwitchRule(until_at=AT + INSTANT), True, True, True, True),
        (SwitchRule(from_at=AT - HOUR, until_at=AT + HOUR), True, True, True, True),
        (SwitchRule(plants=("SH",)), None, True, True, False),
        (SwitchRule(plants=("NJ", "SH")), None, True, True, False),
        (SwitchRule(plants=("NJ",)), None, False, False, False),
        (SwitchRule(value_classes=("A", "B")), None, True, False, False),
        (SwitchRule(value_classes=("B",)), None, False, False, False),
        (SwitchRule(tags=("cold", "far")), None, True, False, False),
        (SwitchRule(tags=("far",)), None, False, False, False),
        (SwitchRule(plants=("SH",), value_classes=("A",), tags=("new",)), None, True, False, False),
        (SwitchRule(plants=("NJ",), value_classes=("A",), tags=("new",)), None, False, False, False),
        (SwitchRule(plants=("SH",), until_at=AT), False, False, False, False),
    ],
)
def test_whom_a_rule_lets_in(rule: SwitchRule, known: bool | None, shop: bool, plain: bool, guest: bool) -> None:
    assert rules.decided(rule, AT) is known
    assert [rules.is_on("checkin", rule, subject, AT) for subject in (SHOP, PLAIN, None)] == [shop, plain, guest]


@pytest.mark.parametrize(
    ("feature", "code", "place"),
    [("checkin", "SH0001", 6951), ("checkin", "SH0002", 1788), ("points_entries", "SH0001", 6108)],
)
def test_an_outlets_place_is_the_same_in_every_release_and_its_own_for_each_feature(
    feature: str, code: str, place: int
) -> None:
    subject = Subject(code, "SH", None, ())
    assert rules.bucket(feature, code) == place
    shares = [SwitchRule(percent_bps=place), SwitchRule(percent_bps=place + 1)]
    assert [rules.is_on(feature, rule, subject, AT) for rule in shares] == [False, True]
    assert [rules.is_on(feature, rule, None, AT) for rule in shares] == [False, False]


@given(CODES, st.text(max_size=VALUE_LENGTH_MAX), SHARES, SHARES)
def test_a_raised_percentage_only_adds_outlets(feature: str, plant: str, one: int, other: int) -> None:
    low, high = (SwitchRule(percent_bps=share) for share in sorted((one, other)))
    subjects = [Subject(f"{plant}{n}", plant, None, ()) for n in range(50)]
    seen, seen_later = (
        {subject.outlet_code for subject in subjects if rules.is_on(feature, rule, subject, AT)} for rule in (low, high)
    )
    assert seen <= seen_later


@given(CODES, st.text(max_size=VALUE_LENGTH_MAX), SHARES, st.datetimes(timezones=st.just(UTC)))
def test_an_outlet_stays_in_or_out_whatever_else_is_known_of_it(
    feature: str, code: str, share: int, at: datetime
) -> None:
    rule = SwitchRule(percent_bps=share)
    alike = {rules.is_on(feature, rule, Subject(code, *rest), at) for rest in (("SH", "A", ("x",)), ("NJ", None, ()))}
    assert len(alike) == 1


@pytest.mark.parametrize("percent_bps", [100, 1_000, 2_500, 5_000, 9_000])
@pytest.mark.parametrize("feature", sorted(BY_CODE))
def test_the_share_is_near_the_percentage(feature: str, percent_bps: int) -> None:
    rule = SwitchRule(percent_bps=percent_bps)
    seen = sum(rules.is_on(feature, rule, Subject(f"SH{n:06d}", "SH", None, ()), AT) for n in range(OUTLETS))
    share = percent_bps / ALL_BPS
    # Four standard deviations of as many throws of a coin.
    assert abs(seen - OUTLETS * share) <= 4 * (OUTLETS * share * (1 - share)) ** 0.5


async def kept(feature: str = "checkin") -> KeptSwitch:
    """Read one switch."""
    async with transactions.reader():
        return (await switches.read_all())[feature]


async def audited(url: str) -> list[tuple[object, ...]]:
    """Give the audit of switches, oldest first, with its values decoded."""
    return [
        (action, actor, feature, json.loads(str(before)), json.loads(str(after)), reason, node, at)
        for action, actor, feature, before, after, reason, node, at in await rows.fetch(url, AUDITED)
    ]


@pytest.mark.usefixtures("db")
async def test_nothing_said_is_the_default_of_every_feature() -> None:
    async with transactions.reader():
        found = await switches.read_all()
    assert found == {code: KeptSwitch(code, DEFAULTS[code], 0, None, "") for code in BY_CODE}
    assert await switches.read_board() == Board(DEFAULTS)


async def test_a_change_is_kept_whole_and_audited_with_only_what_changed(db: str) -> None:
    await planted(AT)
    first = SwitchRule(plants=("NJ", "SH"), value_classes=("A",), tags=("新店",), percent_bps=1_250, until_at=AT + HOUR)
    await switches.change("checkin", first, 0, LIN, "  先在  两个工厂试 ", AT)
    assert await kept() == KeptSwitch("checkin", first, 1, AT, "staff:7")
    second = SwitchRule(plants=("NJ", "SH"), value_classes=("A",), tags=("新店",), percent_bps=5_000, from_at=AT)
    await switches.change("checkin", second, 1, WANG, "放大", AT + HOUR)
    assert await kept() == KeptSwitch("checkin", second, 2, AT + HOUR, "staff:8")
    assert (await switches.read_board()).rule("checkin") == second
    said = {"plants": ["NJ", "SH"], "value_classes": ["A"], "tags": ["新店"], "percent_bps": 1_250}
    default = {"plants": [], "value_classes": [], "tags": [], "percent_bps": ALL_BPS, "until_at": None}
    until = "2026-11-04T03:00:00Z"
    assert await audited(db) == [
        ("switch.changed", "7", "checkin", default, said | {"until_at": until}, "先在 两个工厂试", None, AT),
        (
            "switch.changed",
            "8",
            "checkin",
            {"percent_bps": 1_250, "from_at": None, "until_at": until},
            {"percent_bps": 5_000, "from_at": "2026-11-04T02:00:00Z", "until_at": None},
            "放大",
            None,
            AT + HOUR,
        ),
    ]


async def test_a_killed_feature_keeps_its_rule_and_comes_back_with_it(db: str) -> None:
    rule = SwitchRule(percent_bps=3_000)
    await switches.change("checkin", rule, 0, LIN, "试点", AT)
    await switches.kill("checkin", WANG, "积分发错了", AT + HOUR)
    assert await kept() == KeptSwitch("checkin", SwitchRule(percent_bps=3_000, killed=True), 2, AT + HOUR, "staff:8")
    await switches.revive("checkin", LIN, "修好了", AT + 2 * HOUR)
    assert await kept() == KeptSwitch("checkin", rule, 3, AT + 2 * HOUR, "staff:7")
    off, on = {"killed": True}, {"killed": False}
    assert (await audited(db))[1:] == [
        ("switch.killed", "8", "checkin", on, off, "积分发错了", None, AT + HOUR),
        ("switch.revived", "7", "checkin", off, on, "修好了", None, AT + 2 * HOUR),
    ]


async def test_a_feature_of_which_nothing_was_said_can_be_killed_and_once_is_enough(db: str) -> None:
    await switches.kill("points_entries", LIN, "停一下", AT)
    before = await rows.picture(db)
    await switches.kill("points_entries", WANG, "我也停", AT + HOUR)
    assert await rows.picture(db) == before
    assert await kept("points_entries") == KeptSwitch("points_entries", SwitchRule(killed=True), 1, AT, "staff:7")


async def test_reviving_what_is_not_killed_moves_nothing(db: str) -> None:
    before = await rows.picture(db)
    await switches.revive("checkin", LIN, "恢复", AT)
    assert await rows.picture(db) == before


TOO_MANY = tuple(f"v{n}" for n in range(VALUES_MAX + 1))


@pytest.mark.parametrize(
    ("rule", "version", "refusal", "data"),
    [
        (SwitchRule(percent_bps=-1), 1, PercentWrong, {"field": "percent"}),
        (SwitchRule(percent_bps=ALL_BPS + 1), 1, PercentWrong, {"field": "percent"}),
        (SwitchRule(from_at=AT, until_at=AT), 1, SpanWrong, {"field": "until_at"}),
        (SwitchRule(from_at=AT, until_at=AT - INSTANT), 1, SpanWrong, {"field": "until_at"}),
        (SwitchRule(plants=("SH", "XX", "PD", "AA")), 1, PlantUnknown, {"field": "plants", "unknown": "AA、PD、XX"}),
        (SwitchRule(plants=TOO_MANY), 1, ConditionWrong, {"field": "plants"}),
        (SwitchRule(value_classes=TOO_MANY), 1, ConditionWrong, {"field": "value_classes"}),
        (SwitchRule(tags=TOO_MANY), 1, ConditionWrong, {"field": "tags"}),
        (SwitchRule(tags=("",)), 1, ConditionWrong, {"field": "tags"}),
        (SwitchRule(tags=("x" * (VALUE_LENGTH_MAX + 1),)), 1, ConditionWrong, {"field": "tags"}),
        (SwitchRule(tags=("a\0b",)), 1, ConditionWrong, {"field": "tags"}),
        (SwitchRule(plants=("\0",)), 1, ConditionWrong, {"field": "plants"}),
        (SwitchRule(), 0, SwitchChangedMeanwhile, {}),
        (SwitchRule(), 2, SwitchChangedMeanwhile, {}),
        (SwitchRule(), -1, SwitchChangedMeanwhile, {}),
    ],
)
async def test_a_refused_change_moves_nothing(
    db: str, rule: SwitchRule, version: int, refusal: type[Refusal], data: dict[str, object]
) -> None:
    await planted(AT)
    await switches.change("checkin", SwitchRule(percent_bps=5_000), 0, LIN, "试点", AT)
    before = await rows.picture(db)
    with pytest.raises(refusal) as refused:
        await switches.change("checkin", rule, version, LIN, "原因", AT)
    assert refused.value.data == data
    assert await rows.picture(db) == before


@pytest.mark.usefixtures("db")
async def test_a_version_of_a_switch_that_was_never_set_is_stale() -> None:
    with pytest.raises(SwitchChangedMeanwhile):
        await switches.change("checkin", SwitchRule(), 1, LIN, "原因", AT)


async def test_as_many_and_as_long_values_as_may_be_are_kept(db: str) -> None:
    rule = SwitchRule(tags=tuple(f"{n:0{VALUE_LENGTH_MAX}d}" for n in range(VALUES_MAX)), percent_bps=0)
    await switches.change("checkin", rule, 0, LIN, "因" * REASON_LENGTH_MAX, AT)
    assert (await kept()).rule == rule
    assert len(await rows.fetch(db, AUDITED)) == 1


VERBS: dict[str, Callable[[str, str], Awaitable[None]]] = {
    "change": lambda feature, reason: switches.change(feature, SwitchRule(), 0, LIN, reason, AT),
    "kill": lambda feature, reason: switches.kill(feature, LIN, reason, AT),
    "revive": lambda feature, reason: switches.revive(feature, LIN, reason, AT),
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    ("feature", "reason", "refusal"),
    [
        ("telepathy", "原因", FeatureUnknown),
        ("", "原因", FeatureUnknown),
        ("checkin", "", ReasonMissing),
        ("checkin", " \n ", ReasonMissing),
        ("checkin", "因" * (REASON_LENGTH_MAX + 1), ReasonMissing),
    ],
)
async def test_every_verb_needs_a_feature_that_there_is_and_a_reason(
    db: str, verb: str, feature: str, reason: str, refusal: type[Refusal]
) -> None:
    before = await rows.picture(db)
    with pytest.raises(refusal):
        await VERBS[verb](feature, reason)
    assert await rows.picture(db) == before


async def test_a_change_that_cannot_be_audited_is_not_made(db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(_entries: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(audit, "record", full)
    before = await rows.picture(db)
    for verb in ("change", "kill"):
        with pytest.raises(ZeroDivisionError):
            await VERBS[verb]("checkin", "原因")
    assert await rows.picture(db) == before


@pytest.mark.parametrize(
    ("version", "percent_bps", "until_at", "constraint"),
    [
        (0, 0, None, "switches_version_positive"),
        (1, -1, None, "switches_percent"),
        (1, ALL_BPS + 1, None, "switches_percent"),
        (1, 0, AT, "switches_end_after_start"),
    ],
)
async def test_the_database_refuses_what_no_verb_stores(
    db: str, version: int, percent_bps: int, until_at: datetime | None, constraint: str
) -> None:
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await rows.execute(db, STORE, version, percent_bps, AT, until_at)
    assert refused.value.constraint_name == constraint


async def test_a_feature_has_one_switch_and_a_day_one_positive_count(db: str) -> None:
    await rows.execute(db, STORE, 1, 0, AT, None)
    with pytest.raises(asyncpg.UniqueViolationError):
        await rows.execute(db, STORE, 1, 0, AT, None)
    count = "INSERT INTO feature_uses (feature, on_date, uses) VALUES ('checkin', '2026-11-04', $1)"
    with pytest.raises(asyncpg.CheckViolationError):
        await rows.execute(db, count, 0)
    await rows.execute(db, count, 1)
    with pytest.raises(asyncpg.UniqueViolationError):
        await rows.execute(db, count, 1)
