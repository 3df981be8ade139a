"""Who is holding the phone: a wx.login code for an openid."""

from dataclasses import dataclass, field
from typing import Final

from wechat.client import AsyncWeChatClient
from wechat.errors import CodeInvalid, Unreachable

PATH: Final = "/sns/jscode2session"
CODE_LENGTH_MAX: Final = 128


@dataclass(frozen=True, slots=True)
class Session:
    """A person as WeChat names them to this mini-program. `unionid` is None outside an open-platform account."""

    openid: str = field(repr=False)
    unionid: str | None = field(repr=False)


async def code_to_session(client: AsyncWeChatClient, code: str) -> Session:
    """Redeem a wx.login code, which works once and for five minutes.

    WeChat's session_key is thrown away: nothing here needs it, so nothing can leak it. Raises CodeInvalid, CodeUsed,
    UserBlocked, Unavailable or Misconfigured.
    """
    if not is_code(code):
        raise CodeInvalid(PATH)
    answer = await client.wxa.code_to_session(code)
    openid, unionid = answer.get("openid"), answer.get("unionid")
    if not isinstance(openid, str) or not openid:
        raise Unreachable(PATH, hint="no openid in the answer")
    return Session(openid, unionid if isinstance(unionid, str) and unionid else None)


def is_code(code: str) -> bool:
    """Tell whether this could be a code at all; what could not is never sent."""
    return 0 < len(code) <= CODE_LENGTH_MAX and code.isascii() and code.isprintable()
