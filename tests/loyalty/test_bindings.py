"""Bindings: who may bind to what, in which role, and what a refusal leaves alone."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from loyalty.customers import binding_codes, bindings, members
from loyalty.customers.bindings import Bound, Offer, Request
from loyalty.customers.errors import (
    AlreadyBound,
    BindingCodeExpired,
    BindingCodeUnknown,
    BindingCodeUsed,
    BindingRequired,
    ConsentOutdated,
    MemberUnknown,
    OfferUnknown,
    OutletClosed,
    OwnerExists,
    OwnerOnly,
    OwnerStays,
    SessionEnded,
)
from loyalty.customers.personal import DataKeys
from loyalty.customers.rules import Medium, Role
from loyalty.customers.standings import MemberRef
from loyalty.customers.texts import CONSENT_VERSION
from loyalty.errors import IdempotencyKeyReused, Refusal
from tests import factories, rows

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)
PHONE = "13800138000"


async def token(shop: str, role: Role | None = None, medium: Medium = "card") -> str:
    """Give a fresh token of an outlet."""
    return (await binding_codes.issue(shop, role, medium, "tests", AT)).token


async def outlet_id(url: str, shop: str) -> int:
    """Give an outlet's id."""
    ((found,),) = await rows.fetch(url, "SELECT id FROM outlets WHERE code = $1", shop)
    assert isinstance(found, int)
    return found


async def current(url: str, person: MemberRef) -> object:
    """Give the outlet that a member acts for."""
    return (await rows.fetch(url, "SELECT current_outlet_id FROM members WHERE id = $1", person.id))[0][0]


@pytest.mark.parametrize(
    ("roles", "given"),
    [
        ([None, None, None], ["owner", "clerk", "clerk"]),
        (["clerk", None, None], ["clerk", "owner", "clerk"]),
        (["clerk", "owner"], ["clerk", "owner"]),
        (["owner", "clerk"], ["owner", "clerk"]),
    ],
)
async def test_the_first_is_owner_and_later_ones_clerk_unless_the_code_says(
    db: str, data_keys: DataKeys, roles: list[Role | None], given: list[Role]
) -> None:
    shop = await factories.outlet(AT, data_keys)
    bound = []
    for role in roles:
        person = await factories.member(AT, data_keys)
        answer = await bindings.bind(factories.request(person, await token(shop, role), AT), data_keys)
        assert await current(db, person) == answer.outlet_id
        bound.append(answer.role)
    assert bound == given
    events = await rows.fetch(
        db, "SELECT subject, data->>'role', data->>'way', data->>'medium' FROM outbox ORDER BY id"
    )
    assert events == [(shop, role, "code", "card") for role in given]


async def test_a_binding_keeps_what_was_consented_to_and_only_a_hash_of_the_token(db: str, data_keys: DataKeys) -> None:
    shop = await factories.outlet(AT, data_keys)
    secret = await token(shop)
    person = await factories.member(AT, data_keys)
    answer = await bindings.bind(factories.request(person, secret, AT), data_keys)
    assert answer == Bound(await outlet_id(db, shop), shop, f"小店{shop}", "owner", AT, repeated=False)
    kept = await rows.fetch(db, "SELECT consent_version, consented_at, bound_at, way, ended_at, ended_by FROM bindings")
    assert kept == [(CONSENT_VERSION, AT, AT, "code", None, None)]
    assert secret not in repr(await rows.picture(db))
    assert await rows.fetch(db, "SELECT used_at FROM binding_codes") == [(AT,)]


async def _unknown(url: str, shop: str, data_keys: DataKeys) -> Request:
    return factories.request(await factories.member(AT, data_keys), "A" * 20, AT)


async def _revoked(url: str, shop: str, data_keys: DataKeys) -> Request:
    wish = factories.request(await factories.member(AT, data_keys), await token(shop), AT)
    await rows.execute(url, "UPDATE binding_codes SET revoked_at = $1", AT)
    return wish


async def _used(url: str, shop: str, data_keys: DataKeys) -> Request:
    wish = factories.request(await factories.member(AT, data_keys), await token(shop), AT)
    await bindings.bind(wish, data_keys)
    return factories.request(await factories.member(AT, data_keys), wish.token, AT)


async def _expired(url: str, shop: str, data_keys: DataKeys) -> Request:
    return factories.request(
        await factories.member(AT, data_keys), await token(shop, None, "screen"), AT + timedelta(minutes=15)
    )


async def _second_owner(url: str, shop: str, data_keys: DataKeys) -> Request:
    await factories.bound(shop, AT, data_keys)
    return factories.request(await factories.member(AT, data_keys), await token(shop, "owner"), AT)


async def _already_bound(url: str, shop: str, data_keys: DataKeys) -> Request:
    return factories.request(await factories.bound(shop, AT, data_keys), await token(shop), AT)


