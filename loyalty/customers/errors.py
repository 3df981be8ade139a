"""Refusals of the customers module."""

from loyalty.errors import Conflict, Forbidden, Invalid, NotFound


class SessionEnded(Forbidden):
    """The member's sessions were ended after this token was given. HTTP answers 401, so that the client logs in."""

    code = "token_revoked"
    title = "登录已失效"
    sentence = "请重新登录，马上就好。"


class BindingRequired(Forbidden):
    """The member has no live binding to act for."""

    code = "binding_required"
    title = "还没绑定门店"
    sentence = "请扫业务员给您的二维码，绑定门店后就能用了。"


class OwnerOnly(Forbidden):
    """Only the owner of the outlet may do this."""

    code = "owner_only"
    title = "只有店主可以操作"
    sentence = "请店主登录后再操作。"


class OutletUnknown(NotFound):
    """There is no outlet with this code or id in reach of the caller."""

    code = "outlet_unknown"
    title = "没找到这家门店"
    sentence = "请核对门店编号后再试。"


class MemberUnknown(NotFound):
    """There is no such member among the people of the outlet."""

    code = "member_unknown"
    title = "没找到这位成员"
    sentence = "TA 可能已经不在门店里了，请刷新看看。"


class BindingCodeUnknown(NotFound):
    """The token was never given, or was revoked."""

    code = "binding_code_unknown"
    title = "二维码无效"
    sentence = "请让业务员重新出示二维码，再扫一次。"


class BindingCodeUsed(Conflict):
    """The token has bound somebody already."""

    code = "binding_code_used"
    title = "二维码已用过"
    sentence = "每个二维码只能用一次，请让业务员给您一个新的。"


class BindingCodeExpired(Conflict):
    """The token's time is over."""

    code = "binding_code_expired"
    title = "二维码已过期"
    sentence = "请让业务员给您一个新的二维码。"


class OfferUnknown(NotFound):
    """The outlet is not, or no longer, offered to this member."""

    code = "offer_unknown"
    title = "这家门店暂时不能绑定"
    sentence = "请刷新页面，或扫业务员给您的二维码。"


class ConsentOutdated(Conflict):
    """The member consented to another version than the one in force."""

    code = "consent_outdated"
    title = "说明有更新"
    sentence = "请看过最新的隐私说明再确认，当前版本是 {consent_version}。"


class AlreadyBound(Conflict):
    """The member is bound to this outlet."""

    code = "already_bound"
    title = "您已经绑定这家门店"
    sentence = "不用再绑定，直接回首页就好。"


class OwnerExists(Conflict):
    """The token makes an owner, and the outlet has one."""

    code = "owner_exists"
    title = "这家门店已有店主"
    sentence = "请店主邀请您加入，或联系业务员处理。"


class OutletClosed(Conflict):
    """Master data says that the outlet is closed."""

    code = "outlet_closed"
    title = "这家门店已停用"
    sentence = "如果还在营业，请联系业务员恢复。"


class OwnerStays(Conflict):
    """The owner cannot be removed while others are bound through them."""

    code = "owner_stays"
    title = "店主不能移除自己"
    sentence = "要更换店主，请联系业务员。"


class PhoneInvalid(Invalid):
    """Not a mainland mobile number."""

    code = "phone_invalid"
    title = "手机号不可用"
    sentence = "请使用中国大陆的 11 位手机号。"


class BindingUnknown(NotFound):
    """There is no such binding at this outlet, or it has ended."""

    code = "binding_unknown"
    title = "没找到这个绑定"
    sentence = "它可能已经变了，请刷新看看。"


class RestoreTooLate(Conflict):
    """The binding ended too long ago for the consent given then."""

    code = "restore_too_late"
    title = "解除太久，不能直接恢复"
    sentence = "超过 {days} 天了，请让 TA 重新扫码绑定。"


class OwnerAlready(Conflict):
    """The member is the owner."""

    code = "owner_already"
    title = "TA 已经是店主"
    sentence = "不用再换。"
