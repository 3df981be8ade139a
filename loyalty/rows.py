"""Rows of master data, whichever module they are for: what they share, and what became of the rows of one call."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

Row = TypeVar("Row")

# PostgreSQL keeps no NUL in a text, so no text may bring one. To Python "$" is also before a last line feed.
Code = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[^\s\x00]+$(?!\n)")]
Short = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[^\x00]*$")]
Name = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$")]
"""The name of a node or a person: something besides spaces."""
AsOf = Annotated[datetime, Meta(tz=True)]

AHEAD_MAX = timedelta(minutes=5)
"""How far another system's clock may be ahead of ours."""


class RowFault(msgspec.Struct, frozen=True):
    """Why one row was refused."""

    field: str
    code: str


class RejectedRow(msgspec.Struct, frozen=True):
    """A row that was not applied: its place in the call from 0, the field, and why."""

    row: int
    field: str
    code: str


class Applied(msgspec.Struct, frozen=True):
    """What became of the rows of one call."""

    inserted: int
    updated: int
    unchanged: int
    rejected: list[RejectedRow]


class Outcome:
    """What becomes of the rows of one call, counted while they are judged."""

    def __init__(self) -> None:
        self.inserted = self.updated = self.unchanged = 0
        self.rejected: list[RejectedRow] = []

    def reject(self, number: int, fault: RowFault) -> None:
        """Refuse the row of this number."""
        self.rejected.append(RejectedRow(number, fault.field, fault.code))

    def count(self, *, is_new: bool, is_changed: bool) -> None:
        """Count a row that was applied."""
        self.inserted += is_new
        self.updated += is_changed and not is_new
        self.unchanged += not is_changed and not is_new

    @property
    def applied(self) -> Applied:
        """Give the answer, refused rows in their order."""
        rejected = sorted(self.rejected, key=lambda one: one.row)
        return Applied(self.inserted, self.updated, self.unchanged, rejected)


def firsts(
    rows: Sequence[tuple[int, Row]], key: Callable[[Row], str], field: str, outcome: Outcome
) -> list[tuple[int, Row]]:
    """Give the first row of each key, by key, and refuse the others: which of two came last is not known."""
    first: dict[str, tuple[int, Row]] = {}
    for number, row in rows:
        if key(row) in first:
            outcome.reject(number, RowFault(field, "duplicate_row"))
        else:
            first[key(row)] = (number, row)
    return [first[one] for one in sorted(first)]


def repeated(codes: Iterable[str]) -> int | None:
    """Tell the place of the first code that stood before, from 0; None when each stands once."""
    seen: set[str] = set()
    for place, code in enumerate(codes):
        if code in seen:
            return place
        seen.add(code)
    return None


def clean(name: str) -> str:
    """Give a name without needless spaces."""
    return " ".join(name.split())
