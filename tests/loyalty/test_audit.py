"""The audit: written with the change, never changed, searched only in reach."""

from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from loyalty import transactions
from loyalty.organisation import audit
from loyalty.organisation.audit import Actor, AuditEntry, AuditSearch, KeptEntry
from loyalty.organisation.errors import ReasonMissing
from tests import rows
from tests.organisation import Places, planted

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
LIN, SFA = Actor("staff", "7", "林晓"), Actor("system", "3", "sfa")


@pytest.fixture
async def there(db: str) -> Places:
    """Give the places, with five entries of the audit alone."""
    places = await planted(AT)
    await rows.execute(db, "TRUNCATE audit_entries RESTART IDENTITY")
    async with transactions.begin():
        await audit.record(
            [
                entry(0, "outlet.changed", "outlet", "SH0001", places.pudong, before={"name": "旧店名"}),
                entry(1, "outlet.moved", "outlet", "SH0001", places.nanjing, reason="划给南京"),
                entry(2, "grant.added", "staff", "12", places.shanghai, after={"role": "rep"}),
                entry(3, "key.added", "system_key", "1", None, after={"name": "Hub"}),
                entry(4, "outlet.changed", "outlet", "SH0002", places.root, actor=SFA),
            ]
        )
    return places


def entry(
    hours: int,
    action: str,
    kind: str,
    subject: str,
    node_id: int | None,
    *,
    actor: Actor = LIN,
    before: dict[str, object] | None = None,
    after: dict[str, object] | None = None,
    reason: str = "",
) -> AuditEntry:
    """Give an entry of so many hours later."""
    return AuditEntry(
        at=AT + hours * HOUR,
        actor=actor,
        action=action,
        subject_kind=kind,
        subject_id=subject,
        before=before,
        after=after,
        reason=reason,
        node_id=node_id,
    )


async def found(reach: list[int], skip: int = 0, limit: int = 50, **wanted: object) -> list[int]:
    """Search and give the ids."""
    async with transactions.reader():
        return [one.id for one in await audit.search(reach, AuditSearch(**wanted), skip, limit)]  # type: ignore[arg-type]


async def test_entries_come_back_as_they_went_in(there: Places) -> None:
    async with transactions.reader():
        (first,) = await audit.search([there.pudong], AuditSearch(), 0, 50)
    assert first == KeptEntry(
        1, AT, "staff", "7", "林晓", "outlet.changed", "outlet", "SH0001", {"name": "旧店名"}, None, ""
    )


async def test_only_what_happened_in_reach_is_seen_and_what_has_no_place_from_the_root(there: Places) -> None:
    assert await found([there.root]) == [5, 4, 3, 2, 1]
    assert await found([there.shanghai]) == [3, 1]
    assert await found([there.pudong]) == [1]
    assert await found([there.nanjing]) == [2]
    assert await found([there.nanjing, there.pudong]) == [2, 1]
    assert await found([there.route]) == []
    assert await found([]) == []


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        ({"text": "旧店"}, [1]),
        ({"text": "划给"}, [2]),
        ({"text": "sh0001"}, [2, 1]),
        ({"text": "hub"}, [4]),
        ({"text": "林晓"}, [4, 3, 2, 1]),
        ({"text": "SFA"}, [5]),
        ({"text": "%"}, []),
        ({"action": "outlet."}, [5, 2, 1]),
        ({"action": "outlet.moved"}, [2]),
        ({"subject_kind": "staff"}, [3]),
        ({"subject_kind": "outlet", "subject_id": "SH0002"}, [5]),
        ({"from_at": AT + HOUR, "until_at": AT + 3 * HOUR}, [3, 2]),
        ({"from_at": AT + 5 * HOUR}, []),
        ({"until_at": AT}, []),
        ({"subject_id": "SH0001", "action": "outlet.changed", "until_at": AT + HOUR}, [1]),
    ],
)
async def test_a_search(there: Places, wanted: dict[str, Any], ids: list[int]) -> None:
    assert await found([there.root], **wanted) == ids
    assert await found([there.route], **wanted) == []


async def test_a_page_of_a_search(there: Places) -> None:
    assert await found([there.root], 1, 2) == [4, 3]
    assert await found([there.root], 4, 2) == [1]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entries SET reason = 'x'",
        "UPDATE audit_entries SET at = now() WHERE id = 3",
        "DELETE FROM audit_entries WHERE id = 1",
        "DELETE FROM audit_entries",
    ],
)
@pytest.mark.usefixtures("there")
async def test_an_entry_is_never_changed_or_deleted(db: str, statement: str) -> None:
    before = await rows.picture(db)
    with pytest.raises(asyncpg.RaiseError, match="never changed or deleted"):
        await rows.execute(db, statement)
    assert await rows.picture(db) == before


async def test_an_entry_is_of_its_transaction(db: str, there: Places) -> None:
    before = await rows.picture(db)
    one = entry(0, "outlet.changed", "outlet", "SH0001", there.pudong)
    with pytest.raises(RuntimeError):
        await audit.record([one])
    with pytest.raises(ZeroDivisionError):
        async with transactions.begin():
            await audit.record([one])
            raise ZeroDivisionError
    async with transactions.begin():
        await audit.record([])
    assert await rows.picture(db) == before


@pytest.mark.parametrize(
    ("text", "reason"), [(" 换 \n岗 ", "换 岗"), ("长" * 200, "长" * 200), ("", None), ("长" * 201, None)]
)
def test_a_reason(text: str, reason: str | None) -> None:
    if reason is None:
        with pytest.raises(ReasonMissing):
            audit.required_reason(text)
    else:
        assert audit.required_reason(text) == reason
