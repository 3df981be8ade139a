"""`python -m app.hub`: takes orders in, drives them, and reports each step until it is taken."""

import argparse
import asyncio
import os
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
from sanic import HTTPResponse, Request, Sanic, json
from sanic.response import html as html_answer
from sanic.response import redirect

from app import database, settings
from app.hub.pages import STEPS, page_of
from app.hub.queries import Hub, Pace
from app.settings import Settings
from loyalty import clock, transactions
from loyalty.customers.personal import DataKeys
from loyalty.feeds.webhooks import consumers, rules
from loyalty.feeds.webhooks.errors import ConsumerUnknown
from loyalty.organisation import system_keys
from loyalty.organisation.audit import Actor

NAME = "demo-hub"
BY = Actor("command", "leketong", "演示订单中心")
TOLERANCE = timedelta(minutes=5)


def verified(secret: str, headers: Mapping[str, str], body: bytes, at: datetime) -> bool:
    """Tell whether a call is from who knows the secret, and of now."""
    timestamp = headers.get("webhook-timestamp", "")
    if not timestamp.isdigit() or abs(at.timestamp() - int(timestamp)) > TOLERANCE.total_seconds():
        return False
    ours = rules.signature(secret, headers.get("webhook-id", ""), int(timestamp), body)
    return ours in headers.get("webhook-signature", "").split()


def create_hub(hub: Hub, api_url: str) -> Sanic[Any, Any]:
    """Build the hub's own web application."""
    app: Sanic[Any, Any] = Sanic("leketong-demo-hub", configure_logging=False)

    @app.post("/in")
    async def take(request: Request) -> HTTPResponse:
        now = datetime.now(UTC)
        if not verified(hub.word("secret") or "", request.headers, request.body, now):
            return json({"error": "signature"}, status=401)
        hub.take(msgspec.json.decode(request.body), now)
        return json({"taken": True})

    @app.get("/health")
    async def health(_request: Request) -> HTTPResponse:
        return json({"ok": True})

    @app.get("/")
    async def show(_request: Request) -> HTTPResponse:
        return html_answer(page_of(hub))

    @app.get("/hub/orders")
    async def orders(_request: Request) -> HTTPResponse:
        return json([{"number": number, "status": status} for number, _, status, _, _ in hub.orders()])

    _drive(app, hub)

    @app.after_server_start
    async def start(_app: Sanic[Any, Any]) -> None:
        _app.add_task(_run(hub, api_url), name="reports")

    return app


def _drive(app: Sanic[Any, Any], hub: Hub) -> None:
    """Route what a person or a test drives the hub by."""

    @app.post("/hub/orders/<number:str>/<step:str>")
    async def advance(request: Request, number: str, step: str) -> HTTPResponse:
        if step not in STEPS or not hub.step(number, step, datetime.now(UTC)):
            return json({"error": "unknown"}, status=404)
        return redirect("/") if request.form is not None and request.form.get("page") else json({"number": number})

    @app.post("/hub/settings")
    async def change(request: Request) -> HTTPResponse:
        if request.form:
            pace = hub.pace
            pace.automatic = not pace.automatic
            hub.keep("pace", msgspec.json.encode(pace).decode())
            return redirect("/")
        try:
            hub.keep("pace", msgspec.json.encode(msgspec.json.decode(request.body, type=Pace)).decode())
        except msgspec.DecodeError as fault:
            return json({"error": str(fault)}, status=422)
        return json(msgspec.to_builtins(hub.pace))


async def _run(hub: Hub, api_url: str) -> None:
    """Go on by itself, and report until each report is taken."""
    async with httpx.AsyncClient(base_url=api_url, timeout=5) as api:
        while True:
            hub.go_on(datetime.now(UTC))
            with suppress(httpx.HTTPError):
                for report_id, number, body in hub.unsent():
                    answer = await api.post(
                        f"/systems/v1/orders/{number}/progress",
                        content=body,
                        headers={"content-type": "application/json", "authorization": f"Bearer {hub.word('key')}"},
                    )
                    if answer.status_code not in {200, 404, 409, 422}:
                        break
                    hub.sent(report_id)
            await asyncio.sleep(0.5)


async def introduce(hub: Hub, config: Settings, url: str) -> None:
    """See that the house brings orders here and takes reports from here, wherever here is today."""
    now, data_keys = clock.now(), DataKeys(config.data_keys)
    async with database.opened(config.database_url, pool_max=1, name="leketong-demo-hub"):
        try:
            async with transactions.reader():
                known = await consumers.read(NAME)
        except ConsumerUnknown:
            hub.keep(
                "secret", await consumers.add(NAME, "演示订单中心", url, ["orders"], data_keys, BY, now, demo=True)
            )
        else:
            if known.url != url:
                await consumers.change(NAME, known.name, url, known.feeds, BY, now, demo=True)
            if hub.word("secret") is None:
                hub.keep("secret", await consumers.rotate(NAME, data_keys, BY, now))
        if hub.word("key") is None:
            old = next((one for one in await system_keys.listed() if one.name == NAME), None)
            key = (
                await system_keys.add(NAME, ["orders"], now, BY)
                if old is None
                else await system_keys.rotate(old.id, timedelta(), BY, now)
            )
            hub.keep("key", key)


def main(arguments: list[str] | None = None) -> int:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m app.hub")
    parser.add_argument("--fd", type=int, required=True, help="an inherited socket that already listens")
    parser.add_argument("--state", type=Path, required=True, help="the file that keeps its orders")
    told = parser.parse_args(arguments)
    listening = socket.socket(fileno=told.fd)
    config = settings.from_environment(os.environ)
    hub = Hub(told.state)
    asyncio.run(introduce(hub, config, f"http://127.0.0.1:{listening.getsockname()[1]}/in"))
    app = create_hub(hub, config.public_url)
    app.run(sock=listening, single_process=True, motd=False, access_log=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
