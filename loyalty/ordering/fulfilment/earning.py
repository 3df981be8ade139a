"""What orders earn: promised when an order is confirmed, taken back by line, paid once goods can no longer go back.

A line's document is ``order_line`` number.line, its reversals ``order_return`` number.line.cases-gone-so-far, so that a
repeat moves nothing and roundings never add up. The first order's gift is a document of its own, ``first_order``.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from loyalty.clock import business_date
from loyalty.ordering.fulfilment.rules import Line
from loyalty.points import settlements
from loyalty.points.earnings import earnings
from loyalty.points.earnings.earnings import Earning
from loyalty.points.ledger import Accrual
from loyalty.points.rules import ORDERS, OrderLine, line_points
from loyalty.points.settlements import Reversal, Settlement
from loyalty.rulebooks import rulebooks

LINE = "order_line"
RETURN = "order_return"
FIRST = "first_order"


async def promise(
    outlet_id: int,
    member_id: int,
    number: str,
    lines: Sequence[Line],
    placed_at: datetime,
    at: datetime,
    *,
    first: bool,
) -> None:
    """Promise what an order earns, by the rule that held when it was placed. Set verb, as ``earnings.earn``."""
    on = business_date(placed_at)
    version = (await rulebooks.in_force(ORDERS, [on]))[on]
    points = line_points(version.body, [OrderLine(line.category, line.cases) for line in lines])
    wanted = [
        (LINE, f"{number}.{line.line_number}", earned, f"订货 {line.name} {line.cases} 箱")
        for line, earned in zip(lines, points, strict=True)
    ]
    if first:
        wanted.append((FIRST, number, version.body.first_order_points, "第一次订货"))
    await earnings.earn(
        [
            Earning(
                Accrual(outlet_id, member_id, earned, kind, source_id, ORDERS.name(version.id), why, at),
                ORDERS.code,
                version.body.outlet_day_points_max,
                pending=True,
            )
            for kind, source_id, earned, why in wanted
            if earned
        ]
    )


async def take_back(number: str, lines: Mapping[Line, int], at: datetime) -> None:
    """Take back what lines no longer earn: line → how many of its cases are gone so far. Set verb, as ``reverse``.

    When nothing of an order is left, the first order's gift goes back too.
    """
    reversals = [
        Reversal(
            LINE,
            f"{number}.{line.line_number}",
            gone,
            line.cases,
            RETURN,
            f"{number}.{line.line_number}.{gone}",
            f"{line.name} 少收 {gone} 箱",
            at,
        )
        for line, gone in lines.items()
        if gone
    ]
    if lines and all(gone == line.cases for line, gone in lines.items()):
        reversals.append(Reversal(FIRST, number, 1, 1, RETURN, f"{number}.first", "订单没有成交", at))
    if reversals:
        await settlements.reverse(reversals)


async def release(orders: Sequence[tuple[str, Sequence[Line]]], at: datetime) -> None:
    """Pay what is still promised for orders: (number, lines). Set verb, as ``settlements.release``."""
    await settlements.release(
        [
            Settlement(kind, source_id, why, at)
            for number, lines in orders
            for kind, source_id, why in (
                *((LINE, f"{number}.{line.line_number}", f"订货 {line.name}") for line in lines),
                (FIRST, number, "第一次订货"),
            )
        ]
    )
