"""Subscribe messages: one message to one member, for one permission that they gave.

`field_value`, the rule that makes a text fit a field, lives in wechat.fields.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from wechat.client import AsyncWeChatClient
from wechat.errors import Unsendable
from wechat.fields import field_value

__all__ = ["Sent", "State", "field_value", "send_subscribe_message"]

State = Literal["developer", "trial", "formal"]

FIELDS_MAX: Final = 20
PAGE_LENGTH_MAX: Final = 1024
_PAGE: Final = re.compile(r"[0-9A-Za-z_\-]+(/[0-9A-Za-z_\-]+)*(\?[\x21-\x7e]*)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that WeChat took; `message_id` is its number there, where it tells one."""

    message_id: str | None


async def send_subscribe_message(
    client: AsyncWeChatClient,
    openid: str,
    template_id: str,
    data: Mapping[str, str],
    page: str | None = None,
    state: State = "formal",
) -> Sent:
    """Send one message; `data` maps the template's fields to their texts, `page` is what a tap opens.

    Raises GrantMissing or another Refused (final for this member), Misconfigured (template, field or page wrong: tell
    a person), Unavailable (try later; after Unreachable the message may have gone out), Unsendable (not sent at all).
    """
    if not openid:
        raise Unsendable("openid", "given")
    if not template_id:
        raise Unsendable("template_id", "given")
    if not 0 < len(data) <= FIELDS_MAX:
        raise Unsendable("data", f"1 to {FIELDS_MAX} fields")
    if page is not None and (len(page) > PAGE_LENGTH_MAX or not _PAGE.fullmatch(page)):
        raise Unsendable("page", "a page path without a leading slash; parameters may follow a question mark")
    body: dict[str, object] = {
        "touser": openid,
        "template_id": template_id,
        "data": {key: {"value": field_value(key, text)} for key, text in data.items()},
        "miniprogram_state": state,
        "lang": "zh_CN",
    }
    if page is not None:
        body["page"] = page
    answer = await client.wxa.send_subscription(body)
    message_id = answer.get("msgid")
    return Sent(str(message_id) if isinstance(message_id, str | int) else None)
