"""Killing parts of a house while its members check in, and looking afterwards at what became of each check-in."""

import asyncio
import random
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec

from app.http.principals import MemberTokens
from app.settings import from_environment
from benchmarks.afterwards import Acknowledged, Stored, Told, differences
from benchmarks.household import PARTS, SUPERVISOR, WEB_WORKERS, Household, NotThere, until
from loyalty import clock
from loyalty.customers.standings import MemberRef

CLIENTS = 16
PAUSE_SECONDS = 0.05
"""A client's pause between two requests: 16 clients send some 250 a second, so kills meet requests in every state."""
REPEATED_SHARE = 0.1
"""So many acknowledged check-ins are asked for once more: the answer must be the same."""
ANSWER_SECONDS_MAX = 5.0
TRIES_MAX = 400
BACK_SECONDS_MAX = 30.0
MOMENT_SECONDS_MAX = 1.5
FEED_PAGE = 1_000
OK = 200

PEOPLE = """
    WITH shop AS (
        INSERT INTO outlets (code, name, name_initials, plant_id, status, created_at, updated_at)
        SELECT 'K' || n, 'shop ' || n, 'shop' || n, (SELECT min(id) FROM organisation_nodes WHERE kind = 'plant'),
               'open', now(), now()
          FROM generate_series(1, $1::int) n RETURNING id, code
    ), person AS (
        INSERT INTO members (openid, current_outlet_id, created_at)
        SELECT 'openid-' || code, id, now() FROM shop RETURNING id, current_outlet_id
    ), bound AS (
        INSERT INTO bindings (outlet_id, member_id, role, way, consent_version, consented_at, bound_at, idempotency_key,
                              input_hash)
        SELECT current_outlet_id, id, 'owner', 'offer', 'soak', now(), now(), 'soak', '' FROM person
    )
    SELECT person.id AS member_id, shop.code FROM person JOIN shop ON shop.id = person.current_outlet_id
"""
STORED = """
    SELECT c.idempotency_key AS key, c.member_id, o.code AS outlet_code, c.streak_days, c.points,
           ARRAY(SELECT e.points FROM ledger_entries e
                  WHERE e.source_kind = 'checkin' AND e.source_id = c.id::text) AS entries,
           coalesce(a.balance, 0) AS balance
      FROM checkins c JOIN outlets o ON o.id = c.outlet_id LEFT JOIN points_accounts a ON a.outlet_id = c.outlet_id
     WHERE o.code LIKE 'K%'
"""


@dataclass(frozen=True, slots=True)
class Kill:
    """A part that was killed, and how long it took until the house was whole again."""

    part: str
    served_seconds: float
    """Until a check-in begun after the kill was acknowledged; for the supervisor from the next start on."""
    whole_seconds: float
    """Until that check-in was told in the feed and counted by Celery, and every part was there."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found at the end."""

    acknowledged: int
    stored: int
    differences: list[str]
    proved: str
    """What `leketong prove` said; empty when it found nothing."""


