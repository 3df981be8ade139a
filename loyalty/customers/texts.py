"""The versioned texts that a member consents to. A new wording is a new version; what was consented to is kept."""

from typing import Literal

import msgspec

TextName = Literal["privacy", "rules"]


class Text(msgspec.Struct, frozen=True):
    """One text in its current version."""

    name: TextName
    version: str
    title: str
    body: str


SHARED_WITH_BOTTLER: tuple[str, ...] = (
    "您的微信身份（不含昵称和头像）",
    "您主动授权的手机号",
    "您在这家门店的签到、积分和订单",
)
"""What binding shares, shown before the member consents."""

TEXTS: dict[TextName, Text] = {
    "privacy": Text(
        name="privacy",
        version="2026-11",
        title="隐私说明",
        body=(
            "我们只收集为门店服务所需要的信息："
            + "；".join(SHARED_WITH_BOTTLER)
            + "。\n手机号加密保存，只用来找到您的门店，不授权也能绑定。"
            "\n签到、积分和订单会提供给为您服务的工厂和业务员，不会出售，也不会用于其他目的。"
            "\n您可以随时联系业务员，解除绑定，或查询、导出、删除您的信息。"
        ),
    ),
    "rules": Text(
        name="rules",
        version="2026-11",
        title="积分规则",
        body=(
            "积分属于门店，店里的成员一起攒、一起用。"
            "\n每家门店每天签到一次，连续签到分更多，七天一轮。"
            "\n每笔积分有效期十二个月，到期月的最后一天失效，快到期的先用。"
        ),
    ),
}

CONSENT_VERSION = TEXTS["privacy"].version
