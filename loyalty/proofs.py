"""The form of a proof: a named thing that must always be true, and the differences it finds."""

from collections.abc import Awaitable, Callable

import msgspec

DIFFERENCES_MAX = 1_000


class Difference(msgspec.Struct, frozen=True):
    """One place where something that must always be true is not."""

    proof: str
    what: str


Proof = Callable[[], Awaitable[list[Difference]]]
"""Finds differences, at most DIFFERENCES_MAX. Runs under transactions.reader()."""
