"""Customer care, changing: who belongs to an outlet after staff said so, and what a refusal leaves alone."""

import asyncio
import json
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from loyalty.customers import binding_codes, members
from loyalty.customers import bindings as own_bindings
from loyalty.customers import queries as customers_queries
from loyalty.customers.care import bindings
from loyalty.customers.care.outlets import RESTORED_WITHIN
from loyalty.customers.errors import (
    AlreadyBound,
    BindingUnknown,
    OutletClosed,
    OutletUnknown,
    OwnerAlready,
    RestoreTooLate,
)
from loyalty.customers.personal import DataKeys
from loyalty.customers.standings import MemberRef
from loyalty.customers.texts import CONSENT_VERSION
from loyalty.errors import Refusal, TryAgain
from loyalty.organisation.errors import ReasonMissing
from loyalty.staff.people import Reach, Staff
from loyalty.staff.rules import Role
from tests import factories, rows
from tests.concurrency.test_binding_races import meeting, unlocked
from tests.organisation import Places, planted, staff

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LATER = AT + timedelta(hours=1)
LAST = LATER + timedelta(hours=1)
TOO_LATE = LATER + RESTORED_WITHIN + timedelta(microseconds=1)
WAIT_SECONDS = 20
OPERATOR: tuple[Role, ...] = ("operator",)
WHY = "核对过身份证"
VERBS = {"end": bindings.end, "restore": bindings.restore, "change_owner": bindings.change_owner}
CLOSED = "UPDATE outlets SET status = 'closed' WHERE id = 1"
ENDED = "UPDATE bindings SET ended_at = $1, ended_by = 'tests' WHERE id = 2"
KEPT = "SELECT id, member_id, role, way, bound_at, ended_at, ended_by FROM bindings WHERE outlet_id = 1 ORDER BY id"
LIVE = "SELECT member_id, role FROM bindings WHERE outlet_id = 1 AND ended_at IS NULL ORDER BY member_id"
CURRENT = "SELECT o.code FROM members m LEFT JOIN outlets o ON o.id = m.current_outlet_id WHERE m.id = $1"
TOLD = "SELECT type, subject, occurred_at, data FROM outbox WHERE occurred_at > $1 ORDER BY id"
AUDITED = """
    SELECT action, actor_id, subject_id, node_id, reason, at, before, after
      FROM audit_entries WHERE action LIKE 'binding.%' ORDER BY id
"""


@pytest.fixture
async def there(db: str) -> Places:
    """Give the places, in the empty database."""
    return await planted(AT)


@pytest.fixture
async def operator(there: Places) -> Staff:
    """Give an operator of the first plant."""
    return await staff("op1", "operator", there.shanghai, AT, "林晓")


@pytest.fixture
async def people(there: Places, data_keys: DataKeys) -> list[MemberRef]:
    """Bind an owner and a clerk to A1, by bindings 1 and 2, and somebody to B1, by binding 3."""
    assert there.pudong
    await factories.outlet(AT, data_keys, "A1", plant_code="SH", office_code="PD")
    await factories.outlet(AT, data_keys, "B1", plant_code="SH")
    return [await factories.bound(code, AT, data_keys) for code in ("A1", "A1", "B1")]


def decoded(value: object) -> object:
    """Give what a column of JSON says."""
    return None if value is None else json.loads(str(value))


async def told(url: str) -> list[tuple[object, ...]]:
    """Give the events since the bindings were made."""
    return [(*row[:3], decoded(row[3])) for row in await rows.fetch(url, TOLD, AT)]


async def audited(url: str) -> list[tuple[object, ...]]:
    """Give the audit of bindings."""
    return [(*row[:6], decoded(row[6]), decoded(row[7])) for row in await rows.fetch(url, AUDITED)]


def made(person: MemberRef, role: str) -> dict[str, object]:
    """Give what an event says of a binding that staff made."""
    return {"member_id": str(person.id), "role": role, "way": "staff", "medium": None}


