"""Customer care, looking: what staff find and read within their reach, with phones masked."""

from datetime import UTC, datetime, timedelta

import pytest

from loyalty import transactions
from loyalty.customers import members
from loyalty.customers.care import bindings, outlets
from loyalty.customers.care.outlets import CardBinding, FoundOutlet, OutletCard
from loyalty.customers.errors import OutletUnknown
from loyalty.customers.personal import DataKeys
from loyalty.customers.territory import assignments
from loyalty.customers.territory import queries as territory_queries
from loyalty.staff.people import Reach, Staff
from loyalty.staff.rules import Role
from tests import factories, rows
from tests.organisation import Places, planted, staff

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LATER = AT + timedelta(hours=1)
LAST = LATER + timedelta(hours=1)
REP: tuple[Role, ...] = ("rep",)
OPERATOR: tuple[Role, ...] = ("operator",)
PHONE, OTHER_PHONE = "13800138000", "13900139000"


@pytest.fixture
async def there(db: str) -> Places:
    """Give the places, in the empty database."""
    return await planted(AT)


@pytest.fixture
async def operator(there: Places) -> Staff:
    """Give an operator of the first plant."""
    return await staff("op1", "operator", there.shanghai, AT, "林晓")


async def found(reach: Reach, data_keys: DataKeys, text: str = "", at: datetime = AT, **more: object) -> list[str]:
    """Give the codes that are found."""
    return [one.code for one in await outlets.find(reach, text, data_keys, at, **more)]  # type: ignore[arg-type]


async def look_after(rep: Staff, *codes: str, at: datetime = AT - SECOND) -> None:
    """Have a rep look after outlets."""
    async with transactions.begin():
        locked = await territory_queries.lock_outlets(codes)
        await assignments.assign([(row["id"], rep.id) for row in locked], "tests", at)


async def test_outlets_are_found_by_what_people_type(db: str, there: Places, data_keys: DataKeys) -> None:
    for code, name, phone in (
        ("SH0001", "阿芳便利店", PHONE),
        ("SH0002", "阿福超市", None),
        ("SH0100", "老王 7-11 小店", None),
        ("NJ%_\\1", "100%_\\好店", None),
        ("afX", "大福", None),
    ):
        await factories.outlet(AT, data_keys, code, name=name, plant_code="SH", contact_phone=phone)
    clerk = await factories.bound("SH0002", AT, data_keys)
    await members.keep_phone(clerk, OTHER_PHONE, "86", AT, data_keys)
    whole, everything = Reach((there.root,)), ["NJ%_\\1", "SH0001", "SH0002", "SH0100", "afX"]
    signs = ["NJ%_\\1"]
    for text, codes in {
        "": everything,
        "SH00": ["SH0001", "SH0002"],
        "sh00": [],
        "H0001": [],
        "阿": ["SH0001", "SH0002"],
        "芳": [],
        "af": ["SH0001", "SH0002", "afX"],
        "AFB": ["SH0001"],
        "lw711": ["SH0100"],
        "NJ%": signs,
        "NJ%_\\1": signs,
        "100%_\\": signs,
        "%": [],
        "_": [],
        "\\": [],
        "SH____": [],
        "NJ\\%": [],
        "+86 138-0013-8000": ["SH0001"],
        PHONE: ["SH0001"],
        PHONE[:10]: [],
        OTHER_PHONE: ["SH0002"],
        "13700137000": [],
    }.items():
        assert await found(whole, data_keys, text) == codes, text
    assert await found(whole, DataKeys([b"n" * 32]), PHONE) == []
    assert await found(whole, DataKeys([b"n" * 32, b"k" * 32]), OTHER_PHONE) == ["SH0002"]
    await rows.execute(db, "UPDATE bindings SET ended_at = bound_at, ended_by = 'tests'")
    assert await found(whole, data_keys, OTHER_PHONE) == []


async def test_a_list_is_filtered_sorted_and_cut(there: Places, data_keys: DataKeys) -> None:
    for code, name, value_class, status in (
        ("T1", "丙店", "A", "open"),
        ("T2", "甲店", "B", "open"),
        ("T3", "乙店", "A", "closed"),
        ("T4", "甲店", None, "open"),
    ):
        await factories.outlet(
            AT, data_keys, code, name=name, value_class=value_class, status=status, plant_code="SH", office_code="PD"
        )
    for _ in range(2):
        await factories.bound("T2", AT, data_keys)
    whole = Reach((there.root,))
    for asked, codes in (
        ({"status": "open"}, ["T1", "T2", "T4"]),
        ({"status": "closed"}, ["T3"]),
        ({"bound": "yes"}, ["T2"]),
        ({"bound": "no"}, ["T1", "T3", "T4"]),
        ({"value_class": "A"}, ["T1", "T3"]),
        ({"value_class": "A", "status": "open", "bound": "no"}, ["T1"]),
        ({"order": "-code"}, ["T4", "T3", "T2", "T1"]),
        ({"order": "name"}, ["T1", "T2", "T4", "T3"]),
        ({"order": "-name"}, ["T3", "T2", "T4", "T1"]),
        ({"skip": 1, "limit": 2}, ["T2", "T3"]),
        ({"skip": 4}, []),
    ):
        assert await found(whole, data_keys, **asked) == codes, asked
    rep = await staff("rep1", "rep", there.shanghai, AT, "马强")
    await look_after(rep, "T2")
    assert (await outlets.find(whole, "T2", data_keys, AT))[0] == FoundOutlet(
        2, "T2", "甲店", "open", "B", AT, "上海工厂", "浦东营业所", 2, "马强"
    )


