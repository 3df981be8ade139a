"""Bad input: each its own code, a friendly Chinese sentence that says what would be right, and nothing changes."""

import re
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

import pytest
import pytest_asyncio

from loyalty.customers.texts import CONSENT_VERSION
from tests.conftest import House
from tests.http.conftest import Caller, Callers, Database, refused

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
JSON = {"content-type": "application/json"}
KEY = {"idempotency-key": "bad-input-0001"}
MINI_BYTES_MAX = 64 * 1024
SYSTEMS_BYTES_MAX = 8 * 1024 * 1024


@dataclass(frozen=True)
class Wrong:
    """A request that is wrong in one way, and the refusal that it deserves."""

    what: str
    request: str
    status: int
    code: str
    body: bytes | str | None = None
    headers: Mapping[str, str] = field(default_factory=lambda: JSON)
    names: str | None = None
    """The field that the refusal names."""


BIND = "POST /mp/v1/bindings"
LOG_IN = "POST /mp/v1/session"
CHOOSE = "PUT /mp/v1/session/outlet"
ISSUE = "POST /systems/v1/binding-codes"
PUT_OUTLETS = "PUT /systems/v1/outlets"
ENTRIES = "GET /mp/v1/points/entries"
FEED = "GET /systems/v1/feeds/engagement"
PLAY = "POST /mp/v1/games/checkin/plays"
GOOD_BINDING = f'{{"token":"{"a" * 20}","consent_version":"{CONSENT_VERSION}"}}'

