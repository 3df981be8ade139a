"""The body of a push: JSON or XML within bounds is read, everything else refused, and no entity is expanded."""

from datetime import UTC, datetime

import pytest

from tests.wechat.conftest import AES_KEY, APPID, PUSH_TOKEN, SECRET
from wechat.callbacks import read
from wechat.config import WeChatConfig
from wechat.errors import CallbackRefused
from wechat.sandbox.pushes import Mode, seal
from wechat.sandbox.world import Account

ACCOUNT = Account(APPID, SECRET, PUSH_TOKEN, AES_KEY)
AT = 1_750_000_000
MODES: tuple[Mode, ...] = ("plain", "safe")


def openids(body: bytes, mode: Mode) -> list[str]:
    """Seal and read a push; return whom it is about."""
    config = WeChatConfig(APPID, SECRET, PUSH_TOKEN, AES_KEY, "http://127.0.0.1:1", callback_mode=mode)
    sealed = seal(ACCOUNT, "o1", body, AT, mode=mode, fmt="xml")
    return [push.openid for push in read(config, sealed.query, sealed.body, datetime.fromtimestamp(AT, UTC))]


# But for the one thing that is wrong with each, these are pushes that would be read.
REST = b"<CreateTime>1750000000</CreateTime><MsgType>text</MsgType></xml>"
LAUGHS = (
    b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<xml><FromUserName>&b;</FromUserName>"""
    + REST
)
OUTSIDE = b'<!DOCTYPE xml SYSTEM "http://127.0.0.1:1/x"><xml><FromUserName>o1</FromUserName>' + REST
DEEP = b"<xml><FromUserName>o1</FromUserName>" + b"<a>" * 8 + b"</a>" * 8 + REST
WIDE = b"<xml><FromUserName>o1</FromUserName>" + b"<a/>" * 997 + REST


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"[]",
        b"{",
        b'{"a":' * 5000,
        b"\xff\xfe{",
        b'{"FromUserName":"\xff"}',
        LAUGHS,
        OUTSIDE,
        b"<xml>&undefined;</xml>",
        b"<xml><a></xml>",
        b"<xml>text</xml>",
        DEEP,
        WIDE,
        b'<?xml version="1.0" encoding="utf-7"?><xml><a>1</a></xml>',
    ],
)
def test_a_body_that_is_no_push_is_refused_and_no_entity_expanded(body: bytes) -> None:
    for mode in MODES:
        with pytest.raises(CallbackRefused, match="malformed"):
            openids(body, mode)


@pytest.mark.parametrize("body", [DEEP.replace(b"<a></a>", b""), WIDE.replace(b"<a/><a/>", b"<a/>", 1)])
def test_a_body_just_within_the_bounds_is_read(body: bytes) -> None:
    for mode in MODES:
        assert openids(body, mode) == ["o1"]
