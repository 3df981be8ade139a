"""What ordering may refuse."""

from loyalty.errors import Conflict, Forbidden, Invalid


class LinesInvalid(Invalid):
    """A quote without lines, with too many, or with a product twice. Carries ``lines_max``."""

    code = "lines_invalid"
    title = "商品清单不对"
    sentence = "请选 1 到 {lines_max} 种商品，每种只写一行。"


class CasesInvalid(Invalid):
    """A number of cases that cannot be ordered. Carries ``multiple_cases`` and ``cases_max``."""

    code = "cases_invalid"
    title = "箱数不对"
    sentence = "请填 {multiple_cases} 的倍数，最多 {cases_max} 箱。"


class EntitlementUnfit(Invalid):
    """An entitlement that is good for something else."""

    code = "entitlement_unfit"
    title = "这个权益用不上"
    sentence = "这里要的是{expected}。"


class DeliveryDayInvalid(Invalid):
    """A day on which nothing comes. Carries ``dates``."""

    code = "delivery_day_invalid"
    title = "这天送不到"
    sentence = "请从列出的送货日里选一天。"


class NoDelivery(Conflict):
    """No truck goes to the outlet in the days to come."""

    code = "no_delivery"
    title = "暂时没有送货日"
    sentence = "请联系业务员安排送货。"


class PaymentNotAllowed(Forbidden):
    """The outlet may not order on account."""

    code = "payment_not_allowed"
    title = "这家店还不能用账期"
    sentence = "请选货到付款，或联系业务员开通。"


class OrderMinimum(Conflict):
    """The goods come to less than an order has to. Carries ``minimum_fen`` and ``missing_fen``."""

    code = "order_minimum"
    title = "还没到起订金额"
    sentence = "再加一点就能下单了。"


class OrderMaximum(Conflict):
    """The goods come to more than an order may. Carries ``maximum_fen``."""

    code = "order_maximum"
    title = "超过一单的上限"
    sentence = "请分成几单来订。"


class CouponMinimum(Conflict):
    """The goods come to less than the coupon asks for. Carries ``minimum_fen`` and ``missing_fen``."""

    code = "coupon_minimum"
    title = "还没到优惠券的金额"
    sentence = "再加一点，或者换一张券。"