TABLE = (
    # The body as such.
    Wrong("no JSON", LOG_IN, 400, "json_invalid", "{"),
    Wrong("nothing", LOG_IN, 400, "json_invalid", ""),
    Wrong("not UTF-8", LOG_IN, 400, "json_invalid", b'{"code":"\xff"}'),
    Wrong("half a surrogate", LOG_IN, 400, "json_invalid", r'{"code":"\ud800"}'),
    Wrong("two values", LOG_IN, 400, "json_invalid", '{"code":"a"}{}'),
    Wrong("nested without end", PUT_OUTLETS, 400, "json_invalid", '{"outlets":' + "[" * 30_000),
    Wrong("no media type", LOG_IN, 415, "media_type_unsupported", "{}", {}),
    Wrong(
        "a form", LOG_IN, 415, "media_type_unsupported", "code=1", {"content-type": "application/x-www-form-urlencoded"}
    ),
    Wrong("text", PUT_OUTLETS, 415, "media_type_unsupported", "{}", {"content-type": "text/plain"}),
    Wrong("a byte too many", LOG_IN, 413, "body_too_large", "{" + " " * (MINI_BYTES_MAX - 1) + "}"),
    Wrong("8 MB and a byte", PUT_OUTLETS, 413, "body_too_large", "{" + " " * (SYSTEMS_BYTES_MAX - 1) + "}"),
    # Its fields.
    Wrong("unknown field", LOG_IN, 422, "unknown_field", '{"code":"a","kode":1}', names="kode"),
    Wrong("missing field", LOG_IN, 422, "missing_field", "{}", names="code"),
    Wrong("number for text", LOG_IN, 422, "wrong_type", '{"code":1}', names="code"),
    Wrong("null for text", LOG_IN, 422, "wrong_type", '{"code":null}', names="code"),
    Wrong("array for object", LOG_IN, 422, "wrong_type", "[]", names="$"),
    Wrong("empty text", LOG_IN, 422, "out_of_range", '{"code":""}', names="code"),
    Wrong("long text", LOG_IN, 422, "out_of_range", f'{{"code":"{"a" * 129}"}}', names="code"),
    Wrong("unknown word", ISSUE, 422, "out_of_range", '{"outlet_code":"a","role":"king"}', names="role"),
    Wrong("space in a code", ISSUE, 422, "out_of_range", '{"outlet_code":"a b"}', names="outlet_code"),
    Wrong("NUL in a code", ISSUE, 422, "out_of_range", r'{"outlet_code":"a\u0000b"}', names="outlet_code"),
    Wrong("field in a play", PLAY, 422, "unknown_field", '{"points":500}', JSON | KEY, "points"),
    Wrong("neither code nor offer", BIND, 422, "missing_field", '{"consent_version":"x"}', JSON | KEY, "token"),
    Wrong(
        "code and offer",
        BIND,
        422,
        "out_of_range",
        '{"token":"a","offer_id":"1","consent_version":"x"}',
        JSON | KEY,
        "offer_id",
    ),
    Wrong("a row that is no object", PUT_OUTLETS, 422, "wrong_type", '{"outlets":[{},7]}', names="outlets[1]"),
    Wrong(
        "5,001 rows", PUT_OUTLETS, 422, "out_of_range", '{"outlets":[' + ",".join(["{}"] * 5001) + "]}", names="outlets"
    ),
    Wrong("a row not UTF-8", PUT_OUTLETS, 400, "json_invalid", b'{"outlets":[{"code":"\xff"}]}'),
    # The query.
    Wrong("twice", f"{ENTRIES}?limit=1&limit=2", 422, "out_of_range", names="limit"),
    Wrong("no number", f"{ENTRIES}?limit=many", 422, "wrong_type", names="limit"),
    Wrong("too few", f"{ENTRIES}?limit=0", 422, "out_of_range", names="limit"),
    Wrong("too many", f"{ENTRIES}?limit=101", 422, "out_of_range", names="limit"),
    Wrong("unknown", f"{ENTRIES}?page=2", 422, "unknown_field", names="page"),
    Wrong("unknown and blank", f"{ENTRIES}?page=", 422, "unknown_field", names="page"),
    Wrong("blank", f"{ENTRIES}?cursor=", 422, "out_of_range", names="cursor"),
    Wrong("a cursor that we never gave", f"{ENTRIES}?cursor=abc", 422, "out_of_range", names="cursor"),
    Wrong("a negative position", f"{FEED}?after=-1", 422, "out_of_range", names="after"),
    Wrong("no position", f"{FEED}?after=", 422, "out_of_range", names="after"),
    Wrong("a position too far", f"{FEED}?after=9999999999999999999", 422, "out_of_range", names="after"),
    Wrong("1,001 events", f"{FEED}?limit=1001", 422, "out_of_range", names="limit"),
    # The key.
    Wrong("no key", PLAY, 400, "idempotency_key_missing", "{}"),
    Wrong("short key", PLAY, 400, "idempotency_key_invalid", "{}", JSON | {"idempotency-key": "1234567"}),
    Wrong("long key", PLAY, 400, "idempotency_key_invalid", "{}", JSON | {"idempotency-key": "k" * 65}),
    Wrong("key with a space", PLAY, 400, "idempotency_key_invalid", "{}", JSON | {"idempotency-key": "1234 5678"}),
    Wrong("no key to bind", BIND, 400, "idempotency_key_missing", GOOD_BINDING),
    # What it names.
    Wrong("unknown WeChat code", LOG_IN, 422, "code_invalid", '{"code":"never-given"}', names="code"),
    Wrong("unknown phone code", "POST /mp/v1/phone", 422, "code_invalid", '{"code":"never-given"}', names="code"),
    Wrong("unknown binding code", BIND, 404, "binding_code_unknown", GOOD_BINDING, JSON | KEY),
    Wrong("unknown binding code shown", "GET /mp/v1/binding-codes/aaaaaaaaaaaaaaaaaaaa", 404, "binding_code_unknown"),
    Wrong(
        "unknown offer",
        BIND,
        404,
        "offer_unknown",
        f'{{"offer_id":"999999","consent_version":"{CONSENT_VERSION}"}}',
        JSON | KEY,
    ),
    Wrong("unknown outlet", ISSUE, 404, "outlet_unknown", '{"outlet_code":"nobody"}'),
    Wrong("somebody else's outlet", CHOOSE, 404, "outlet_unknown", '{"outlet_id":"999999"}'),
    Wrong("no id of ours", CHOOSE, 404, "outlet_unknown", '{"outlet_id":"1 or 1=1"}'),
    Wrong("unknown member", "DELETE /mp/v1/members/999999", 404, "member_unknown"),
    Wrong("an endless id", f"DELETE /mp/v1/members/{'9' * 5000}", 404, "member_unknown"),
    Wrong("unknown text", "GET /mp/v1/texts/secrets", 404, "text_unknown"),
    Wrong("unknown feed", "GET /systems/v1/feeds/payments", 404, "feed_unknown"),
    Wrong("unknown game", "GET /mp/v1/games/roulette", 404, "path_unknown"),
    Wrong("unknown path", "GET /mp/v2/home", 404, "path_unknown"),
    Wrong("unknown method", "DELETE /mp/v1/home", 405, "method_not_allowed"),
)