async def test_nothing_is_found_out_of_reach(there: Places, data_keys: DataKeys) -> None:
    for code, fields in {
        "R": {"plant_code": "SH", "office_code": "PD", "route_code": "R1"},
        "O": {"plant_code": "SH", "office_code": "PD"},
        "P": {"plant_code": "SH"},
        "N": {"plant_code": "NJ"},
    }.items():
        await factories.outlet(AT, data_keys, code, contact_phone=PHONE, **fields)
    rep = await staff("rep1", "rep", there.pudong, AT, "马强")
    other = await staff("rep2", "rep", there.root, AT)
    await look_after(rep, "R", "P", "N")
    own = rep.reach(REP)
    assert own == Reach((), rep.id, (there.pudong,))
    for reach, codes in (
        (Reach((there.root,)), ["N", "O", "P", "R"]),
        (Reach((there.shanghai,)), ["O", "P", "R"]),
        (Reach((there.pudong,)), ["O", "R"]),
        (Reach((there.route,)), ["R"]),
        (Reach((there.route, there.nanjing)), ["N", "R"]),
        (own, ["R"]),
        (other.reach(REP), []),
        (rep.reach(OPERATOR), []),
        (Reach((there.nanjing,), rep.id, (there.pudong,)), ["N", "R"]),
        (Reach((), rep.id, (there.shanghai, there.nanjing)), ["N", "P", "R"]),
        (Reach(()), []),
        (Reach((999,)), []),
    ):
        assert await found(reach, data_keys) == codes, reach
        assert await found(reach, data_keys, PHONE) == codes, reach
        for code in ("R", "O", "P", "N", "none"):
            if code in codes:
                assert (await outlets.read(code, reach, data_keys, AT)).code == code
            else:
                with pytest.raises(OutletUnknown) as refused:
                    await outlets.read(code, reach, data_keys, AT)
                assert refused.value.data == {"field": "code"}


async def test_an_assignment_counts_from_its_start_until_before_its_end(there: Places, data_keys: DataKeys) -> None:
    await factories.outlet(AT, data_keys, "A1", plant_code="SH")
    rep = await staff("rep1", "rep", there.shanghai, AT)
    next_one = await staff("rep2", "rep", there.shanghai, AT)
    await look_after(rep, "A1", at=AT)
    await look_after(next_one, "A1", at=LATER)
    for at, seen_by in (
        (AT - SECOND, []),
        (AT, [rep]),
        (LATER - SECOND, [rep]),
        (LATER, [next_one]),
        (LAST, [next_one]),
    ):
        for one in (rep, next_one):
            assert await found(one.reach(REP), data_keys, at=at) == (["A1"] if one in seen_by else []), at
        (listed,) = await outlets.find(Reach((there.root,)), "", data_keys, at)
        assert (listed.rep_name is not None) == bool(seen_by)


async def test_a_card_tells_all_with_phones_masked(there: Places, data_keys: DataKeys) -> None:
    await factories.outlet(
        AT, data_keys, "A1", name="阿芳便利店", plant_code="SH", office_code="PD", route_code="R1",
        address="浦东大道 1 号", contact_name="陈芳", contact_phone=PHONE, channel="便利店", value_class="A",
        delivery_days=[5, 1], opened_on=AT.date(),
    )  # fmt: skip
    await factories.outlet(AT, data_keys, "A2", name="空白", plant_code="NJ")
    rep = await staff("rep1", "rep", there.pudong, AT, "马强")
    await look_after(rep, "A1")
    assert await outlets.read("A1", rep.reach(REP), data_keys, AT) == OutletCard(
        1, "A1", "阿芳便利店", "open", there.shanghai, there.route, "上海工厂", "浦东营业所", "一线", "浦东大道 1 号",
        "陈芳", "138****8000", "便利店", "A", "tests", AT.date(), (1, 5), AT, "马强", "rep1",
    )  # fmt: skip
    bare = await outlets.read("A2", Reach((there.root,)), data_keys, AT)
    assert (bare.office_name, bare.contact_phone_masked, bare.delivery_days, bare.rep_name) == (None,) * 4


async def test_an_outlets_bindings_are_listed_the_live_ones_first(operator: Staff, data_keys: DataKeys) -> None:
    await factories.outlet(AT, data_keys, "A1", plant_code="SH")
    owner, clerk = [await factories.bound("A1", AT, data_keys) for _ in range(2)]
    await members.keep_phone(clerk, PHONE, "86", AT, data_keys)
    await bindings.end("A1", 1, operator.reach(OPERATOR), operator, "不在这里了", LATER)
    assert await outlets.bindings(1, data_keys) == [
        CardBinding(2, clerk.id, "clerk", "code", AT, None, None, "138****8000", AT),
        CardBinding(1, owner.id, "owner", "code", AT, LATER, operator.actor.text, None, AT),
    ]
