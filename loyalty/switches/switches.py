"""Switches: read all at once, change one with a reason, turn one off at once and on again."""

from contextlib import suppress
from datetime import date, datetime
from typing import Any

import asyncpg
import msgspec

from loyalty import transactions
from loyalty.organisation import audit, tree
from loyalty.organisation.audit import Actor, AuditEntry
from loyalty.switches import queries
from loyalty.switches.errors import (
    ConditionWrong,
    FeatureUnknown,
    PercentWrong,
    PlantUnknown,
    SpanWrong,
    SwitchChangedMeanwhile,
)
from loyalty.switches.features import BY_CODE
from loyalty.switches.rules import ALL_BPS, DEFAULTS, Board, SwitchRule

TURNS_MAX = 5
VALUES_MAX = 50
VALUE_LENGTH_MAX = 64


class KeptSwitch(msgspec.Struct, frozen=True):
    """A feature's rule with its version, 0 for one of which nothing was said."""

    feature: str
    rule: SwitchRule
    version: int
    changed_at: datetime | None
    changed_by: str


class Uses(msgspec.Struct, frozen=True):
    """How often a feature was used on a business date."""

    feature: str
    on_date: date
    uses: int


async def read_all() -> dict[str, KeptSwitch]:
    """Read what was said of every feature that there is, and the defaults of the others. Needs a reader."""
    kept = {row["feature"]: _kept(row) for row in await queries.rows()}
    return {code: kept.get(code, KeptSwitch(code, DEFAULTS[code], 0, None, "")) for code in BY_CODE}


def _kept(row: asyncpg.Record) -> KeptSwitch:
    rule = msgspec.convert({name: row[name] for name in SwitchRule.__struct_fields__}, SwitchRule)
    return KeptSwitch(row["feature"], rule, row["version"], row["changed_at"], row["changed_by"])


async def read_board() -> Board:
    """Read all rules together, in one statement."""
    async with transactions.reader():
        return Board({code: kept.rule for code, kept in (await read_all()).items()})


async def change(
    feature: str, rule: SwitchRule, expected_version: int, actor: Actor, reason: str, at: datetime
) -> None:
    """Say anew who sees a feature when. Entry verb.

    ``expected_version`` is the one that was looked at: of two who change at once, one is refused. Raises
    FeatureUnknown, ReasonMissing, PercentWrong, SpanWrong, ConditionWrong, PlantUnknown, SwitchChangedMeanwhile.
    """
    reason = audit.required_reason(reason)
    _check(feature, rule)
    async with transactions.begin():
        unknown = sorted(set(rule.plants) - set(await tree.plants_named(rule.plants)))
        if unknown:
            raise PlantUnknown(field="plants", unknown="、".join(unknown))
        before = (await read_all())[feature]
        await _store(before, rule, expected_version, actor, at)
        await _record("switch.changed", before.rule, rule, feature, actor, reason, at)


async def kill(feature: str, actor: Actor, reason: str, at: datetime) -> None:
    """Turn a feature off for everybody at once; its rule stays for later. Entry verb. Off already: nothing moves.

    It does not ask which version was looked at: what burns is put out. Raises FeatureUnknown, ReasonMissing, and
    SwitchChangedMeanwhile only when others change the switch again and again.
    """
    await _turn(feature, actor, reason, at, killed=True)


async def revive(feature: str, actor: Actor, reason: str, at: datetime) -> None:
    """Let a feature's rule count again. Entry verb; as ``kill``."""
    await _turn(feature, actor, reason, at, killed=False)


async def _turn(feature: str, actor: Actor, reason: str, at: datetime, *, killed: bool) -> None:
    reason = audit.required_reason(reason)
    if feature not in BY_CODE:
        raise FeatureUnknown
    for _ in range(TURNS_MAX):
        with suppress(SwitchChangedMeanwhile):
            return await _turn_once(feature, actor, reason, at, killed=killed)
    raise SwitchChangedMeanwhile


async def _turn_once(feature: str, actor: Actor, reason: str, at: datetime, *, killed: bool) -> None:
    async with transactions.begin():
        before = (await read_all())[feature]
        if before.rule.killed == killed:
            return
        after = msgspec.structs.replace(before.rule, killed=killed)
        await _store(before, after, before.version, actor, at)
        action = "switch.killed" if killed else "switch.revived"
        await _record(action, before.rule, after, feature, actor, reason, at)


async def _store(before: KeptSwitch, rule: SwitchRule, expected_version: int, actor: Actor, at: datetime) -> None:
    row = (
        rule.enabled,
        rule.killed,
        list(rule.plants),
        list(rule.value_classes),
        list(rule.tags),
        rule.percent_bps,
        rule.from_at,
        rule.until_at,
    )
    if await queries.store(before.feature, expected_version, row, at, actor.text) is None:
        raise SwitchChangedMeanwhile


def _check(feature: str, rule: SwitchRule) -> None:
    if feature not in BY_CODE:
        raise FeatureUnknown
    if not 0 <= rule.percent_bps <= ALL_BPS:
        raise PercentWrong(field="percent")
    if rule.from_at is not None and rule.until_at is not None and rule.until_at <= rule.from_at:
        raise SpanWrong(field="until_at")
    for name in ("plants", "value_classes", "tags"):
        values = getattr(rule, name)
        # PostgreSQL's text holds every sign but NUL.
        if len(values) > VALUES_MAX or any(not 0 < len(one) <= VALUE_LENGTH_MAX or "\0" in one for one in values):
            raise ConditionWrong(field=name)


async def _record(
    action: str, before: SwitchRule, after: SwitchRule, feature: str, actor: Actor, reason: str, at: datetime
) -> None:
    old, new = msgspec.to_builtins(before), msgspec.to_builtins(after)
    changed = [name for name in old if old[name] != new[name]]

    def only(values: dict[str, Any]) -> dict[str, Any]:
        return {name: values[name] for name in changed}

    await audit.record(
        [
            AuditEntry(
                at=at,
                actor=actor,
                action=action,
                subject_kind="switch",
                subject_id=feature,
                before=only(old),
                after=only(new),
                reason=reason,
            )
        ]
    )


async def add_uses(uses: dict[tuple[str, date], int]) -> None:
    """Add to the counts of uses. Entry verb."""
    if uses:
        async with transactions.begin():
            await queries.add_uses([(feature, on_date, count) for (feature, on_date), count in sorted(uses.items())])


async def uses_since(since: date) -> list[Uses]:
    """Read how often features were used, by day, from a day on. Needs a reader."""
    return [Uses(**row) for row in await queries.uses_since(since)]


async def last_used() -> dict[str, date]:
    """Tell on which day each feature was used last; one that never was is not in the answer. Needs a reader."""
    return {row["feature"]: row["on_date"] for row in await queries.last_used()}
