"""A rewards shop of a test's own in the shared house."""

import re
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from loyalty.clock import SHANGHAI
from tests.http.conftest import Caller, Callers, Database

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


class Storefront:
    """A shop of its own in the shared house: rewards for one plant, and outlets of it with points."""

    def __init__(self, callers: Callers, stored: Database) -> None:
        self.callers = callers
        self.client = callers.client
        self.connection = stored.connection
        self.plant = f"R{secrets.token_hex(4)}"

    async def reward(self, units: int | None = None, **changes: Any) -> str:
        """Put a live coupon into the catalogue; give its id."""
        now = datetime.now(UTC)
        values: dict[str, Any] = {
            "type": "coupon", "name": "满 100 减 10", "description": "本月有效",
            "terms": '{"off_fen":1000,"minimum_fen":10000}', "cost_points": 100, "cost_fen": 1_000,
            "plants": [self.plant], "value_classes": [], "tags": [], "from_at": now - timedelta(days=1),
            "until_at": now + timedelta(days=9), "days_valid": 7, "state": "live", "made_by": "command:tests",
            "made_at": now,
        } | changes  # fmt: skip
        places = ", ".join(f"${n}" for n in range(1, len(values) + 1))
        made = await self.connection.fetchval(
            f"INSERT INTO rewards ({', '.join(values)}) VALUES ({places}) RETURNING id", *values.values()
        )
        if units is not None:
            await self.connection.execute(
                "WITH a AS (INSERT INTO allotments (purpose, units_total, units_free) VALUES ($1, $2, $2) RETURNING id)"
                " UPDATE rewards SET allotment_id = (SELECT id FROM a) WHERE id = $3",
                f"reward:{made}",
                units,
                made,
            )
        return str(made)

    async def rich(self, points: int = 250) -> Caller:
        """Make the owner of an outlet with so many points."""
        (code,) = await self.callers.outlets(plant_code=self.plant)
        owner = await self.callers.bind(await self.callers.member(), code)
        until = (datetime.now(SHANGHAI) + timedelta(days=300)).date()
        await self.connection.execute(
            """
            WITH o AS (SELECT id FROM outlets WHERE code = $1), e AS (
                INSERT INTO ledger_entries (outlet_id, kind, points, owed_change, pending_change, expires_on,
                                            source_kind, source_id, rule, why, at)
                SELECT id, 'accrual', $2, 0, 0, $3, 'test', $1, 'test:1', '起步积分', now() FROM o
            ), l AS (
                INSERT INTO points_lots (outlet_id, expires_on, points_left) SELECT id, $3, $2 FROM o
            )
            INSERT INTO points_accounts (outlet_id, balance) SELECT id, $2 FROM o
            """,
            code,
            points,
            until,
        )
        return owner

    async def redeem(self, who: Caller, reward_id: str, headers: Any = None, **body: Any) -> httpx.Response:
        """Ask for a reward, with a new key unless headers are given."""
        path = f"/mp/v1/rewards/{reward_id}/redemptions"
        return await self.client.post(path, json=body, headers=who.keyed if headers is None else headers)

    async def listed(self, who: Caller) -> dict[str, Any]:
        """Give the shop as somebody sees it."""
        answer = await self.client.get("/mp/v1/rewards", headers=who.headers)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def get(self, path: str, who: Caller) -> httpx.Response:
        """Ask for something."""
        return await self.client.get(path, headers=who.headers)


def without_instants(view: dict[str, Any], *names: str) -> dict[str, Any]:
    """Take instants out of a view, after a look at their form."""
    for name in names:
        assert INSTANT.fullmatch(view[name]), view[name]
    return {name: value for name, value in view.items() if name not in names}
