"""Messages against the real sandbox: one permission is one message, and nothing is sent twice."""

import asyncio
import importlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio

from loyalty import transactions
from loyalty.customers.personal import DataKeys
from loyalty.customers.standings import MemberRef
from loyalty.notices import grants, inbox, messages
from loyalty.notices.grants import GrantReport
from loyalty.notices.queries import MessageRow
from tests import factories, rows
from tests.wechat.conftest import TEMPLATE, Sandbox, running_sandbox
from wechat.client import AsyncWeChatClient
from wechat.tokens import MemoryTokenStore

AT = datetime.fromisoformat("2026-11-04T02:00:00+00:00")
STATES = "SELECT state, attempts FROM messages ORDER BY id"
CREDITS = "SELECT credits FROM message_grants"
FIELDS = {"character_string1": "L1", "phrase2": "已确认", "time3": "2026年11月4日 10:00", "thing4": "按时送到"}


@dataclass
class Post:
    """A member with permissions, and what sends to them."""

    sandbox: Sandbox
    wechat: AsyncWeChatClient
    openid: str
    member: MemberRef
    outlet_id: int
    tasks: ModuleType

    async def queue(self, n: int = 0, **changes: Any) -> None:
        """Queue a message."""
        values: dict[str, Any] = {
            "member_id": self.member.id, "outlet_id": self.outlet_id, "template": "order_status", "about_id": f"L{n}",
            "body": FIELDS, "page": f"pages/order/order?number=L{n}", "due_at": AT,
            "good_until": AT + timedelta(days=1), "dedupe_key": f"event-{n}", "made_at": AT,
        }  # fmt: skip
        async with transactions.begin():
            await inbox.queue([MessageRow(**values | changes)])

    async def send(self, at: datetime = AT) -> int:
        """Send what is due."""
        settings = SimpleNamespace(message_templates={"order_status": TEMPLATE}, demo=True)
        sent: int = await self.tasks.send_batch(SimpleNamespace(settings=settings, wechat=self.wechat), at)
        return sent

    async def allow(self, times: int) -> None:
        """Let the member tap, and WeChat report it."""
        for _ in range(times):
            await self.sandbox.allow(self.openid)
        await grants.note([GrantReport(f"tap-{n}", self.openid, TEMPLATE, "accept") for n in range(times)], AT)

    async def received(self) -> int:
        """Count what the member has got."""
        answer = await self.sandbox.http.get("/sandbox/messages", params={"openid": self.openid})
        return len(answer.json()["items"])


@pytest_asyncio.fixture
async def post(db: str, data_keys: DataKeys, tasks: ModuleType) -> AsyncIterator[Post]:
    """Give a member of the sandbox who is bound to an outlet."""
    async with running_sandbox() as sandbox, AsyncExitStack() as stack:
        wechat = AsyncWeChatClient(sandbox.config(), MemoryTokenStore())
        stack.push_async_callback(wechat.aclose)
        openid = await sandbox.member()
        code = await factories.outlet(AT, data_keys)
        member = await factories.bound(code, AT, data_keys)
        await rows.execute(db, "UPDATE members SET openid = $1 WHERE id = $2", openid, member.id)
        ((outlet_id,),) = await rows.fetch(db, "SELECT current_outlet_id FROM members WHERE id = $1", member.id)
        yield Post(sandbox, wechat, openid, member, int(str(outlet_id)), importlib.import_module("tasks.messages"))


async def test_each_permission_is_one_message(db: str, post: Post) -> None:
    await post.allow(2)
    for n in range(3):
        await post.queue(n)
    await post.send()
    assert await post.received() == 2
    assert await rows.fetch(db, STATES) == [("sent", 0), ("sent", 0), ("no_grant", 0)]
    assert await rows.fetch(db, CREDITS) == [(0,)]
    assert await post.send() == 0


