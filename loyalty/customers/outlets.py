"""Outlets as master data brings them."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg
import msgspec

from loyalty import transactions
from loyalty.customers import outlet_rows, queries, rules
from loyalty.customers.outlet_rows import KnownOutlet, OutletRow
from loyalty.customers.personal import DataKeys
from loyalty.errors import TryAgain
from loyalty.organisation import locks, places
from loyalty.organisation.places import Place
from loyalty.rows import Applied, Outcome, RowFault, firsts

PHONE_PURPOSE = "outlets.contact_phone"


async def put(rows: Sequence[tuple[int, OutletRow]], source: str, at: datetime, data_keys: DataKeys) -> Applied:
    """Apply master data, row by row, each numbered by its place in the call.

    Entry verb. A refused row leaves its outlet as it was and does not hold up the others. A second row for the same
    code is refused: which of the two came last is not known. An unknown plant, office or route is made, unconfirmed.
    """
    outcome = Outcome()
    wanted = firsts(rows, lambda row: row.code, "code", outcome)
    async with transactions.begin():
        await locks.share_tree()
        locked = await queries.lock_outlets([row.code for _, row in wanted])
        known = {record["code"]: _known(record, data_keys) for record in locked}
        new: list[KnownOutlet] = []
        changed: list[KnownOutlet] = []
        for number, row in wanted:
            before = known.get(row.code)
            after = outlet_rows.merge(before, row, source, at)
            if isinstance(after, RowFault):
                outcome.reject(number, after)
                continue
            if before is None:
                new.append(after)
            elif after != before:
                changed.append(after)
            outcome.count(is_new=before is None, is_changed=after != before)
        await _store(new, changed, at, data_keys)
    return outcome.applied


async def _store(new: list[KnownOutlet], changed: list[KnownOutlet], at: datetime, data_keys: DataKeys) -> None:
    if not new and not changed:
        return
    located = await places.locate([_place(outlet) for outlet in new + changed], at)

    def columns(outlet: KnownOutlet) -> list[object]:
        place = located[_place(outlet)]
        phone = outlet.contact_phone
        values = msgspec.structs.asdict(outlet) | {
            "plant_id": place.plant_id,
            "office_id": place.office_id,
            "route_id": place.route_id,
            "contact_phone_sealed": None if phone is None else data_keys.seal(phone, PHONE_PURPOSE),
            "contact_phone_index": None if phone is None else data_keys.index(phone),
            "name_initials": rules.initials(outlet.name),
            "delivery_days": None
            if outlet.delivery_days is None
            else "{" + ",".join(map(str, outlet.delivery_days)) + "}",
        }
        return [values[name] for name in queries.OUTLET_COLUMNS]

    if new and await queries.insert_outlets([columns(outlet) for outlet in new], at) != len(new):
        # Another call made one of them between our look and our insert. Nothing is kept; the retry sees it.
        raise TryAgain
    if changed:
        await queries.update_outlets([columns(outlet) for outlet in changed], at)


def _place(outlet: KnownOutlet) -> Place:
    return Place(outlet.plant_code, outlet.office_code, outlet.route_code)


def _known(record: asyncpg.Record, data_keys: DataKeys) -> KnownOutlet:
    sealed, days = record["contact_phone_sealed"], record["delivery_days"]
    columns = {name: record[name] for name in KnownOutlet.__struct_fields__ if name != "contact_phone"}
    return KnownOutlet(
        **columns
        | {
            "contact_phone": None if sealed is None else data_keys.open(sealed, PHONE_PURPOSE),
            "delivery_days": None if days is None else tuple(days),
        }
    )
