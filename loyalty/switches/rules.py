"""Pure rules of the switches module: what a rule says of an outlet at an instant."""

import hashlib
from datetime import datetime

import msgspec

from loyalty.switches.features import FEATURES

ALL_BPS = 10_000


class SwitchRule(msgspec.Struct, frozen=True, kw_only=True):
    """Who sees a feature when. An empty list of plants, classes or tags leaves nobody out.

    ``percent_bps`` is a share in hundredths of a percent of the outlets that the other conditions let in. ``killed``
    stands over everything.
    """

    enabled: bool = True
    killed: bool = False
    plants: tuple[str, ...] = ()
    value_classes: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    percent_bps: int = ALL_BPS
    from_at: datetime | None = None
    until_at: datetime | None = None


class Subject(msgspec.Struct, frozen=True):
    """The outlet that a rule is asked about."""

    outlet_code: str
    plant_code: str
    value_class: str | None
    tags: tuple[str, ...]


def bucket(feature: str, outlet_code: str) -> int:
    """Give an outlet's place from 0 to 9,999 in a feature's order: the same for ever, another one for each feature.

    A raised percentage therefore only adds outlets, and no outlet is always among the first.
    """
    digest = hashlib.blake2b(f"{feature}\n{outlet_code}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) % ALL_BPS


def decided(rule: SwitchRule, at: datetime) -> bool | None:
    """Tell whether a feature is on or off for every outlet at an instant; None when it depends on the outlet."""
    if rule.killed or not rule.enabled or rule.percent_bps == 0:
        return False
    if (rule.from_at is not None and at < rule.from_at) or (rule.until_at is not None and at >= rule.until_at):
        return False
    depends = rule.plants or rule.value_classes or rule.tags or rule.percent_bps < ALL_BPS
    return None if depends else True


def is_on(feature: str, rule: SwitchRule, subject: Subject | None, at: datetime) -> bool:
    """Tell whether an outlet sees a feature at an instant. A guest, who has none, sees what every outlet sees."""
    known = decided(rule, at)
    if known is not None or subject is None:
        return bool(known)
    return (
        (not rule.plants or subject.plant_code in rule.plants)
        and (not rule.value_classes or subject.value_class in rule.value_classes)
        and (not rule.tags or bool(set(subject.tags) & set(rule.tags)))
        and bucket(feature, subject.outlet_code) < rule.percent_bps
    )


class Board(msgspec.Struct, frozen=True):
    """All rules at once, as they were read from the database together."""

    rules: dict[str, SwitchRule]

    def rule(self, feature: str) -> SwitchRule:
        """Give a feature's rule, or its default. KeyError for a feature that there is not."""
        return self.rules.get(feature) or DEFAULTS[feature]

    def decided(self, feature: str, at: datetime) -> bool | None:
        """Tell whether a feature is on or off for everybody; None when it depends on the outlet."""
        return decided(self.rule(feature), at)

    def is_on(self, feature: str, subject: Subject | None, at: datetime) -> bool:
        """Tell whether an outlet sees a feature."""
        return is_on(feature, self.rule(feature), subject, at)

    def needs_subject(self, at: datetime) -> bool:
        """Tell whether some feature depends on the outlet."""
        return any(self.decided(feature.code, at) is None for feature in FEATURES)

    def shown(self, subject: Subject | None, at: datetime) -> dict[str, bool]:
        """Tell of every feature whether an outlet sees it."""
        return {feature.code: self.is_on(feature.code, subject, at) for feature in FEATURES}


DEFAULTS = {feature.code: SwitchRule(enabled=feature.on_by_default) for feature in FEATURES}
