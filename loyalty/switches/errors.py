"""Refusals of the switches module."""

from loyalty.errors import Conflict, Invalid, NotFound


class FeatureUnknown(NotFound):
    """There is no such feature."""

    code = "feature_unknown"
    title = "没有这个功能"
    sentence = "请从列出的功能里选。"


class FeatureOff(Conflict):
    """The feature is switched off for this outlet, or for everybody, just now."""

    code = "feature_off"
    title = "这个功能暂时休息"
    sentence = "过些时候再来看看吧，您的积分和记录都在。"


class SwitchChangedMeanwhile(Conflict):
    """Somebody else has changed the switch since it was looked at."""

    code = "switch_changed_meanwhile"
    title = "刚刚有人改过"
    sentence = "请看看最新的设置，再决定要不要改。"


class PercentWrong(Invalid):
    """Not a share from 0 to 100 %."""

    code = "percent_wrong"
    title = "百分比不对"
    sentence = "请填 0 到 100，最多两位小数。"


class SpanWrong(Invalid):
    """The end is not after the start."""

    code = "span_wrong"
    title = "起止时间不对"
    sentence = "结束时间要晚于开始时间。"


class PlantUnknown(Invalid):
    """A plant that there is not."""

    code = "plant_unknown"
    title = "没有这个工厂"
    sentence = "请核对工厂编码：{unknown}。"


class ConditionWrong(Invalid):
    """Too many values in a condition, or one that is too long."""

    code = "condition_wrong"
    title = "条件太多或太长"
    sentence = "每项最多 50 个，每个最长 64 个字符。"
