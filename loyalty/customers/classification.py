"""An outlet's classification: value class, tier and tags, each with where it came from and since when.

Whoever classifies, a system or a module above, does so here; audiences, switches and prices read only this.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec import UNSET, UnsetType

from loyalty.customers.territory import queries


class Classification(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody says of an outlet. What is not said stays; ``tags`` are all that this source has to say."""

    outlet_id: int
    value_class: str | UnsetType | None = UNSET
    tags: tuple[str, ...] | UnsetType = UNSET
    source: str
    at: datetime


class Classified(msgspec.Struct, frozen=True):
    """How an outlet is classified."""

    outlet_code: str
    plant_code: str
    value_class: str | None
    tags: tuple[str, ...]
    """Those of all sources."""


async def read(outlet_ids: Sequence[int]) -> dict[int, Classified]:
    """Tell how outlets are classified, in one statement. Needs a reader."""
    return {
        row["id"]: Classified(row["code"], row["plant_code"], row["value_class"], tuple(row["tags"]))
        for row in await queries.classified(outlet_ids)
    }


async def classify(many: Sequence[Classification]) -> None:
    """Keep what is said of locked outlets. Set verb: at most three statements however many.

    A class that is older than the one that is known does not replace it; a source's tags replace that source's.
    """
    classes = [one for one in many if one.value_class is not UNSET]
    tagged = [one for one in many if one.tags is not UNSET]
    if classes:
        await queries.put_classes(
            [one.outlet_id for one in classes],
            [one.value_class or None for one in classes],
            [one.source for one in classes],
            [one.at for one in classes],
        )
    if tagged:
        pairs = [(one.outlet_id, tag, one.source, one.at) for one in tagged for tag in one.tags or ()]
        await queries.put_tags([(one.outlet_id, one.source) for one in tagged], pairs)
