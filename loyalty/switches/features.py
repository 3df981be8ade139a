"""The features that can be switched: one literal table. What is not in it cannot be switched off, nor on."""

import msgspec


class Feature(msgspec.Struct, frozen=True):
    """A feature with its words for staff, and what holds while nobody has said anything."""

    code: str
    title: str
    sentence: str
    on_by_default: bool = True


FEATURES: tuple[Feature, ...] = (
    Feature("checkin", "每日签到", "首页和活动里的签到；关闭时已有的积分和连续天数不变。"),
    Feature("binding_offers", "手机号匹配门店", "未绑定的店主看到和自己手机号一致的门店。"),
    Feature("points_entries", "积分明细", "小程序里的积分明细页。"),
    Feature("rewards", "积分兑换", "小程序里的兑换商城；关闭时已经兑到的权益还能用。"),
    Feature("ordering", "自助订货", "小程序里的商品和收藏。"),
    Feature("console_export", "后台导出", "后台列表的导出按钮；只能对所有人打开或关闭。"),
)

BY_CODE = {feature.code: feature for feature in FEATURES}