@pytest_asyncio.fixture(scope="module")
async def owner(callers: Callers) -> AsyncIterator[Caller]:
    yield await callers.owner()


def test_codes_are_told_apart() -> None:
    assert len({wrong.what for wrong in TABLE}) == len(TABLE)
    assert len({wrong.code for wrong in TABLE}) == 18


@pytest.mark.parametrize("wrong", TABLE, ids=lambda wrong: wrong.what)
async def test_bad_input_is_refused_and_changes_nothing(
    wrong: Wrong, callers: Callers, owner: Caller, stored: Database
) -> None:
    method, _, path = wrong.request.partition(" ")
    who = callers.system if path.startswith("/systems/") else owner.headers
    before = await stored.picture()
    answer = await callers.client.request(
        method,
        path,
        content=wrong.body,
        headers={**who, **wrong.headers, "traceparent": f"00-{TRACE_ID}-00f067aa0ba902b7-01"},
    )
    refused(answer, wrong.status, wrong.code, wrong.names)
    assert answer.headers["trace-id"] == TRACE_ID
    assert await stored.picture() == before


async def test_a_body_without_a_declared_size_is_cut_off_too(callers: Callers, owner: Caller) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(MINI_BYTES_MAX // 1024 + 1):
            yield b" " * 1024

    answer = await callers.client.post("/mp/v1/session", content=endless(), headers=JSON)
    refused(answer, 413, "body_too_large")
    assert answer.json()["limit_bytes"] == MINI_BYTES_MAX


async def test_another_method_is_told_which_are_allowed(callers: Callers) -> None:
    answer = await callers.client.delete("/mp/v1/home")
    refused(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET"


async def test_a_trace_id_is_made_where_none_is_given(callers: Callers) -> None:
    answer = await callers.client.get("/nowhere", headers={"traceparent": "00-xyz-1-01"})
    refused(answer, 404, "path_unknown")
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["trace-id"])


async def test_bad_rows_hold_up_no_good_ones(callers: Callers) -> None:
    code = f"T{secrets.token_hex(6)}"
    good = {"code": code, "name": "向阳便利店", "plant_code": "P01"}
    rows = [
        good,
        {**good, "code": f"{code}a", "name": "NUL \u0000"},
        {**good, "code": f"{code}b", "colour": "red"},
        {**good, "code": f"{code}c", "delivery_days": [8]},
        {**good, "code": f"{code}d", "contact_phone": "12345"},
        {"code": f"{code}e", "plant_code": "P01"},
        {"name": "没有编号"},
        good,
    ]
    answer = await callers.client.put("/systems/v1/outlets", json={"outlets": rows}, headers=callers.system)
    assert answer.status_code == 200
    assert answer.json() == {
        "inserted": 1,
        "updated": 0,
        "unchanged": 0,
        "rejected": [
            {"row": 1, "field": "name", "code": "out_of_range"},
            {"row": 2, "field": "colour", "code": "unknown_field"},
            {"row": 3, "field": "delivery_days[0]", "code": "out_of_range"},
            {"row": 4, "field": "contact_phone", "code": "phone_invalid"},
            {"row": 5, "field": "name", "code": "missing_field"},
            {"row": 6, "field": "code", "code": "missing_field"},
            {"row": 7, "field": "code", "code": "duplicate_row"},
        ],
    }


async def test_faster_than_the_limit_is_told_how_long_to_wait(house: House, callers: Callers) -> None:
    member = await callers.member()
    answers = [
        await callers.client.get(f"/mp/v1/binding-codes/{secrets.token_hex(10)}", headers=member.headers)
        for _ in range(21)
    ]
    assert [answer.status_code for answer in answers] == [404] * 20 + [429]
    refused(answers[-1], 429, "too_many_requests")
    wait = int(answers[-1].headers["retry-after"])
    assert wait == answers[-1].json()["retry_after_seconds"]
    assert 1 <= wait <= 30
