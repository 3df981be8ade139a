"""Tags of outlets, as master data brings them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from loyalty import transactions
from loyalty.customers import classification
from loyalty.customers.classification import Classification
from loyalty.customers.territory import queries
from loyalty.organisation.audit import Actor
from loyalty.rows import AHEAD_MAX, Applied, AsOf, Code, Outcome, RowFault, firsts

TAGS_MAX = 20
Tag = Annotated[str, Meta(min_length=1, max_length=32, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$")]


class TagRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All tags that this system has for an outlet, null or [] for none, and since when; without it, now."""

    outlet_code: Code
    tags: Annotated[list[Tag], Meta(max_length=TAGS_MAX)] | None
    as_of: AsOf | UnsetType = UNSET


async def put(rows: Sequence[tuple[int, TagRow]], actor: Actor, at: datetime) -> Applied:
    """Apply master data, row by row, each numbered by its place in the call.

    Entry verb; locks the outlets in id order. Tags of other sources stay. What is older than the latest of this
    system's tags leaves them unchanged. ``inserted`` counts outlets that had no tag of this system.
    """
    outcome = Outcome()
    wanted = firsts(rows, lambda row: row.outlet_code, "outlet_code", outcome)
    async with transactions.begin():
        locked = await queries.lock_classified([row.outlet_code for _, row in wanted], actor.text)
        outlets = {row["code"]: row for row in locked}
        said: list[Classification] = []
        for number, row in wanted:
            outlet = outlets.get(row.outlet_code)
            as_of = at if row.as_of is UNSET else row.as_of
            if outlet is None:
                outcome.reject(number, RowFault("outlet_code", "outlet_unknown"))
            elif as_of > at + AHEAD_MAX:
                outcome.reject(number, RowFault("as_of", "out_of_range"))
            else:
                as_of = min(as_of, at)
                before, since = tuple(outlet["tags"]), outlet["tags_since"]
                after = tuple(sorted(set(row.tags or ())))
                is_changed = before != after and (since is None or since <= as_of)
                outcome.count(is_new=is_changed and not before, is_changed=is_changed)
                if is_changed:
                    said.append(Classification(outlet_id=outlet["id"], tags=after, source=actor.text, at=as_of))
        await classification.classify(said)
    return outcome.applied
