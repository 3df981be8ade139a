"""Nothing secret leaves the client: not in logs, not in errors and what hangs on them, not in a repr."""

import copy
import logging
import pickle
import traceback
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tests.wechat.conftest import (
    AES_KEY,
    APPID,
    PUSH_TOKEN,
    SECRET,
    TEMPLATE,
    MakeClient,
    Sandbox,
    raw_server,
    saying,
    silent,
)
from wechat.client import AsyncWeChatClient
from wechat.codes import mini_program_code
from wechat.config import WeChatConfig
from wechat.errors import Busy, CodeUsed, GrantMissing, Unreachable, Unsendable, WeChatError
from wechat.login import Session, code_to_session
from wechat.messages import send_subscribe_message
from wechat.phone import Phone, phone_number
from wechat.sandbox.world import Account
from wechat.tokens import Token

CODE = "0a1CODEcodeCODE2b3"
OPENID = "oOPENIDopenidOPENID01"
PHONE = "13812345678"

Call = Callable[[AsyncWeChatClient], Coroutine[Any, Any, object]]

CALLS: list[Call] = [
    lambda client: code_to_session(client, CODE),
    lambda client: phone_number(client, CODE, OPENID),
    lambda client: send_subscribe_message(client, OPENID, TEMPLATE, {"phone_number1": PHONE}),
    lambda client: mini_program_code(client, "a", "pages/a/a"),
]


def everything_about(error: BaseException) -> str:
    """Return all that a careless log of the error could show, with what it was raised from and in."""
    told = []
    seen: BaseException | None = error
    while seen is not None:
        told += [str(seen), repr(seen), repr(seen.args), repr(vars(seen))]
        told.append("".join(traceback.TracebackException.from_exception(seen).format()))
        seen = seen.__cause__ or seen.__context__
    return "\n".join(told)


def assert_discreet(text: str, *more: str) -> None:
    for secret in (SECRET, PUSH_TOKEN, AES_KEY, CODE, OPENID, PHONE, *more):
        assert secret not in text


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("answering", [silent, saying("500 Oops", b""), saying("200 OK", SECRET.encode()), None])
async def test_errors_and_logs_of_a_failed_call_are_discreet(
    make_client: MakeClient,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    call: Call,
    answering: Any,
) -> None:
    caplog.set_level(logging.DEBUG)
    async with raw_server(answering or silent) as url:
        client = make_client(url if answering else "http://127.0.0.1:1", timeout_seconds=0.2)
        with pytest.raises(WeChatError) as caught:
            await call(client)
        await client.aclose()
    text = everything_about(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert_discreet(text)
    assert_discreet(caplog.text)
    assert_discreet("".join(capfd.readouterr()))


@pytest.mark.parametrize("errcode", [-1, 40001, 40029, 40125, 43101, 47003])
async def test_errors_and_logs_of_a_refused_call_are_discreet(
    sandbox: Sandbox, client: AsyncWeChatClient, caplog: pytest.LogCaptureFixture, errcode: int
) -> None:
    caplog.set_level(logging.DEBUG)
    token = await sandbox.token()
    for path, call in zip(
        (
            "/sns/jscode2session",
            "/wxa/business/getuserphonenumber",
            "/cgi-bin/message/subscribe/send",
            "/wxa/getwxacodeunlimit",
        ),
        CALLS,
        strict=True,
    ):
        await sandbox.post("faults", path=path, errcode=errcode, times=2)
        with pytest.raises(WeChatError) as caught:
            await call(client)
        assert caught.value.errcode == errcode
        assert_discreet(everything_about(caught.value), token)
        await sandbox.http.delete("/sandbox/faults")
    ours = [record for record in caplog.records if not record.name.startswith("sanic")]
    assert_discreet("\n".join(record.getMessage() for record in ours), token)


async def test_a_good_call_logs_no_address(
    sandbox: Sandbox, client: AsyncWeChatClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    code = await sandbox.code(await sandbox.member())
    await code_to_session(client, code)
    await mini_program_code(client, "a", "pages/a/a")
    assert_discreet(caplog.text, code, await sandbox.token())
    assert logging.getLogger("httpx").level == logging.getLogger("httpcore").level == logging.WARNING


async def test_the_sandbox_lists_calls_without_their_parameters(sandbox: Sandbox, client: AsyncWeChatClient) -> None:
    code = await sandbox.code(await sandbox.member())
    await code_to_session(client, code)
    await mini_program_code(client, "a", "pages/a/a")
    assert_discreet((await sandbox.http.get("/sandbox/calls")).text, code, await sandbox.token())


async def test_a_repr_shows_no_secret(make_client: MakeClient) -> None:
    config = WeChatConfig(APPID, SECRET, PUSH_TOKEN, AES_KEY, "http://127.0.0.1:1")
    client = make_client("http://127.0.0.1:1")
    shown = [
        repr(config),
        str(config),
        repr(client),
        repr(Token(SECRET, 1.0, 2.0)),
        repr(Session(OPENID, OPENID)),
        repr(Phone(PHONE, "86")),
        repr(Account(APPID, SECRET, PUSH_TOKEN, AES_KEY)),
        repr(Unsendable("thing1", "some text")),
    ]
    assert_discreet("\n".join(shown))
    assert APPID in repr(config)


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("appid", {"appid": ""}),
        ("secret", {"secret": ""}),
        ("token", {"token": ""}),
        ("aes_key", {"aes_key": SECRET}),
        ("aes_key", {"aes_key": AES_KEY[:-1] + "="}),
        ("base_url", {"base_url": f"http://user:{SECRET}@host"}),
        ("base_url", {"base_url": "ftp://host"}),
        ("base_url", {"base_url": "host"}),
        ("timeout_seconds", {"timeout_seconds": 0}),
        ("timeout_seconds", {"timeout_seconds": 31}),
        ("callback_mode", {"callback_mode": "compatible"}),
    ],
)
def test_a_wrong_setting_is_named_and_not_shown(field: str, changes: dict[str, Any]) -> None:
    told = {"appid": APPID, "secret": SECRET, "token": PUSH_TOKEN, "aes_key": AES_KEY, "base_url": "http://h"}
    with pytest.raises(ValueError, match=field) as caught:
        WeChatConfig(**(told | changes))
    assert_discreet(str(caught.value))


@pytest.mark.parametrize(
    "error",
    [CodeUsed("/p", 40163, "rid"), GrantMissing("/p", 43101), Busy("/p", hint="HTTP 500"), Unreachable("/p")],
)
def test_an_error_survives_copying_and_pickling(error: WeChatError) -> None:
    for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):  # noqa: S301 - our own bytes
        assert type(twin) is type(error)
        assert (twin.path, twin.errcode, twin.rid, twin.hint) == (error.path, error.errcode, error.rid, error.hint)
        assert str(twin) == str(error)
