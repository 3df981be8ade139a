"""A clerk is removed while their check-in waits for the outlet: the removal came first, so nothing is paid."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import asyncpg
import pytest

from games.checkin import checkins
from loyalty import transactions
from loyalty.customers import bindings, queries
from loyalty.customers.errors import BindingRequired
from loyalty.customers.personal import DataKeys
from tests import factories, rows

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)


async def outlets_only(member_ids: Sequence[int]) -> list[asyncpg.Record]:
    """Lock as the verb does, but the outlets alone."""
    statement = queries._STANDING.format(join="JOIN") + " ORDER BY o.id FOR NO KEY UPDATE OF o"
    return await transactions.writing().fetch(statement, member_ids)


@pytest.mark.parametrize("guarded", [True, False], ids=["guard on", "guard off"])
async def test_who_was_removed_first_earns_nothing(
    db: str, data_keys: DataKeys, guarded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = await factories.outlet(AT, data_keys)
    owner = await factories.bound(shop, AT, data_keys)
    clerk = await factories.bound(shop, AT, data_keys)
    if not guarded:
        monkeypatch.setattr(queries, "lock_standings", outlets_only)
    locked, released = asyncio.Event(), asyncio.Event()
    original = queries.leave_outlet

    async def pausing(member_id: int, outlet_id: int) -> None:
        await original(member_id, outlet_id)
        locked.set()
        await released.wait()

    monkeypatch.setattr(queries, "leave_outlet", pausing)
    removing = asyncio.create_task(bindings.remove(owner, clerk.id, AT))
    await locked.wait()
    waiting = asyncio.create_task(checkins.make([factories.play(clerk, AT)]))
    await rows.until_blocked(db)
    released.set()
    await removing
    (answer,) = await waiting
    entries = await rows.fetch(db, "SELECT count(*) FROM ledger_entries")
    if guarded:
        assert isinstance(answer, BindingRequired)
        assert entries == [(0,)]
    else:
        assert not isinstance(answer, BindingRequired)
        assert entries == [(1,)]
