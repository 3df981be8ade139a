"""Members: recognised by WeChat identity, the outlet they act for, their phone; personal data at rest."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.exceptions import InvalidTag

from loyalty import transactions
from loyalty.customers import binding_codes, bindings, members, standings
from loyalty.customers.errors import BindingRequired, OutletUnknown, PhoneInvalid, SessionEnded
from loyalty.customers.personal import DataKeys, UnknownDataKey
from loyalty.customers.standings import MemberRef
from tests import factories, rows

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)
LATER = AT + timedelta(hours=1)
PHONE = "13800138000"
OLD, NEW = b"o" * 32, b"n" * 32


async def identities(url: str) -> list[tuple[object, ...]]:
    """Give the members' identities."""
    return await rows.fetch(url, "SELECT id, openid, unionid, last_login_at FROM members ORDER BY id")


async def test_an_openid_is_one_member(db: str, data_keys: DataKeys) -> None:
    first = await members.recognise("o1", "u1", AT, data_keys)
    again = await members.recognise("o1", "u1", LATER, data_keys)
    assert (first.member, first.outlets, first.outlet_id, first.phone_masked) == (MemberRef(1, 0), [], None, None)
    assert again.member == first.member
    assert await identities(db) == [(1, "o1", "u1", LATER)]


async def test_a_unionid_comes_later_and_stays(db: str, data_keys: DataKeys) -> None:
    await members.recognise("o1", None, AT, data_keys)
    await members.recognise("o1", "u1", AT, data_keys)
    await members.recognise("o1", None, AT, data_keys)
    assert await identities(db) == [(1, "o1", "u1", AT)]


async def test_one_carried_over_by_unionid_is_met_at_the_first_login(db: str, data_keys: DataKeys) -> None:
    await rows.execute(db, "INSERT INTO members (unionid, created_at) VALUES ('u1', $1)", AT)
    assert (await members.recognise("o1", "u1", LATER, data_keys)).member == MemberRef(1, 0)
    assert await identities(db) == [(1, "o1", "u1", LATER)]


async def test_a_unionid_that_another_holds_stays_with_them(db: str, data_keys: DataKeys) -> None:
    await members.recognise("o1", "u1", AT, data_keys)
    other = await members.recognise("o2", "u1", AT, data_keys)
    assert other.member.id != 1
    assert [row[1:3] for row in await identities(db)] == [("o1", "u1"), ("o2", None)]


async def test_a_login_tells_outlets_phone_and_the_current_one(db: str, data_keys: DataKeys) -> None:
    shop, other = await factories.outlet(AT, data_keys), await factories.outlet(AT, data_keys)
    person = await factories.bound(shop, AT, data_keys)
    assert await members.keep_phone(person, "+86 13800138000", "86", AT, data_keys) == "138****8000"
    read = await members.read(person, data_keys)
    assert [(outlet.code, outlet.role) for outlet in read.outlets] == [(shop, "owner")]
    assert (read.outlet_id, read.phone_masked) == (read.outlets[0].id, "138****8000")
    ((other_id,),) = await rows.fetch(db, "SELECT id FROM outlets WHERE code = $1", other)
    assert isinstance(other_id, int)
    before = await rows.picture(db)
    for unreachable in (other_id, 999_999):
        with pytest.raises(OutletUnknown):
            await members.choose_outlet(person, unreachable)
    assert await rows.picture(db) == before


async def test_a_member_of_two_chooses_and_one_removed_cannot(db: str, data_keys: DataKeys) -> None:
    shop, other = await factories.outlet(AT, data_keys), await factories.outlet(AT, data_keys)
    owner = await factories.bound(shop, AT, data_keys)
    clerk = await factories.bound(shop, AT, data_keys)
    first_id = (await members.read(clerk, data_keys)).outlets[0].id
    issued = await binding_codes.issue(other, None, "card", "tests", AT)
    bound = await bindings.bind(factories.request(clerk, issued.token, LATER), data_keys)
    assert (await members.read(clerk, data_keys)).outlet_id == bound.outlet_id
    await members.choose_outlet(clerk, first_id)
    assert (await members.read(clerk, data_keys)).outlet_id == first_id
    await bindings.remove(owner, clerk.id, LATER)
    with pytest.raises(OutletUnknown):
        await members.choose_outlet(clerk, first_id)


