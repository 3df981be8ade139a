"""What ordering may refuse."""

from loyalty.errors import Conflict, Forbidden, Invalid, NotFound


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


class QuoteUnknown(NotFound):
    """No such quote, or another outlet's, or one that was forgotten days after its end."""

    code = "quote_unknown"
    title = "没有这份报价"
    sentence = "请重新看一下价格再下单。"


class QuoteUsed(Conflict):
    """The quote has become an order already. Carries ``number``."""

    code = "quote_used"
    title = "已经下过单了"
    sentence = "这份报价的订单是 {number}。"


class PriceChanged(Conflict):
    """The quote has run out and what it told no longer holds. Carries ``was_fen``, ``total_fen`` and ``lines``."""

    code = "price_changed"
    title = "价格有变化"
    sentence = "请看一下新价格，再确认下单。"


class OrderUnknown(NotFound):
    """No such order, or another outlet's."""

    code = "order_unknown"
    title = "没有这个订单"
    sentence = "请核对订单号。"


class OrderNotCancellable(Conflict):
    """The truck is being loaded, or the order is over. Carries ``order_status``."""

    code = "order_not_cancellable"
    title = "已经不能取消了"
    sentence = "货已经在路上或已备好，请联系业务员。"


class OrderNotReceivable(Conflict):
    """Nothing has been sent yet, or the order is over. Carries ``order_status``."""

    code = "order_not_receivable"
    title = "现在还不能确认收货"
    sentence = "货送出以后再来确认。"


class ShortageUnknown(NotFound):
    """The line is not short, or the answer was given, or the truck has left."""

    code = "shortage_unknown"
    title = "这一行不用再选了"
    sentence = "已经选过，或货已送出。"


class SubstituteUnfit(Invalid):
    """Nothing that the outlet is offered, or the very product that is short."""

    code = "substitute_unfit"
    title = "换不了这个商品"
    sentence = "请从列出的商品里选一个。"


class LineUnknown(Invalid):
    """A report of a line that the order does not have."""

    code = "line_unknown"
    title = "订单里没有这一行"
    sentence = "请用订单里的 line_number。"


class ProgressReused(Conflict):
    """The progress id was used before for this order, with other content."""

    code = "progress_reused"
    title = "这次上报和上次不一样"
    sentence = "同一个 progress_id 只能重发相同的内容。"


class ReportTooEarly(Invalid):
    """A report of what has not happened yet."""

    code = "report_too_early"
    title = "上报的时间在将来"
    sentence = "请用事情发生的时间。"
