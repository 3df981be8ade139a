"""The sandbox's control calls: bad input is told by field, everything is bounded, faults come as ordered."""

import re
from typing import Any

import pytest

from tests.wechat.conftest import TEMPLATE, Sandbox
from wechat.sandbox import faults, store

SEND = "/cgi-bin/message/subscribe/send"


RID = re.compile(r" rid: [0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}$")


async def ask(sandbox: Sandbox, method: str, path: str, **told: Any) -> dict[str, Any]:
    """Make a call and return its JSON; every answer is HTTP 200, every refusal carries a request id."""
    answer = await sandbox.http.request(method, path, **told)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    if found.get("errcode", 0):
        assert RID.search(found["errmsg"])
    return found


@pytest.mark.parametrize(
    ("path", "told", "field"),
    [
        ("members", {"phone": 1}, "phone"),
        ("members", {"phone": "12345"}, "phone"),
        ("members", {"phones": "13800138000"}, "phones"),
        ("codes", {"kind": "login"}, "openid"),
        ("codes", {"openid": "nobody", "kind": "login"}, "openid"),
        ("codes", {"openid": "OPENID", "kind": "other"}, "kind"),
        ("codes", {"openid": "OPENID", "kind": "phone"}, "kind"),
        ("grants", {"openid": "nobody", "template_id": TEMPLATE, "accept": True}, "openid"),
        ("grants", {"openid": "OPENID", "template_id": "short", "accept": True}, "template_id"),
        ("grants", {"openid": "OPENID", "template_id": TEMPLATE, "accept": "yes"}, "accept"),
        ("grants?mode=secret", {"openid": "OPENID", "template_id": TEMPLATE, "accept": True}, "mode"),
        ("grants?format=yaml", {"openid": "OPENID", "template_id": TEMPLATE, "accept": True}, "format"),
        ("faults", {"path": "/nothing", "errcode": 1}, "path"),
        ("faults", {"path": SEND}, "errcode"),
        ("faults", {"path": SEND, "errcode": 1, "drop": True}, "errcode"),
        ("faults", {"path": SEND, "errcode": 0}, "errcode"),
        ("faults", {"path": SEND, "latency_ms": 30_001}, "latency_ms"),
        ("faults", {"path": SEND, "drop": True, "times": 0}, "times"),
        ("clock", {"advance_seconds": -1}, "advance_seconds"),
        ("clock", {"advance_seconds": 10**12}, "advance_seconds"),
        ("clock", {}, "advance_seconds"),
        ("clock", [], "object"),
    ],
)
async def test_bad_control_input_is_told_by_field(sandbox: Sandbox, path: str, told: Any, field: str) -> None:
    openid = await sandbox.member()
    if isinstance(told, dict):
        told = {name: openid if value == "OPENID" else value for name, value in told.items()}
    answer = await sandbox.http.post(f"/sandbox/{path}", json=told)
    assert answer.status_code == 400
    assert field in answer.json()["error"]


async def test_the_sandbox_is_bounded(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wechat.sandbox.store.MEMBERS_MAX", 1)
    openid = await sandbox.member()
    answer = await sandbox.http.post("/sandbox/members", json={})
    assert answer.status_code == 400
    monkeypatch.setattr("wechat.sandbox.store.GRANT_ROWS_MAX", 1)
    await sandbox.allow(openid)
    await sandbox.allow(openid)
    told = {"openid": openid, "template_id": "another_template", "accept": True}
    answer = await sandbox.http.post("/sandbox/grants", json=told)
    assert (answer.status_code, "template_id" in answer.json()["error"]) == (400, True)
    assert sandbox.world.store.credits_of(openid, TEMPLATE) == 2
    for _ in range(faults.QUEUE_MAX):
        await sandbox.post("faults", path=SEND, errcode=-1)
    answer = await sandbox.http.post("/sandbox/faults", json={"path": SEND, "errcode": -1})
    assert (answer.status_code, "path" in answer.json()["error"]) == (400, True)
    answer = await sandbox.http.post("/sandbox/members", content=b" " * (64 * 1024 + 1))
    assert answer.status_code == 413


def test_the_outbox_keeps_the_newest_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MESSAGES_MAX", 5)
    monkeypatch.setattr(store, "_TRIM_EVERY", 10)
    kept = store.Store(None)
    openid = kept.add_member(None).openid
    for number in range(1, 13):
        kept.grant(openid, TEMPLATE)
        assert kept.send(store.Message(openid, TEMPLATE, None, {"thing1": "好"}, "formal", "zh_CN"), 1.0) == number
    assert [number for number, _, _ in kept.messages(openid, 100)] == [6, 7, 8, 9, 10, 11, 12]
    assert [number for number, _, _ in kept.messages(None, 2)] == [11, 12]
    kept.close()


async def test_faults_are_met_in_order_and_can_be_cleared(sandbox: Sandbox) -> None:
    await sandbox.post("faults", path=SEND, errcode=45009, times=2)
    assert await sandbox.post("faults", path=SEND, errcode=-1) == {"path": SEND, "pending": 3}
    assert [(await ask(sandbox, "POST", SEND))["errcode"] for _ in range(4)] == [45009, 45009, -1, 41001]
    await sandbox.post("faults", path=SEND, errcode=-1, times=9)
    await sandbox.http.delete("/sandbox/faults")
    assert (await ask(sandbox, "POST", SEND))["errcode"] == 41001


async def test_the_page_is_chinese_and_health_is_good(sandbox: Sandbox) -> None:
    page = await sandbox.http.get("/sandbox/")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "微信沙箱" in page.text
    assert (await sandbox.http.get("/sandbox/health")).json() == {"status": "ok"}


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://localhost:5173", True),
        ("http://127.0.0.1:8000", True),
        ("https://evil.example", False),
        ("null", False),
    ],
)
async def test_only_neighbours_may_read_the_control_answers(sandbox: Sandbox, origin: str, allowed: bool) -> None:
    asked = await sandbox.http.options("/sandbox/members", headers={"Origin": origin})
    answer = await sandbox.http.post("/sandbox/members", json={}, headers={"Origin": origin})
    assert (asked.status_code, answer.status_code) == (204, 200)
    for one in (asked, answer):
        assert one.headers.get("access-control-allow-origin") == (origin if allowed else None)
    code = await sandbox.http.get("/sns/jscode2session", headers={"Origin": origin})
    assert "access-control-allow-origin" not in code.headers
