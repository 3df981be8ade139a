"""The calls of /mp/v1: one literal list for everybody, one for guests who may show a token, one for members."""

from app.http.doors import MemberDoor, OptionalMemberDoor, PublicDoor
from app.http.endpoints import Endpoint, Group
from app.http.limits import Limit
from app.http.mini import bindings, games, homes, notices, points, rewards, sessions
from app.http.mini.ordering_endpoints import ORDERING
from app.http.mini.paging import PageQuery
from games.registry import GAMES
from loyalty.customers.errors import (
    AlreadyBound,
    BindingCodeExpired,
    BindingCodeUnknown,
    BindingCodeUsed,
    BindingRequired,
    ConsentOutdated,
    MemberUnknown,
    OfferUnknown,
    OutletClosed,
    OutletUnknown,
    OwnerExists,
    OwnerOnly,
    OwnerStays,
    PhoneInvalid,
)
from loyalty.customers.texts import TEXTS, Text
from loyalty.errors import IdempotencyKeyReused, Overloaded, TryAgain
from loyalty.points.errors import InsufficientPoints
from loyalty.rewards.errors import (
    RewardClosed,
    RewardCostChanged,
    RewardLimitReached,
    RewardNotEligible,
    RewardNotOpen,
    RewardPaused,
    RewardSoldOut,
    RewardUnknown,
)
from loyalty.switches.errors import FeatureOff

PREFIX = "/mp/v1"
LOOK_UPS = Limit("binding-code-look-ups", 20, 600)
"""Twenty in ten minutes are plenty for a person with a QR code and useless for guessing 119 bits."""
LOGINS = Limit("logins", 600, 60)
"""By address, wide: a carrier puts a whole town behind one address. WeChat limits each person itself."""

PUBLIC = Group(
    "mini-public",
    PREFIX,
    PublicDoor(),
    (
        Endpoint(
            "POST",
            "/session",
            "微信登录",
            sessions.log_in,
            sessions.SessionView,
            body=sessions.LoginCode,
            limit=LOGINS,
            by_address=True,
            refusals=(*sessions.CODE_REFUSALS, sessions.WeChatBlocked),
        ),
        Endpoint(
            "GET",
            "/texts/{name}",
            "隐私说明和积分规则",
            homes.read_text,
            Text,
            limit=LOGINS,
            by_address=True,
            choices={"name": tuple(TEXTS)},
            stored=False,
            refusals=(homes.TextUnknown,),
        ),
    ),
)

OPTIONAL = Group(
    "mini-optional",
    PREFIX,
    OptionalMemberDoor(),
    (
        Endpoint(
            "GET",
            "/home",
            "首页",
            homes.read_home,
            homes.HomeView,
            limit=Limit("homes", 600, 60),
            refusals=(Overloaded,),
        ),
    ),
)

MEMBERS = Group(
    "mini-members",
    PREFIX,
    MemberDoor(),
    (
        Endpoint(
            "PUT",
            "/session/outlet",
            "换一家门店",
            sessions.choose_outlet,
            sessions.StandingView,
            body=sessions.ChosenOutlet,
            refusals=(OutletUnknown,),
        ),
        Endpoint(
            "POST",
            "/phone",
            "授权手机号",
            sessions.verify_phone,
            sessions.PhoneView,
            body=sessions.PhoneCode,
            limit=Limit("phones", 10, 600),
            refusals=(*sessions.CODE_REFUSALS, PhoneInvalid),
        ),
        Endpoint(
            "GET",
            "/binding-codes/{token}",
            "绑定码是哪家门店，绑定会共享什么",
            bindings.show_code,
            bindings.ShownCodeView,
            limit=LOOK_UPS,
            refusals=(BindingCodeUnknown, BindingCodeUsed, BindingCodeExpired),
        ),
        Endpoint("GET", "/binding-offers", "等您绑定的门店", bindings.list_offers, bindings.Offers),
        Endpoint(
            "POST",
            "/bindings",
            "同意并绑定门店",
            bindings.bind,
            bindings.BindingView,
            statuses=(201, 200),
            body=bindings.NewBinding,
            keyed=True,
            limit=LOOK_UPS,
            refusals=(
                BindingCodeUnknown,
                BindingCodeUsed,
                BindingCodeExpired,
                OfferUnknown,
                ConsentOutdated,
                AlreadyBound,
                OwnerExists,
                OutletClosed,
                IdempotencyKeyReused,
                TryAgain,
            ),
        ),
        Endpoint(
            "GET",
            "/members",
            "店里的成员",
            bindings.list_people,
            bindings.People,
            refusals=(BindingRequired, OwnerOnly),
        ),
        Endpoint(
            "DELETE",
            "/members/{id}",
            "移除一位成员",
            bindings.remove_person,
            None,
            statuses=(204,),
            refusals=(BindingRequired, OwnerOnly, OwnerStays, MemberUnknown, TryAgain),
        ),
        Endpoint("GET", "/games", "可以参加的活动", games.list_games, games.GamesView, refusals=(Overloaded,)),
        *(endpoint for game in GAMES for endpoint in games.endpoints_of(game)),
        *ORDERING,
        Endpoint(
            "GET",
            "/notices",
            "消息",
            notices.list_notices,
            notices.Notices,
            query=notices.NoticesQuery,
            refusals=(BindingRequired,),
        ),
        Endpoint(
            "PUT",
            "/notices/read",
            "消息已读",
            notices.read_notices,
            None,
            statuses=(204,),
            body=notices.ReadUpTo,
            refusals=(BindingRequired,),
        ),
        Endpoint(
            "GET",
            "/message-templates",
            "可以订阅的微信消息",
            notices.list_templates,
            notices.Templates,
        ),
        Endpoint("GET", "/points", "门店积分", points.read_points, points.PointsView, refusals=(BindingRequired,)),
        Endpoint(
            "GET",
            "/points/entries",
            "积分明细",
            points.list_entries,
            points.Entries,
            query=PageQuery,
            refusals=(BindingRequired, FeatureOff, Overloaded),
        ),
        Endpoint(
            "GET",
            "/points/statement",
            "月账单",
            points.show_statement,
            points.StatementView,
            query=points.StatementQuery,
            refusals=(BindingRequired,),
        ),
        Endpoint(
            "GET",
            "/rewards",
            "兑换商城",
            rewards.list_rewards,
            rewards.Rewards,
            refusals=(BindingRequired, FeatureOff, Overloaded),
        ),
        Endpoint(
            "POST",
            "/rewards/{id}/redemptions",
            "用积分兑换",
            rewards.redeem,
            rewards.RedemptionView,
            statuses=(201, 200),
            body=rewards.NewRedemption,
            keyed=True,
            limit=games.PLAYS,
            refusals=(
                BindingRequired,
                FeatureOff,
                RewardUnknown,
                RewardNotOpen,
                RewardClosed,
                RewardPaused,
                RewardCostChanged,
                RewardNotEligible,
                RewardSoldOut,
                RewardLimitReached,
                InsufficientPoints,
                IdempotencyKeyReused,
                TryAgain,
                Overloaded,
            ),
        ),
        Endpoint(
            "GET",
            "/entitlements",
            "我的权益",
            rewards.list_entitlements,
            rewards.Entitlements,
            query=PageQuery,
            refusals=(BindingRequired,),
        ),
    ),
)

MINI = (PUBLIC, OPTIONAL, MEMBERS)
