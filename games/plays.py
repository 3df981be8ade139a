"""Reading a game's state for one member."""

from datetime import datetime
from typing import Any

from games.base import Game
from loyalty import transactions
from loyalty.customers import standings
from loyalty.customers.standings import MemberRef


async def state(game: Game, member: MemberRef, at: datetime) -> Any:
    """Tell the state of a game for a member's outlet. Raises SessionEnded, BindingRequired."""
    async with transactions.reader():
        standing = await standings.require(member)
        (found,) = await game.states([standing], at)
        return found