async def test_an_ended_binding_is_kept_told_and_acts_no_more(
    db: str, there: Places, people: list[MemberRef], operator: Staff
) -> None:
    owner, clerk, _ = people
    await bindings.end("A1", 2, operator.reach(OPERATOR), operator, f"  {WHY}\n", LATER)
    assert await rows.fetch(db, KEPT) == [
        (1, owner.id, "owner", "code", AT, None, None),
        (2, clerk.id, "clerk", "code", AT, LATER, f"staff:{operator.id}"),
    ]
    assert await rows.fetch(db, CURRENT, clerk.id) == [(None,)]
    assert await rows.fetch(db, CURRENT, owner.id) == [("A1",)]
    assert await told(db) == [("binding.ended", "A1", LATER, {"member_id": str(clerk.id), "by": "staff"})]
    before = {"role": "clerk", "member_id": str(clerk.id)}
    who = str(operator.id)
    assert await audited(db) == [("binding.ended", who, "A1", there.pudong, WHY, LATER, before, None)]


async def test_whoever_has_another_outlet_acts_for_that_one_and_stays_there(
    db: str, people: list[MemberRef], operator: Staff, data_keys: DataKeys
) -> None:
    clerk, reach = people[1], operator.reach(OPERATOR)
    issued = await binding_codes.issue("B1", None, "card", "tests", AT)
    await own_bindings.bind(factories.request(clerk, issued.token, AT), data_keys)
    await members.choose_outlet(clerk, 1)
    await bindings.end("A1", 2, reach, operator, WHY, LATER)
    assert await rows.fetch(db, CURRENT, clerk.id) == [("B1",)]
    await bindings.restore("A1", 2, reach, operator, WHY, LAST)
    assert await rows.fetch(db, CURRENT, clerk.id) == [("B1",)]
    assert (await rows.fetch(db, LIVE))[-1] == (clerk.id, "clerk")


async def test_a_restored_binding_is_a_new_one_on_the_old_consent(
    db: str, there: Places, people: list[MemberRef], operator: Staff
) -> None:
    owner, reach = people[0], operator.reach(OPERATOR)
    await bindings.end("A1", 1, reach, operator, WHY, LATER)
    back = LATER + RESTORED_WITHIN
    await bindings.restore("A1", 1, reach, operator, "弄错了", back)
    kept = await rows.fetch(db, KEPT)
    assert [kept[0], kept[2]] == [
        (1, owner.id, "owner", "code", AT, LATER, operator.actor.text),
        (4, owner.id, "owner", "staff", back, None, None),
    ]
    assert await rows.fetch(db, "SELECT consent_version, consented_at FROM bindings WHERE id = 4") == [
        (CONSENT_VERSION, AT)
    ]
    assert await rows.fetch(db, CURRENT, owner.id) == [("A1",)]
    assert (await told(db))[1:] == [("binding.made", "A1", back, made(owner, "owner"))]
    after = {"role": "owner", "member_id": str(owner.id)}
    entry = ("binding.restored", str(operator.id), "A1", there.pudong, "弄错了", back, None, after)
    assert (await audited(db))[1:] == [entry]


async def test_who_was_owner_comes_back_as_clerk_where_there_is_another(
    db: str, people: list[MemberRef], operator: Staff
) -> None:
    (owner, clerk, _), reach = people, operator.reach(OPERATOR)
    await bindings.end("A1", 1, reach, operator, WHY, LATER)
    await bindings.change_owner("A1", 2, reach, operator, WHY, LATER)
    await bindings.restore("A1", 1, reach, operator, WHY, LAST)
    assert await rows.fetch(db, LIVE) == [(owner.id, "clerk"), (clerk.id, "owner")]
    assert (await told(db))[-1] == ("binding.made", "A1", LAST, made(owner, "clerk"))


