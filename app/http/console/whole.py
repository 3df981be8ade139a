"""Pages about the whole house: only who reaches the root of the organisation may."""

from app.http.console.errors import RoleMissing
from app.http.console.pages import Visit
from loyalty import transactions
from loyalty.organisation import tree


async def require_whole(visit: Visit) -> None:
    """Refuse whoever's role counts only in a part of the organisation. Raises RoleMissing."""
    async with transactions.reader():
        if not await tree.reaches_root(visit.reach.node_ids):
            raise RoleMissing
