"""Binding codes: how long they live, what they show, for whom they are made."""

from datetime import UTC, datetime, timedelta

import pytest

from loyalty import transactions
from loyalty.customers import binding_codes, bindings, queries, rules
from loyalty.customers.errors import BindingCodeExpired, BindingCodeUnknown, OutletClosed, OutletUnknown, SessionEnded
from loyalty.customers.personal import DataKeys
from loyalty.customers.rules import Medium
from loyalty.customers.standings import MemberRef
from tests import factories, rows

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize(("medium", "life"), [("card", timedelta(days=30)), ("screen", timedelta(minutes=15))])
async def test_a_code_lives_as_long_as_its_medium(
    db: str, data_keys: DataKeys, medium: Medium, life: timedelta
) -> None:
    shop, person = await factories.outlet(AT, data_keys), await factories.member(AT, data_keys)
    issued = await binding_codes.issue(shop, None, medium, "tests", AT, rep_name="小王")
    assert issued.expires_at == AT + life
    last = AT + life - timedelta(microseconds=1)
    shown = await binding_codes.show(person, issued.token, last)
    assert (shown.outlet_name, shown.rep_name, shown.expires_at) == (f"小店{shop}", "小王", AT + life)
    with pytest.raises(BindingCodeExpired):
        await binding_codes.show(person, issued.token, AT + life)
    assert (await bindings.bind(factories.request(person, issued.token, last), data_keys)).role == "owner"


async def test_codes_are_made_only_for_open_outlets_that_exist(db: str, data_keys: DataKeys) -> None:
    shut = await factories.outlet(AT, data_keys, status="closed")
    before = await rows.picture(db)
    with pytest.raises(OutletUnknown):
        await binding_codes.issue("nowhere", None, "card", "tests", AT)
    with pytest.raises(OutletClosed):
        await binding_codes.issue(shut, None, "card", "tests", AT)
    assert await rows.picture(db) == before


async def test_a_code_shows_nothing_to_one_without_a_session(db: str, data_keys: DataKeys) -> None:
    person = await factories.member(AT, data_keys)
    issued = await binding_codes.issue(await factories.outlet(AT, data_keys), None, "card", "tests", AT)
    with pytest.raises(SessionEnded):
        await binding_codes.show(MemberRef(person.id, person.epoch + 1), issued.token, AT)
    with pytest.raises(BindingCodeUnknown):
        await binding_codes.show(person, issued.token[:-1], AT)


@pytest.mark.parametrize(
    ("change", "binds"),
    [
        ("used_at = NULL", True),
        ("used_at = created_at", False),
        ("revoked_at = created_at", False),
        ("expires_at = created_at + interval '1 second'", False),
    ],
)
async def test_a_code_that_changed_since_it_was_found_is_not_used(
    db: str, data_keys: DataKeys, change: str, *, binds: bool
) -> None:
    await binding_codes.issue(await factories.outlet(AT, data_keys), None, "card", "tests", AT)
    await rows.execute(db, f"UPDATE binding_codes SET {change}")
    async with transactions.begin():
        assert await queries.use_binding_code(1, AT + timedelta(seconds=1)) is binds


def test_tokens_fit_a_scene_and_do_not_repeat() -> None:
    made = {rules.new_token() for _ in range(1_000)}
    assert len(made) == 1_000
    assert all(len(token) == 20 and set(token) <= set(rules.BASE62) for token in made)
