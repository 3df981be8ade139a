"""The account of a soak can fail: each wrong thing, put into a clean run, is named; and kills are spread evenly."""

from collections import Counter

import msgspec
import pytest

from benchmarks.afterwards import DIFFERENCES_MAX, Acknowledged, Stored, Told, differences
from benchmarks.household import PARTS, SUPERVISOR
from benchmarks.soak import KILLS, plan

LOG = [
    Acknowledged("K1-a", 11, "K1", 201, 1, 5, repeated=False),
    # The first answer was lost on the way: the client's next try is a repeat.
    Acknowledged("K2-b", 12, "K2", 200, 3, 10, repeated=True),
    Acknowledged("K1-a", 11, "K1", 200, 1, 5, repeated=True),
]
ROWS = [
    Stored("K1-a", 11, "K1", 1, 5, (5,), 5),
    Stored("K2-b", 12, "K2", 3, 10, (10,), 10),
    # Its answer was lost on the way, which is allowed.
    Stored("K3-c", 13, "K3", 1, 5, (5,), 5),
]
FEED = [
    Told(1, "e1", "leketong.checkin.made", "K1"),
    Told(2, "e2", "leketong.checkin.made", "SH0001"),
    Told(3, "e3", "leketong.checkin.made", "K3"),
    Told(4, "e4", "leketong.checkin.made", "K2"),
]


def row(number: int, **changes: object) -> list[Stored]:
    """Give the rows, one of them changed."""
    return [msgspec.structs.replace(one, **changes) if n == number else one for n, one in enumerate(ROWS)]


def event(number: int, **changes: object) -> list[Told]:
    """Give the feed, one of its events changed."""
    return [msgspec.structs.replace(one, **changes) if n == number else one for n, one in enumerate(FEED)]


def test_a_clean_run_has_no_differences() -> None:
    assert differences(LOG, ROWS, FEED) == []


@pytest.mark.parametrize(
    ("stored", "told", "named"),
    [
        pytest.param(
            ROWS[1:],
            FEED,
            ["K1: acknowledged with key K1-a, stored 0 times", "K1: told in the feed, and not stored"],
            id="lost",
        ),
        pytest.param([*ROWS, ROWS[0]], FEED, ["K1: acknowledged with key K1-a, stored 2 times"], id="twice"),
        pytest.param(
            row(0, key="K1-z"), FEED, ["K1: acknowledged with key K1-a, stored 0 times"], id="under another key"
        ),
        pytest.param(
            row(0, member_id=99), FEED, ["K1: acknowledged with key K1-a, stored 0 times"], id="for another member"
        ),
        pytest.param(
            row(1, points=5, entries=(5,), balance=5),
            FEED,
            ["K2: acknowledged day 3 and 10 points, stored day 3 and 5 points"],
            id="with other points",
        ),
        pytest.param(
            row(1, streak_days=2),
            FEED,
            ["K2: acknowledged day 3 and 10 points, stored day 2 and 10 points"],
            id="with another streak",
        ),
        pytest.param(row(2, entries=()), FEED, ["K3: a check-in of 5 points has ledger entries ()"], id="unpaid"),
        pytest.param(
            row(0, entries=(5, 5)), FEED, ["K1: a check-in of 5 points has ledger entries (5, 5)"], id="paid twice"
        ),
        pytest.param(
            row(0, entries=(6,)), FEED, ["K1: a check-in of 5 points has ledger entries (6,)"], id="paid otherwise"
        ),
        pytest.param(
            row(0, balance=10), FEED, ["K1: its only check-in paid 5, its balance is 10"], id="a balance of its own"
        ),
        pytest.param(
            ROWS, event(2, subject="SH0002"), ["K3: checked in once, told 0 times"], id="not told in the feed"
        ),
        pytest.param(
            ROWS, event(3, type="leketong.checkin.lost"), ["K2: checked in once, told 0 times"], id="told as another"
        ),
        pytest.param(
            ROWS,
            [*FEED, Told(5, "e5", "leketong.checkin.made", "K1")],
            ["K1: checked in once, told 2 times"],
            id="told twice",
        ),
        pytest.param(
            ROWS, event(1, subject="K9"), ["K9: told in the feed, and not stored"], id="told of what is not there"
        ),
        pytest.param(ROWS, event(1, event_id="e1"), ["feed: event e1 told 2 times"], id="an event's id twice"),
        pytest.param(
            ROWS, event(3, position=5), ["feed: position 5 where 4 was due"], id="a gap between the positions"
        ),
        pytest.param(ROWS, event(3, position=3), ["feed: position 3 where 4 was due"], id="a position twice"),
        pytest.param(ROWS, event(0, position=0), ["feed: position 0 where 1 was due"], id="a start at another number"),
    ],
)
def test_what_is_wrong_is_named(stored: list[Stored], told: list[Told], named: list[str]) -> None:
    assert differences(LOG, stored, told) == named


@pytest.mark.parametrize(
    ("again", "named"),
    [
        pytest.param(
            {"status": 201, "repeated": False}, ["K1: acknowledged with key K1-a, then made anew"], id="made anew"
        ),
        pytest.param(
            {"status": 201},
            ["K1: status 201 with repeated=True", "K1: acknowledged with key K1-a, then made anew"],
            id="a new one that says it is a repeat",
        ),
        pytest.param({"repeated": False}, ["K1: status 200 with repeated=False"], id="a repeat that does not say so"),
        pytest.param(
            {"points": 10},
            [
                "K1: acknowledged day 1 and 5 points, then day 1 and 10 points",
                "K1: acknowledged day 1 and 10 points, stored day 1 and 5 points",
            ],
            id="other points",
        ),
    ],
)
def test_an_answer_that_contradicts_an_earlier_one_is_named(again: dict[str, object], named: list[str]) -> None:
    log = [*LOG[:2], msgspec.structs.replace(LOG[2], **again)]
    assert differences(log, ROWS, FEED) == named


def test_no_more_is_named_than_anybody_reads() -> None:
    log = [Acknowledged(f"K{n}-x", n, f"K{n}", 201, 1, 5, repeated=False) for n in range(DIFFERENCES_MAX + 1)]
    assert len(differences(log, [], [])) == DIFFERENCES_MAX


@pytest.mark.parametrize("seed", [0, 7, 123_456])
def test_each_part_is_killed_as_often_as_the_others(seed: int) -> None:
    planned = plan(KILLS, seed)
    times = Counter(planned)
    assert set(times) == {*PARTS, SUPERVISOR}
    assert max(times.values()) - min(times.values()) <= 1
    assert planned == plan(KILLS, seed)
    assert planned != plan(KILLS, seed + 1)
