"""The hub's orders and what it has still to report, in a file: nothing that it has taken is lost when it is killed."""

import sqlite3
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

SHOWN_MAX = 50
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
