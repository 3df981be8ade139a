"""Audiences: each list narrows, an empty one leaves nobody out."""

import itertools

import pytest

from loyalty.customers.audiences import Audience
from loyalty.customers.classification import Classified

OUTLET = Classified("T1", "SH", "A", ("夜市", "新店"))
PLAIN = Classified("T2", "NJ", None, ())

PLANTS = {(): True, ("SH",): True, ("NJ", "SH"): True, ("NJ",): False}
CLASSES = {(): True, ("A",): True, ("B", "A"): True, ("B",): False}
TAGS = {(): True, ("夜市",): True, ("冰柜", "新店"): True, ("冰柜",): False}


@pytest.mark.parametrize(
    ("plants", "value_classes", "tags"),
    list(itertools.product(PLANTS, CLASSES, TAGS)),
)
def test_all_lists_have_to_let_it_in(
    plants: tuple[str, ...], value_classes: tuple[str, ...], tags: tuple[str, ...]
) -> None:
    one = Audience(plants, value_classes, tags)
    assert one.includes(OUTLET) is (PLANTS[plants] and CLASSES[value_classes] and TAGS[tags])
    assert one.is_everybody is not bool(plants or value_classes or tags)


@pytest.mark.parametrize(
    ("audience", "included"),
    [
        (Audience(), True),
        (Audience(plants=("NJ",)), True),
        (Audience(value_classes=("A", "")), False),
        (Audience(tags=("",)), False),
    ],
)
def test_one_that_nobody_has_classified_belongs_where_nothing_is_asked(audience: Audience, included: bool) -> None:
    assert audience.includes(PLAIN) is included
