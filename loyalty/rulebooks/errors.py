"""What a rule book may refuse."""

from loyalty.errors import Conflict, Invalid, NotFound


class RuleBookUnknown(NotFound):
    """There is no such rule book."""

    code = "rule_book_unknown"
    title = "没有这本规则"
    sentence = "请从规则列表里选一本。"


class RuleVersionUnknown(NotFound):
    """There is no such version."""

    code = "rule_version_unknown"
    title = "没有这个版本"
    sentence = "可能已经撤回了，请看看版本列表。"


class RuleInvalid(Invalid):
    """The numbers of a rule do not make sense."""

    code = "rule_invalid"
    title = "规则填得不对"
    sentence = "请改一下：{expected}。"


class RuleTooEarly(Invalid):
    """A version would change what is promised already."""

    code = "rule_too_early"
    title = "生效日太早"
    sentence = "新规则最早 {earliest_on} 生效，已经承诺的不能改。"


class RuleDayTaken(Conflict):
    """Another version takes effect on that day."""

    code = "rule_day_taken"
    title = "这一天已经有一个版本"
    sentence = "请换一天，或者先撤回那个版本。"


class RuleUnchanged(Conflict):
    """The new version says what the one before it says."""

    code = "rule_unchanged"
    title = "和现在的规则一样"
    sentence = "没有要改的，就不用存新版本。"


class RuleInForce(Conflict):
    """A version that is in force, or will be in minutes, cannot be withdrawn."""

    code = "rule_in_force"
    title = "这个版本已经生效"
    sentence = "请另存一个新版本，从以后的某一天起生效。"
