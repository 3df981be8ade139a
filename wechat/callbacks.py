"""What WeChat tells us: proves that a push is WeChat's and is new, and reads what happened.

Order: size, age, signature, decryption, account; only then the content is looked at. Answer a push that was read with
ANSWER within five seconds, or WeChat repeats it; the same push may come several times, and `dedupe_key` tells.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from wechat.bodies import Tree, read_body
from wechat.config import WeChatConfig
from wechat.errors import CallbackRefused
from wechat.seals import is_signed, unseal

ANSWER: Final = "success"
BODY_BYTES_MAX: Final = 64 * 1024
AGE_SECONDS_MAX: Final = 300
ITEMS_MAX: Final = 50
_TEXT_LENGTH_MAX: Final = 256
_TIMESTAMP_DIGITS_MAX: Final = 12

POPUP: Final = "subscribe_msg_popup_event"
CHANGE: Final = "subscribe_msg_change_event"
SENT: Final = "subscribe_msg_sent_event"
_WRAPPERS: Final = {POPUP: "SubscribeMsgPopupEvent", CHANGE: "SubscribeMsgChangeEvent", SENT: "SubscribeMsgSentEvent"}


@dataclass(frozen=True, slots=True)
class Push:
    """One thing that happened to one member.

    `kind` is WeChat's event name (POPUP, CHANGE, SENT or another), or the message type of what is no event.
    `status` is accept or reject for POPUP and CHANGE, WeChat's word for the outcome for SENT. `scene` is where the
    question was asked. `message_id` and `error_code` (0 is delivered) belong to SENT. `created_at` is aware UTC.
    """

    kind: str
    openid: str = field(repr=False)
    created_at: datetime
    dedupe_key: str
    template_id: str | None = None
    status: str | None = None
    scene: str | None = None
    message_id: str | None = None
    error_code: int | None = None


def echo(config: WeChatConfig, query: Mapping[str, str]) -> str:
    """Answer WeChat's check of our URL: return its `echostr` as it came, or raise CallbackRefused("signature").

    Serve it as text/plain. It is signed but not new: it proves that we know the token, and changes nothing.
    """
    if not is_signed(query.get("signature", ""), config.token, query.get("timestamp", ""), query.get("nonce", "")):
        raise CallbackRefused("signature")
    text = query.get("echostr", "")
    if not 0 < len(text) <= _TEXT_LENGTH_MAX or not (text.isascii() and text.isprintable()):
        raise CallbackRefused("malformed")
    return text


def read(config: WeChatConfig, query: Mapping[str, str], body: bytes, now: datetime) -> tuple[Push, ...]:
    """Prove a push and return what it tells, in its order; one push may name several templates.

    Both modes and both formats are read. In safe mode a push that is not encrypted is refused, signed or not, as the
    plain signature does not cover the body. Raise CallbackRefused, whose reason is one word, for all else.
    """
    if len(body) > BODY_BYTES_MAX:
        raise CallbackRefused("too_large")
    _check_age(query.get("timestamp", ""), now)
    sealed = "msg_signature" in query
    if not sealed and config.callback_mode == "safe":
        raise CallbackRefused("unencrypted")
    return _pushes(_unsealed(config, query, body) if sealed else _signed(config, query, body))


def _check_age(timestamp: str, now: datetime) -> None:
    if not (timestamp.isascii() and timestamp.isdigit()) or len(timestamp) > _TIMESTAMP_DIGITS_MAX:
        raise CallbackRefused("malformed")
    if abs(now.timestamp() - int(timestamp)) > AGE_SECONDS_MAX:
        raise CallbackRefused("stale")


def _signed(config: WeChatConfig, query: Mapping[str, str], body: bytes) -> Tree:
    given = query.get("signature", "")
    if not is_signed(given, config.token, query.get("timestamp", ""), query.get("nonce", "")):
        raise CallbackRefused("signature")
    return read_body(body)


def _unsealed(config: WeChatConfig, query: Mapping[str, str], body: bytes) -> Tree:
    encrypted = read_body(body).get("Encrypt")
    if not isinstance(encrypted, str):
        raise CallbackRefused("unencrypted")
    given = query.get("msg_signature", "")
    if not is_signed(given, config.token, query.get("timestamp", ""), query.get("nonce", ""), encrypted):
        raise CallbackRefused("signature")
    try:
        sealed = base64.b64decode(encrypted, validate=True)
    except (binascii.Error, ValueError):
        raise CallbackRefused("malformed") from None
    return read_body(unseal(sealed, config.push_key(), config.appid))


def _pushes(tree: Tree) -> tuple[Push, ...]:
    kind = (_text(tree, "Event") if tree.get("MsgType") == "event" else None) or _text(tree, "MsgType")
    openid = _text(tree, "FromUserName")
    created = _text(tree, "CreateTime")
    if not kind or not openid or created is None or not _is_number(created):
        raise CallbackRefused("malformed")
    try:
        created_at = datetime.fromtimestamp(int(created), UTC)
    except (OverflowError, ValueError, OSError):
        raise CallbackRefused("malformed") from None
    return tuple(_push(kind, openid, created_at, item) for item in _items(kind, tree))


def _items(kind: str, tree: Tree) -> list[Tree]:
    """Return what the push lists. XML wraps the list by the event's name; a list of one comes as the one."""
    wrapper = _WRAPPERS.get(kind)
    if wrapper is None:
        return [tree]
    inner = tree.get(wrapper, tree)
    listed = inner.get("List") if isinstance(inner, dict) else None
    found = listed if isinstance(listed, list) else [listed]
    items = [item for item in found if isinstance(item, dict)]
    if not 0 < len(items) <= ITEMS_MAX or len(items) != len(found):
        raise CallbackRefused("malformed")
    return items


def _push(kind: str, openid: str, created_at: datetime, item: Tree) -> Push:
    template_id = _text(item, "TemplateId")
    message_id = _text(item, "MsgID") or _text(item, "MsgId")
    error = _text(item, "ErrorCode")
    if kind in _WRAPPERS and not template_id:
        raise CallbackRefused("malformed")
    if error is not None and not _is_number(error.removeprefix("-")):
        raise CallbackRefused("malformed")
    told = (openid, str(int(created_at.timestamp())), kind, template_id or "", message_id or "")
    return Push(
        kind=kind,
        openid=openid,
        created_at=created_at,
        dedupe_key=hashlib.sha256("\0".join(told).encode("utf-8", "surrogatepass")).hexdigest(),
        template_id=template_id,
        status=_text(item, "SubscribeStatusString") or _text(item, "ErrorStatus"),
        scene=_text(item, "PopupScene"),
        message_id=message_id,
        error_code=None if error is None else int(error),
    )


def _text(tree: Tree, name: str) -> str | None:
    """Return the short text or number under the name, as text; None when it is not there or empty."""
    value = tree.get(name)
    if type(value) is int:
        value = str(value)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > _TEXT_LENGTH_MAX:
        raise CallbackRefused("malformed")
    return value


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _TIMESTAMP_DIGITS_MAX