class Trial:
    """A house with members who check in, and a log of what they were told."""

    def __init__(self, household: Household, log: Path, seed: int) -> None:
        self.household = household
        self._log = log
        self._random = random.Random(seed)
        self._people: Iterator[tuple[int, str]] = iter(())
        self._tokens: MemberTokens | None = None
        self._system: dict[str, str] = {}
        self._own: list[Acknowledged] = []
        self._stopping = asyncio.Event()
        self._clients: list[asyncio.Task[None]] = []

    async def open(self, outlets: int) -> None:
        """Start the house, bind so many members, and let the clients begin."""
        self.household.launch()
        await self.household.until_ready()
        self._tokens = MemberTokens(from_environment(self.household.settings).secret_keys)
        connection = await self.household.connect()
        try:
            found = await connection.fetch(PEOPLE, outlets)
            await connection.execute("ANALYZE")
        finally:
            await connection.close()
        self._people = iter([(row["member_id"], row["code"]) for row in found])
        key = self.household.command("system-key", "add", "soak", "--scopes", "feeds").stdout.splitlines()[-1]
        self._system = {"Authorization": f"Bearer {key}"}
        self._clients = [asyncio.create_task(self._client(number)) for number in range(CLIENTS)]

    async def _client(self, number: int) -> None:
        with self._log.with_suffix(f".{number}").open("ab", buffering=0) as log:
            async with httpx.AsyncClient(base_url=self.household.web, timeout=ANSWER_SECONDS_MAX) as http:
                while not self._stopping.is_set():
                    told = await self._check_in(http)
                    log.write(msgspec.json.encode(told) + b"\n")
                    if told.status == OK or self._random.random() < REPEATED_SHARE:
                        again = await self._ask(http, told.key, told.member_id, told.outlet_code)
                        log.write(msgspec.json.encode(again) + b"\n")
                    await asyncio.sleep(PAUSE_SECONDS)

    async def _check_in(self, http: httpx.AsyncClient) -> Acknowledged:
        """Check the next outlet in, with one key however often it takes. Raises NotThere after TRIES_MAX."""
        member_id, outlet_code = next(self._people)
        return await self._ask(http, f"{outlet_code}-{self._random.getrandbits(64):016x}", member_id, outlet_code)

    async def _ask(self, http: httpx.AsyncClient, key: str, member_id: int, outlet_code: str) -> Acknowledged:
        if self._tokens is None:
            raise RuntimeError("the trial was not opened")
        headers = {
            "Authorization": f"Bearer {self._tokens.give(MemberRef(member_id, 0), clock.now())[0]}",
            "Idempotency-Key": key,
        }
        said = ""
        for _ in range(TRIES_MAX):
            with suppress(httpx.TransportError):
                answer = await http.post("/mp/v1/games/checkin/plays", json={}, headers=headers)
                if answer.status_code in {OK, 201}:
                    body = answer.json()
                    outcome = body["outcome"]
                    return Acknowledged(
                        key,
                        member_id,
                        outlet_code,
                        answer.status_code,
                        outcome["streak_days"],
                        outcome["points"],
                        body["repeated"],
                    )
                said = answer.text
                if answer.status_code not in {429, 503}:
                    break
            await asyncio.sleep(PAUSE_SECONDS)
        raise NotThere(f"the check-in of {outlet_code} was never acknowledged; the last answer was {said}")

    async def kill(self, part: str) -> Kill:
        """Kill a part at a random moment; return when the house is whole again. Raises NotThere."""
        await asyncio.sleep(self._random.random() * MOMENT_SECONDS_MAX)
        for client in self._clients:
            if client.done():
                client.result()
        gone = self.household.kill(part, self._random.choice)
        if part == SUPERVISOR:
            await self.household.bury()
            self.household.launch()
        started = time.monotonic()
        async with httpx.AsyncClient(base_url=self.household.web, timeout=ANSWER_SECONDS_MAX) as http:
            told = await self._check_in(http)
            self._own.append(told)
            served = time.monotonic() - started
            async with asyncio.timeout(BACK_SECONDS_MAX):
                await self._until_counted(told.outlet_code)
                await until(lambda: self._all_there(gone), BACK_SECONDS_MAX, f"{part} itself")
        return Kill(part, served, time.monotonic() - started)

    def _all_there(self, gone: int) -> bool:
        found = {part: self.household.pids(part) for part in PARTS}
        whole = all(
            len(pids) == (WEB_WORKERS if part == "web" else 1) and gone not in pids for part, pids in found.items()
        )
        return whole and self.household.redis_answers()

    async def _until_counted(self, outlet_code: str) -> None:
        """Return when the outlet's check-in was stamped and the reaction that counts check-ins has seen it."""
        connection = await self.household.connect()
        try:
            counted = "SELECT EXISTS (SELECT FROM outlet_days WHERE outlet_code = $1)"
            while not await connection.fetchval(counted, outlet_code):  # noqa: ASYNC110 - it happens elsewhere
                await asyncio.sleep(PAUSE_SECONDS)
        finally:
            await connection.close()

    async def close(self) -> Verdict:
        """Let the clients finish, compare their logs with everything else, prove, and stop the house."""
        self._stopping.set()
        await asyncio.gather(*self._clients)
        logs = [self._log.with_suffix(f".{number}").read_bytes().splitlines() for number in range(CLIENTS)]
        acknowledged = [msgspec.json.decode(line, type=Acknowledged) for lines in logs for line in lines] + self._own
        stored = await self._stored()
        told = await self._told(sum(row.outlet_code.startswith("K") for row in stored))
        proved = self.household.command("prove")
        self.household.stop()
        return Verdict(
            len({(one.member_id, one.key) for one in acknowledged}),
            len(stored),
            differences(acknowledged, stored, told),
            "" if proved.returncode == 0 else proved.stdout + proved.stderr,
        )

    async def _stored(self) -> list[Stored]:
        connection = await self.household.connect()
        try:
            rows = await connection.fetch(STORED)
        finally:
            await connection.close()
        return [Stored(**{**row, "entries": tuple(row["entries"])}) for row in rows]

    async def _told(self, checkins: int) -> list[Told]:
        """Read the whole feed over HTTP, until it tells of so many check-ins of ours. Raises TimeoutError."""
        told: list[Told] = []
        after = "0"
        async with (
            httpx.AsyncClient(base_url=self.household.web, timeout=30) as http,
            asyncio.timeout(BACK_SECONDS_MAX),
        ):
            while True:
                page: Any = (
                    await http.get(
                        "/systems/v1/feeds/engagement",
                        params={"after": after, "limit": FEED_PAGE},
                        headers=self._system,
                    )
                ).json()
                told += [Told(int(one["position"]), one["id"], one["type"], one["subject"]) for one in page["events"]]
                after = page["next_cursor"]
                if not page["has_more"]:
                    if sum(one.subject.startswith("K") for one in told) >= checkins:
                        return told
                    await asyncio.sleep(PAUSE_SECONDS)
