"""The sandbox's tokens and codes: repeated, renewed, replaced, rationed and expired as WeChat's are."""

import re
from typing import Any

import pytest

from tests.wechat.conftest import APPID, SECRET, Sandbox
from wechat.sandbox import codes, tokens
from wechat.sandbox.clock import Clock
from wechat.sandbox.refusals import Refusal

STABLE = {"grant_type": "client_credential", "appid": APPID, "secret": SECRET}


RID = re.compile(r" rid: [0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}$")


async def ask(sandbox: Sandbox, method: str, path: str, **told: Any) -> dict[str, Any]:
    """Make a call and return its JSON; every answer is HTTP 200, every refusal carries a request id."""
    answer = await sandbox.http.request(method, path, **told)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    if found.get("errcode", 0):
        assert RID.search(found["errmsg"])
    return found


@pytest.mark.parametrize(
    ("changes", "errcode"),
    [
        ({"grant_type": "other"}, 40002),
        ({"appid": ""}, 41002),
        ({"secret": ""}, 41004),
        ({"appid": "wxffffffffffffffff"}, 40013),
        ({"secret": "wrong"}, 40125),
        ({"force_refresh": 1}, 47001),
    ],
)
async def test_a_token_call_says_what_is_wrong(sandbox: Sandbox, changes: dict[str, object], errcode: int) -> None:
    assert (await ask(sandbox, "POST", "/cgi-bin/stable_token", json=STABLE | changes))["errcode"] == errcode


async def test_the_stable_token_repeats_and_is_renewed_in_its_last_five_minutes(sandbox: Sandbox) -> None:
    first = await ask(sandbox, "POST", "/cgi-bin/stable_token", json=STABLE)
    assert first["expires_in"] == 7200
    assert len(first["access_token"]) <= 512
    await sandbox.post("clock", advance_seconds=6890)
    again = await ask(sandbox, "POST", "/cgi-bin/stable_token", json=STABLE)
    assert again["access_token"] == first["access_token"]
    assert again["expires_in"] in {309, 310}
    await sandbox.post("clock", advance_seconds=10)
    renewed = await ask(sandbox, "POST", "/cgi-bin/stable_token", json=STABLE)
    assert renewed["access_token"] != first["access_token"]
    assert renewed["expires_in"] == 7200
    await sandbox.post("clock", advance_seconds=290)
    for token in (first, renewed):
        assert await errcode_with(sandbox, token["access_token"]) == 41030
    await sandbox.post("clock", advance_seconds=10)
    assert await errcode_with(sandbox, first["access_token"]) == 42001
    assert await errcode_with(sandbox, renewed["access_token"]) == 41030


async def errcode_with(sandbox: Sandbox, token: str | None) -> int:
    """Make a call that is right but for its page, so that 41030 means that the token was taken."""
    params = {} if token is None else {"access_token": token}
    told = {"scene": "a", "page": "nowhere"}
    return int((await ask(sandbox, "POST", "/wxa/getwxacodeunlimit", params=params, json=told))["errcode"])


async def test_a_token_is_missing_unknown_expired_or_good(sandbox: Sandbox) -> None:
    token = await sandbox.token()
    assert await errcode_with(sandbox, None) == 41001
    assert await errcode_with(sandbox, "") == 41001
    assert await errcode_with(sandbox, "invented") == 40001
    assert await errcode_with(sandbox, token) == 41030
    await sandbox.post("clock", advance_seconds=7200)
    assert await errcode_with(sandbox, token) == 42001


async def test_plain_tokens_replace_each_other_and_leave_the_stable_one_alone(sandbox: Sandbox) -> None:
    stable = await sandbox.token()
    params = STABLE
    first = (await ask(sandbox, "GET", "/cgi-bin/token", params=params))["access_token"]
    second = (await ask(sandbox, "GET", "/cgi-bin/token", params=params))["access_token"]
    assert len({stable, first, second}) == 3
    assert [await errcode_with(sandbox, token) for token in (stable, first, second)] == [41030] * 3
    await sandbox.post("clock", advance_seconds=300)
    assert [await errcode_with(sandbox, token) for token in (stable, first, second)] == [41030, 42001, 41030]
    assert await sandbox.token() == stable


async def test_a_forced_refresh_kills_at_once_and_is_rationed(sandbox: Sandbox) -> None:
    old = await sandbox.token()
    forced = STABLE | {"force_refresh": True}
    new = (await ask(sandbox, "POST", "/cgi-bin/stable_token", json=forced))["access_token"]
    assert await errcode_with(sandbox, old) == 40001
    assert await sandbox.token() == new
    assert (await ask(sandbox, "POST", "/cgi-bin/stable_token", json=forced))["errcode"] == 45011
    for _ in range(19):
        await sandbox.post("clock", advance_seconds=30)
        assert "access_token" in await ask(sandbox, "POST", "/cgi-bin/stable_token", json=forced)
    await sandbox.post("clock", advance_seconds=30)
    assert (await ask(sandbox, "POST", "/cgi-bin/stable_token", json=forced))["errcode"] == 45009
    await sandbox.post("clock", advance_seconds=86_400)
    assert "access_token" in await ask(sandbox, "POST", "/cgi-bin/stable_token", json=forced)


def test_plain_tokens_are_2000_a_day_and_the_stable_one_is_never_forgotten() -> None:
    book = tokens.TokenBook(Clock())
    stable, _ = book.stable(force_refresh=False)
    for _ in range(tokens.PLAIN_PER_DAY):
        book.plain()
    with pytest.raises(Refusal) as caught:
        book.plain()
    assert caught.value.errcode == 45009
    assert len(book._ends) == tokens.REMEMBERED_MAX
    book.check(stable)


def test_codes_are_bounded_and_used_ones_make_room() -> None:
    clock = Clock()
    book = codes.CodeBook(clock)
    made = [book.issue("login", "o1") for _ in range(codes.LIVE_MAX)]
    with pytest.raises(codes.TooManyCodes):
        book.issue("login", "o1")
    assert book.redeem("login", made[0]) == "o1"
    book.issue("login", "o1")
    clock.advance(codes.LIFE_SECONDS)
    book.issue("login", "o1")
    assert (len(book._live), len(book._used)) == (1, 0)
