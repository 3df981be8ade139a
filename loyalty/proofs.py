"""The form of a proof: a named thing that must always be true, and the differences it finds."""

from typing import Protocol

import msgspec

DIFFERENCES_MAX = 1_000


class Difference(msgspec.Struct, frozen=True):
    """One place where something that must always be true is not."""

    proof: str
    what: str


class Proof(Protocol):
    """Finds differences of one outlet, or of all, at most DIFFERENCES_MAX. Runs under transactions.reader()."""

    __name__: str

    async def __call__(self, outlet_id: int | None = None) -> list[Difference]:
        """Find them."""
        ...
