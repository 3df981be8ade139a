"""Pushes between two programs: wechatpy's own crypto agrees with both sides, and a tap reaches our callback."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import parse_qsl

import pytest
from sanic import HTTPResponse, Request, Sanic
from sanic.response import text
from wechatpy.crypto import WeChatCrypto

from tests.wechat.conftest import AES_KEY, APPID, PUSH_TOKEN, SECRET, TEMPLATE, Sandbox, running_sandbox, serving
from wechat.callbacks import ANSWER, POPUP, Push, read
from wechat.config import WeChatConfig
from wechat.errors import CallbackRefused
from wechat.sandbox.pushes import Format, Item, ListForm, Mode, Sealed, message, seal
from wechat.sandbox.sealing import sign
from wechat.sandbox.world import Account

ACCOUNT = Account(APPID, SECRET, PUSH_TOKEN, AES_KEY)


SAFE = WeChatConfig(APPID, SECRET, PUSH_TOKEN, AES_KEY, "http://127.0.0.1:1")


PLAIN = replace(SAFE, callback_mode="plain")


AT = 1_750_000_000


NOW = datetime.fromtimestamp(AT, UTC)


OPENID = "oMember0000000000000000000001"


ACCEPTED: Item = {"TemplateId": TEMPLATE, "SubscribeStatusString": "accept", "PopupScene": "0"}


def sealed_push(
    items: list[Item],
    event: str = POPUP,
    mode: Mode = "safe",
    fmt: Format = "json",
    list_form: ListForm = "object",
    account: Account = ACCOUNT,
) -> Sealed:
    content = message(account, OPENID, event, items, AT, fmt=fmt, list_form=list_form)
    return seal(account, OPENID, content, AT, mode=mode, fmt=fmt)


def plain(told: object) -> Sealed:
    return seal(ACCOUNT, OPENID, json.dumps(told).encode(), AT, mode="plain", fmt="json")


EVENT = {"FromUserName": OPENID, "CreateTime": AT, "MsgType": "event", "Event": POPUP, "List": dict(ACCEPTED)}


@pytest.mark.parametrize("fmt", ["json", "xml"])
def test_wechatpy_opens_what_the_sandbox_seals(fmt: Format) -> None:
    sealed = sealed_push([ACCEPTED], fmt=fmt)
    crypto = WeChatCrypto(PUSH_TOKEN, AES_KEY, APPID)
    body = json.loads(sealed.body) if fmt == "json" else sealed.body.decode()
    query = sealed.query
    opened = crypto.decrypt_message(body, query["msg_signature"], query["timestamp"], query["nonce"])
    expected = message(ACCOUNT, OPENID, POPUP, [ACCEPTED], AT, fmt=fmt)
    assert (opened if isinstance(opened, bytes) else opened.encode()) == expected


def test_the_client_side_opens_what_wechatpy_seals() -> None:
    crypto = WeChatCrypto(PUSH_TOKEN, AES_KEY, APPID)
    for length in range(64):  # every padding
        told = json.dumps(EVENT | {"Filler": "x" * length})
        body = crypto.encrypt_message(told, "nonce", str(AT)).encode()
        encrypted = body.split(b"<Encrypt><![CDATA[")[1].split(b"]]>")[0].decode()
        query = {
            "timestamp": str(AT),
            "nonce": "nonce",
            "msg_signature": sign((PUSH_TOKEN, str(AT), "nonce", encrypted)),
        }
        assert len(read(SAFE, query, body, NOW)) == 1


class Listener:
    """Our side of the callback, on real HTTP."""

    def __init__(self) -> None:
        self.app = Sanic("wechat_test_listener", env_prefix=None, configure_logging=False)
        self.app.config.TOUCHUP = False
        self.app.add_route(self.take, "/callback", methods=["POST"])
        self.config = SAFE
        self.pushes: list[Push] = []

    async def take(self, request: Request) -> HTTPResponse:
        """Read a push as our web will."""
        query = dict(parse_qsl(request.query_string))
        try:
            self.pushes += read(self.config, query, request.body, datetime.now(UTC))
        except CallbackRefused as error:
            return text(error.reason, status=403)
        return text(ANSWER)


@pytest.fixture(scope="module")
async def listener() -> AsyncIterator[tuple[Listener, str]]:
    found = Listener()
    async with serving(found.app) as url:
        yield found, f"{url}/callback"


@pytest.mark.parametrize(
    "query", ["", "?mode=plain", "?format=xml", "?mode=plain&format=xml&list=array", "?list=array"]
)
async def test_a_tap_reaches_our_callback(listener: tuple[Listener, str], query: str) -> None:
    ours, url = listener
    ours.pushes.clear()
    ours.config = PLAIN if "plain" in query else SAFE
    async with running_sandbox(url) as sandbox:
        openid = await sandbox.member()
        for accept, allowed in ((True, 1), (True, 2), (False, 2)):
            told = {"openid": openid, "template_id": TEMPLATE, "accept": accept}
            answer = await sandbox.post(f"grants{query}", **told)
            assert answer == {"credits": allowed, "callback": {"status": 200, "body": "success"}}
    assert [(push.openid, push.template_id, push.status) for push in ours.pushes] == [
        (openid, TEMPLATE, status) for status in ("accept", "accept", "reject")
    ]
    assert len({push.dedupe_key for push in ours.pushes}) == 3  # three taps within one second


async def test_what_the_callback_said_is_told(listener: tuple[Listener, str]) -> None:
    ours, url = listener
    ours.config = SAFE
    async with running_sandbox(url) as sandbox:
        told = {"openid": await sandbox.member(), "template_id": TEMPLATE, "accept": True}
        answer = await sandbox.post("grants?mode=plain", **told)
        assert answer["callback"] == {"status": 403, "body": "unencrypted"}
    async with running_sandbox("http://127.0.0.1:1/") as sandbox:
        told = {"openid": await sandbox.member(), "template_id": TEMPLATE, "accept": True}
        assert await sandbox.post("grants", **told) == {"credits": 1, "callback": {"error": "ConnectError"}}


async def test_without_a_callback_url_the_permission_is_only_counted(sandbox: Sandbox) -> None:
    told = {"openid": await sandbox.member(), "template_id": TEMPLATE, "accept": True}
    assert await sandbox.post("grants", **told) == {"credits": 1, "callback": None}