@pytest.mark.parametrize(
    ("phone", "country"), [("13800138000", "852"), ("61234567", "86"), ("", "86"), ("1380013800", "86")]
)
async def test_only_mainland_mobiles_are_kept(db: str, data_keys: DataKeys, phone: str, country: str) -> None:
    person = await factories.member(AT, data_keys)
    before = await rows.picture(db)
    with pytest.raises(PhoneInvalid):
        await members.keep_phone(person, phone, country, AT, data_keys)
    assert await rows.picture(db) == before


async def test_a_raised_epoch_ends_every_session(db: str, data_keys: DataKeys) -> None:
    person = await factories.bound(await factories.outlet(AT, data_keys), AT, data_keys)
    assert await members.openid_of(person)
    await rows.execute(db, "UPDATE members SET epoch = 1")
    before = await rows.picture(db)
    for call in (
        members.read(person, data_keys),
        members.openid_of(person),
        members.choose_outlet(person, 1),
        members.keep_phone(person, PHONE, "86", AT, data_keys),
        bindings.offers(person, data_keys),
        bindings.people(person, data_keys),
    ):
        with pytest.raises(SessionEnded):
            await call
    assert await rows.picture(db) == before
    renewed = MemberRef(person.id, 1)
    assert (await members.read(renewed, data_keys)).member == renewed


async def test_standings_of_many_in_the_order_asked(db: str, data_keys: DataKeys) -> None:
    shop = await factories.outlet(AT, data_keys)
    owner, clerk = await factories.bound(shop, AT, data_keys), await factories.bound(shop, AT, data_keys)
    unbound = await factories.member(AT, data_keys)
    many = [clerk, unbound, owner, MemberRef(999_999, 0), clerk]
    for ask in (standings.read, standings.lock):
        async with transactions.begin():
            found = await ask(many)
        told = [
            type(one) if isinstance(one, Exception) else (one.member_id, one.outlet_code, one.role) for one in found
        ]
        assert told == [
            (clerk.id, shop, "clerk"), BindingRequired, (owner.id, shop, "owner"), SessionEnded,
            (clerk.id, shop, "clerk"),
        ]  # fmt: skip


async def test_an_ended_binding_is_no_standing_even_while_it_is_still_the_chosen_outlet(
    db: str, data_keys: DataKeys
) -> None:
    person = await factories.bound(await factories.outlet(AT, data_keys), AT, data_keys)
    await rows.execute(db, "UPDATE bindings SET ended_at = bound_at, ended_by = 'tests'")
    for ask in (standings.read, standings.lock):
        async with transactions.begin():
            (found,) = await ask([person])
        assert isinstance(found, BindingRequired)


def test_what_is_sealed_opens_only_with_its_key_and_purpose() -> None:
    keys = DataKeys([OLD])
    sealed = keys.seal(PHONE, "members.phone")
    assert keys.open(sealed, "members.phone") == PHONE
    assert PHONE.encode() not in sealed
    assert sealed != keys.seal(PHONE, "members.phone")
    with pytest.raises(InvalidTag):
        keys.open(sealed, "outlets.contact_phone")
    with pytest.raises(InvalidTag):
        keys.open(sealed[:-1] + bytes([sealed[-1] ^ 1]), "members.phone")
    with pytest.raises(UnknownDataKey):
        DataKeys([NEW]).open(sealed, "members.phone")
    assert DataKeys([NEW, OLD]).open(sealed, "members.phone") == PHONE


def test_the_index_is_stable_and_keyed() -> None:
    both = DataKeys([NEW, OLD])
    assert both.index(PHONE) == DataKeys([NEW]).index(PHONE)
    assert both.indexes(PHONE) == [DataKeys([NEW]).index(PHONE), DataKeys([OLD]).index(PHONE)]
    assert both.index(PHONE) != both.index("13800138001")
    assert len(set(both.indexes(PHONE))) == 2


async def test_rotation_seals_anew_until_nothing_is_left(db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    old, both, new = DataKeys([OLD]), DataKeys([NEW, OLD]), DataKeys([NEW])
    people = [await factories.member(AT, old, PHONE) for _ in range(3)]
    await factories.outlet(AT, old, "T1", contact_phone=PHONE)
    await factories.member(AT, old)
    monkeypatch.setattr(members, "RESEALED_MAX", 2)
    assert [await members.reseal(both) for _ in range(3)] == [3, 1, 0]
    for person in people:
        assert (await members.read(person, new)).phone_masked == "138****8000"
    assert [offer.outlet_name for offer in await bindings.offers(people[0], new)] == ["小店T1"]
    assert await rows.fetch(db, "SELECT count(DISTINCT phone_sealed) FROM members") == [(3,)]
