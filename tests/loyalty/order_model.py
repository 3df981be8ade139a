"""A model of orders in plain integers, written from their promises alone.

It says what each doing leaves of status, cases, points, money and what was held, and knows nothing of the tables, nor
of the table of changes.
"""

from dataclasses import dataclass, field
from typing import Any

PRICE_FEN, OFF_FEN, POINTS_A_CASE, FIRST_POINTS = 4_800, 500, 2, 50
COMPLETE_DAYS, RETURN_DAYS = 3, 7
RANKS = {"placed": 0, "confirmed": 1, "shipped": 2, "delivered": 3, "completed": 4}
ENDS = {"cancelled": 2, "rejected": 1}
"""How it ends, and the last rank from which it may."""


@dataclass
class ModelOrder:
    """An order: cases ordered, that come, and that went back, by line."""

    cases: list[int]
    day: int
    """The day of its delivery; its truck is loaded the day before."""
    coupon: bool = False
    status: str = "placed"
    due: list[int] = field(default_factory=list)
    returned: list[int] = field(default_factory=list)
    confirmed: bool = False
    bonus: int = 0
    delivered_on: int | None = None
    release_on: int | None = None
    released: bool = False
    short: dict[int, int] = field(default_factory=dict)
    reports: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Let all come that was ordered."""
        self.due = self.due or list(self.cases)
        self.returned = self.returned or [0] * len(self.cases)

    @property
    def ended(self) -> bool:
        """Tell whether it came to nothing."""
        return self.status not in RANKS

    @property
    def stays(self) -> list[int]:
        """Tell what comes and stays."""
        return [0 if self.ended else due - back for due, back in zip(self.due, self.returned, strict=True)]

    @property
    def points(self) -> int:
        """Tell what it earns."""
        return (POINTS_A_CASE * sum(self.stays) + self.bonus) if self.confirmed else 0

    @property
    def due_fen(self) -> int:
        """Tell what is to be paid."""
        return max(PRICE_FEN * sum(self.stays) - (OFF_FEN if self.coupon else 0), 0)

    @property
    def entitlement(self) -> str | None:
        """Tell what has become of its coupon."""
        if not self.coupon:
            return None
        return "free" if self.ended else "redeemed" if self.confirmed else "held"


@dataclass
class Model:
    """An outlet's orders, by number, and the day."""

    orders: dict[str, ModelOrder] = field(default_factory=dict)
    day: int = 0

    @property
    def pending(self) -> int:
        """Tell what is promised."""
        return sum(one.points for one in self.orders.values() if not one.released)

    @property
    def balance(self) -> int:
        """Tell what was paid."""
        return sum(one.points for one in self.orders.values() if one.released)

    def report(self, number: str, progress_id: str, step: str, lines: dict[int, int]) -> None:
        """Take a report in, once."""
        one = self.orders[number]
        if progress_id in one.reports:
            return
        one.reports.add(progress_id)
        if one.ended:
            return
        if step in ENDS:
            if RANKS[one.status] <= ENDS[step]:
                self._end(one, step)
            return
        before = list(one.due)
        for line, quantity in lines.items():
            if step == "returned":
                one.returned[line] = max(one.returned[line], min(quantity, one.due[line]))
            else:
                one.due[line] = min(one.due[line], quantity)
                one.returned[line] = min(one.returned[line], one.due[line])
        if step in RANKS and RANKS[step] > RANKS[one.status]:
            self._move(one, step)
        for line, was in enumerate(before):
            if one.due[line] < was and RANKS[one.status] <= 1:
                one.short[line] = one.short.get(line, 0) + was - one.due[line]
        self._after(one)

    def cancel(self, number: str) -> bool:
        """Take an order back; False when it is too late."""
        one = self.orders[number]
        if one.status == "placed" or (one.status == "confirmed" and self.day < one.day):
            self._end(one, "cancelled")
            return True
        return False

    def receive(self, number: str) -> bool:
        """Say that an order has come; False when it cannot have."""
        one = self.orders[number]
        if one.status not in {"shipped", "delivered"}:
            return False
        self._move(one, "completed")
        self._after(one)
        return True

    def decide(self, number: str, line: int) -> int | None:
        """Answer a shortage; give how many cases were short, None when nothing is asked."""
        return self.orders[number].short.pop(line, None)

    def complete(self) -> None:
        """Complete what was delivered days ago."""
        for one in self.orders.values():
            if (
                one.status == "delivered"
                and one.delivered_on is not None
                and one.delivered_on < self.day - COMPLETE_DAYS
            ):
                self._move(one, "completed")

    def release(self) -> None:
        """Pay for what can no longer go back."""
        for one in self.orders.values():
            if one.release_on is not None and one.release_on <= self.day:
                one.released = True

    def _move(self, one: ModelOrder, status: str) -> None:
        one.status = status
        if RANKS[status] >= RANKS["delivered"] and one.delivered_on is None:
            one.delivered_on = self.day
        if status == "completed":
            one.release_on = self.day + RETURN_DAYS + 1
        if not one.confirmed and RANKS[status] >= 1:
            first = not any(other.confirmed and not other.ended for other in self.orders.values() if other is not one)
            one.confirmed, one.bonus = True, FIRST_POINTS if first else 0

    def _end(self, one: ModelOrder, status: str) -> None:
        one.status, one.bonus = status, 0
        one.short.clear()

    def _after(self, one: ModelOrder) -> None:
        if one.confirmed and not any(one.stays):
            one.bonus = 0
        if RANKS[one.status] > 1:
            one.short.clear()

    def picture(self) -> dict[str, Any]:
        """Tell everything that can be seen."""
        return {
            "points": (self.balance, self.pending),
            "orders": {
                number: (one.status, one.due_fen, list(zip(one.due, one.returned, strict=True)), one.entitlement,
                         dict(sorted(one.short.items())))
                for number, one in self.orders.items()
            },
        }  # fmt: skip
