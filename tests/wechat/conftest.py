"""A sandbox over real HTTP on loopback, clients for it, and servers that behave as badly as asked."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Protocol

import httpx
import pytest
from sanic import Sanic

from wechat.client import AsyncWeChatClient
from wechat.config import WeChatConfig
from wechat.sandbox.server import create_sandbox
from wechat.sandbox.world import Account, Catalogue, World
from wechat.tokens import MemoryTokenStore, TokenStore

APPID = "wx0123456789abcdef"
SECRET = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
PUSH_TOKEN = "AAAAA"
AES_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
TEMPLATE = "tmpl_order_on_its_way"


@asynccontextmanager
async def serving(app: Sanic[Any, Any]) -> AsyncIterator[str]:
    """Run an application in this loop and yield its address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server: Any = await app.create_server(sock=listening, return_asyncio_server=True, access_log=False)
        await server.startup()
        await server.before_start()
        await server.after_start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            await server.before_stop()
            await server.close()
            await server.after_stop()


class Sandbox:
    """The sandbox under test, as a person at its control calls sees it."""

    def __init__(self, url: str, app: Sanic[Any, Any]) -> None:
        self.url = url
        self.app = app
        # Loopback speaks no TLS, and reading the certificates takes longer than most of these tests.
        self.http = httpx.AsyncClient(base_url=url, trust_env=False, verify=False)  # noqa: S501

    @property
    def world(self) -> World:
        """What the running sandbox knows."""
        world: World = self.app.ctx.world
        return world

    async def post(self, control: str, /, **told: object) -> dict[str, Any]:
        """Make a control call that must succeed."""
        answer = await self.http.post(f"/sandbox/{control}", json=told)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def member(self, phone: str | None = None) -> str:
        """Make a member and return the openid."""
        return str((await self.post("members", phone=phone))["openid"])

    async def code(self, openid: str, kind: str = "login") -> str:
        """Let the member tap, and return the code."""
        return str((await self.post("codes", openid=openid, kind=kind))["code"])

    async def allow(self, openid: str, template_id: str = TEMPLATE) -> None:
        """Let the member allow one message."""
        await self.post("grants", openid=openid, template_id=template_id, accept=True)

    async def paths(self) -> list[tuple[str, int | None]]:
        """Return the calls so far, as (path, errcode)."""
        items = (await self.http.get("/sandbox/calls")).json()["items"]
        return [(call["path"], call["errcode"]) for call in items]

    def config(self) -> WeChatConfig:
        """Return the settings of a client of this sandbox."""
        return WeChatConfig(APPID, SECRET, PUSH_TOKEN, AES_KEY, self.url)

    async def token(self) -> str:
        """Return the stable token, asked for by hand."""
        body = {"grant_type": "client_credential", "appid": APPID, "secret": SECRET}
        return str((await self.http.post("/cgi-bin/stable_token", json=body)).json()["access_token"])


@asynccontextmanager
async def running_sandbox(
    callback_url: str | None = None, catalogue: Catalogue | None = None
) -> AsyncIterator[Sandbox]:
    """Run a fresh sandbox."""
    app = create_sandbox(None, Account(APPID, SECRET, PUSH_TOKEN, AES_KEY), callback_url, catalogue)
    async with serving(app) as url:
        sandbox = Sandbox(url, app)
        try:
            yield sandbox
        finally:
            await sandbox.http.aclose()


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """Run a fresh sandbox without a callback URL."""
    async with running_sandbox() as found:
        yield found


class MakeClient(Protocol):
    """Makes a client that is closed at the end of the test; `changes` are fields of its WeChatConfig."""

    def __call__(
        self, url: str, store: TokenStore | None = None, now: Callable[[], float] | None = None, **changes: Any
    ) -> AsyncWeChatClient:
        """Make one."""


@pytest.fixture
async def make_client() -> AsyncIterator[MakeClient]:
    made: list[AsyncWeChatClient] = []

    def make(
        url: str, store: TokenStore | None = None, now: Callable[[], float] | None = None, **changes: Any
    ) -> AsyncWeChatClient:
        config = replace(WeChatConfig(APPID, SECRET, PUSH_TOKEN, AES_KEY, url), **changes)
        chosen = store or MemoryTokenStore()
        client = AsyncWeChatClient(config, chosen) if now is None else AsyncWeChatClient(config, chosen, now)
        made.append(client)
        return client

    yield make
    for client in made:
        await client.aclose()


@pytest.fixture
def client(sandbox: Sandbox, make_client: MakeClient) -> AsyncWeChatClient:
    """Make a client of the fresh sandbox."""
    return make_client(sandbox.url)


Answering = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def raw_server(answering: Answering) -> AsyncIterator[str]:
    """Run a TCP server, give every connection to `answering`, yield its address."""
    tasks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await answering(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await server.wait_closed()


def saying(status: str, body: bytes, content_type: str = "application/json") -> Answering:
    """Answer the first request of each connection with this."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        writer.write(f"{head}Connection: close\r\n\r\n".encode() + body)
        await writer.drain()

    return answer


async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Take everything and never answer."""
    while await reader.read(1024):
        pass
