"""Products as master data brings them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import asyncpg
import msgspec
from msgspec import UNSET, Meta, UnsetType

from loyalty import transactions
from loyalty.catalogue.masterdata import queries
from loyalty.catalogue.masterdata.queries import ProductValues
from loyalty.customers.rules import initials
from loyalty.rows import Applied, Code, Name, Outcome, RowFault, Short, clean, firsts

Category = Annotated[str, Meta(min_length=1, max_length=32, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$")]
Barcode = Annotated[str, Meta(pattern=r"^[0-9]{6,18}$(?!\n)")]
Count = Annotated[int, Meta(ge=1, le=10_000)]
Fen = Annotated[int, Meta(ge=0, le=100_000_00)]
NEEDED = ("name", "category", "units_per_case")


class ProductRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One product as master data sends it. An absent field stays as it is, null clears it."""

    code: Code
    name: Name | UnsetType = UNSET
    category: Category | UnsetType = UNSET
    units_per_case: Count | UnsetType = UNSET
    brand: Short | UnsetType | None = UNSET
    flavour: Short | UnsetType | None = UNSET
    pack: Short | UnsetType | None = UNSET
    barcode: Barcode | UnsetType | None = UNSET
    deposit_fen: Fen | UnsetType = UNSET
    multiple_cases: Count | UnsetType = UNSET
    status: Literal["active", "ended"] | UnsetType = UNSET


async def put(rows: Sequence[tuple[int, ProductRow]], at: datetime) -> Applied:
    """Apply master data, row by row, each numbered by its place in the call.

    Entry verb; one change of the catalogue at a time. A new product needs a name, a category and its units per case.
    An ended product is offered to nobody; what was ordered of it stays.
    """
    outcome = Outcome()
    wanted = firsts(rows, lambda row: row.code, "code", outcome)
    async with transactions.begin():
        await queries.lock()
        known = {record["code"]: _known(record) for record in await queries.products([row.code for _, row in wanted])}
        new: list[ProductValues] = []
        changed: list[ProductValues] = []
        for number, row in wanted:
            before = known.get(row.code)
            missing = [name for name in NEEDED if before is None and getattr(row, name) is UNSET]
            if missing:
                outcome.reject(number, RowFault(missing[0], "missing_field"))
                continue
            after = _merged(before, row)
            if before is None:
                new.append(after)
            elif after != before:
                changed.append(after)
            outcome.count(is_new=before is None, is_changed=after != before)
        if new:
            await queries.insert_products(new, at)
        if changed:
            await queries.update_products(changed, at)
        if new or changed:
            await queries.count_change()
    return outcome.applied


def _known(record: asyncpg.Record) -> ProductValues:
    return ProductValues(*(record[name] for name in ProductValues.__struct_fields__))


def _merged(before: ProductValues | None, row: ProductRow) -> ProductValues:
    given = {name: value for name in row.__struct_fields__ if (value := getattr(row, name)) is not UNSET}
    for name in ("name", "category"):
        if name in given:
            given[name] = clean(given[name])
    if "name" in given:
        given["name_initials"] = initials(given["name"])
    if before is not None:
        return msgspec.structs.replace(before, **given)
    absent: dict[str, Any] = dict.fromkeys(("brand", "flavour", "pack", "barcode"))
    return ProductValues(**absent | {"deposit_fen": 0, "multiple_cases": 1, "status": "active"} | given)
