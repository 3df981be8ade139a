"""The main job, from a fresh house to the data platform, over real HTTP against a real `leketong run`."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest_asyncio

ROOT = Path(__file__).parent.parent
START_SECONDS_MAX = 120.0
STOP_SECONDS_MAX = 5.0
FEED_SECONDS_MAX = 2.0


@dataclass
class Running:
    """A house started as its user starts it."""

    home: Path
    web: str
    sandbox: str
    environ: dict[str, str]
    process: subprocess.Popen[bytes]
    told: Path
    """What the house has said since its start."""

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a `leketong` command that finds this house by its home."""
        environ = {"PATH": os.environ["PATH"], "LEKETONG_HOME": str(self.home)}
        return subprocess.run(
            [sys.executable, "-m", "app.cli", *arguments],
            cwd=ROOT,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )


def free_port() -> int:
    """Find a port that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as bound:
        return int(bound.getsockname()[1])


async def start(home: Path) -> Running:
    """Start a house and return when it says that it is ready."""
    web, sandbox = free_port(), free_port()
    environ = {
        "PATH": os.environ["PATH"],
        "LEKETONG_HOME": str(home),
        "PORT": str(web),
        "SANDBOX_PORT": str(sandbox),
        "WEB_WORKERS": "2",
    }
    told = home.parent / f"{home.name}.out"
    with told.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "run"], cwd=ROOT, env=environ, stdout=output, stderr=output
        )
    async with asyncio.timeout(START_SECONDS_MAX):
        while "准备就绪" not in told.read_text():
            assert process.poll() is None, told.read_text()
            await asyncio.sleep(0.05)
    return Running(home, f"http://127.0.0.1:{web}", f"http://127.0.0.1:{sandbox}", environ, process, told)


def stop(running: Running) -> float:
    """Stop a house politely; give the seconds that it took."""
    started = time.monotonic()
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(30) == 0
    return time.monotonic() - started


@pytest_asyncio.fixture(scope="module")
async def running(tmp_path_factory: Any) -> AsyncIterator[Running]:
    """Run a house in a home that the servers' own user can reach."""
    base = Path(f"/tmp/lkj-{os.getpid()}")
    base.mkdir(mode=0o755)
    found = await start(base / "home")
    yield found
    if found.process.poll() is None:
        stop(found)
    subprocess.run(["rm", "-rf", str(base)], check=True)


async def log_in(client: httpx.AsyncClient, running: Running, openid: str) -> dict[str, Any]:
    """Log a person of the sandbox in, as the mini-program does."""
    code = (await client.post(f"{running.sandbox}/sandbox/codes", json={"openid": openid, "kind": "login"})).json()
    answer = await client.post(f"{running.web}/mp/v1/session", json={"code": code["code"]})
    assert answer.status_code == 200, answer.text
    session: dict[str, Any] = answer.json()
    return session


async def bind(
    client: httpx.AsyncClient, running: Running, person: dict[str, str], token: str, role: str
) -> dict[str, str]:
    """Log a person in and bind them once they have seen what will be shared; give the headers that prove them."""
    session = await log_in(client, running, person["openid"])
    assert session["outlets"] == []
    member = {"Authorization": f"Bearer {session['token']}"}
    shown = (await client.get(f"{running.web}/mp/v1/binding-codes/{token}", headers=member)).json()
    privacy = (await client.get(f"{running.web}/mp/v1/texts/privacy")).json()
    assert shown["outlet_name"] == "旅程小店"
    assert shown["shared"]
    assert all(shared in privacy["body"] for shared in shown["shared"])
    assert shown["consent_version"] == privacy["version"]
    bound = await client.post(
        f"{running.web}/mp/v1/bindings",
        json={"token": token, "consent_version": shown["consent_version"]},
        headers=member | {"Idempotency-Key": f"bind-journey-{role}"},
    )
    assert (bound.status_code, bound.json()["role"]) == (201, role)
    return member


