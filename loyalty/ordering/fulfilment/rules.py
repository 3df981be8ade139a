"""The pure rules of fulfilment: one table of allowed changes, and what a report makes of the lines.

The hub may report twice, late, or out of order. Where reports go together, the end is the same in whatever order they
come: a status only goes on along the table, what comes of a line only falls, what has gone back only grows.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Literal

import msgspec

Status = Literal["placed", "confirmed", "shipped", "delivered", "completed", "cancelled", "rejected"]
Report = Literal["confirmed", "shorted", "shipped", "delivered", "returned", "cancelled", "rejected"]
"""What the order hub may report."""
Step = Literal[
    "confirmed", "shorted", "shipped", "delivered", "returned", "cancelled", "rejected", "received", "completed"
]
"""A report, or what a member (received) or the clock (completed) adds."""
Verdict = Literal["applied", "late", "odd"]

STATUS_WORDS: dict[Status, str] = {
    "placed": "已下单", "confirmed": "已确认", "shipped": "送货中", "delivered": "已送达", "completed": "已完成",
    "cancelled": "已取消", "rejected": "未接单",
}  # fmt: skip
UNDER_WAY: frozenset[Status] = frozenset({"placed", "confirmed", "shipped", "delivered"})
ENDED: frozenset[Status] = frozenset({"cancelled", "rejected"})
CONFIRMED: frozenset[Status] = frozenset({"confirmed", "shipped", "delivered", "completed"})

NEXT: dict[tuple[Status, Step], Status] = {
    ("placed", "confirmed"): "confirmed",
    ("placed", "shorted"): "placed",
    ("placed", "shipped"): "shipped",
    ("placed", "delivered"): "delivered",
    ("placed", "cancelled"): "cancelled",
    ("placed", "rejected"): "rejected",
    ("confirmed", "confirmed"): "confirmed",
    ("confirmed", "shorted"): "confirmed",
    ("confirmed", "shipped"): "shipped",
    ("confirmed", "delivered"): "delivered",
    ("confirmed", "cancelled"): "cancelled",
    ("confirmed", "rejected"): "rejected",
    ("shipped", "shipped"): "shipped",
    ("shipped", "delivered"): "delivered",
    ("shipped", "returned"): "shipped",
    ("shipped", "received"): "completed",
    ("shipped", "cancelled"): "cancelled",
    ("delivered", "delivered"): "delivered",
    ("delivered", "returned"): "delivered",
    ("delivered", "received"): "completed",
    ("delivered", "completed"): "completed",
    ("completed", "returned"): "completed",
}
"""Every change that is allowed: where an order stands and what comes, to where it stands then."""

BEHIND: frozenset[tuple[Status, Step]] = frozenset(
    {
        ("shipped", "confirmed"), ("shipped", "shorted"),
        ("delivered", "confirmed"), ("delivered", "shorted"), ("delivered", "shipped"),
        ("completed", "confirmed"), ("completed", "shorted"), ("completed", "shipped"), ("completed", "delivered"),
        ("cancelled", "cancelled"), ("cancelled", "confirmed"), ("cancelled", "shorted"), ("cancelled", "rejected"),
        ("rejected", "rejected"), ("rejected", "confirmed"), ("rejected", "shorted"), ("rejected", "cancelled"),
        # A return can be told before the delivery that it is of.
        ("placed", "returned"), ("confirmed", "returned"),
    }
)  # fmt: skip
"""Reports that come behind others and change no status; all that is in neither table does not fit at all."""


class Line(msgspec.Struct, frozen=True):
    """A line as it stands: so many cases come, so many of those have gone back."""

    line_number: int
    product_id: int
    code: str
    name: str
    category: str
    units_per_case: int
    cases: int
    price_fen: int
    special_cases: int
    special_price_fen: int | None
    entitlement_id: int | None
    deposit_fen: int
    """Of all its cases."""
    cases_due: int
    cases_returned: int = 0

    @property
    def stays(self) -> int:
        """Tell how many cases come and stay."""
        return self.cases_due - self.cases_returned

    @property
    def gone(self) -> int:
        """Tell how many of the cases ordered earn nothing: they never come, or have gone back."""
        return self.cases - self.stays

    def amount_fen(self, cases: int) -> int:
        """Tell what so many of its cases cost: those at the special price count first, as is best for the outlet."""
        special = min(cases, self.special_cases)
        return special * (self.special_price_fen or 0) + (cases - special) * self.price_fen


class Reported(msgspec.Struct, frozen=True):
    """What a report says of a line: its cases as they stand now; for ``returned``, those returned so far."""

    line_number: int
    quantity: int
    reason: str = ""


def verdict_on(status: Status, step: Step) -> Verdict:
    """Tell whether a step moves an order, comes behind others, or does not fit what is known."""
    if (status, step) in NEXT:
        return "applied"
    return "late" if (status, step) in BEHIND else "odd"


def with_report(lines: Mapping[int, Line], step: Step, reported: Sequence[Reported]) -> dict[int, Line]:
    """Give the lines that a report changes. What comes only falls, what has gone back only grows.

    Lines of a report that the order does not have must have been refused before.
    """
    changed = {}
    for one in reported:
        line = lines[one.line_number]
        if step == "returned":
            returned = max(line.cases_returned, min(one.quantity, line.cases_due))
            new = msgspec.structs.replace(line, cases_returned=returned)
        else:
            due = min(line.cases_due, one.quantity)
            new = msgspec.structs.replace(line, cases_due=due, cases_returned=min(line.cases_returned, due))
        if new != line:
            changed[line.line_number] = new
    return changed


def due_fen(lines: Sequence[Line], discount_fen: int) -> int:
    """Tell what is to be paid for what comes and stays. A coupon's discount stays, down to nothing for the goods."""
    goods = sum(line.amount_fen(line.stays) for line in lines)
    deposit = sum(line.deposit_fen // line.cases * line.stays for line in lines)
    return max(goods - discount_fen, 0) + deposit


def special_of_short(line: Line, short: int) -> int:
    """Tell how many of ``short`` missing cases were to be at the special price: the last ones, once it has fallen."""
    kept = min(line.special_cases, line.cases_due)
    before = min(line.special_cases, line.cases_due + short)
    return before - kept


def may_cancel(status: Status, cut_off_at: datetime, at: datetime) -> bool:
    """Tell whether the member can take an order back: until its truck is loaded."""
    return status == "placed" or (status == "confirmed" and at < cut_off_at)


def release_on(completed_on: date, return_days: int) -> date:
    """Tell the business date from which points arrive: the day after the last one on which goods may go back."""
    return date.fromordinal(completed_on.toordinal() + return_days + 1)
