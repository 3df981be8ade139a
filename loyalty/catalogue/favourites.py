"""Products that an outlet wants at hand; all its members share them."""

from datetime import datetime

from loyalty import transactions
from loyalty.catalogue import queries
from loyalty.catalogue.errors import FavouritesFull, ProductUnknown
from loyalty.customers import standings
from loyalty.customers.standings import MemberRef, Standing

FAVOURITES_MAX = 200


async def put(member: MemberRef, product_id: int, at: datetime) -> None:
    """Keep a product at hand; one that is kept already stays. Entry verb; locks the outlet.

    Raises SessionEnded, BindingRequired, ProductUnknown, FavouritesFull.
    """
    async with transactions.begin():
        outlet_id = (await _locked(member)).outlet_id
        if not await queries.is_active(product_id):
            raise ProductUnknown
        kept = {row["product_id"] for row in await queries.favourites([outlet_id])}
        if product_id in kept:
            return
        if len(kept) >= FAVOURITES_MAX:
            raise FavouritesFull(favourites_max=FAVOURITES_MAX)
        await queries.add_favourite(outlet_id, product_id, member.id, at)


async def remove(member: MemberRef, product_id: int) -> None:
    """Keep a product at hand no longer; one that was not kept stays so. Entry verb; locks the outlet.

    Raises SessionEnded, BindingRequired.
    """
    async with transactions.begin():
        await queries.remove_favourite((await _locked(member)).outlet_id, product_id)


async def _locked(member: MemberRef) -> Standing:
    (standing,) = await standings.lock([member])
    if isinstance(standing, Standing):
        return standing
    raise standing