async def test_a_chosen_owner_and_the_one_before_both_get_new_bindings(
    db: str, there: Places, people: list[MemberRef], operator: Staff
) -> None:
    owner, clerk, _ = people
    by, reach = operator.actor.text, operator.reach(OPERATOR)
    await bindings.change_owner("A1", 2, reach, operator, "店转让了", LATER)
    assert await rows.fetch(db, KEPT) == [
        (1, owner.id, "owner", "code", AT, LATER, by),
        (2, clerk.id, "clerk", "code", AT, LATER, by),
        (4, owner.id, "clerk", "staff", LATER, None, None),
        (5, clerk.id, "owner", "staff", LATER, None, None),
    ]
    for person in (owner, clerk):
        assert await rows.fetch(db, CURRENT, person.id) == [("A1",)]
    assert await told(db) == [
        ("binding.ended", "A1", LATER, {"member_id": str(owner.id), "by": "staff"}),
        ("binding.ended", "A1", LATER, {"member_id": str(clerk.id), "by": "staff"}),
        ("binding.made", "A1", LATER, made(owner, "clerk")),
        ("binding.made", "A1", LATER, made(clerk, "owner")),
    ]
    chosen = {"owner": str(clerk.id), "member_id": str(clerk.id)}
    before = {"owner": str(owner.id), "member_id": str(clerk.id)}
    who = str(operator.id)
    entry = ("binding.owner_changed", who, "A1", there.pudong, "店转让了", LATER, before, chosen)
    assert await audited(db) == [entry]


async def test_an_outlet_without_an_owner_gets_one(db: str, people: list[MemberRef], operator: Staff) -> None:
    clerk, reach = people[1], operator.reach(OPERATOR)
    await bindings.end("A1", 1, reach, operator, WHY, LATER)
    await bindings.change_owner("A1", 2, reach, operator, WHY, LAST)
    assert await rows.fetch(db, LIVE) == [(clerk.id, "owner")]
    assert [row[0] for row in await told(db)] == ["binding.ended", "binding.ended", "binding.made"]
    assert (await audited(db))[-1][-2:] == (None, {"owner": str(clerk.id), "member_id": str(clerk.id)})


@pytest.mark.usefixtures("people")
async def test_a_clock_behind_ends_no_binding_before_it_began(db: str, operator: Staff) -> None:
    reach, early = operator.reach(OPERATOR), AT - SECOND
    await bindings.change_owner("A1", 2, reach, operator, WHY, early)
    assert {row[4:6] for row in await rows.fetch(db, KEPT)} == {(AT, AT), (AT, None)}


@pytest.mark.parametrize(
    ("verb", "code", "binding_id", "reach", "reason", "at", "prepared", "refusal"),
    [
        *(
            (verb, "A1", 2, "shanghai", why, LAST, (), ReasonMissing)
            for verb in VERBS
            for why in ("", " \n", "因" * 201)
        ),
        *((verb, "A1", 2, "nanjing", WHY, LAST, (), OutletUnknown) for verb in VERBS),
        *((verb, "A1", 2, "route", WHY, LAST, (), OutletUnknown) for verb in VERBS),
        *((verb, "A1", 2, "", WHY, LAST, (), OutletUnknown) for verb in VERBS),
        *((verb, "none", 2, "root", WHY, LAST, (), OutletUnknown) for verb in VERBS),
        *((verb, "B1", 2, "root", WHY, LAST, (), BindingUnknown) for verb in VERBS),
        *((verb, "A1", 999, "root", WHY, LAST, (), BindingUnknown) for verb in VERBS),
        ("end", "A1", 2, "root", WHY, LAST, (ENDED,), BindingUnknown),
        ("change_owner", "A1", 2, "root", WHY, LAST, (ENDED,), BindingUnknown),
        ("change_owner", "A1", 1, "root", WHY, LAST, (), OwnerAlready),
        ("restore", "A1", 2, "root", WHY, LAST, (), AlreadyBound),
        ("restore", "A1", 2, "root", WHY, TOO_LATE, (ENDED,), RestoreTooLate),
        ("restore", "A1", 2, "root", WHY, LAST, (ENDED, CLOSED), OutletClosed),
    ],
)
async def test_a_refusal_moves_nothing(
    db: str, there: Places, people: list[MemberRef], operator: Staff, verb: str, code: str, binding_id: int,
    reach: str, reason: str, at: datetime, prepared: tuple[str, ...], refusal: type[Refusal],
) -> None:  # fmt: skip
    assert people
    for statement in prepared:
        await rows.execute(db, statement, *([LATER] if "$1" in statement else []))
    before = await rows.picture(db)
    with pytest.raises(refusal) as refused:
        await VERBS[verb](code, binding_id, Reach((getattr(there, reach),) if reach else ()), operator, reason, at)
    assert refused.value.detail
    assert await rows.picture(db) == before


