"""Price lists as master data brings them: regular prices from a day on, and deals for a few days."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from loyalty import transactions
from loyalty.catalogue import rules
from loyalty.catalogue.masterdata import queries
from loyalty.catalogue.masterdata.queries import PriceValues
from loyalty.catalogue.masterdata.reaches import Reaches
from loyalty.catalogue.rules import Period
from loyalty.rows import Applied, Code, Outcome, RowFault, Short, firsts

PriceFen = Annotated[int, Meta(ge=1, le=1_000_000_00)]
DEAL_DAYS_MAX = 62
DEAL_DAYS_A_CALL_MAX = 60_000
"""Of all rows of a call, so that its one transaction ends within seconds."""
YEARS = range(2000, 2200)

Pair = tuple[int, int]
"""The ids of a price list and a product."""


class PriceRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a case of a product costs under a price list from a business date on, until another one, half open.

    Without ``until_on`` a regular price goes on; a null price ends what was set. A new list is for the outlets that
    name it, or for those of ``plant_code``, all of them or those of ``value_class``.
    """

    price_list: Code
    product_code: Code
    kind: Literal["regular", "deal"] = "regular"
    price_fen: PriceFen | None
    from_on: date
    until_on: date | None = None
    plant_code: Code | UnsetType | None = UNSET
    value_class: Short | UnsetType | None = UNSET


async def put(rows: Sequence[tuple[int, PriceRow]], source: str, at: datetime) -> Applied:
    """Apply master data, row by row in their order, each numbered by its place in the call.

    Entry verb; one change of the catalogue at a time. A regular price takes the place of what stood in its span. Of
    deals on one day the lowest is kept. A row whose list, product, kind and first day came before in the call is
    refused: which of them is meant is not known. ``inserted`` counts rows that set a price where there was none.
    """
    outcome = Outcome()
    wanted = sorted(firsts(rows, _key, "from_on", outcome), key=lambda one: one[0])
    async with transactions.begin():
        await queries.lock()
        products = {row["code"]: row["id"] for row in await queries.products({row.product_code for _, row in wanted})}
        lists = Reaches(await queries.price_lists())
        judged: list[tuple[int, PriceRow]] = []
        deal_days = 0
        for number, row in wanted:
            fault = _fault(row, products)
            deal_days += 0 if fault or row.kind == "regular" else (_until(row) - row.from_on).days
            if fault is None and deal_days > DEAL_DAYS_A_CALL_MAX:
                fault = RowFault("until_on", "out_of_range")
            fault = fault or lists.put(row.price_list, row.plant_code, row.value_class)
            if fault is None:
                judged.append((number, row))
            else:
                outcome.reject(number, fault)
        ids = lists.ids | (await queries.put_price_lists(await lists.values(at, source), at) if lists.changed else {})
        named = [(ids[row.price_list], products[row.product_code], row) for _, row in judged]
        changed = await _put_regular([one for one in named if one[2].kind == "regular"], outcome)
        changed |= await _put_deals([one for one in named if one[2].kind == "deal"], outcome)
        if changed or lists.changed:
            await queries.count_change()
    return outcome.applied


def _key(row: PriceRow) -> str:
    return f"{row.price_list}\n{row.product_code}\n{row.kind}\n{row.from_on}"


def _until(row: PriceRow) -> date:
    return row.from_on if row.until_on is None else row.until_on


def _fault(row: PriceRow, products: dict[str, int]) -> RowFault | None:
    if row.product_code not in products:
        return RowFault("product_code", "product_unknown")
    if row.from_on.year not in YEARS:
        return RowFault("from_on", "out_of_range")
    if row.until_on is None:
        return RowFault("until_on", "missing_field") if row.kind == "deal" else None
    if row.until_on <= row.from_on or row.until_on.year not in YEARS:
        return RowFault("until_on", "out_of_range")
    if row.kind == "deal" and row.until_on - row.from_on > timedelta(days=DEAL_DAYS_MAX):
        return RowFault("until_on", "out_of_range")
    return None


async def _put_regular(named: Sequence[tuple[int, int, PriceRow]], outcome: Outcome) -> bool:
    """Set regular prices; tell whether anything is different."""
    if not named:
        return False
    pairs = {(list_id, product_id) for list_id, product_id, _ in named}
    before: dict[Pair, list[Period]] = {pair: [] for pair in pairs}
    for found in await queries.periods(pairs):
        period = Period(found["from_on"], found["until_on"], found["price_fen"])
        before[found["price_list_id"], found["product_id"]].append(period)
    after = dict(before)
    for list_id, product_id, row in named:
        one = None if row.price_fen is None else Period(row.from_on, row.until_on, row.price_fen)
        old = after[list_id, product_id]
        new = rules.with_price(old, one, row.from_on, row.until_on)
        outcome.count(is_new=not old and bool(new), is_changed=new != old)
        after[list_id, product_id] = new
    changed = sorted(pair for pair in pairs if after[pair] != before[pair])
    if changed:
        await queries.replace_prices(
            changed,
            [
                PriceValues(list_id, product_id, one.price_fen, one.from_on, one.until_on)
                for list_id, product_id in changed
                for one in after[list_id, product_id]
            ],
        )
    return bool(changed)


async def _put_deals(named: Sequence[tuple[int, int, PriceRow]], outcome: Outcome) -> bool:
    """Set deals day by day; tell whether anything is different."""
    if not named:
        return False
    pairs = {(list_id, product_id) for list_id, product_id, _ in named}
    first = min(row.from_on for _, _, row in named)
    last = max(_until(row) for _, _, row in named)
    before: dict[tuple[Pair, date], int | None] = {
        ((found["price_list_id"], found["product_id"]), found["on_date"]): found["price_fen"]
        for found in await queries.deals(pairs, first, last)
    }
    after = dict(before)
    for list_id, product_id, row in named:
        days = [row.from_on + timedelta(days=n) for n in range((_until(row) - row.from_on).days)]
        old = [after.get(((list_id, product_id), day)) for day in days]
        new = [None if row.price_fen is None else min(row.price_fen, one or row.price_fen) for one in old]
        outcome.count(is_new=not any(old) and any(new), is_changed=new != old)
        after |= {((list_id, product_id), day): one for day, one in zip(days, new, strict=True)}
    changed = {key: price for key, price in after.items() if before.get(key) != price}
    if changed:
        await queries.put_deals([PriceValues(*pair, price, day) for (pair, day), price in sorted(changed.items())])
    return bool(changed)
