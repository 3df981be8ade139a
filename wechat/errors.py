"""What can go wrong with WeChat, as few kinds as a caller can tell apart.

    WeChatError
    ├── CodeInvalid       the member's code is unknown, expired, foreign or of another kind: ask the phone for a new one
    ├── CodeUsed          the code was already redeemed: ask the phone for a new one
    ├── UserBlocked       WeChat holds this person for high risk and does not let them in
    ├── Refused           any other final answer; asking again gives the same
    │   └── GrantMissing  the member has given no permission that is still unspent (43101)
    ├── Misconfigured     our settings, template or page are wrong: keep the work and tell a person
    └── Unavailable       nothing was decided, trying again later may succeed
        ├── Busy          WeChat is there and cannot answer now (-1, quotas, HTTP 5xx)
        └── Unreachable   no answer or none that can be read: network, timeout, garbage

    CallbackRefused       a push that can not be proven to come from WeChat, now
    Unsendable            a value that WeChat would refuse, found before sending

No text of these carries a secret, token, code, phone number or openid; WeChat's own free text is not repeated.
"""
# ruff: noqa: N818 - the names are read as sentences, "except CodeUsed"; "Error" in each would say nothing

import re
from typing import Final, Literal

_RID = re.compile(r"rid: ?([0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8})")
_HINT = re.compile(r"data\.[a-z_]{1,20}[0-9]{1,4}\.value|invalid ip [0-9a-fA-F.:]{3,45}")


class WeChatError(Exception):
    """An answer of WeChat, or the lack of one, for the call to `path`.

    `errcode` is None when no errcode was read; `rid` is WeChat's request id, for its support; `hint` names the data
    field or the address of ours that WeChat complained of, where it said so.
    """

    def __init__(self, path: str, errcode: int | None = None, rid: str | None = None, hint: str | None = None) -> None:
        self.path = path
        self.errcode = errcode
        self.rid = rid
        self.hint = hint
        parts = [path, type(self).__name__]
        if errcode is not None:
            parts.append(f"errcode {errcode}")
        if hint:
            parts.append(hint)
        if rid:
            parts.append(f"rid {rid}")
        super().__init__(": ".join(parts))

    def __reduce__(
        self,
    ) -> tuple[type["WeChatError"], tuple[str, int | None, str | None, str | None]]:
        return type(self), (self.path, self.errcode, self.rid, self.hint)


class CodeInvalid(WeChatError):
    """The code is unknown, expired, foreign or of another kind."""


class CodeUsed(WeChatError):
    """The code was already redeemed."""


class UserBlocked(WeChatError):
    """WeChat holds this person for high risk."""


class Refused(WeChatError):
    """A final answer; asking again gives the same."""


class GrantMissing(Refused):
    """The member has given no permission for this template that is still unspent."""


class Misconfigured(WeChatError):
    """Our settings, template or page are wrong; a person has to mend them, nothing about this member is wrong."""


class Unavailable(WeChatError):
    """Nothing was decided; trying again later may succeed."""


class Busy(Unavailable):
    """WeChat is there and cannot answer now."""


class Unreachable(Unavailable):
    """There was no answer, or none that can be read."""


CallbackReason = Literal["too_large", "malformed", "stale", "signature", "unencrypted", "appid"]


class CallbackRefused(Exception):
    """A push that can not be proven to come from WeChat, now; `reason` says why in one word."""

    def __init__(self, reason: CallbackReason) -> None:
        self.reason: Final = reason
        super().__init__(reason)


class Unsendable(ValueError):
    """A value that WeChat would refuse; `field` names it, the text says what would be right, never the value."""

    def __init__(self, field: str, expected: str) -> None:
        self.field: Final = field
        self.expected: Final = expected
        super().__init__(field, expected)

    def __str__(self) -> str:
        return f"{self.field} must be {self.expected}"


_MISCONFIGURED: Final = (
    *(40001, 40002, 40013, 40014, 40125, 40164, 41001, 41002, 41004, 42001),  # credentials and our address
    *(40037, 41030, 85079),  # template, page, publication
    *(40066, 40097, 40129, 40165, 40169, 40212, 43001, 43002, 47001, 47003),  # the shape of what we sent
)
_KINDS: Final[dict[int, type[WeChatError]]] = {
    40029: CodeInvalid,
    41008: CodeInvalid,
    40163: CodeUsed,
    40226: UserBlocked,
    43101: GrantMissing,
    -1: Busy,
    44990: Busy,
    45009: Busy,
    45011: Busy,
    **dict.fromkeys(_MISCONFIGURED, Misconfigured),
}


def error_for(path: str, errcode: int, errmsg: str) -> WeChatError:
    """Build the error that an errcode other than 0 stands for."""
    rid = _RID.search(errmsg)
    hint = _HINT.search(errmsg)
    kind = _KINDS.get(errcode, Refused)
    return kind(path, errcode, rid.group(1) if rid else None, hint.group(0) if hint else None)
