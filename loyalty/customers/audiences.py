"""Audiences: which outlets something is for, by plant, value class and tags."""

import msgspec

from loyalty.customers.classification import Classified


class Audience(msgspec.Struct, frozen=True):
    """Outlets of these plants, of these classes, with one of these tags; an empty list leaves nobody out."""

    plants: tuple[str, ...] = ()
    value_classes: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    def includes(self, one: Classified) -> bool:
        """Tell whether an outlet belongs to it."""
        return (
            (not self.plants or one.plant_code in self.plants)
            and (not self.value_classes or one.value_class in self.value_classes)
            and (not self.tags or bool(set(self.tags) & set(one.tags)))
        )

    @property
    def is_everybody(self) -> bool:
        """Tell whether nobody is left out."""
        return not (self.plants or self.value_classes or self.tags)
