"""Figures: one JSON object a line on stdout, each with what it must and should be."""

import statistics
import sys
from collections.abc import Sequence

import msgspec


class Figure(msgspec.Struct, frozen=True):
    """One measured figure."""

    name: str
    value: float
    unit: str
    must: float | None
    goal: float | None
    detail: dict[str, object]
    lower_is_better: bool = False

    @property
    def missed(self) -> bool:
        """Tell whether it is not what it must be."""
        if self.must is None:
            return False
        return self.value > self.must if self.lower_is_better else self.value < self.must


def show(figure: Figure) -> None:
    """Print a figure on stdout as a line of its own; say on stderr when it is not what it must be."""
    print(msgspec.json.encode(figure).decode(), flush=True)
    if figure.missed:
        wanted = "at most" if figure.lower_is_better else "at least"
        told = f"{figure.name} is {figure.value} {figure.unit}; it must be {wanted} {figure.must}"
        print(told, file=sys.stderr, flush=True)


def median(values: Sequence[float], digits: int = 3) -> float:
    """Give the median, rounded."""
    return round(statistics.median(values), digits)
