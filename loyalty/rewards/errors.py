"""What rewards and entitlements may refuse."""

from loyalty.errors import Conflict, Forbidden, Invalid, NotFound


class RewardUnknown(NotFound):
    """There is no such reward, or nobody may see it yet."""

    code = "reward_unknown"
    title = "没有这个奖品"
    sentence = "看看别的奖品吧。"


class RewardNotOpen(Conflict):
    """The reward's time has not come. Carries ``opens_at``."""

    code = "reward_not_open"
    title = "还没开始兑换"
    sentence = "到时间再来，我们等您。"


class RewardClosed(Conflict):
    """The reward is over."""

    code = "reward_closed"
    title = "这个奖品兑换结束了"
    sentence = "看看别的奖品吧。"


class RewardPaused(Conflict):
    """Marketing has paused the reward."""

    code = "reward_paused"
    title = "这个奖品暂停兑换"
    sentence = "过一会儿再来看看，积分没有动。"


class RewardSoldOut(Conflict):
    """No unit is left."""

    code = "sold_out"
    title = "来晚了，已经兑完"
    sentence = "积分没有动，看看别的奖品吧。"


class RewardLimitReached(Conflict):
    """The outlet has had as many as it may. Carries ``limit`` and ``per``: all or month."""

    code = "reward_limit_reached"
    title = "这个奖品已经兑够了"
    sentence = "每家店限兑 {limit} 份，看看别的奖品吧。"


class RewardNotEligible(Forbidden):
    """The reward is not for this outlet."""

    code = "not_eligible"
    title = "这个奖品不在您店的范围"
    sentence = "看看别的奖品吧。"


class RewardCostChanged(Conflict):
    """The cost is not what the member saw. Carries ``cost_points``."""

    code = "reward_cost_changed"
    title = "兑换积分有变化"
    sentence = "现在需要 {cost_points} 分，确认后再兑一次。"


class RewardInvalid(Invalid):
    """A reward's data do not make sense."""

    code = "reward_invalid"
    title = "奖品填得不对"
    sentence = "请改一下：{expected}。"


class RewardChanged(Conflict):
    """Somebody else has changed the reward meanwhile."""

    code = "reward_changed"
    title = "有人刚改过这个奖品"
    sentence = "请刷新后再改一次。"


class RewardStateWrong(Conflict):
    """The reward cannot go from the state it is in to the one that is asked for."""

    code = "reward_state_wrong"
    title = "现在不能这样改"
    sentence = "请刷新看看奖品现在的状态。"


class EntitlementUnknown(NotFound):
    """There is no such entitlement, or it is another outlet's."""

    code = "entitlement_unknown"
    title = "没有这项权益"
    sentence = "请刷新看看您的权益。"


class EntitlementHeld(Conflict):
    """Another order holds it."""

    code = "entitlement_held"
    title = "这项权益正在别的订单里用"
    sentence = "取消那个订单，它就回来了。"


class EntitlementEnded(Conflict):
    """It was used, has lapsed or was cancelled. Carries ``state``."""

    code = "entitlement_ended"
    title = "这项权益已经不能用了"
    sentence = "它已经用掉、过期或取消。"


class RedemptionUnknown(NotFound):
    """There is no such redemption in reach."""

    code = "redemption_unknown"
    title = "没有这笔兑换"
    sentence = "请刷新看看兑换记录。"