async def _old_consent(url: str, shop: str, data_keys: DataKeys) -> Request:
    person = await factories.member(AT, data_keys)
    return factories.request(person, await token(shop), AT, consent_version="2020-01")


async def _other_input(url: str, shop: str, data_keys: DataKeys) -> Request:
    wish = factories.request(await factories.member(AT, data_keys), await token(shop), AT)
    await bindings.bind(wish, data_keys)
    return factories.request(wish.member, await token(shop), AT, key=wish.key, input_hash=b"other")


async def _closed(url: str, shop: str, data_keys: DataKeys) -> Request:
    wish = factories.request(await factories.member(AT, data_keys), await token(shop), AT)
    await rows.execute(url, "UPDATE outlets SET status = 'closed'")
    return wish


async def _not_offered(url: str, shop: str, data_keys: DataKeys) -> Request:
    person = await factories.member(AT, data_keys, PHONE)
    return factories.request(person, None, AT, offered_outlet_id=await outlet_id(url, shop))


async def _no_phone(url: str, shop: str, data_keys: DataKeys) -> Request:
    return factories.request(
        await factories.member(AT, data_keys), None, AT, offered_outlet_id=await outlet_id(url, shop)
    )


async def _ended(url: str, shop: str, data_keys: DataKeys) -> Request:
    wish = factories.request(await factories.member(AT, data_keys), await token(shop), AT)
    await rows.execute(url, "UPDATE members SET epoch = epoch + 1")
    return wish


@pytest.mark.parametrize(
    ("wish", "refusal"),
    [
        (_unknown, BindingCodeUnknown),
        (_revoked, BindingCodeUnknown),
        (_used, BindingCodeUsed),
        (_expired, BindingCodeExpired),
        (_second_owner, OwnerExists),
        (_already_bound, AlreadyBound),
        (_old_consent, ConsentOutdated),
        (_other_input, IdempotencyKeyReused),
        (_closed, OutletClosed),
        (_not_offered, OfferUnknown),
        (_no_phone, OfferUnknown),
        (_ended, SessionEnded),
    ],
    ids=lambda value: value.__name__.strip("_"),
)
async def test_a_refusal_moves_nothing(
    db: str,
    data_keys: DataKeys,
    wish: Callable[[str, str, DataKeys], Awaitable[Request]],
    refusal: type[Refusal],
) -> None:
    shop = await factories.outlet(AT, data_keys)
    request = await wish(db, shop, data_keys)
    before = await rows.picture(db)
    with pytest.raises(refusal) as refused:
        await bindings.bind(request, data_keys)
    assert refused.value.detail
    assert await rows.picture(db) == before


async def test_the_same_key_again_gives_the_first_binding_even_when_the_code_is_over(
    db: str, data_keys: DataKeys
) -> None:
    shop = await factories.outlet(AT, data_keys)
    wish = factories.request(await factories.member(AT, data_keys), await token(shop, None, "screen"), AT)
    first = await bindings.bind(wish, data_keys)
    before = await rows.picture(db)
    later = factories.request(wish.member, wish.token, AT + timedelta(days=1), key=wish.key)
    again = await bindings.bind(later, data_keys)
    assert again == Bound(first.outlet_id, first.outlet_code, first.outlet_name, "owner", AT, repeated=True)
    assert await rows.picture(db) == before


async def test_a_refused_key_is_judged_anew(db: str, data_keys: DataKeys) -> None:
    shop = await factories.outlet(AT, data_keys)
    person = await factories.member(AT, data_keys)
    with pytest.raises(BindingCodeUnknown):
        await bindings.bind(factories.request(person, "A" * 20, AT, key="one-key"), data_keys)
    assert not (
        await bindings.bind(factories.request(person, await token(shop), AT, key="one-key"), data_keys)
    ).repeated


async def test_an_outlet_is_offered_to_the_verified_phone_in_its_master_data(db: str, data_keys: DataKeys) -> None:
    shop = await factories.outlet(AT, data_keys, contact_phone="+86 138-0013-8000")
    await factories.outlet(AT, data_keys, contact_phone="13900139000")
    await factories.outlet(AT, data_keys, contact_phone=PHONE, status="closed")
    person = await factories.member(AT, data_keys, PHONE)
    stranger = await factories.member(AT, data_keys)
    shop_id = await outlet_id(db, shop)
    assert await bindings.offers(stranger, data_keys) == []
    assert await bindings.offers(person, data_keys) == [Offer(shop_id, f"小店{shop}", has_owner=False)]
    bound = await bindings.bind(factories.request(person, None, AT, offered_outlet_id=shop_id), data_keys)
    assert (bound.outlet_id, bound.role) == (shop_id, "owner")
    assert await rows.fetch(db, "SELECT way, binding_code_id FROM bindings") == [("offer", None)]
    assert await bindings.offers(person, data_keys) == []
    second = await factories.member(AT, data_keys, PHONE)
    assert await bindings.offers(second, data_keys) == [Offer(shop_id, f"小店{shop}", has_owner=True)]


