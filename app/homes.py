"""What a member's home shows, read for many members at once."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from games.checkin.game import CheckinState
from games.registry import BY_CODE
from loyalty import transactions
from loyalty.customers import classification, standings
from loyalty.customers.classification import Classified
from loyalty.customers.errors import BindingRequired
from loyalty.customers.standings import MemberRef, Standing
from loyalty.errors import Refusal
from loyalty.points.statements import statements
from loyalty.points.statements.statements import Account
from loyalty.switches.rules import Subject


class HomeRequest(msgspec.Struct, frozen=True):
    """A member who opens the mini-program."""

    member: MemberRef
    at: datetime
    classified: bool = False
    """Whether a switch depends on the outlet, so that its classification is needed."""


class Home(msgspec.Struct, frozen=True):
    """What there is to show; nothing of it while the member is not bound."""

    standing: Standing | None
    account: Account | None
    checkin: CheckinState | None
    subject: Subject | None = None
    """The outlet as switches are asked about it, where that was asked for."""


async def read_homes(many: Sequence[HomeRequest]) -> list[Home | Refusal]:
    """Read homes: three statements however many, one more where a switch needs it. Refusal: SessionEnded."""
    async with transactions.reader():
        found = await standings.read([request.member for request in many])
        bound = [standing for standing in found if isinstance(standing, Standing)]
        accounts = await statements.accounts([standing.outlet_id for standing in bound]) if bound else {}
        states = await BY_CODE["checkin"].states(bound, max(request.at for request in many)) if bound else []
        classified = any(request.classified for request in many)
        classes = await classification.read([one.outlet_id for one in bound]) if bound and classified else {}
    shown = iter(states)
    homes: list[Home | Refusal] = []
    for standing in found:
        if isinstance(standing, Standing):
            known = classes.get(standing.outlet_id)
            subject = None if known is None else subject_of(known)
            homes.append(Home(standing, accounts[standing.outlet_id], next(shown), subject))
        elif isinstance(standing, BindingRequired):
            homes.append(Home(None, None, None))
        else:
            homes.append(standing)
    return homes


def subject_of(one: Classified) -> Subject:
    """Give an outlet as switches are asked about it."""
    return Subject(one.outlet_code, one.plant_code, one.value_class, one.tags)
