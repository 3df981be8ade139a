"""What the client and the callbacks are told about our mini-program's account."""

import base64
import binascii
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

OFFICIAL_BASE_URL = "https://api.weixin.qq.com"
AES_KEY_LENGTH = 43
TIMEOUT_SECONDS_MAX = 30.0


@dataclass(frozen=True, slots=True)
class WeChatConfig:
    """One account; its repr shows no secret.

    `token` and `aes_key` are those of the message push. `timeout_seconds` bounds one call as a whole, its token and
    its one retry included. In callback mode `safe` a push that is not encrypted is refused. A wrong value raises
    ValueError, whose text names the field and not the value.
    """

    appid: str
    secret: str = field(repr=False)
    token: str = field(repr=False)
    aes_key: str = field(repr=False)
    base_url: str = OFFICIAL_BASE_URL
    timeout_seconds: float = 5.0
    callback_mode: Literal["safe", "plain"] = "safe"

    def __post_init__(self) -> None:
        for name in ("appid", "secret", "token"):
            if not getattr(self, name):
                raise ValueError(f"{name} is empty")
        if len(self.aes_key) != AES_KEY_LENGTH or not (self.aes_key.isascii() and self.aes_key.isalnum()):
            raise ValueError("aes_key must be the 43 letters and digits of WeChat's EncodingAESKey")
        parts = urlsplit(self.base_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query:
            raise ValueError("base_url must be an http or https origin")
        if not 0 < self.timeout_seconds <= TIMEOUT_SECONDS_MAX:
            raise ValueError(f"timeout_seconds must be above 0 and at most {TIMEOUT_SECONDS_MAX:g}")
        if self.callback_mode not in {"safe", "plain"}:
            raise ValueError("callback_mode must be safe or plain")

    def push_key(self) -> bytes:
        """Return the 32 bytes that encrypt pushes."""
        try:
            return base64.b64decode(self.aes_key + "=", validate=True)
        except binascii.Error:
            raise ValueError("aes_key is not base64") from None
