"""Ids as clients see them: opaque strings."""

from typing import Annotated

from msgspec import Meta

Id = Annotated[str, Meta(min_length=1, max_length=64)]

NUMBER_MAX = 2**63 - 1


def number_of(text: str) -> int:
    """Read an id. Raises ValueError for one that we never gave."""
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= NUMBER_MAX:
        raise ValueError("not an id of ours")
    return int(text)