async def test_an_older_data_key_still_finds_the_offer(db: str, data_keys: DataKeys) -> None:
    shop = await factories.outlet(AT, data_keys, contact_phone=PHONE)
    rotated = DataKeys([b"n" * 32, b"k" * 32])
    person = await factories.member(AT, rotated, PHONE)
    assert [offer.outlet_id for offer in await bindings.offers(person, rotated)] == [await outlet_id(db, shop)]
    assert await bindings.offers(person, DataKeys([b"n" * 32])) == []


async def test_people_are_shown_to_the_owner_with_masked_phones(db: str, data_keys: DataKeys) -> None:
    shop = await factories.outlet(AT, data_keys)
    owner = await factories.bound(shop, AT, data_keys)
    clerk = await factories.bound(shop, AT + timedelta(seconds=1), data_keys)
    await members.keep_phone(clerk, PHONE, "86", AT, data_keys)
    people = await bindings.people(owner, data_keys)
    assert [(one.member_id, one.role, one.phone_masked, one.is_me) for one in people] == [
        (owner.id, "owner", None, True),
        (clerk.id, "clerk", "138****8000", False),
    ]
    with pytest.raises(OwnerOnly):
        await bindings.people(clerk, data_keys)
    with pytest.raises(BindingRequired):
        await bindings.people(await factories.member(AT, data_keys), data_keys)


async def test_removing_ends_the_binding_keeps_history_and_moves_on(db: str, data_keys: DataKeys) -> None:
    shop, second = await factories.outlet(AT, data_keys), await factories.outlet(AT, data_keys)
    owner, clerk = await factories.bound(shop, AT, data_keys), await factories.bound(shop, AT, data_keys)
    await bindings.bind(factories.request(clerk, await token(second), AT), data_keys)
    await members.choose_outlet(clerk, await outlet_id(db, shop))
    later = AT + timedelta(hours=1)
    await bindings.remove(owner, clerk.id, later)
    history = await rows.fetch(
        db,
        "SELECT bound_at, ended_at, ended_by FROM bindings WHERE member_id = $1 ORDER BY id",
        clerk.id,
    )
    assert history == [(AT, later, f"member:{owner.id}"), (AT, None, None)]
    assert await current(db, clerk) == await outlet_id(db, second)
    assert await rows.fetch(
        db, "SELECT subject, data->>'member_id', data->>'by' FROM outbox WHERE type = 'binding.ended'"
    ) == [(shop, str(clerk.id), "owner")]
    before = await rows.picture(db)
    with pytest.raises(MemberUnknown):
        await bindings.remove(owner, clerk.id, later)
    assert await rows.picture(db) == before


async def test_one_removed_from_their_only_outlet_has_none_and_may_come_back(db: str, data_keys: DataKeys) -> None:
    shop = await factories.outlet(AT, data_keys)
    owner, clerk = await factories.bound(shop, AT, data_keys), await factories.bound(shop, AT, data_keys)
    await bindings.remove(owner, clerk.id, AT)
    assert await current(db, clerk) is None
    with pytest.raises(BindingRequired):
        await bindings.people(clerk, data_keys)
    again = await bindings.bind(factories.request(clerk, await token(shop), AT), data_keys)
    assert (again.role, await current(db, clerk)) == ("clerk", again.outlet_id)
    assert await rows.fetch(db, "SELECT count(*) FROM bindings WHERE member_id = $1", clerk.id) == [(2,)]


async def test_who_may_remove_whom(db: str, data_keys: DataKeys) -> None:
    shop, other = await factories.outlet(AT, data_keys), await factories.outlet(AT, data_keys)
    owner, clerk = await factories.bound(shop, AT, data_keys), await factories.bound(shop, AT, data_keys)
    stranger, neighbour = await factories.member(AT, data_keys), await factories.bound(other, AT, data_keys)
    before = await rows.picture(db)
    cases: list[tuple[MemberRef, int, type[Refusal]]] = [
        (clerk, owner.id, OwnerOnly),
        (clerk, clerk.id, OwnerOnly),
        (owner, owner.id, OwnerStays),
        (owner, neighbour.id, MemberUnknown),
        (owner, stranger.id, MemberUnknown),
        (owner, 999_999, MemberUnknown),
        (stranger, owner.id, BindingRequired),
        (MemberRef(owner.id, owner.epoch + 1), clerk.id, SessionEnded),
    ]
    for who, whom, refusal in cases:
        with pytest.raises(refusal):
            await bindings.remove(who, whom, AT)
    assert await rows.picture(db) == before
