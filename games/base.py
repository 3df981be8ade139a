"""What a game is: a code, the types of its input and outcome, and set verbs to play and to tell its state."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec

from loyalty.customers.errors import BindingRequired, SessionEnded
from loyalty.customers.standings import MemberRef, Standing
from loyalty.errors import Refusal


class Play(msgspec.Struct, frozen=True, gc=False):
    """A member's wish to play, once for each idempotency key."""

    member: MemberRef
    key: str
    input_hash: bytes
    input: Any
    """An instance of the game's ``input_type``."""
    at: datetime


class Played(msgspec.Struct, frozen=True, gc=False):
    """A play that took place."""

    outcome: Any
    """An instance of the game's ``outcome_type``."""
    balance_points: int
    repeated: bool


class Game(Protocol):
    """One way to engage. ``/mp/v1/games/<code>`` serves whatever the registry lists."""

    code: str
    name: str
    """What members read."""
    input_type: type[msgspec.Struct]
    outcome_type: type[msgspec.Struct]
    state_type: type[msgspec.Struct]
    refusals: tuple[type[Refusal], ...]
    """What a play may be refused with, besides what every play may."""

    async def play(self, many: Sequence[Play]) -> list[Played | Refusal]:
        """Play, in one transaction for the whole list, each item answered by itself. Entry verb."""
        ...

    async def states(self, many: Sequence[Standing], at: datetime) -> list[Any]:
        """Tell each outlet's state as ``state_type``. Needs a reader; statements do not grow with the list."""
        ...


PLAY_REFUSALS: tuple[type[Refusal], ...] = (SessionEnded, BindingRequired)
"""What every play may be refused with."""
