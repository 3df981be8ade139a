"""The phone number that a member chose to give: a getPhoneNumber code for the number."""

from dataclasses import dataclass, field
from typing import Final

from wechat.client import AsyncWeChatClient
from wechat.errors import CodeInvalid, Refused, Unreachable
from wechat.login import is_code

PATH: Final = "/wxa/business/getuserphonenumber"
_OPENID_WRONG: Final = 40003


@dataclass(frozen=True, slots=True)
class Phone:
    """A number without its country code, and that code, both of digits only; the repr shows neither."""

    pure_number: str = field(repr=False)
    country_code: str = field(repr=False)


async def phone_number(client: AsyncWeChatClient, code: str, openid: str) -> Phone:
    """Redeem a getPhoneNumber code that `openid` was given, once and within five minutes.

    WeChat checks that code and openid belong together, and charges for a success. Raises CodeInvalid (also for
    somebody else's code), CodeUsed, Unavailable or Misconfigured.
    """
    if not is_code(code) or not openid:
        raise CodeInvalid(PATH)
    foreign: Refused | None = None
    answer: object = None
    try:
        answer = await client.wxa.phone_info(code, openid)
    except Refused as error:
        if error.errcode != _OPENID_WRONG:
            raise
        foreign = error
    if foreign is not None:
        raise CodeInvalid(PATH, foreign.errcode, foreign.rid)
    return read_phone(answer)


def read_phone(answer: object) -> Phone:
    """Read WeChat's answer; the country code comes as text or as a number. Raise Unreachable when it is not there."""
    info = answer.get("phone_info") if isinstance(answer, dict) else None
    if isinstance(info, dict):
        number, country = info.get("purePhoneNumber"), info.get("countryCode")
        if type(country) is int:
            country = str(country)
        if isinstance(number, str) and isinstance(country, str) and _are_digits(number, country):
            return Phone(number, country)
    raise Unreachable(PATH, hint="no phone number in the answer")


def _are_digits(*texts: str) -> bool:
    return all(text.isascii() and text.isdigit() for text in texts)