async def test_only_the_last_binding_of_somebody_who_is_gone_is_restored(
    db: str, people: list[MemberRef], operator: Staff, data_keys: DataKeys
) -> None:
    reach = operator.reach(OPERATOR)
    await bindings.end("A1", 1, reach, operator, WHY, LATER)
    issued = await binding_codes.issue("A1", "clerk", "card", "tests", LATER)
    await own_bindings.bind(factories.request(people[0], issued.token, LATER), data_keys)
    for gone, refusal in ((False, AlreadyBound), (True, BindingUnknown)):
        if gone:
            await bindings.end("A1", 4, reach, operator, WHY, LATER)
        before = await rows.picture(db)
        with pytest.raises(refusal):
            await bindings.restore("A1", 1, reach, operator, WHY, LAST)
        assert await rows.picture(db) == before
    await bindings.restore("A1", 4, reach, operator, WHY, LAST)
    assert (people[0].id, "clerk") in await rows.fetch(db, LIVE)


async def together(*verbs: Awaitable[None]) -> list[str]:
    """Run verbs at once, each in a transaction of its own; name the types of the answers in order."""
    async with asyncio.timeout(WAIT_SECONDS):
        return sorted(type(one).__name__ for one in await asyncio.gather(*verbs, return_exceptions=True))


@pytest.mark.parametrize("chosen", [(2, 4), (2, 2)], ids=["two people", "one person"])
@pytest.mark.parametrize("guarded", [True, False], ids=["guard on", "guard off"])
async def test_two_owners_chosen_at_once_end_with_one(
    db: str, people: list[MemberRef], operator: Staff, data_keys: DataKeys, monkeypatch: pytest.MonkeyPatch,
    chosen: tuple[int, int], guarded: bool,
) -> None:  # fmt: skip
    assert people
    await factories.bound("A1", AT, data_keys)
    reach, end, both_looked, looked = operator.reach(OPERATOR), bindings._end, asyncio.Barrier(2), set[Any]()

    async def end_together(*arguments: Any, **more: Any) -> None:
        if asyncio.current_task() not in looked:
            looked.add(asyncio.current_task())
            await both_looked.wait()
        await end(*arguments, **more)

    if guarded:
        monkeypatch.setattr(customers_queries, "lock_outlet", meeting(2, customers_queries.lock_outlet))
    else:
        monkeypatch.setattr(customers_queries, "lock_outlet", unlocked)
        monkeypatch.setattr(bindings, "_end", end_together)
    answers = await together(*(bindings.change_owner("A1", one, reach, operator, WHY, LATER) for one in chosen))
    # Without the lock both end what they saw, and the database refuses the second who makes it anew.
    second = TryAgain if not guarded else BindingUnknown if chosen == (2, 2) else type(None)
    assert answers == sorted(["NoneType", second.__name__])
    assert [role for _, role in await rows.fetch(db, LIVE)].count("owner") == 1
    assert len(await rows.fetch(db, LIVE)) == 3
    assert len(await audited(db)) == answers.count("NoneType")
