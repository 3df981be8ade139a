"""What the ledger may refuse."""

from loyalty.errors import Conflict, NotFound


class InsufficientPoints(Conflict):
    """The outlet has fewer points than are to be taken. Carries ``balance_points`` and ``missing_points``."""

    code = "insufficient_points"
    title = "积分还差一点"
    sentence = "还差 {missing_points} 分，攒够了再来。"


class SourceUnknown(NotFound):
    """The ledger has no entry for the document that is to be released, cancelled, reversed or refunded."""

    code = "points_source_unknown"
    title = "没有这笔积分"
    sentence = "账上没有为它记过积分。"


class AlreadyReleased(Conflict):
    """The points have arrived, so they can only be reversed."""

    code = "points_already_released"
    title = "积分已经到账"
    sentence = "到账的积分要按退货冲回。"