async def test_a_shop_is_bound_checks_in_and_the_platform_hears_of_it(running: Running) -> None:
    made = running.command("system-key", "add", "journey", "--scopes", "outlets,bindings,feeds")
    assert made.returncode == 0, made.stderr
    system = {"Authorization": f"Bearer {made.stdout.splitlines()[-1]}"}
    async with httpx.AsyncClient(timeout=10) as client:
        rows = [{"code": "J-001", "name": "旅程小店", "plant_code": "P9"}, {"code": "J-002", "plant_code": "P9"}]
        put = await client.put(f"{running.web}/systems/v1/outlets", json={"outlets": rows}, headers=system)
        assert (put.status_code, put.json()) == (
            200,
            {
                "inserted": 1,
                "updated": 0,
                "unchanged": 0,
                "rejected": [{"row": 1, "field": "name", "code": "missing_field"}],
            },
        )
        tokens = []
        for _ in range(2):
            issued = await client.post(
                f"{running.web}/systems/v1/binding-codes", json={"outlet_code": "J-001"}, headers=system
            )
            assert issued.status_code == 201
            assert issued.json()["scene"] == issued.json()["token"]
            tokens.append(issued.json()["token"])
        people = [(await client.post(f"{running.sandbox}/sandbox/members", json={})).json() for _ in range(2)]
        members = [await bind(client, running, *each) for each in zip(people, tokens, ("owner", "clerk"), strict=True)]
        home = (await client.get(f"{running.web}/mp/v1/home", headers=members[0])).json()
        assert (home["checkin"]["streak_days"], home["checkin"]["checked_in_today"], home["points"]["balance"]) == (
            0,
            False,
            0,
        )

        async def play(member: int, key: str) -> httpx.Response:
            return await client.post(
                f"{running.web}/mp/v1/games/checkin/plays",
                json={},
                headers=members[member] | {"Idempotency-Key": key},
            )

        outcome = {"streak_days": 1, "points": 5, "rewards": []}
        first, again = await play(0, "play-journey-1"), await play(0, "play-journey-1")
        assert (first.status_code, first.json()) == (
            201,
            {"outcome": outcome, "balance_points": 5, "repeated": False},
        )
        assert (again.status_code, again.json()) == (200, {"outcome": outcome, "balance_points": 5, "repeated": True})
        for refused in (await play(0, "play-journey-2"), await play(1, "play-journey-3")):
            assert (refused.status_code, refused.json()["code"]) == (409, "already_checked_in")
        points = (await client.get(f"{running.web}/mp/v1/points", headers=members[1])).json()
        assert (points["balance"], points["pending"], points["owed"]) == (5, 0, 0)
        assert [lot["points"] for lot in points["expiring"]] == [5]
        entries = (await client.get(f"{running.web}/mp/v1/points/entries", headers=members[1])).json()["items"]
        assert [(entry["kind"], entry["points"], entry["why"]) for entry in entries] == [
            ("accrual", 5, "连续签到第 1 天，得 5 分")
        ]
        events = await heard(client, running, system, "J-001")
        assert [event["type"] for event in events] == ["leketong.checkin.made"]
        assert events[0]["specversion"] == "1.0"
        assert events[0]["datacontenttype"] == "application/json"
        assert (events[0]["data"]["points"], events[0]["data"]["streak_days"]) == (5, 1)
        assert {"id", "source", "time"} <= set(events[0])
    assert running.command("prove").returncode == 0


async def heard(client: httpx.AsyncClient, running: Running, system: dict[str, str], subject: str) -> list[Any]:
    """Read the engagement feed until it tells of the outlet; check that no position is missing."""
    async with asyncio.timeout(FEED_SECONDS_MAX):
        while True:
            page = await client.get(f"{running.web}/systems/v1/feeds/engagement?limit=1000", headers=system)
            events = page.json()["events"]
            assert [event["position"] for event in events] == [str(n + 1) for n in range(len(events))]
            found = [event for event in events if event["subject"] == subject]
            if found:
                return found
            await asyncio.sleep(0.05)


async def test_everything_is_up_after_a_while(running: Running) -> None:
    async with httpx.AsyncClient() as client, asyncio.timeout(40):
        while True:
            ready = await client.get(f"{running.web}/health/ready")
            assert ready.status_code == 200
            if ready.json() == {"status": "ready", "degraded": []}:
                return
            await asyncio.sleep(0.2)


async def test_its_parts_are_counted_together(running: Running) -> None:
    address = re.search(r"http://127\.0\.0\.1:\d+/metrics", running.told.read_text())
    assert address is not None
    async with httpx.AsyncClient() as client:
        counted = (await client.get(address[0])).text.splitlines()
    plays = 'leketong_requests_total{method="POST",route="/mp/v1/games/checkin/plays",status="%d"} %.1f'
    assert {plays % (201, 1), plays % (200, 1), plays % (409, 2)} <= set(counted)
    assert any(line.startswith("leketong_stamped_events_total ") for line in counted)


async def test_it_stops_quickly_and_finds_its_data_again(running: Running) -> None:
    assert stop(running) < STOP_SECONDS_MAX
    assert not (running.home / "house.json").exists()
    found = await start(running.home)
    running.web, running.sandbox, running.process = found.web, found.sandbox, found.process
    made = running.command("system-key", "add", "second", "--scopes", "feeds")
    system = {"Authorization": f"Bearer {made.stdout.splitlines()[-1]}"}
    async with httpx.AsyncClient() as client:
        assert len(await heard(client, running, system, "J-001")) == 1
