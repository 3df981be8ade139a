"""How a call's parameters are read: by exact name and type, so that a slip of the caller shows here."""

import msgspec

from wechat.sandbox.refusals import Refusal
from wechat.sandbox.world import Json, Query, World


def read_json(body: bytes) -> Json:
    """Return the JSON object of a body. A form, another type of JSON or broken text is refused with 47001."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refusal(47001) from None
    if not isinstance(value, dict):
        raise Refusal(47001)
    return value


def only(body: Json, *names: str) -> None:
    """Refuse with 47001 a key that the call does not know, and name it."""
    for name in body:
        if name not in names:
            raise Refusal(47001, f"data format error, unknown key {name[:40]!r}")


def text(body: Json, name: str, errcode: int) -> str:
    """Return a text that must be there and not be empty, or refuse with the errcode."""
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise Refusal(errcode)
    return value


def check_app(world: World, appid: str | None, secret: str | None) -> None:
    """Refuse unless these are the account's appid and secret."""
    if not appid:
        raise Refusal(41002)
    if not secret:
        raise Refusal(41004)
    if appid != world.account.appid:
        raise Refusal(40013)
    if secret != world.account.secret:
        raise Refusal(40125)


def check_token(world: World, query: Query) -> None:
    """Refuse unless the call carries an access token that is valid now."""
    world.tokens.check(query.get("access_token", ""))
