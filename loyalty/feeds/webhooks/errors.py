"""What webhooks may refuse."""

from loyalty.errors import Conflict, Invalid, NotFound


class ConsumerUnknown(NotFound):
    """No such consumer."""

    code = "webhook_unknown"
    title = "没有这个推送"
    sentence = "请从列表里选一个。"


class ConsumerExists(Conflict):
    """The code is taken. Carries ``field``."""

    code = "webhook_exists"
    title = "这个名称已经有了"
    sentence = "请换一个名称。"


class ConsumerInvalid(Invalid):
    """A code, name or choice of feeds that does not do. Carries ``expected``."""

    code = "webhook_invalid"
    title = "没填对"
    sentence = "这一项{expected}。"


class UrlRefused(Invalid):
    """An address that we do not call. Carries ``expected``."""

    code = "webhook_url_refused"
    title = "这个地址不能用"
    sentence = "换一个地址，{expected}。"


class DeliveryUnknown(NotFound):
    """No dead delivery of this consumer."""

    code = "webhook_delivery_unknown"
    title = "没有这条记录"
    sentence = "可能已经重新推送了。"
