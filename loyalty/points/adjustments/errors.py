"""What manual adjustments may refuse."""

from loyalty.errors import Conflict, Forbidden, Invalid, NotFound


class AdjustmentUnknown(NotFound):
    """There is no such adjustment in reach."""

    code = "adjustment_unknown"
    title = "没有这笔调整"
    sentence = "请刷新看看调整列表。"


class AdjustmentSettled(Conflict):
    """Somebody has decided about it already."""

    code = "adjustment_settled"
    title = "这笔调整已经处理过"
    sentence = "请刷新看看结果。"


class SamePerson(Forbidden):
    """Who proposed an adjustment cannot check it."""

    code = "adjustment_same_person"
    title = "自己提的不能自己复核"
    sentence = "请另一位同事来复核。"


class AdjustmentPointsInvalid(Invalid):
    """A number of points that is none or nothing."""

    code = "adjustment_points_invalid"
    title = "积分数不对"
    sentence = "请填不是 0 的整数，减积分就填负数。"


class AdjustmentUncovered(Conflict):
    """The outlet has fewer points than are to be taken from it. Carries ``balance_points`` and ``missing_points``."""

    code = "adjustment_uncovered"
    title = "这家店的积分不够扣"
    sentence = "现在只有 {balance_points} 分，请驳回后重新提一笔少的。"


class AdjustmentOverLimit(Forbidden):
    """More than this person's roles may move at once or today. Carries ``limit_points`` and ``per``: once or day."""

    code = "adjustment_over_limit"
    title = "超过您的额度"
    sentence = "您{per}最多 {limit_points} 分，请额度更高的同事来做。"