async def test_a_permission_that_wechat_does_not_know_is_gone_and_that_is_normal(db: str, post: Post) -> None:
    await grants.note([GrantReport(f"k{n}", post.openid, TEMPLATE, "accept") for n in range(3)], AT)
    await post.queue()
    await post.send()
    assert (await rows.fetch(db, STATES), await rows.fetch(db, CREDITS)) == ([("no_grant", 0)], [(0,)])


@pytest.mark.parametrize(
    ("fault", "state", "left"),
    [
        ({"errcode": -1}, ("queued", 1), 1),
        ({"errcode": 45009}, ("queued", 1), 1),
        ({"errcode": 40003}, ("refused", 0), 1),
        ({"errcode": 47003}, ("queued", 0), 1),
        ({"errcode": 40037}, ("queued", 0), 1),
    ],
)
async def test_what_wechat_says_decides(
    db: str, post: Post, fault: dict[str, int], state: tuple[str, int], left: int
) -> None:
    await post.allow(1)
    await post.queue()
    await post.sandbox.post("faults", path="/cgi-bin/message/subscribe/send", times=10, **fault)
    await post.send()
    assert (await rows.fetch(db, STATES), await rows.fetch(db, CREDITS)) == ([state], [(left,)])
    assert await post.received() == 0


async def test_a_faulty_template_rests_and_is_not_tried_for_everybody(db: str, post: Post) -> None:
    await post.allow(3)
    for n in range(3):
        await post.queue(n)
    await post.sandbox.post("faults", path="/cgi-bin/message/subscribe/send", errcode=47003, times=10)
    await post.send()
    assert [path for path, _ in await post.sandbox.paths()].count("/cgi-bin/message/subscribe/send") == 1
    assert await post.send(AT + timedelta(minutes=59)) == 0


async def test_busy_is_tried_again_a_few_times(db: str, post: Post) -> None:
    await post.allow(1)
    await post.queue(good_until=AT + timedelta(days=9))
    await post.sandbox.post("faults", path="/cgi-bin/message/subscribe/send", errcode=-1, times=99)
    for days in range(7):
        await post.send(AT + timedelta(days=days))
    assert await rows.fetch(db, STATES) == [("failed", 4)]


async def test_what_may_have_gone_out_is_not_sent_again(db: str, post: Post) -> None:
    await post.allow(2)
    await post.queue()
    await post.sandbox.post("faults", path="/cgi-bin/message/subscribe/send", drop=True, times=1)
    await post.send()
    assert await rows.fetch(db, STATES) == [("unsure", 0)]
    assert await post.send(AT + timedelta(hours=1)) == 0


async def test_what_has_lost_its_point_and_who_has_left_is_not_sent(db: str, post: Post) -> None:
    await post.allow(3)
    await post.queue(0, good_until=AT + timedelta(minutes=5))
    await post.queue(1)
    await post.send(AT + timedelta(minutes=5))
    assert await rows.fetch(db, STATES) == [("expired", 0), ("sent", 0)]
    await post.queue(2)
    await rows.execute(
        db, "UPDATE bindings SET ended_at = now(), ended_by = 'owner' WHERE member_id = $1", post.member.id
    )
    await post.send(AT + timedelta(minutes=6))
    assert (await rows.fetch(db, STATES))[2] == ("refused", 0)
    assert await post.received() == 1


async def test_two_senders_at_once_send_each_once(db: str, post: Post) -> None:
    await post.allow(6)
    for n in range(4):
        await post.queue(n)
    await asyncio.gather(post.send(), post.send())
    assert await post.received() == 4
    assert await rows.fetch(db, CREDITS) == [(2,)]


async def test_what_a_killed_sender_had_in_hand_is_taken_again(db: str, post: Post) -> None:
    await post.allow(1)
    await post.queue()
    assert len(await messages.claim({"order_status": TEMPLATE}, AT)) == 1
    assert await post.send(AT + messages.LEASE - timedelta(seconds=1)) == 0
    assert await post.send(AT + messages.LEASE) == 1
    assert await post.received() == 1
