"""Value classes of outlets, as master data brings them."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec import UNSET, UnsetType

from loyalty import transactions
from loyalty.customers import classification
from loyalty.customers.classification import Classification
from loyalty.customers.territory import queries
from loyalty.organisation.audit import Actor
from loyalty.rows import AHEAD_MAX, Applied, AsOf, Code, Outcome, RowFault, Short, firsts


class ClassRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The value class of an outlet, null for none, and since when it is known to be so; without it, now."""

    outlet_code: Code
    value_class: Short | None
    as_of: AsOf | UnsetType = UNSET


async def put(rows: Sequence[tuple[int, ClassRow]], actor: Actor, at: datetime) -> Applied:
    """Apply master data, row by row, each numbered by its place in the call.

    Entry verb; locks the outlets in id order. What is older than what is known leaves it unchanged. ``inserted`` counts
    outlets that had no class.
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
                # Another clock may be ahead of ours; what is kept is never of the future, or it would last too long.
                as_of = min(as_of, at)
                before, since = outlet["value_class"], outlet["value_class_since"]
                is_changed = before != row.value_class and (since is None or since <= as_of)
                outcome.count(is_new=is_changed and before is None, is_changed=is_changed)
                if is_changed:
                    said.append(
                        Classification(outlet_id=outlet["id"], value_class=row.value_class, source=actor.text, at=as_of)
                    )
        await classification.classify(said)
    return outcome.applied
