"""What has to be true after kills under load: the clients' own log against database, ledger and feed."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import msgspec

DIFFERENCES_MAX = 50
OURS = "K"
"""What the codes of the soak's own outlets start with; the demo's stand beside them."""


class Acknowledged(msgspec.Struct, frozen=True):
    """A check-in that a client was told of, as the client's log has it; a client may ask and be told again."""

    key: str
    member_id: int
    outlet_code: str
    status: int
    streak_days: int
    points: int
    repeated: bool


class Stored(msgspec.Struct, frozen=True):
    """A check-in as the database has it, with what the ledger says of it."""

    key: str
    member_id: int
    outlet_code: str
    streak_days: int
    points: int
    entries: tuple[int, ...]
    """The points of each ledger entry whose source it is."""
    balance: int


class Told(msgspec.Struct, frozen=True):
    """An event as the feed tells it."""

    position: int
    event_id: str
    type: str
    subject: str


def differences(acknowledged: Iterable[Acknowledged], stored: Iterable[Stored], told: Sequence[Told]) -> list[str]:
    """Name what is not as it must be, at most DIFFERENCES_MAX: nothing lost, nothing twice, no gap, no other points.

    Each client's answers stand in the order in which it got them. A check-in that is stored and was acknowledged to
    nobody is no difference: its answer was lost on the way.
    """
    answers, rows = list(acknowledged), list(stored)
    found = [*_of_answers(answers), *_of_clients(answers, rows), *_of_ledger(rows), *_of_feed(rows, told)]
    return found[:DIFFERENCES_MAX]


def _of_answers(acknowledged: Sequence[Acknowledged]) -> Iterable[str]:
    first: dict[tuple[int, str], Acknowledged] = {}
    for one in acknowledged:
        if (one.status, one.repeated) not in {(201, False), (200, True)}:
            yield f"{one.outlet_code}: status {one.status} with repeated={one.repeated}"
        earlier = first.setdefault((one.member_id, one.key), one)
        if earlier is not one and one.status != 200:  # noqa: PLR2004
            yield f"{one.outlet_code}: acknowledged with key {one.key}, then made anew"
        if _outcome(earlier) != _outcome(one):
            yield f"{one.outlet_code}: acknowledged {_outcome(earlier)}, then {_outcome(one)}"


def _outcome(of: Acknowledged | Stored) -> str:
    return f"day {of.streak_days} and {of.points} points"


def _of_clients(acknowledged: Iterable[Acknowledged], stored: Sequence[Stored]) -> Iterable[str]:
    by_key: dict[tuple[int, str], list[Stored]] = defaultdict(list)
    for row in stored:
        by_key[row.member_id, row.key].append(row)
    for one in {(one.member_id, one.key): one for one in acknowledged}.values():
        rows = by_key[one.member_id, one.key]
        if len(rows) != 1:
            yield f"{one.outlet_code}: acknowledged with key {one.key}, stored {len(rows)} times"
        elif _outcome(rows[0]) != _outcome(one):
            yield f"{one.outlet_code}: acknowledged {_outcome(one)}, stored {_outcome(rows[0])}"


def _of_ledger(stored: Sequence[Stored]) -> Iterable[str]:
    for row in stored:
        if row.entries != (row.points,):
            yield f"{row.outlet_code}: a check-in of {row.points} points has ledger entries {row.entries}"
        if row.balance != row.points:
            yield f"{row.outlet_code}: its only check-in paid {row.points}, its balance is {row.balance}"


def _of_feed(stored: Sequence[Stored], told: Sequence[Told]) -> Iterable[str]:
    for expected, event in enumerate(told, start=1):
        if event.position != expected:
            yield f"feed: position {event.position} where {expected} was due"
            break
    for event_id, times in Counter(event.event_id for event in told).items():
        if times > 1:
            yield f"feed: event {event_id} told {times} times"
    made = Counter(event.subject for event in told if event.type == "leketong.checkin.made")
    for row in stored:
        if made[row.outlet_code] != 1:
            yield f"{row.outlet_code}: checked in once, told {made[row.outlet_code]} times"
    ours = {row.outlet_code for row in stored}
    for subject in made:
        if subject.startswith(OURS) and subject not in ours:
            yield f"{subject}: told in the feed, and not stored"
