"""How WeChat says no: HTTP 200, an errcode, a text, and a request id inside the text."""

import secrets
from typing import Final

TEXTS: Final[dict[int, str]] = {
    -1: "system error",
    40001: "invalid credential, access_token is invalid or not latest",
    40002: "invalid grant_type",
    40003: "invalid openid",
    40013: "invalid appid",
    40014: "invalid access_token",
    40029: "invalid code",
    40037: "invalid template_id",
    40066: "invalid url",
    40097: "invalid args",
    40125: "invalid appsecret",
    40129: "invalid scene",
    40163: "code been used",
    40165: "invalid weapp pagepath",
    40169: "invalid length for scene, or the data is not json string",
    40212: "invalid query",
    40226: "code blocked",
    41001: "access_token missing",
    41002: "appid missing",
    41004: "appsecret missing",
    41008: "missing code",
    41030: "invalid page",
    42001: "access_token expired",
    43001: "require GET method",
    43002: "require POST method",
    43101: "user refuse to accept the msg",
    44002: "empty post data",
    45009: "reach max api daily quota limit",
    45011: "api minute-quota reach limit, must slower, retry next minute",
    47001: "data format error",
    85401: "invalid expire_time",
    87008: "invalid sig_method",
    87009: "invalid signature",
}


class Refusal(Exception):  # noqa: N818 - the word WeChat's side would use; it is an answer, not a fault
    """An errcode with its text, which may say more than the usual one."""

    def __init__(self, errcode: int, text: str | None = None) -> None:
        self.errcode = errcode
        self.text = text if text is not None else TEXTS.get(errcode, "error")
        super().__init__(errcode)

    def answer(self) -> dict[str, object]:
        """Return the JSON object of this refusal, with a fresh request id."""
        return {"errcode": self.errcode, "errmsg": f"{self.text} rid: {request_id()}"}


def request_id() -> str:
    """Return an id as WeChat's: three groups of eight hexadecimal digits."""
    return "-".join(secrets.token_hex(4) for _ in range(3))
