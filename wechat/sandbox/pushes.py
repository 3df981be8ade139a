"""The pushes that WeChat sends to a mini-program's server: what they say, how they are sealed, how they are sent."""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import httpx

from wechat.sandbox.sealing import encrypt, sign
from wechat.sandbox.world import Account

Mode = Literal["safe", "plain"]
Format = Literal["json", "xml"]
ListForm = Literal["object", "array"]

POPUP: Final = "subscribe_msg_popup_event"
CHANGE: Final = "subscribe_msg_change_event"
SENT: Final = "subscribe_msg_sent_event"
ANSWER_SECONDS: Final = 5.0
ANSWER_LENGTH_MAX: Final = 200
_XML_NAMES: Final = {POPUP: "SubscribeMsgPopupEvent", CHANGE: "SubscribeMsgChangeEvent", SENT: "SubscribeMsgSentEvent"}

Item = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Sealed:
    """A push as it goes over the wire."""

    query: Mapping[str, str]
    body: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Callback:
    """Where pushes go."""

    url: str
    client: httpx.AsyncClient


def message(
    account: Account,
    openid: str,
    event: str,
    items: Sequence[Item],
    created_at: int,
    *,
    fmt: Format = "json",
    list_form: ListForm = "object",
) -> bytes:
    """Return what an event says. A list of one is an object in JSON, unless `list_form` asks for an array."""
    if fmt == "xml":
        rows = "".join(f"<List>{''.join(_element(k, v) for k, v in item.items())}</List>" for item in items)
        wrapper = _XML_NAMES[event]
        head = "".join(
            (
                _element("ToUserName", account.original_id),
                _element("FromUserName", openid),
                f"<CreateTime>{created_at}</CreateTime>",
                _element("MsgType", "event"),
                _element("Event", event),
            )
        )
        return f"<xml>{head}<{wrapper}>{rows}</{wrapper}></xml>".encode()
    alone = len(items) == 1 and list_form == "object"
    told = {
        "ToUserName": account.original_id,
        "FromUserName": openid,
        "CreateTime": created_at,
        "MsgType": "event",
        "Event": event,
        "List": items[0] if alone else list(items),
    }
    return json.dumps(told, ensure_ascii=False).encode()


def seal(account: Account, openid: str, content: bytes, timestamp: int, *, mode: Mode, fmt: Format) -> Sealed:
    """Sign a push, and in safe mode encrypt it, as of `timestamp`."""
    at, nonce = str(timestamp), str(secrets.randbelow(10**10))
    query = {"signature": sign((account.token, at, nonce)), "timestamp": at, "nonce": nonce, "openid": openid}
    content_type = "application/json" if fmt == "json" else "text/xml"
    if mode == "plain":
        return Sealed(query, content, content_type)
    encrypted = encrypt(content, account.aes_key, account.appid)
    query |= {"encrypt_type": "aes", "msg_signature": sign((account.token, at, nonce, encrypted))}
    if fmt == "json":
        body = json.dumps({"ToUserName": account.original_id, "Encrypt": encrypted}).encode()
    else:
        name = _element("ToUserName", account.original_id)
        body = f"<xml>{name}{_element('Encrypt', encrypted)}</xml>".encode()
    return Sealed(query, body, content_type)


async def deliver(callback: Callback, sealed: Sealed) -> dict[str, object]:
    """Send a push once and return {status, body}, or {error} when there was no answer within five seconds."""
    try:
        answer = await callback.client.post(
            callback.url,
            params=dict(sealed.query),
            content=sealed.body,
            headers={"Content-Type": sealed.content_type},
            timeout=ANSWER_SECONDS,
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return {"error": type(error).__name__}
    return {"status": answer.status_code, "body": answer.text[:ANSWER_LENGTH_MAX]}


def _element(name: str, value: str) -> str:
    return f"<{name}><![CDATA[{value}]]></{name}>"
