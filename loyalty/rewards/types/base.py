"""What a reward type is: a code, the type of its terms, and the sentence that members read."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec

Terms = TypeVar("Terms", bound=msgspec.Struct)


class RewardType(msgspec.Struct, Generic[Terms], frozen=True):
    """A kind of reward."""

    code: str
    title: str
    terms_type: type[Terms]
    sentence: Callable[[Any], str]
    """Tells members what they get, of an instance of ``terms_type``."""
    words: dict[str, str]
    """Field of the terms → what staff call it, with its unit."""
    is_entitlement: bool = True
    """Whether it is held until it is used; points are paid at once."""
