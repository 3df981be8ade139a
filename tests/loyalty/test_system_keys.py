"""System keys: made, recognised, rotated, given other scopes, revoked; all of it in the audit, never a key."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from loyalty.errors import Refusal
from loyalty.organisation import rules, system_keys
from loyalty.organisation.audit import Actor
from loyalty.organisation.errors import (
    OldKeyTimeWrong,
    ReasonMissing,
    ScopeUnknown,
    SystemKeyUnknown,
    SystemNameInvalid,
    SystemNameTaken,
)
from loyalty.organisation.system_keys import KeptKey
from tests import rows

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)
BY = Actor("command", "leketong", "命令行")
DAY = timedelta(days=1)
AUDIT = "SELECT actor_kind, action, subject_id, node_id, before, after, reason FROM audit_entries ORDER BY id"


async def audited(db: str) -> list[tuple[Any, ...]]:
    """Give what the audit says, with values decoded."""
    return [
        (*row[:4], *(one and msgspec.json.decode(str(one)) for one in row[4:6]), row[6])
        for row in await rows.fetch(db, AUDIT)
    ]


async def knows(key: str, at: datetime = AT) -> bool:
    """Tell whether a key opens."""
    return await system_keys.recognise(key, at) is not None


async def test_a_key_is_known_by_its_hash_alone(db: str) -> None:
    key = await system_keys.add("sfa", ["outlets", "bindings", "outlets"], AT, BY)
    assert key.startswith("lkt_")
    assert len(key) == len("lkt_") + 43
    assert await rows.fetch(db, "SELECT name, key_hash, scopes, created_at, last_used_at FROM system_keys") == [
        ("sfa", hashlib.sha256(key.encode()).digest(), ["bindings", "outlets"], AT, None)
    ]
    after = {"name": "sfa", "scopes": ["bindings", "outlets"]}
    assert await audited(db) == [("command", "key.added", "1", None, None, after, "")]
    assert key not in repr(await rows.picture(db))


async def test_a_key_is_recognised_until_it_is_revoked(db: str) -> None:
    key, other = await system_keys.add("sfa", ["outlets"], AT, BY), await system_keys.add("hub", ["orders"], AT, BY)
    system = await system_keys.recognise(key, AT)
    assert system is not None
    assert (system.name, system.scopes) == ("sfa", frozenset({"outlets"}))
    for wrong in ("", "lkt_", key[:-1], key + "A", key.upper(), "店"):
        assert not await knows(wrong)
    await system_keys.revoke(1, BY, "  对方  停用了 ", AT)
    assert not await knows(key)
    assert await knows(other)
    assert (await audited(db))[-1] == (
        "command",
        "key.revoked",
        "1",
        None,
        {"name": "sfa", "scopes": ["outlets"]},
        None,
        "对方 停用了",
    )


async def test_its_use_is_noted_once_a_minute_at_most(db: str) -> None:
    key = await system_keys.add("sfa", ["outlets"], AT, BY)
    noted = []
    for seconds in (0, 59, 60, 61):
        await system_keys.recognise(key, AT + timedelta(seconds=seconds))
        noted += await rows.fetch(db, "SELECT last_used_at FROM system_keys")
    assert noted == [(AT,), (AT,), (AT + timedelta(seconds=60),), (AT + timedelta(seconds=60),)]


@pytest.mark.parametrize(
    ("name", "scopes", "refusal"),
    [
        ("", ["outlets"], SystemNameInvalid),
        ("SFA", ["outlets"], SystemNameInvalid),
        ("-sfa", ["outlets"], SystemNameInvalid),
        ("a b", ["outlets"], SystemNameInvalid),
        ("sfa\n", ["outlets"], SystemNameInvalid),
        ("店", ["outlets"], SystemNameInvalid),
        ("a" * 65, ["outlets"], SystemNameInvalid),
        ("sfa", [], ScopeUnknown),
        ("sfa", ["outlets", "everything"], ScopeUnknown),
        ("sfa", [""], ScopeUnknown),
        ("taken", ["outlets"], SystemNameTaken),
    ],
)
async def test_a_refused_key_leaves_nothing(db: str, name: str, scopes: list[str], refusal: type[Refusal]) -> None:
    await system_keys.add("taken", ["feeds"], AT, BY)
    before = await rows.picture(db)
    with pytest.raises(refusal) as refused:
        await system_keys.add(name, scopes, AT, BY)
    assert refused.value.detail
    assert await rows.picture(db) == before


@pytest.mark.parametrize("name", ["a", "a" * 64, "sfa-2.test_x", "0"])
async def test_names_that_are_right(db: str, name: str) -> None:
    assert await system_keys.add(name, [*rules.SCOPES], AT, BY)


async def test_after_a_rotation_the_old_key_opens_for_as_long_as_was_said(db: str) -> None:
    old = await system_keys.add("sfa", ["outlets"], AT, BY)
    new = await system_keys.rotate(1, DAY, BY, AT)
    end = AT + DAY
    assert [await knows(old, at) for at in (AT, end - timedelta(microseconds=1), end)] == [True, True, False]
    assert [await knows(new, at) for at in (AT, end, end + 365 * DAY)] == [True, True, True]
    assert (await audited(db))[-1] == (
        "command",
        "key.rotated",
        "1",
        None,
        {"name": "sfa", "old_key_until": None},
        {"name": "sfa", "old_key_until": "2026-11-05T02:00:00Z"},
        "",
    )
    picture = repr(await rows.picture(db))
    assert old not in picture
    assert new not in picture


async def test_a_second_rotation_ends_the_first_key_at_once(db: str) -> None:
    first = await system_keys.add("sfa", ["outlets"], AT, BY)
    second = await system_keys.rotate(1, 7 * DAY, BY, AT)
    third = await system_keys.rotate(1, 7 * DAY, BY, AT)
    assert [await knows(key) for key in (first, second, third)] == [False, True, True]


async def test_a_rotation_may_end_the_old_key_at_once(db: str) -> None:
    first = await system_keys.add("sfa", ["outlets"], AT, BY)
    second = await system_keys.rotate(1, timedelta(), BY, AT)
    assert [await knows(first), await knows(second)] == [False, True]
    assert await rows.fetch(db, "SELECT old_key_hash, old_key_until FROM system_keys") == [(None, None)]


async def test_revoking_ends_both_keys(db: str) -> None:
    old = await system_keys.add("sfa", ["outlets"], AT, BY)
    new = await system_keys.rotate(1, DAY, BY, AT)
    await system_keys.revoke(1, BY, "泄露", AT)
    assert [await knows(old), await knows(new)] == [False, False]
    assert await rows.fetch(db, "SELECT revoked_at, old_key_hash FROM system_keys") == [(AT, None)]


async def test_scopes_count_at_the_next_call(db: str) -> None:
    key = await system_keys.add("sfa", ["outlets"], AT, BY)
    await system_keys.change_scopes(1, ["feeds", "bindings", "feeds"], BY, AT)
    system = await system_keys.recognise(key, AT)
    assert system is not None
    assert system.scopes == frozenset({"bindings", "feeds"})
    before, after = {"name": "sfa", "scopes": ["outlets"]}, {"name": "sfa", "scopes": ["bindings", "feeds"]}
    assert (await audited(db))[-1] == ("command", "key.scopes_changed", "1", None, before, after, "")
    picture = await rows.picture(db)
    await system_keys.change_scopes(1, ["bindings", "feeds"], BY, AT)
    assert await rows.picture(db) == picture


async def test_what_is_refused_changes_nothing(db: str) -> None:
    await system_keys.add("sfa", ["outlets"], AT, BY)
    await system_keys.add("gone", ["outlets"], AT, BY)
    await system_keys.revoke(2, BY, "停用", AT)
    before = await rows.picture(db)
    for keep_old_for in (timedelta(seconds=-1), 7 * DAY + timedelta(seconds=1)):
        with pytest.raises(OldKeyTimeWrong) as wrong:
            await system_keys.rotate(1, keep_old_for, BY, AT)
        assert wrong.value.detail == "旧密钥可以马上停用，最多保留 7 天。"
    for scopes in ([], ["nonsense"]):
        with pytest.raises(ScopeUnknown):
            await system_keys.change_scopes(1, scopes, BY, AT)
    for reason in ("", "  ", "长" * 201):
        with pytest.raises(ReasonMissing):
            await system_keys.revoke(1, BY, reason, AT)
    for key_id in (2, 3):
        with pytest.raises(SystemKeyUnknown):
            await system_keys.rotate(key_id, DAY, BY, AT)
        with pytest.raises(SystemKeyUnknown):
            await system_keys.change_scopes(key_id, ["feeds"], BY, AT)
        with pytest.raises(SystemKeyUnknown):
            await system_keys.revoke(key_id, BY, "再停一次", AT)
    assert await rows.picture(db) == before


async def test_the_list_shows_the_newest_first(db: str) -> None:
    assert await system_keys.listed() == []
    key = await system_keys.add("sfa", ["outlets"], AT, BY)
    await system_keys.add("hub", ["orders", "feeds"], AT + DAY, BY)
    await system_keys.recognise(key, AT)
    await system_keys.rotate(1, DAY, BY, AT)
    await system_keys.revoke(2, BY, "停用", AT + 2 * DAY)
    assert await system_keys.listed() == [
        KeptKey(2, "hub", ("feeds", "orders"), AT + DAY, None, AT + 2 * DAY, None),
        KeptKey(1, "sfa", ("outlets",), AT, AT, None, AT + DAY),
    ]
