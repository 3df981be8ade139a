"""Reading a push: every form that WeChat uses is read, and whatever is not proven and new is refused."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from wechatpy.utils import check_signature

from tests.wechat.conftest import AES_KEY, APPID, PUSH_TOKEN, SECRET, TEMPLATE
from wechat.callbacks import CHANGE, POPUP, SENT, Push, echo, read
from wechat.config import WeChatConfig
from wechat.errors import CallbackRefused
from wechat.sandbox.pushes import Format, Item, ListForm, Mode, Sealed, message, seal
from wechat.sandbox.sealing import sign
from wechat.sandbox.world import Account
from wechat.seals import is_signed, signature

ACCOUNT = Account(APPID, SECRET, PUSH_TOKEN, AES_KEY)


SAFE = WeChatConfig(APPID, SECRET, PUSH_TOKEN, AES_KEY, "http://127.0.0.1:1")


PLAIN = replace(SAFE, callback_mode="plain")


AT = 1_750_000_000


NOW = datetime.fromtimestamp(AT, UTC)


OPENID = "oMember0000000000000000000001"


ACCEPTED: Item = {"TemplateId": TEMPLATE, "SubscribeStatusString": "accept", "PopupScene": "0"}


REJECTED: Item = {"TemplateId": "another_template", "SubscribeStatusString": "reject", "PopupScene": "0"}


OFFICIAL = [
    ("1714036504", "1514711492", "f464b24fc39322e44b38aa78f5edd27bd1441696"),
    ("1714037059", "486452656", "899cf89e464efb63f54ddac96b0a0a235f53aa78"),
]


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


def config_for(mode: Mode) -> WeChatConfig:
    return SAFE if mode == "safe" else PLAIN


def refusal(config: WeChatConfig, sealed: Sealed, now: datetime = NOW) -> str:
    with pytest.raises(CallbackRefused) as caught:
        read(config, sealed.query, sealed.body, now)
    return caught.value.reason


@pytest.mark.parametrize(("timestamp", "nonce", "expected"), OFFICIAL)
def test_both_sides_sign_as_the_official_examples(timestamp: str, nonce: str, expected: str) -> None:
    assert signature("AAAAA", timestamp, nonce) == expected
    assert sign(("AAAAA", timestamp, nonce)) == expected
    assert is_signed(expected, nonce, "AAAAA", timestamp)
    assert not is_signed(expected.upper(), "AAAAA", timestamp, nonce)
    check_signature("AAAAA", expected, timestamp, nonce)
    query = {"signature": expected, "timestamp": timestamp, "nonce": nonce, "echostr": "5837397576500011341"}
    assert echo(SAFE, query) == "5837397576500011341"
    with pytest.raises(CallbackRefused, match="signature"):
        echo(SAFE, query | {"nonce": nonce + "0"})
    with pytest.raises(CallbackRefused, match="malformed"):
        echo(SAFE, query | {"echostr": "<b>\n"})
    with pytest.raises(CallbackRefused, match="malformed"):
        echo(SAFE, query | {"echostr": "1" * 257})


def test_an_empty_or_broken_url_check_is_refused() -> None:
    for query in ({}, {"signature": "签名", "timestamp": "\ud800", "nonce": "1", "echostr": "1"}):
        with pytest.raises(CallbackRefused, match="signature"):
            echo(SAFE, query)


@pytest.mark.parametrize("mode", ["plain", "safe"])
@pytest.mark.parametrize("fmt", ["json", "xml"])
@pytest.mark.parametrize("list_form", ["object", "array"])
def test_one_answer_is_read_in_every_form(mode: Mode, fmt: Format, list_form: ListForm) -> None:
    sealed = sealed_push([ACCEPTED], mode=mode, fmt=fmt, list_form=list_form)
    (push,) = read(config_for(mode), sealed.query, sealed.body, NOW)
    assert push == Push(
        kind=POPUP,
        openid=OPENID,
        created_at=NOW,
        dedupe_key=push.dedupe_key,
        template_id=TEMPLATE,
        status="accept",
        scene="0",
    )
    assert OPENID not in repr(push)


@pytest.mark.parametrize("mode", ["plain", "safe"])
@pytest.mark.parametrize("fmt", ["json", "xml"])
def test_several_answers_are_read_in_their_order(mode: Mode, fmt: Format) -> None:
    sealed = sealed_push([ACCEPTED, REJECTED], mode=mode, fmt=fmt)
    pushes = read(config_for(mode), sealed.query, sealed.body, NOW)
    assert [(push.template_id, push.status) for push in pushes] == [
        (TEMPLATE, "accept"),
        ("another_template", "reject"),
    ]
    assert len({push.dedupe_key for push in pushes}) == 2


def test_a_repeated_push_has_the_same_key_in_every_form() -> None:
    keys = set()
    for mode in ("plain", "safe"):
        for fmt in ("json", "xml"):
            sealed = sealed_push([ACCEPTED], mode=mode, fmt=fmt)
            config = SAFE if mode == "safe" else PLAIN
            keys |= {push.dedupe_key for push in read(config, sealed.query, sealed.body, NOW)}
    assert len(keys) == 1


def test_the_outcome_of_a_message_and_a_change_of_mind_are_read() -> None:
    sent: Item = {
        "TemplateId": TEMPLATE,
        "MsgID": "1700827132819554304",
        "ErrorCode": "0",
        "ErrorStatus": "success",
    }
    for fmt in ("json", "xml"):
        sealed = sealed_push([sent], SENT, fmt=fmt)
        (push,) = read(SAFE, sealed.query, sealed.body, NOW)
        assert (push.kind, push.message_id, push.error_code, push.status, push.template_id) == (
            SENT,
            "1700827132819554304",
            0,
            "success",
            TEMPLATE,
        )
        sealed = sealed_push([{"TemplateId": TEMPLATE, "SubscribeStatusString": "reject"}], CHANGE, fmt=fmt)
        (push,) = read(SAFE, sealed.query, sealed.body, NOW)
        assert (push.kind, push.status, push.scene) == (CHANGE, "reject", None)


def plain(told: object) -> Sealed:
    return seal(ACCOUNT, OPENID, json.dumps(told).encode(), AT, mode="plain", fmt="json")


EVENT = {"FromUserName": OPENID, "CreateTime": AT, "MsgType": "event", "Event": POPUP, "List": dict(ACCEPTED)}


def test_numbers_come_as_numbers_or_texts_and_other_pushes_are_named() -> None:
    (push,) = read(PLAIN, (one := plain(EVENT | {"CreateTime": str(AT)})).query, one.body, NOW)
    assert push.created_at == NOW
    sent = {"TemplateId": TEMPLATE, "MsgID": 17, "ErrorCode": 43101, "ErrorStatus": "fail"}
    (push,) = read(PLAIN, (one := plain(EVENT | {"Event": SENT, "List": [sent]})).query, one.body, NOW)
    assert (push.message_id, push.error_code) == ("17", 43101)
    told = {"FromUserName": OPENID, "CreateTime": AT, "MsgType": "text", "Content": "你好", "MsgId": 5}
    (push,) = read(PLAIN, (one := plain(told)).query, one.body, NOW)
    assert (push.kind, push.message_id, push.template_id) == ("text", "5", None)


@pytest.mark.parametrize(
    "changes",
    [
        {"FromUserName": ""},
        {"FromUserName": ["o"]},
        {"FromUserName": "o" * 257},
        {"CreateTime": None},
        {"CreateTime": "soon"},
        {"CreateTime": -1},
        {"CreateTime": True},
        {"CreateTime": 10**13},
        {"CreateTime": 999_999_999_999},
        {"MsgType": None},
        {"List": None},
        {"List": []},
        {"List": "accept"},
        {"List": [dict(ACCEPTED), 1]},
        {"List": [dict(ACCEPTED)] * 51},
        {"List": {"SubscribeStatusString": "accept"}},
        {"Event": SENT, "List": {"TemplateId": TEMPLATE, "ErrorCode": "many"}},
    ],
)
def test_what_a_push_never_says_is_refused(changes: dict[str, object]) -> None:
    assert refusal(PLAIN, plain(EVENT | changes)) == "malformed"


@pytest.mark.parametrize("mode", ["plain", "safe"])
@pytest.mark.parametrize(("seconds", "reason"), [(301, "stale"), (-301, "stale"), (86_400, "stale")])
def test_an_old_or_future_push_is_refused(mode: Mode, seconds: int, reason: str) -> None:
    now = datetime.fromtimestamp(AT + seconds, UTC)
    assert refusal(config_for(mode), sealed_push([ACCEPTED], mode=mode), now) == reason


@pytest.mark.parametrize("seconds", [300, -300])
def test_a_push_of_five_minutes_is_read(seconds: int) -> None:
    sealed = sealed_push([ACCEPTED])
    assert len(read(SAFE, sealed.query, sealed.body, datetime.fromtimestamp(AT + seconds, UTC))) == 1


@pytest.mark.parametrize("timestamp", ["", "now", "-1", "１７", "1" * 13, "1e9"])
def test_a_timestamp_is_plain_digits(timestamp: str) -> None:
    sealed = sealed_push([ACCEPTED])
    assert refusal(SAFE, replace(sealed, query={**sealed.query, "timestamp": timestamp})) == "malformed"


@pytest.mark.parametrize("name", ["timestamp", "nonce", "msg_signature"])
def test_a_changed_query_is_refused(name: str) -> None:
    sealed = sealed_push([ACCEPTED])
    value = str(AT + 1) if name == "timestamp" else "0" * 40
    assert refusal(SAFE, replace(sealed, query={**sealed.query, name: value})) == "signature"
    plain = sealed_push([ACCEPTED], mode="plain")
    if name != "msg_signature":
        assert refusal(PLAIN, replace(plain, query={**plain.query, name: value})) == "signature"


def test_a_changed_body_is_refused() -> None:
    sealed = sealed_push([ACCEPTED])
    told = json.loads(sealed.body)
    raw = bytearray(base64.b64decode(told["Encrypt"]))
    raw[20] ^= 1
    changed = json.dumps(told | {"Encrypt": base64.b64encode(bytes(raw)).decode()}).encode()
    assert refusal(SAFE, replace(sealed, body=changed)) == "signature"
    assert refusal(SAFE, replace(sealed, body=sealed.body[:-1])) == "malformed"
    assert refusal(SAFE, replace(sealed, body=b"{}")) == "unencrypted"
    assert refusal(SAFE, replace(sealed, body=b'{"Encrypt":1}')) == "unencrypted"


@pytest.mark.parametrize("name", ["signature", "msg_signature"])
def test_a_missing_signature_is_refused(name: str) -> None:
    mode: Mode = "plain" if name == "signature" else "safe"
    sealed = sealed_push([ACCEPTED], mode=mode)
    query = {key: value for key, value in sealed.query.items() if key != name}
    assert refusal(config_for(mode), replace(sealed, query=query)) == (
        "signature" if mode == "plain" else "unencrypted"
    )


def test_safe_mode_takes_no_plain_push_however_well_signed() -> None:
    assert refusal(SAFE, sealed_push([ACCEPTED], mode="plain")) == "unencrypted"
    sealed = sealed_push([ACCEPTED], mode="plain")
    query = {**sealed.query, "msg_signature": sealed.query["signature"]}
    assert refusal(SAFE, replace(sealed, query=query)) == "unencrypted"


def test_plain_mode_still_reads_an_encrypted_push() -> None:
    sealed = sealed_push([ACCEPTED])
    assert len(read(PLAIN, sealed.query, sealed.body, NOW)) == 1


def test_a_push_for_another_account_is_refused() -> None:
    assert refusal(SAFE, sealed_push([ACCEPTED], account=replace(ACCOUNT, appid="wxffffffffffffffff"))) == "appid"
    other_key = replace(ACCOUNT, aes_key=AES_KEY[::-1])
    assert refusal(SAFE, sealed_push([ACCEPTED], account=other_key)) in {"malformed", "appid"}
    assert refusal(SAFE, sealed_push([ACCEPTED], account=replace(ACCOUNT, token="BBBBB"))) == "signature"


@pytest.mark.parametrize(
    "encrypted",
    ["", "!!!!", "AAAA", base64.b64encode(b"\0" * 32).decode(), base64.b64encode(b"x" * 33).decode(), "密"],
)
def test_signed_nonsense_is_refused(encrypted: str) -> None:
    query = {"timestamp": str(AT), "nonce": "1", "msg_signature": sign((PUSH_TOKEN, str(AT), "1", encrypted))}
    body = json.dumps({"Encrypt": encrypted}).encode()
    assert refusal(SAFE, Sealed(query, body, "application/json")) == "malformed"


def test_padding_is_of_32_bytes_at_most_and_whole() -> None:
    key = SAFE.push_key()
    told = json.dumps(EVENT).encode()
    framed = b"r" * 16 + len(told).to_bytes(4, "big") + told + APPID.encode()
    for padding in (16, 32, 48):
        filler = -len(framed) % 16 or 16
        inner = told + b" " * filler
        tail = bytes([padding]) * padding
        plain = b"r" * 16 + len(inner).to_bytes(4, "big") + inner + APPID.encode() + tail
        assert len(plain) % 16 == 0
        for content, good in ((plain, padding <= 32), (plain[:-2] + b"\0" + plain[-1:], False)):
            encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
            encrypted = base64.b64encode(encryptor.update(content) + encryptor.finalize()).decode()
            query = {"timestamp": str(AT), "nonce": "1", "msg_signature": sign((PUSH_TOKEN, str(AT), "1", encrypted))}
            sealed = Sealed(query, json.dumps({"Encrypt": encrypted}).encode(), "application/json")
            if good:
                assert len(read(SAFE, sealed.query, sealed.body, NOW)) == 1
            else:
                assert refusal(SAFE, sealed) == "malformed"


def test_a_body_over_64_kilobytes_is_refused_unread() -> None:
    sealed = plain(EVENT)
    assert refusal(PLAIN, replace(sealed, body=sealed.body + b" " * (64 * 1024))) == "too_large"
