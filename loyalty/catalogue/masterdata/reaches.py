"""Whom a price list or an assortment is for: a plant's outlets, all of them or those of a value class."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg
import msgspec
from msgspec import UNSET, UnsetType

from loyalty.catalogue.masterdata.queries import AudienceValues
from loyalty.organisation import locks, places
from loyalty.rows import RowFault


class Reach(msgspec.Struct, frozen=True):
    """A plant by its code, and maybe one value class of its outlets; neither for nobody but who names it."""

    plant_code: str | None = None
    value_class: str | None = None


class Reaches:
    """Whom each code is for, kept up while the rows of one call are judged. The catalogue is locked."""

    def __init__(self, rows: Sequence[asyncpg.Record]) -> None:
        self.ids: dict[str, int] = {row["code"]: row["id"] for row in rows}
        self._known = {row["code"]: Reach(row["plant_code"], row["value_class"]) for row in rows}
        self._taken = {reach: code for code, reach in self._known.items() if reach.plant_code is not None}
        self.changed: dict[str, Reach] = {}

    def __contains__(self, code: str) -> bool:
        return code in self._known

    def put(
        self, code: str, plant_code: str | UnsetType | None, value_class: str | UnsetType | None
    ) -> RowFault | None:
        """Say whom a code is for from now on, what is not said stays; give the fault if that cannot be."""
        before = self._known.get(code)
        known = Reach() if before is None else before
        after = Reach(
            known.plant_code if plant_code is UNSET else plant_code,
            known.value_class if value_class is UNSET else value_class,
        )
        if after.plant_code is None and after.value_class is not None:
            return RowFault("plant_code", "missing_field")
        if after.plant_code is not None and self._taken.get(after, code) != code:
            return RowFault("plant_code", "audience_taken")
        if after != before:
            self._taken = {reach: one for reach, one in self._taken.items() if one != code}
            if after.plant_code is not None:
                self._taken[after] = code
            self._known[code] = self.changed[code] = after
        return None

    async def values(self, at: datetime, by: str) -> list[AudienceValues]:
        """Give what has changed with its plants' ids; an unknown plant is made, unconfirmed. Set verb."""
        codes = sorted({one.plant_code for one in self.changed.values() if one.plant_code is not None})
        plants: dict[str, int] = {}
        if codes:
            await locks.share_tree()
            plants = await places.ensure_named("plant", codes, at, by)
        return [
            AudienceValues(code, None if one.plant_code is None else plants[one.plant_code], one.value_class)
            for code, one in sorted(self.changed.items())
        ]
