"""What campaigns and allotments may refuse."""

from loyalty.errors import Conflict, Invalid, NotFound


class CampaignUnknown(NotFound):
    """There is no such campaign."""

    code = "campaign_unknown"
    title = "没有这个活动"
    sentence = "请从活动列表里选一个。"


class CampaignCodeTaken(Conflict):
    """Another campaign has this code."""

    code = "campaign_code_taken"
    title = "这个活动代码已经用过"
    sentence = "请换一个代码。"


class CampaignInvalid(Invalid):
    """A campaign's data do not make sense."""

    code = "campaign_invalid"
    title = "活动填得不对"
    sentence = "请改一下：{expected}。"


class BudgetBelowSpent(Invalid):
    """A budget may not be less than what was given already."""

    code = "budget_below_spent"
    title = "预算比已发的还少"
    sentence = "已经发了 {spent_points} 分，预算不能低于它。"


class UnitsInvalid(Invalid):
    """An allotment cannot have so many units."""

    code = "units_invalid"
    title = "份数不对"
    sentence = "请填 {units_min} 到 {units_max} 之间的整数。"
