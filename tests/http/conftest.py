"""Callers for HTTP tests: outlets that master data brings, and members who log in through the sandbox's WeChat."""

import re
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import asyncpg
import httpx
import msgspec
import pytest
import pytest_asyncio

from app import database
from app.http.console import cookies
from loyalty.customers.texts import CONSENT_VERSION
from tests.conftest import ROOT, House
from tests.http.staffing import Person, Staffing

CHINESE = re.compile(r"[\u4e00-\u9fff]")
# Filled by the stamper behind our back, or when a key is used; events are counted wherever they stand at the moment.
MOVED_BY_OTHERS = {"system_keys", "outbox", "feed_heads", "feature_uses", "staff_sessions"}


def refused(answer: httpx.Response, status: int, code: str, names: str | None = None) -> None:
    """Prove that an answer is this refusal, whole and readable."""
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert CHINESE.search(problem["title"])
    assert CHINESE.search(problem["detail"])
    assert problem["detail"].endswith("。")
    assert "{" not in problem["detail"]
    assert problem["trace_id"] == answer.headers["trace-id"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    if names is not None:
        assert problem["field"] == names


@dataclass(frozen=True)
class Caller:
    """A member who is logged in, with the outlet they are bound to, if any."""

    token: str
    id: str
    openid: str
    outlet_code: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        """Show the token."""
        return {"authorization": f"Bearer {self.token}"}

    @property
    def keyed(self) -> dict[str, str]:
        """Show the token, and a new idempotency key."""
        return {**self.headers, "idempotency-key": secrets.token_hex(12)}


class Callers:
    """Makes what a test needs, over the house's own interface."""

    def __init__(self, house: House, client: httpx.AsyncClient) -> None:
        self._house = house
        self.client = client
        self.system = {"authorization": f"Bearer {house.system_key}"}

    async def outlets(self, count: int = 1, **fields: str) -> list[str]:
        """Bring new outlets; give their codes."""
        codes = [f"T{secrets.token_hex(6)}" for _ in range(count)]
        rows = [{"code": code, "name": "向阳便利店", "plant_code": "P01", **fields} for code in codes]
        answer = await self.client.put("/systems/v1/outlets", json={"outlets": rows}, headers=self.system)
        assert answer.json() == {"inserted": count, "updated": 0, "unchanged": 0, "rejected": []}
        return codes

    async def code_for(self, outlet_code: str) -> str:
        """Give a new binding code."""
        answer = await self.client.post(
            "/systems/v1/binding-codes", json={"outlet_code": outlet_code}, headers=self.system
        )
        assert answer.status_code == 201
        return str(answer.json()["token"])

    async def wechat_code(self, openid: str, kind: str = "login") -> str:
        """Give a one-use code, as WeChat gives it to the mini-program."""
        answer = await self.client.post(
            f"{self._house.sandbox_url}/sandbox/codes", json={"openid": openid, "kind": kind}
        )
        assert answer.status_code == 200
        return str(answer.json()["code"])

    async def guest_openid(self) -> str:
        """Make a person in WeChat."""
        answer = await self.client.post(f"{self._house.sandbox_url}/sandbox/members", json={})
        assert answer.status_code == 200
        return str(answer.json()["openid"])

    async def member(self) -> Caller:
        """Log a new person in."""
        openid = await self.guest_openid()
        answer = await self.client.post("/mp/v1/session", json={"code": await self.wechat_code(openid)})
        assert answer.status_code == 200
        session = answer.json()
        return Caller(session["token"], session["member"]["id"], openid)

    async def bind(self, member: Caller, outlet_code: str) -> Caller:
        """Bind a member by a new code."""
        answer = await self.client.post(
            "/mp/v1/bindings",
            json={"token": await self.code_for(outlet_code), "consent_version": CONSENT_VERSION},
            headers=member.keyed,
        )
        assert answer.status_code == 201
        return Caller(member.token, member.id, member.openid, outlet_code)

    async def owner(self) -> Caller:
        """Make the owner of a new outlet."""
        (outlet_code,) = await self.outlets()
        return await self.bind(await self.member(), outlet_code)


@pytest_asyncio.fixture(scope="session")
async def callers(house: House) -> AsyncIterator[Callers]:
    """Give the maker of callers, with a client of the house."""
    async with httpx.AsyncClient(base_url=house.base_url, timeout=20) as client:
        yield Callers(house, client)


@pytest.fixture(scope="session")
def staffing(house: House) -> Staffing:
    """Fill the house with two plants and somebody of every role, each logged in."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.http.staffing", house.database_url],
        cwd=ROOT,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode()
    return msgspec.json.decode(done.stdout, type=Staffing)


class Browser:
    """What a staff member's browser does: sends its cookie, and forms with their token."""

    def __init__(self, client: httpx.AsyncClient, secret_keys: tuple[str, ...], token: str) -> None:
        self._client = client
        self._token = token
        self.csrf = cookies.form_token(secret_keys[0], token)

    async def get(self, path: str, **headers: str) -> httpx.Response:
        """Ask for a page."""
        return await self._client.get(path, headers={"cookie": f"{cookies.SESSION}={self._token}", **headers})

    async def post(self, path: str, csrf: str | None = None, **fields: object) -> httpx.Response:
        """Send a form, with its token unless another one is given."""
        return await self._client.post(
            path,
            data={"csrf": self.csrf if csrf is None else csrf, **fields},
            headers={"cookie": f"{cookies.SESSION}={self._token}"},
        )

    async def upload(self, path: str, field: str, content: bytes, **fields: str) -> httpx.Response:
        """Send a form with a file."""
        return await self._client.post(
            path,
            data={"csrf": self.csrf, **fields},
            files={field: ("a file", content)},
            headers={"cookie": f"{cookies.SESSION}={self._token}"},
        )


@pytest.fixture(scope="session")
def browser_of(house: House, callers: Callers) -> Callable[[Person], Browser]:
    """Give the browser of a staff member."""
    return lambda person: Browser(callers.client, house.settings.secret_keys, person.token)


class Database:
    """Looks at the house's database from outside."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection

    async def picture(self) -> dict[str, str]:
        """Give a fingerprint of every table, and how many events there are."""
        found = await self.connection.fetch(
            "SELECT relname AS name FROM pg_class c WHERE relnamespace = 'public'::regnamespace"
            " AND relkind IN ('r', 'p') AND NOT relispartition"
        )
        names = sorted(row["name"] for row in found if row["name"] not in MOVED_BY_OTHERS | {"event_log"})
        picture = {}
        for name in names:
            picture[name] = str(
                await self.connection.fetchval(
                    f"SELECT md5(coalesce(string_agg(t::text, ',' ORDER BY t::text), '')) FROM {name} t"
                )
            )
        events = "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM event_log)"
        picture["events"] = str(await self.connection.fetchval(events))
        return picture


@pytest_asyncio.fixture(scope="session")
async def stored(house: House) -> AsyncIterator[Database]:
    """Give a view of the house's database."""
    connection = await asyncpg.connect(**database.credentials(house.database_url))
    yield Database(connection)
    await connection.close()
