"""Refusals by the state of things: used, expired, closed, bound or played already. Nothing changes by asking."""

import secrets

import httpx

from loyalty.customers.texts import CONSENT_VERSION
from tests.http.conftest import Caller, Callers, Database, refused


async def test_a_used_wechat_code_is_refused(callers: Callers, stored: Database) -> None:
    code = await callers.wechat_code(await callers.guest_openid())
    assert (await callers.client.post("/mp/v1/session", json={"code": code})).status_code == 200
    before = await stored.picture()
    refused(await callers.client.post("/mp/v1/session", json={"code": code}), 409, "code_used", "code")
    assert await stored.picture() == before


async def test_a_login_code_is_no_phone_code(callers: Callers, stored: Database) -> None:
    owner = await callers.owner()
    code = await callers.wechat_code(owner.openid, "login")
    before = await stored.picture()
    refused(await callers.client.post("/mp/v1/phone", json={"code": code}, headers=owner.headers), 422, "code_invalid")
    assert await stored.picture() == before


async def bind(callers: Callers, member: Caller, token: str, **more: str) -> httpx.Response:
    version = more.pop("consent_version", CONSENT_VERSION)
    return await callers.client.post(
        "/mp/v1/bindings", json={"token": token, "consent_version": version}, headers={**member.keyed, **more}
    )


async def test_a_used_binding_code_binds_nobody_else(callers: Callers, stored: Database) -> None:
    (outlet,) = await callers.outlets()
    token = await callers.code_for(outlet)
    first, second = await callers.member(), await callers.member()
    assert (await bind(callers, first, token)).status_code == 201
    before = await stored.picture()
    refused(await bind(callers, second, token), 409, "binding_code_used")
    refused(await callers.client.get(f"/mp/v1/binding-codes/{token}", headers=second.headers), 409, "binding_code_used")
    assert await stored.picture() == before


async def test_an_expired_binding_code_binds_nobody(callers: Callers, stored: Database) -> None:
    (outlet,) = await callers.outlets()
    token = await callers.code_for(outlet)
    member = await callers.member()
    await stored.connection.execute(
        "UPDATE binding_codes SET created_at = created_at - interval '31 days', expires_at = expires_at - interval"
        " '31 days' WHERE outlet_id = (SELECT id FROM outlets WHERE code = $1)",
        outlet,
    )
    before = await stored.picture()
    refused(await bind(callers, member, token), 409, "binding_code_expired")
    assert await stored.picture() == before


async def test_consent_to_another_version_binds_nobody(callers: Callers, stored: Database) -> None:
    (outlet,) = await callers.outlets()
    token = await callers.code_for(outlet)
    member = await callers.member()
    before = await stored.picture()
    answer = await bind(callers, member, token, consent_version="2020-01")
    refused(answer, 409, "consent_outdated")
    assert answer.json()["consent_version"] == CONSENT_VERSION
    assert await stored.picture() == before


async def test_a_closed_outlet_takes_nobody(callers: Callers, stored: Database) -> None:
    (outlet,) = await callers.outlets(status="closed")
    before = await stored.picture()
    answer = await callers.client.post(
        "/systems/v1/binding-codes", json={"outlet_code": outlet}, headers=callers.system
    )
    refused(answer, 409, "outlet_closed")
    assert await stored.picture() == before


async def test_a_key_with_another_body_is_refused(callers: Callers, stored: Database) -> None:
    one, other = await callers.outlets(2)
    member = await callers.member()
    key = secrets.token_hex(8)
    token = await callers.code_for(one)
    first = await bind(callers, member, token, **{"idempotency-key": key})
    assert (first.status_code, first.json()["repeated"]) == (201, False)
    other_token = await callers.code_for(other)
    before = await stored.picture()
    refused(await bind(callers, member, other_token, **{"idempotency-key": key}), 409, "idempotency_key_reused")
    again = await bind(callers, member, token, **{"idempotency-key": key})
    assert (again.status_code, again.json()) == (200, {**first.json(), "repeated": True})
    assert await stored.picture() == before


async def test_a_second_binding_or_play_is_refused(callers: Callers, stored: Database) -> None:
    member = await callers.owner()
    assert member.outlet_code is not None
    token = await callers.code_for(member.outlet_code)
    play = "/mp/v1/games/checkin/plays"
    assert (await callers.client.post(play, json={}, headers=member.keyed)).status_code == 201
    before = await stored.picture()
    refused(await bind(callers, member, token), 409, "already_bound")
    refused(await callers.client.post(play, json={}, headers=member.keyed), 409, "already_checked_in")
    assert await stored.picture() == before


async def test_without_a_binding_there_is_nothing_to_play_for(callers: Callers, stored: Database) -> None:
    member = await callers.member()
    before = await stored.picture()
    for path in ("/mp/v1/points", "/mp/v1/points/entries", "/mp/v1/members", "/mp/v1/games/checkin"):
        refused(await callers.client.get(path, headers=member.headers), 403, "binding_required")
    answer = await callers.client.post("/mp/v1/games/checkin/plays", json={}, headers=member.keyed)
    refused(answer, 403, "binding_required")
    assert await stored.picture() == before


async def test_a_clerk_removes_nobody(callers: Callers, stored: Database) -> None:
    owner = await callers.owner()
    assert owner.outlet_code is not None
    clerk = await callers.bind(await callers.member(), owner.outlet_code)
    before = await stored.picture()
    refused(await callers.client.delete(f"/mp/v1/members/{owner.id}", headers=clerk.headers), 403, "owner_only")
    refused(await callers.client.delete(f"/mp/v1/members/{owner.id}", headers=owner.headers), 409, "owner_stays")
    assert await stored.picture() == before
