"""A clerk is removed between the judging and the storing of their check-in: the removal came first, nothing is paid."""

from datetime import UTC, datetime
from typing import Any

import pytest

from games.checkin import checkins, queries
from loyalty.customers import bindings
from loyalty.customers.errors import BindingRequired
from loyalty.customers.personal import DataKeys
from tests import factories, rows

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)
GUARD = "WHERE EXISTS (SELECT FROM bindings b WHERE b.id = due.binding_id AND b.ended_at IS NULL)"


@pytest.mark.parametrize("guarded", [True, False], ids=["guard on", "guard off"])
async def test_who_was_removed_first_earns_nothing(
    db: str, data_keys: DataKeys, guarded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = await factories.outlet(AT, data_keys)
    owner = await factories.bound(shop, AT, data_keys)
    clerk = await factories.bound(shop, AT, data_keys)
    assert queries._STORE.count(GUARD) == 1
    if not guarded:
        monkeypatch.setattr(queries, "_STORE", queries._STORE.replace(GUARD, ""))
    store = queries.store

    async def store_after_the_removal(*arguments: Any) -> dict[int, int]:
        await bindings.remove(owner, clerk.id, AT)
        return await store(*arguments)

    monkeypatch.setattr(queries, "store", store_after_the_removal)
    (answer,) = await checkins.make([factories.play(clerk, AT)])
    entries = await rows.fetch(db, "SELECT count(*) FROM ledger_entries")
    if guarded:
        assert isinstance(answer, BindingRequired)
        assert entries == [(0,)]
    else:
        assert not isinstance(answer, Exception)
        assert entries == [(1,)]
