"""Switches as members meet them: a feature that is off for their outlet says so, and each use is counted."""

from collections.abc import Collection

from app.homes import HomeRequest, subject_of
from app.http.endpoints import Call
from loyalty import transactions
from loyalty.customers import classification
from loyalty.switches.errors import FeatureOff


async def is_on(call: Call, feature: str) -> bool:
    """Tell whether the member's outlet sees a feature; asks the database only when that depends on the outlet.

    Raises SessionEnded. Somebody who is not bound is told so by the verb itself, so the feature is on for them.
    """
    board = call.context.switches.board
    known = board.decided(feature, call.at)
    if known is None:
        home = await call.resources.homes.submit(HomeRequest(call.principal, call.at, classified=True))
        known = home.standing is None or board.is_on(feature, home.subject, call.at)
    return known


async def require(call: Call, feature: str) -> None:
    """Refuse a feature that is off for the member's outlet. Raises FeatureOff, SessionEnded."""
    if not await is_on(call, feature):
        raise FeatureOff


async def outlets_with(call: Call, feature: str, outlet_ids: Collection[int]) -> set[int]:
    """Tell which of some outlets see a feature."""
    board = call.context.switches.board
    known = board.decided(feature, call.at)
    if known is not None or not outlet_ids:
        return set(outlet_ids) if known else set()
    async with transactions.reader():
        classified = await classification.read(list(outlet_ids))
    return {outlet_id for outlet_id, one in classified.items() if board.is_on(feature, subject_of(one), call.at)}


def used(call: Call, feature: str) -> None:
    """Count a use of a feature, so that one that nobody uses can be retired."""
    call.context.switches.used(feature, call.at)
