"""Refusals of check-in."""

from loyalty.errors import Conflict


class AlreadyCheckedIn(Conflict):
    """The outlet has checked in on this business date, by this member or another."""

    code = "already_checked_in"
    title = "今天已经签过啦"
    sentence = "门店今天已签到，连续 {streak_days} 天了，明天再来。"
