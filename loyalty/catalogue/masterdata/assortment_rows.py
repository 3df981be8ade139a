"""Assortments as master data brings them: what a plant's outlets are offered, in order, and what they should have."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from loyalty import transactions
from loyalty.catalogue.masterdata import queries
from loyalty.catalogue.masterdata.queries import PlaceValues
from loyalty.catalogue.masterdata.reaches import Reaches
from loyalty.rows import Applied, Code, Outcome, RowFault, Short, firsts, repeated

PRODUCTS_MAX = 5_000
PLACES_A_CALL_MAX = 100_000
"""Of all rows of a call, so that its one transaction ends within seconds."""

Place = tuple[int, bool]
"""A product's id, and whether every outlet should have it."""


class AssortmentPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A product of an assortment."""

    product_code: Code
    must_have: bool = False


class AssortmentRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One assortment. An absent field stays as it is; ``products`` are all of them, in the order they are shown."""

    code: Code
    plant_code: Code | UnsetType = UNSET
    value_class: Short | UnsetType | None = UNSET
    products: Annotated[list[AssortmentPart], Meta(max_length=PRODUCTS_MAX)] | UnsetType = UNSET


async def put(rows: Sequence[tuple[int, AssortmentRow]], source: str, at: datetime) -> Applied:
    """Apply master data, row by row, each numbered by its place in the call.

    Entry verb; one change of the catalogue at a time. A new assortment needs its plant. An unknown plant is made,
    unconfirmed; an unknown product refuses the row.
    """
    outcome = Outcome()
    wanted = firsts(rows, lambda row: row.code, "code", outcome)
    async with transactions.begin():
        await queries.lock()
        codes = {part.product_code for _, row in wanted for part in row.products or ()}
        products = {row["code"]: row["id"] for row in await queries.products(codes)}
        known = Reaches(await queries.assortments())
        new = {row.code for _, row in wanted if row.code not in known}
        before = await _placed([known.ids[row.code] for _, row in wanted if row.code not in new])
        after: dict[str, list[Place]] = {}
        counted = 0
        for number, row in sorted(wanted, key=lambda one: one[0]):
            counted += len(row.products or ())
            fault = _fault(row, products, counted, is_new=row.code in new)
            fault = fault or known.put(row.code, row.plant_code, row.value_class)
            if fault is not None:
                outcome.reject(number, fault)
                continue
            old = before.get(known.ids.get(row.code, 0), [])
            given = (
                old if row.products is UNSET else [(products[one.product_code], one.must_have) for one in row.products]
            )
            if given != old:
                after[row.code] = given
            outcome.count(is_new=row.code in new, is_changed=given != old or row.code in known.changed)
        ids = known.ids
        if known.changed:
            ids = ids | await queries.put_assortments(await known.values(at, source), at)
        if after:
            await queries.replace_places([ids[code] for code in after], _values(after, ids))
        if after or known.changed:
            await queries.count_change()
    return outcome.applied


def _fault(row: AssortmentRow, products: dict[str, int], counted: int, *, is_new: bool) -> RowFault | None:
    if is_new and row.plant_code is UNSET:
        return RowFault("plant_code", "missing_field")
    if counted > PLACES_A_CALL_MAX:
        return RowFault("products", "out_of_range")
    codes = [part.product_code for part in row.products or ()]
    if (place := repeated(codes)) is not None:
        return RowFault(f"products[{place}].product_code", "duplicate_row")
    unknown = next((place for place, code in enumerate(codes) if code not in products), None)
    return None if unknown is None else RowFault(f"products[{unknown}].product_code", "product_unknown")


async def _placed(assortment_ids: Sequence[int]) -> dict[int, list[Place]]:
    placed: dict[int, list[Place]] = {}
    for row in await queries.places(assortment_ids) if assortment_ids else ():
        placed.setdefault(row["assortment_id"], []).append((row["product_id"], row["must_have"]))
    return placed


def _values(after: dict[str, list[Place]], ids: dict[str, int]) -> list[PlaceValues]:
    return [
        PlaceValues(ids[code], product_id, place, must_have)
        for code, placed in after.items()
        for place, (product_id, must_have) in enumerate(placed, start=1)
    ]
