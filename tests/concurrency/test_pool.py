"""Reads take one connection each, so many at once wait for their turn and never for each other."""

import asyncio
from datetime import UTC, datetime

from loyalty.customers import binding_codes, bindings, members
from loyalty.customers.personal import DataKeys
from tests import factories

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)
MORE_THAN_THE_POOL = 60


async def test_many_reads_at_once_all_end(db: str, data_keys: DataKeys) -> None:
    shop = await factories.outlet(AT, data_keys)
    owner = await factories.bound(shop, AT, data_keys)
    token = (await binding_codes.issue(shop, None, "card", "tests", AT)).token
    async with asyncio.timeout(20):
        await asyncio.gather(*(bindings.offers(owner, data_keys) for _ in range(MORE_THAN_THE_POOL)))
        await asyncio.gather(*(bindings.people(owner, data_keys) for _ in range(MORE_THAN_THE_POOL)))
        await asyncio.gather(*(binding_codes.show(owner, token, AT) for _ in range(MORE_THAN_THE_POOL)))
        await asyncio.gather(*(members.read(owner, data_keys) for _ in range(MORE_THAN_THE_POOL)))
        await asyncio.gather(*(members.openid_of(owner) for _ in range(MORE_THAN_THE_POOL)))
