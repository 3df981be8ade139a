"""Login, the member's outlets, the verified phone."""

from typing import Annotated, cast

import msgspec
from msgspec import Meta

from app import logs
from app.http.endpoints import Call
from app.http.mini.ids import Id, number_of
from app.http.payloads import Instant
from loyalty.customers import members
from loyalty.customers.errors import OutletUnknown
from loyalty.customers.members import Recognised
from loyalty.customers.rules import Role
from loyalty.errors import Conflict, Forbidden, Invalid, Refusal, Unavailable
from wechat import errors as wechat_errors
from wechat.login import code_to_session
from wechat.phone import phone_number

LOG = logs.get("mini")

WeChatCode = Annotated[str, Meta(min_length=1, max_length=128)]


class LoginCode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What wx.login gave."""

    code: WeChatCode


class PhoneCode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the button open-type=getPhoneNumber gave; not the code of wx.login."""

    code: WeChatCode


class ChosenOutlet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The outlet to act for."""

    outlet_id: Id


class MemberView(msgspec.Struct, frozen=True):
    """The member as they see themselves."""

    id: str
    phone_masked: str | None


class OutletView(msgspec.Struct, frozen=True):
    """One of the member's outlets."""

    id: str
    code: str
    name: str
    role: Role


class SessionView(msgspec.Struct, frozen=True):
    """A session: the token for all other calls, and where the member stands."""

    token: str
    expires_at: Instant
    member: MemberView
    outlets: list[OutletView]
    outlet_id: str | None


class StandingView(msgspec.Struct, frozen=True):
    """The member's outlets, and the one they act for."""

    member: MemberView
    outlets: list[OutletView]
    outlet_id: str | None


class PhoneView(msgspec.Struct, frozen=True):
    """The verified phone, masked."""

    phone_masked: str


class WeChatCodeInvalid(Invalid):
    """WeChat does not know the code, or its five minutes are over."""

    code = "code_invalid"
    title = "微信验证没通过"
    sentence = "请回到小程序重新进入一次。"


class WeChatCodeUsed(Conflict):
    """The code was redeemed before."""

    code = "code_used"
    title = "微信验证已用过"
    sentence = "请回到小程序重新进入一次。"


class WeChatBlocked(Forbidden):
    """WeChat does not let this person in."""

    code = "wechat_blocked"
    title = "微信暂时不让登录"
    sentence = "请在微信里完成安全验证后再试。"


class WeChatUnavailable(Unavailable):
    """WeChat does not answer as it should."""

    code = "wechat_unavailable"
    title = "微信暂时没有回应"
    sentence = "请过几秒再试一次。"


CODE_REFUSALS: tuple[type[Refusal], ...] = (WeChatCodeInvalid, WeChatCodeUsed, WeChatUnavailable)


def refusal_of(fault: wechat_errors.WeChatError) -> Refusal:
    """Tell a member what WeChat's answer means for them."""
    match fault:
        case wechat_errors.CodeInvalid():
            return WeChatCodeInvalid(field="code")
        case wechat_errors.CodeUsed():
            return WeChatCodeUsed(field="code")
        case wechat_errors.UserBlocked():
            return WeChatBlocked()
        case wechat_errors.Unavailable():
            return WeChatUnavailable()
    # Our settings are wrong, or WeChat said something new: a person has to look.
    LOG.error("wechat_refused", errcode=fault.errcode, rid=fault.rid, path=fault.path)
    return WeChatUnavailable()


async def log_in(call: Call) -> SessionView:
    """Turn a wx.login code into a session."""
    try:
        session = await code_to_session(call.resources.wechat, cast(LoginCode, call.body).code)
    except wechat_errors.WeChatError as fault:
        raise refusal_of(fault) from None
    found = await members.recognise(session.openid, session.unionid, call.at, call.resources.data_keys)
    token, expires_at = call.context.tokens.give(found.member, call.at)
    view = _standing(found)
    return SessionView(token, expires_at, view.member, view.outlets, view.outlet_id)


async def choose_outlet(call: Call) -> StandingView:
    """Act for another of the member's outlets."""
    try:
        outlet_id = number_of(cast(ChosenOutlet, call.body).outlet_id)
    except ValueError:
        raise OutletUnknown(field="outlet_id") from None
    await members.choose_outlet(call.principal, outlet_id)
    return _standing(await members.read(call.principal, call.resources.data_keys))


async def verify_phone(call: Call) -> PhoneView:
    """Keep the phone that WeChat vouches for."""
    openid = await members.openid_of(call.principal)
    try:
        phone = await phone_number(call.resources.wechat, cast(PhoneCode, call.body).code, openid)
    except wechat_errors.WeChatError as fault:
        raise refusal_of(fault) from None
    masked = await members.keep_phone(
        call.principal, phone.pure_number, phone.country_code, call.at, call.resources.data_keys
    )
    return PhoneView(masked)


def _standing(found: Recognised) -> StandingView:
    return StandingView(
        MemberView(str(found.member.id), found.phone_masked),
        [OutletView(str(one.id), one.code, one.name, one.role) for one in found.outlets],
        None if found.outlet_id is None else str(found.outlet_id),
    )
