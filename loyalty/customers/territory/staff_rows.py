"""Staff as master data brings them. Whoever leaves hands their outlets over, so this stands above the territory."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import asyncpg
import msgspec

from loyalty import transactions
from loyalty.customers.territory import assignments, queries
from loyalty.organisation.audit import Actor
from loyalty.rows import Applied, Outcome, RowFault, firsts
from loyalty.staff import locks as staff_locks
from loyalty.staff import staff_rows
from loyalty.staff.staff_rows import Change, StaffRow

LEFT_BECAUSE = "系统主数据"


class _Leaving(msgspec.Struct, frozen=True):
    number: int
    id: int
    login: str
    successor: str | None
    change: Change
    """Of the name, which the same row may bring."""


async def put(rows: Sequence[tuple[int, StaffRow]], actor: Actor, at: datetime) -> Applied:
    """Apply master data, row by row, each numbered by its place in the call.

    Entry verb; locks staff, then the outlets of those who leave, each in id order. A row says what this system grants,
    one role at one place, and touches no grant of others; but whoever leaves loses them all, and their sessions. The
    new have no password. A successor is judged by what the other rows have made of them. Raises TryAgain.
    """
    outcome = Outcome()
    wanted = firsts(rows, lambda row: row.code.lower(), "code", outcome)
    async with transactions.begin():
        logins = {row.code.lower() for _, row in wanted} | {_successor(row) or "" for _, row in wanted} - {""}
        found = {row["login"]: row for row in await staff_locks.find_codes(sorted(logins))}
        grants = await staff_rows.open_grants([row["id"] for row in found.values()], at)
        changes: list[Change] = []
        leaving: list[_Leaving] = []
        for number, row in wanted:
            login = row.code.lower()
            record = found.get(login)
            before = None if record is None else staff_rows.known_by(actor.text, record, grants)
            after = staff_rows.merge(before, row)
            if isinstance(after, RowFault):
                outcome.reject(number, after)
            elif after.left and record is not None and _has_more(grants.get(record["id"], ())):
                outcome.reject(number, RowFault("left", "out_of_reach"))
            elif record is not None and before is not None and after.left and not before.left:
                renamed = msgspec.structs.replace(before, name=after.name)
                change = Change(row.code, record["id"], before, renamed)
                leaving.append(_Leaving(number, record["id"], login, _successor(row), change))
            else:
                changes.append(Change(row.code, None if record is None else record["id"], before, after))
        made, changed = await staff_rows.apply(changes, grants, actor, at)
        for change in changes:
            outcome.count(is_new=change.before is None, is_changed=change.code in changed)
        if leaving:
            ids = {login: row["id"] for login, row in found.items()} | {code.lower(): made[code] for code in made}
            await _part(leaving, ids, outcome, actor, at)
    return outcome.applied


def _has_more(grants: Sequence[asyncpg.Record]) -> bool:
    """Tell whether somebody holds a role that no system may give: then no system may take it either."""
    return any(one["role"] not in {"rep", "supervisor"} for one in grants)


def _successor(row: StaffRow) -> str | None:
    return row.successor_code.lower() if isinstance(row.successor_code, str) else None


async def _part(
    leaving: Sequence[_Leaving], ids: Mapping[str, int], outcome: Outcome, actor: Actor, at: datetime
) -> None:
    logins = {one.login for one in leaving}
    asked = sorted({ids[one.successor] for one in leaving if one.successor is not None and one.successor in ids})
    here = await queries.reps_here(asked, at)
    going: dict[int, int | None] = {}
    renamed: list[Change] = []
    for one in leaving:
        to_id = None if one.successor is None else ids.get(one.successor)
        if one.successor is not None and to_id is None:
            outcome.reject(one.number, RowFault("successor_code", "staff_unknown"))
        elif one.successor is not None and (to_id not in here or one.successor in logins):
            outcome.reject(one.number, RowFault("successor_code", "successor_wrong"))
        else:
            outcome.count(is_new=False, is_changed=True)
            going[one.id] = to_id
            if one.change.before != one.change.after:
                renamed.append(one.change)
    if renamed:
        await staff_rows.apply(renamed, {}, actor, at)
    if going:
        await assignments.part(going, None, actor, LEFT_BECAUSE, at)
