"""What a member's home shows, read for many members at once."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from games.checkin.game import CheckinState
from games.registry import BY_CODE
from loyalty import transactions
from loyalty.customers import standings
from loyalty.customers.errors import BindingRequired
from loyalty.customers.standings import MemberRef, Standing
from loyalty.errors import Refusal
from loyalty.points import ledger
from loyalty.points.ledger import Account


class HomeRequest(msgspec.Struct, frozen=True):
    """A member who opens the mini-program."""

    member: MemberRef
    at: datetime


class Home(msgspec.Struct, frozen=True):
    """What there is to show; nothing of it while the member is not bound."""

    standing: Standing | None
    account: Account | None
    checkin: CheckinState | None


async def read_homes(many: Sequence[HomeRequest]) -> list[Home | Refusal]:
    """Read homes: three statements however many. Refusal: SessionEnded."""
    async with transactions.reader():
        found = await standings.read([request.member for request in many])
        bound = [standing for standing in found if isinstance(standing, Standing)]
        accounts = await ledger.accounts([standing.outlet_id for standing in bound]) if bound else {}
        states = await BY_CODE["checkin"].states(bound, max(request.at for request in many)) if bound else []
    shown = iter(states)
    homes: list[Home | Refusal] = []
    for standing in found:
        if isinstance(standing, Standing):
            homes.append(Home(standing, accounts[standing.outlet_id], next(shown)))
        elif isinstance(standing, BindingRequired):
            homes.append(Home(None, None, None))
        else:
            homes.append(standing)
    return homes
