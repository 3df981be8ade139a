"""The access token: one for all workers, renewed in time, and never asked for more often than needed."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from tests.wechat.conftest import (
    TEMPLATE,
    MakeClient,
    Sandbox,
)
from wechat.access import TokenKeeper, token_from
from wechat.client import AsyncWeChatClient
from wechat.codes import mini_program_code
from wechat.errors import (
    Busy,
    Misconfigured,
    WeChatError,
)
from wechat.messages import send_subscribe_message
from wechat.tokens import MemoryTokenStore, Token

SEND = "/cgi-bin/message/subscribe/send"


STABLE = "/cgi-bin/stable_token"


async def test_fifty_cold_sends_at_once_make_one_token_call(sandbox: Sandbox, client: AsyncWeChatClient) -> None:
    openid = await sandbox.member()
    for _ in range(50):
        await sandbox.allow(openid)
    sent = await asyncio.gather(
        *(send_subscribe_message(client, openid, TEMPLATE, {"thing1": "好"}) for _ in range(50))
    )
    assert len({one.message_id for one in sent}) == 50
    assert Counter(path for path, _ in await sandbox.paths()) == {STABLE: 1, SEND: 50}


async def test_cold_workers_that_share_a_store_make_one_token_call(sandbox: Sandbox, make_client: MakeClient) -> None:
    store = MemoryTokenStore()
    clients = [make_client(sandbox.url, store) for _ in range(8)]
    await asyncio.gather(*(mini_program_code(each, "a", "pages/a/a") for each in clients))
    assert Counter(path for path, _ in await sandbox.paths())[STABLE] == 1


async def test_without_the_shared_store_each_worker_asks_for_itself(sandbox: Sandbox, make_client: MakeClient) -> None:
    clients = [make_client(sandbox.url) for _ in range(8)]
    await asyncio.gather(*(mini_program_code(each, "a", "pages/a/a") for each in clients))
    assert Counter(path for path, _ in await sandbox.paths())[STABLE] == 8


@pytest.mark.parametrize("errcode", [40001, 40014, 42001])
async def test_a_token_refused_for_ever_makes_exactly_two_sends(
    sandbox: Sandbox, client: AsyncWeChatClient, errcode: int
) -> None:
    openid = await sandbox.member()
    await sandbox.allow(openid)
    await sandbox.post("faults", path=SEND, errcode=errcode, times=1000)
    with pytest.raises(Misconfigured) as caught:
        await send_subscribe_message(client, openid, TEMPLATE, {"thing1": "好"})
    assert caught.value.errcode == errcode
    assert await sandbox.paths() == [(STABLE, 0), (SEND, errcode), (STABLE, 0), (SEND, errcode)]


async def test_a_token_killed_by_others_is_renewed_once_for_all(sandbox: Sandbox, make_client: MakeClient) -> None:
    store = MemoryTokenStore()
    one, two = make_client(sandbox.url, store), make_client(sandbox.url, store)
    for each in (one, two):
        await mini_program_code(each, "a", "pages/a/a")
    sandbox.world.tokens.stable(force_refresh=True)
    for each in (one, two):
        await mini_program_code(each, "a", "pages/a/a")
    # The second worker was refused too, but found the first one's token in the store.
    assert Counter(await sandbox.paths()) == {
        (STABLE, 0): 2,
        ("/wxa/getwxacodeunlimit", 0): 4,
        ("/wxa/getwxacodeunlimit", 40001): 2,
    }


async def test_fifty_sends_whose_token_died_make_one_more_token_call(
    sandbox: Sandbox, client: AsyncWeChatClient
) -> None:
    await mini_program_code(client, "a", "pages/a/a")
    sandbox.world.tokens.stable(force_refresh=True)
    await asyncio.gather(*(mini_program_code(client, "a", "pages/a/a") for _ in range(50)))
    assert Counter(path for path, _ in await sandbox.paths())[STABLE] == 2


async def test_a_token_is_renewed_before_it_expires(sandbox: Sandbox, make_client: MakeClient) -> None:
    ahead = 0

    def now() -> float:
        return time.time() + ahead

    client = make_client(sandbox.url, now=now)
    for seconds in (0, 6900, 300):
        ahead += seconds
        await sandbox.post("clock", advance_seconds=seconds)
        await mini_program_code(client, "a", "pages/a/a")
    assert await sandbox.paths() == [
        (STABLE, 0),
        ("/wxa/getwxacodeunlimit", 0),
        ("/wxa/getwxacodeunlimit", 0),  # 300 s before the end it is still good
        (STABLE, 0),
        ("/wxa/getwxacodeunlimit", 0),
    ]


def test_a_token_is_renewed_60_to_300_seconds_before_it_expires_but_used_for_half_its_life() -> None:
    for _ in range(200):
        token = token_from("t", 7200, 1000.0)
        assert token.expires_at == 8200.0
        assert 60 <= token.expires_at - token.renew_at <= 300
    assert token_from("t", 100, 1000.0).renew_at in {1050.0, *(1100.0 - n for n in range(50, 61))}
    assert token_from("t", 10, 1000.0).renew_at == 1005.0


class BrokenStore:
    """A store whose server is gone."""

    async def get(self) -> Token | None:
        """Fail."""
        raise ConnectionError("redis://:password@nowhere")

    async def put(self, token: Token) -> None:
        """Fail."""
        raise ConnectionError(f"redis://:password@nowhere {token}")

    def lock(self) -> AbstractAsyncContextManager[object]:
        """Fail."""
        raise ConnectionError("redis://:password@nowhere")


class HalfBrokenStore(MemoryTokenStore):
    """A store that is lost while its lock is held, and that forgets."""

    async def get(self) -> Token | None:
        """Forget."""
        return None

    def lock(self) -> AbstractAsyncContextManager[object]:
        """Fail to release."""

        @asynccontextmanager
        async def lock() -> AsyncIterator[None]:
            yield
            raise ConnectionError("lost")

        return lock()


class StuckStore(MemoryTokenStore):
    """A store whose lock somebody holds for ever."""

    def lock(self) -> AbstractAsyncContextManager[object]:
        """Wait for ever."""

        @asynccontextmanager
        async def lock() -> AsyncIterator[None]:
            await asyncio.Event().wait()
            yield

        return lock()


@pytest.mark.parametrize(("store", "timeout_seconds"), [(BrokenStore(), 5), (HalfBrokenStore(), 5), (StuckStore(), 1)])
async def test_without_its_store_the_client_goes_on_with_its_own_token(
    sandbox: Sandbox,
    make_client: MakeClient,
    store: BrokenStore | MemoryTokenStore,
    timeout_seconds: float,
    capsys: pytest.CaptureFixture[str],
) -> None:
    client = make_client(sandbox.url, store, timeout_seconds=timeout_seconds)
    for _ in range(3):
        await mini_program_code(client, "a", "pages/a/a")
    assert Counter(path for path, _ in await sandbox.paths())[STABLE] == 1
    assert "password" not in "".join(capsys.readouterr())


async def test_one_failed_token_call_answers_all_who_wait(sandbox: Sandbox, client: AsyncWeChatClient) -> None:
    await sandbox.post("faults", path=STABLE, errcode=-1, times=1000)
    answers = await asyncio.gather(
        *(mini_program_code(client, "a", "pages/a/a") for _ in range(50)), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [Busy] * 50
    # The second is for those who asked while the first was already under way.
    assert len(await sandbox.paths()) <= 2


async def test_an_old_token_serves_while_wechat_gives_no_new_one() -> None:
    clock = 0.0
    answers: list[Token | WeChatError] = [
        Token("first", 100.0, 200.0),
        Busy(STABLE, -1),
        Busy(STABLE, -1),
        Token("second", 300.0, 400.0),
    ]
    asked = 0

    async def fetch() -> Token:
        nonlocal asked
        asked += 1
        answer = answers.pop(0)
        if isinstance(answer, WeChatError):
            raise answer
        return answer

    keeper = TokenKeeper(MemoryTokenStore(), fetch, 1.0, lambda: clock)
    assert await keeper.current() == "first"
    clock = 150.0
    assert await keeper.current() == "first"
    clock = 200.0
    with pytest.raises(Busy):
        await keeper.current()
    assert await keeper.current() == "second"
    assert asked == 4


async def test_a_caller_that_gives_up_leaves_no_lock_behind() -> None:
    store, reached, asked = MemoryTokenStore(), asyncio.Event(), 0

    async def fetch() -> Token:
        nonlocal asked
        asked += 1
        if asked == 1:
            reached.set()
            await asyncio.Event().wait()
        return Token("second", time.time() + 100, time.time() + 200)

    keeper = TokenKeeper(store, fetch, 1.0)
    call = asyncio.create_task(keeper.current())
    await reached.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await keeper.current() == "second"
    async with asyncio.timeout(1), store.lock():
        pass
