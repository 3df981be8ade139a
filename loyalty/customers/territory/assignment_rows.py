"""Who looks after which outlet, as master data brings it."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from loyalty import transactions
from loyalty.customers.territory import assignments, queries
from loyalty.organisation.audit import Actor
from loyalty.rows import Applied, Code, Outcome, RowFault, firsts
from loyalty.staff import locks as staff_locks
from loyalty.staff.staff_rows import StaffCode


class AssignmentRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The one rep who looks after an outlet from now on; null for nobody."""

    outlet_code: Code
    staff_code: StaffCode | None


async def put(rows: Sequence[tuple[int, AssignmentRow]], actor: Actor, at: datetime) -> Applied:
    """Apply master data, row by row, each numbered by its place in the call.

    Entry verb; locks staff, then outlets, each in id order. ``inserted`` counts outlets that nobody looked after.
    """
    outcome = Outcome()
    wanted = firsts(rows, lambda row: row.outlet_code, "outlet_code", outcome)
    async with transactions.begin():
        logins = sorted({row.staff_code.lower() for _, row in wanted if row.staff_code is not None})
        staff = {row["login"]: row for row in await staff_locks.find_codes(logins)}
        outlets = {row["code"]: row for row in await queries.lock_outlets([row.outlet_code for _, row in wanted])}
        reps = await queries.open_reps([row["id"] for row in outlets.values()])
        pairs: list[tuple[int, int | None]] = []
        for number, row in wanted:
            outlet = outlets.get(row.outlet_code)
            rep = None if row.staff_code is None else staff.get(row.staff_code.lower())
            if outlet is None:
                outcome.reject(number, RowFault("outlet_code", "outlet_unknown"))
            elif row.staff_code is not None and rep is None:
                outcome.reject(number, RowFault("staff_code", "staff_unknown"))
            elif rep is not None and rep["left_at"] is not None:
                outcome.reject(number, RowFault("staff_code", "staff_left"))
            else:
                before, after = reps.get(outlet["id"]), None if rep is None else rep["id"]
                outcome.count(is_new=before is None and after is not None, is_changed=after != before)
                if after != before:
                    pairs.append((outlet["id"], after))
        await assignments.assign(pairs, actor.text, at)
    return outcome.applied
