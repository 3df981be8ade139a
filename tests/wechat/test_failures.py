"""The client against a WeChat that refuses, is slow, drops, or answers nonsense: always one of our errors, in time."""

import pytest

from tests.wechat.conftest import (
    APPID,
    SECRET,
    TEMPLATE,
    Answering,
    MakeClient,
    Sandbox,
    raw_server,
    saying,
    silent,
)
from wechat.client import AsyncWeChatClient
from wechat.codes import mini_program_code
from wechat.errors import (
    Busy,
    CodeInvalid,
    CodeUsed,
    Misconfigured,
    Refused,
    Unavailable,
    Unreachable,
    UserBlocked,
    WeChatError,
    error_for,
)
from wechat.login import code_to_session

SEND = "/cgi-bin/message/subscribe/send"


STABLE = "/cgi-bin/stable_token"


LOGIN = "/sns/jscode2session"


@pytest.mark.parametrize(
    ("errcode", "kind"),
    [
        (-1, Busy),
        (45009, Busy),
        (45011, Busy),
        (40226, UserBlocked),
        (40029, CodeInvalid),
        (40163, CodeUsed),
        (40013, Misconfigured),
        (40125, Misconfigured),
        (40164, Misconfigured),
        (41002, Misconfigured),
        (99999, Refused),
    ],
)
async def test_each_errcode_is_one_of_few_kinds(
    sandbox: Sandbox, client: AsyncWeChatClient, errcode: int, kind: type[WeChatError]
) -> None:
    await sandbox.post("faults", path=LOGIN, errcode=errcode)
    code = await sandbox.code(await sandbox.member())
    with pytest.raises(WeChatError) as caught:
        await code_to_session(client, code)
    assert type(caught.value) is kind
    assert (caught.value.errcode, caught.value.path) == (errcode, LOGIN)


async def test_wrong_settings_are_told_as_such(sandbox: Sandbox, make_client: MakeClient) -> None:
    code = await sandbox.code(await sandbox.member())
    for client, errcode in (
        (make_client(sandbox.url, appid="wxffffffffffffffff"), 40013),
        (make_client(sandbox.url, secret="wrong"), 40125),
    ):
        with pytest.raises(Misconfigured) as caught:
            await code_to_session(client, code)
        assert caught.value.errcode == errcode
        with pytest.raises(Misconfigured) as caught:
            await mini_program_code(client, "a", "pages/a/a")
        assert (caught.value.errcode, caught.value.path) == (errcode, STABLE)


async def test_a_slow_wechat_is_given_up_in_time_with_all_its_parts(sandbox: Sandbox, make_client: MakeClient) -> None:
    # Each part alone would be in time; only the sum is not.
    client = make_client(sandbox.url, timeout_seconds=0.6)
    await sandbox.post("faults", path=STABLE, latency_ms=350)
    await sandbox.post("faults", path="/wxa/getwxacodeunlimit", latency_ms=350)
    with pytest.raises(Unreachable) as caught:
        await mini_program_code(client, "a", "pages/a/a")
    assert caught.value.hint == "timeout"


async def test_a_dropped_connection_is_told_and_not_tried_again(sandbox: Sandbox, client: AsyncWeChatClient) -> None:
    code = await sandbox.code(await sandbox.member())
    await sandbox.post("faults", path=LOGIN, drop=True)
    with pytest.raises(Unreachable):
        await code_to_session(client, code)
    assert await sandbox.paths() == [(LOGIN, None)]
    assert (await code_to_session(client, code)).openid


@pytest.mark.parametrize(
    ("answering", "kind"),
    [
        (saying("500 Oops", b"{}"), Busy),
        (saying("502 Oops", b"<html>"), Busy),
        (saying("429 Slow", b"{}"), Busy),
        (saying("404 Gone", b"{}"), Unreachable),
        (saying("302 Away\r\nLocation: http://127.0.0.1:1/", b""), Unreachable),
        (saying("200 OK", b""), Unreachable),
        (saying("200 OK", b"<html>login</html>", "text/html"), Unreachable),
        (saying("200 OK", b"[1]"), Unreachable),
        (saying("200 OK", b"[" * 100_000), Unreachable),
        (saying("200 OK", b'{"openid":'), Unreachable),
        (saying("200 OK", b'{"openid":"\xff"}'), Unreachable),
        (saying("200 OK", b'{"openid":7}'), Unreachable),
        (saying("200 OK", b'{"errcode":"many"}'), Unreachable),
        (saying("200 OK", b'{"errcode":"40029"}'), CodeInvalid),
        (saying("200 OK", b'{"errcode":true}'), Unreachable),
        (saying("200 OK", b'{"openid":"o1"}' + b" " * (4 * 1024 * 1024)), Unreachable),
        (silent, Unreachable),
    ],
)
async def test_a_bad_server_gives_one_of_our_errors(
    make_client: MakeClient, answering: Answering, kind: type[WeChatError]
) -> None:
    async with raw_server(answering) as url:
        client = make_client(url, timeout_seconds=0.5 if answering is silent else 5)
        with pytest.raises(WeChatError) as caught:
            await code_to_session(client, "a-code")
        assert type(caught.value) is kind
        await client.aclose()


async def test_nobody_listening_is_unreachable(make_client: MakeClient) -> None:
    async with raw_server(silent) as url:
        pass
    with pytest.raises(Unavailable):
        await code_to_session(make_client(url), "a-code")


@pytest.mark.parametrize(
    "body",
    [b'{"expires_in":7200}', b'{"access_token":"","expires_in":7200}', b'{"access_token":"t","expires_in":0}'],
)
async def test_a_token_answer_without_token_is_garbage(make_client: MakeClient, body: bytes) -> None:
    async with raw_server(saying("200 OK", body)) as url:
        with pytest.raises(Unreachable):
            await make_client(url).fetch_access_token()


async def test_the_library_is_used_as_it_is_meant(sandbox: Sandbox, client: AsyncWeChatClient) -> None:
    """Pin what we rely on in wechatpy: its own calls are awaitable here, and reach no other host."""
    openid = await sandbox.member()
    await sandbox.allow(openid)
    answer = await client.wxa.send_subscribe_message(openid, TEMPLATE, {"thing1": {"value": "好"}})
    assert answer["errcode"] == 0
    with pytest.raises(ValueError, match="API host"):
        await client.get("https://mp.weixin.qq.com/cgi-bin/showqrcode")
    with pytest.raises(TypeError, match="JSON objects only"):
        await client.post("media/upload", files={"media": b""})
    with pytest.raises(AttributeError):
        _ = client.access_token
    assert (client.appid, client.secret) == (APPID, SECRET)


def test_an_error_names_the_field_or_address_and_nothing_else_of_the_text() -> None:
    rid = "6543abcd-01234567-89abcdef"
    error = error_for(SEND, 47003, f"argument invalid! data.thing1.value invalid for oABC rid: {rid}")
    assert str(error) == f"{SEND}: Misconfigured: errcode 47003: data.thing1.value: rid {rid}"
    address = error_for(STABLE, 40164, f"invalid ip 203.0.113.7 ipv6 ::ffff:203.0.113.7, not in whitelist rid: {rid}")
    assert str(address) == f"{STABLE}: Misconfigured: errcode 40164: invalid ip 203.0.113.7: rid {rid}"
