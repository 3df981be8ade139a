"""The demo's order hub: a small program of its own that takes orders by webhook and reports back, as a plant's would.

It knows of us only what any hub would: the secret that signs and a system key. It keeps its orders and what it has
still to report in a file, so that nothing it has taken is lost when it is killed. Never part of production.
"""

import argparse
import asyncio
import html
import os
import socket
import sqlite3
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
from app.settings import Settings
from loyalty import clock, transactions
from loyalty.customers.personal import DataKeys
from loyalty.feeds.webhooks import consumers, rules
from loyalty.feeds.webhooks.errors import ConsumerUnknown
from loyalty.organisation import system_keys
from loyalty.organisation.audit import Actor

NAME = "demo-hub"
BY = Actor("command", "leketong", "演示订单中心")
SHOWN_MAX = 50
TOLERANCE = timedelta(minutes=5)
STEPS: dict[str, str] = {
    "confirmed": "确认",
    "shorted": "缺货",
    "shipped": "发货",
    "delivered": "送达",
    "returned": "退货",
    "rejected": "拒单",
}
AUTOMATIC: dict[str, tuple[str, str]] = {
    "placed": ("confirmed", "confirm_seconds"),
    "confirmed": ("shipped", "ship_seconds"),
    "shipped": ("delivered", "deliver_seconds"),
}
"""What comes next by itself, and after how many seconds."""
SCHEMA = """
    CREATE TABLE IF NOT EXISTS orders (number TEXT PRIMARY KEY, body TEXT NOT NULL, status TEXT NOT NULL,
                                       since REAL NOT NULL, place INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS reports (id INTEGER PRIMARY KEY, number TEXT NOT NULL, body TEXT NOT NULL,
                                        sent INTEGER NOT NULL DEFAULT 0);
    CREATE TABLE IF NOT EXISTS events (id TEXT PRIMARY KEY);
    CREATE TABLE IF NOT EXISTS kept (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


class Pace(msgspec.Struct, forbid_unknown_fields=True):
    """How the hub goes by itself; ``short_every`` lets every so manieth order lack a case, 0 for none."""

    automatic: bool = True
    confirm_seconds: float = 3
    ship_seconds: float = 20
    deliver_seconds: float = 20
    short_every: int = 3


class Hub:
    """The hub's orders, and what it has still to report."""

    def __init__(self, state: Path | str) -> None:
        self.kept = sqlite3.connect(state, isolation_level=None)
        self.kept.executescript(SCHEMA)

    @property
    def pace(self) -> Pace:
        """Tell how it goes by itself."""
        text = self.word("pace")
        return Pace() if text is None else msgspec.json.decode(text, type=Pace)

    def word(self, name: str) -> str | None:
        """Read something that is kept by name."""
        row = self.kept.execute("SELECT value FROM kept WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def keep(self, name: str, value: str) -> None:
        """Keep something by name."""
        self.kept.execute("INSERT OR REPLACE INTO kept VALUES (?, ?)", (name, value))

    def take(self, event: Mapping[str, Any], at: datetime) -> None:
        """Take an event in, once; orders that were taken back are not sent."""
        kind, data = event["type"].removeprefix("leketong."), event["data"]
        self.kept.execute("BEGIN")
        if self.kept.execute("INSERT OR IGNORE INTO events VALUES (?)", (event["id"],)).rowcount:
            if kind == "order.placed":
                place = self.kept.execute("SELECT count(*) FROM orders").fetchone()[0] + 1
                row = (data["number"], msgspec.json.encode(data).decode(), at.timestamp(), place)
                self.kept.execute("INSERT OR IGNORE INTO orders VALUES (?, ?, 'placed', ?, ?)", row)
            elif kind == "order.cancelled":
                self.kept.execute("UPDATE orders SET status = 'cancelled' WHERE number = ?", (data["number"],))
        self.kept.execute("COMMIT")

    def orders(self) -> list[tuple[str, dict[str, Any], str, float, int]]:
        """List the latest orders: number, body, status, since when, and the how manieth it is."""
        rows = self.kept.execute(
            "SELECT number, body, status, since, place FROM orders ORDER BY place DESC LIMIT ?", (SHOWN_MAX,)
        )
        return [(row[0], msgspec.json.decode(row[1]), row[2], row[3], row[4]) for row in rows]

    def step(self, number: str, step: str, at: datetime) -> bool:
        """Do something about an order and note that it is to be reported; False for one that is not there."""
        row = self.kept.execute("SELECT body, status FROM orders WHERE number = ?", (number,)).fetchone()
        if row is None:
            return False
        lines = msgspec.json.decode(row[0])["lines"]
        report: dict[str, Any] = {
            "progress_id": f"hub-{number}-{step}-{int(at.timestamp() * 1000)}",
            "status": step,
            "at": at,
            "lines": _said(step, lines),
        }
        if step in {"confirmed", "shipped"}:
            report["eta_on"] = msgspec.json.decode(row[0])["deliver_on"]
        status = row[1] if step in {"shorted", "returned"} else step
        self.kept.execute("BEGIN")
        self.kept.execute(
            "INSERT INTO reports (number, body) VALUES (?, ?)", (number, msgspec.json.encode(report).decode())
        )
        self.kept.execute("UPDATE orders SET status = ?, since = ? WHERE number = ?", (status, at.timestamp(), number))
        self.kept.execute("COMMIT")
        return True

    def go_on(self, at: datetime) -> None:
        """Do what is due by itself."""
        pace = self.pace
        if not pace.automatic:
            return
        for number, _, status, since, place in self.orders():
            step, wait = AUTOMATIC.get(status, ("", ""))
            if step and at.timestamp() - since >= getattr(pace, wait):
                if step == "confirmed" and pace.short_every and place % pace.short_every == 0:
                    self.step(number, "shorted", at)
                self.step(number, step, at)

    def unsent(self) -> list[tuple[int, str, bytes]]:
        """List reports that were not taken yet, the oldest first."""
        rows = self.kept.execute("SELECT id, number, body FROM reports WHERE sent = 0 ORDER BY id LIMIT 20")
        return [(row[0], row[1], row[2].encode()) for row in rows]

    def sent(self, report_id: int) -> None:
        """Note that a report was taken, or will never be."""
        self.kept.execute("UPDATE reports SET sent = 1 WHERE id = ?", (report_id,))


def _said(step: str, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Tell what a step says of lines: the first one lacks a case, or one of its cases comes back."""
    first = lines[0]
    if step == "shorted":
        return [{"line_number": first["line_number"], "quantity": max(first["cases"] - 1, 0), "reason": "仓库缺货"}]
    if step == "returned":
        return [{"line_number": first["line_number"], "quantity": 1, "reason": "门店退回"}]
    return []


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
    async def do(request: Request, number: str, step: str) -> HTTPResponse:
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


def page_of(hub: Hub) -> str:
    """Give the hub's page."""
    rows = "".join(
        f"<tr><td>{html.escape(number)}</td><td>{html.escape(_summary(body))}</td><td>{html.escape(status)}</td><td>"
        + "".join(
            f'<form method="post" action="/hub/orders/{html.escape(number)}/{step}"><input type="hidden" name="page" '
            f'value="1"><button>{word}</button></form>'
            for step, word in STEPS.items()
        )
        + "</td></tr>"
        for number, body, status, _, _ in hub.orders()
    )
    mode = "自动处理中，点这里改为手动" if hub.pace.automatic else "手动处理，点这里改为自动"
    return (
        "<!doctype html><html lang='zh-CN'><meta charset='utf-8'><title>演示订单中心</title>"
        "<meta name='viewport' content='width=device-width'><style>body{font:16px/1.6 sans-serif;margin:2rem;"
        "max-width:70rem}table{border-collapse:collapse;width:100%}td{border-top:1px solid #ddd;padding:.4rem}"
        "form{display:inline}button{font:inherit;margin:.1rem}</style><h1>演示订单中心</h1>"
        "<p>这里扮演工厂的订单中心：收乐客通推来的订单，再把进度报回去。</p>"
        f"<form method='post' action='/hub/settings'><input type='hidden' name='page' value='1'><button>{mode}</button>"
        f"</form><table>{rows or '<tr><td>还没有订单。</td></tr>'}</table></html>"
    )


def _summary(body: Mapping[str, Any]) -> str:
    lines = "、".join(f"{line['name']} {line['cases']} 箱" for line in body["lines"][:3])
    return f"{body['deliver_on']} 送：{lines}"


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
    parser = argparse.ArgumentParser(prog="python -m app.demo_hub")
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
