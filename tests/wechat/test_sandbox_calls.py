"""The sandbox answers WeChat's paths as strictly: exact errcodes, HTTP 200, request ids."""

import hashlib
import hmac
import re
import struct
import zlib
from typing import Any

import pytest

from tests.wechat.conftest import APPID, SECRET, TEMPLATE, Sandbox, running_sandbox
from wechat.sandbox.drawing import draw
from wechat.sandbox.world import Catalogue

LOGIN = {"appid": APPID, "secret": SECRET, "js_code": "unknown", "grant_type": "authorization_code"}


SEND = "/cgi-bin/message/subscribe/send"


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
        ({}, 40029),
        ({"appid": None}, 41002),
        ({"appid": "wxffffffffffffffff"}, 40013),
        ({"secret": None}, 41004),
        ({"secret": "wrong"}, 40125),
        ({"js_code": None}, 41008),
        ({"js_code": ""}, 41008),
        ({"grant_type": "client_credential"}, 40002),
        ({"grant_type": None}, 40002),
    ],
)
async def test_a_login_says_what_is_wrong_as_text(
    sandbox: Sandbox, changes: dict[str, str | None], errcode: int
) -> None:
    params = {name: value for name, value in (LOGIN | changes).items() if value is not None}
    answer = await sandbox.http.get("/sns/jscode2session", params=params)
    assert (answer.status_code, answer.json()["errcode"]) == (200, errcode)
    assert answer.headers["content-type"].startswith("text/plain")
    assert RID.search(answer.json()["errmsg"])


async def test_wrong_methods_and_paths_are_errcodes_too(sandbox: Sandbox) -> None:
    assert (await ask(sandbox, "POST", "/sns/jscode2session"))["errcode"] == 43001
    assert (await ask(sandbox, "GET", "/cgi-bin/stable_token"))["errcode"] == 43002
    assert (await ask(sandbox, "GET", "/cgi-bin/nothing"))["errcode"] == 40066


@pytest.mark.parametrize(
    ("body", "errcode"),
    [
        (b"grant_type=client_credential&appid=a&secret=b", 47001),
        (b"", 47001),
        (b"[]", 47001),
        (b'{"grant_type":', 47001),
        (b'{"grant_type":"client_credential","appId":"a"}', 47001),
        (b'{"grant_type":"client_credential","appid":"a","secret":"b","force_refresh":"yes"}', 40013),
        (b" " * (64 * 1024 + 1), 47001),
    ],
)
async def test_only_a_json_object_with_known_keys_is_read(sandbox: Sandbox, body: bytes, errcode: int) -> None:
    assert (await ask(sandbox, "POST", "/cgi-bin/stable_token", content=body))["errcode"] == errcode


def message_to(openid: str, **changes: object) -> dict[str, object]:
    told: dict[str, object] = {"touser": openid, "template_id": TEMPLATE, "data": {"thing1": {"value": "好"}}}
    return {name: value for name, value in (told | changes).items() if value is not None}


@pytest.mark.parametrize(
    ("changes", "errcode", "text"),
    [
        ({}, 43101, "user refuse to accept the msg"),
        ({"touser": "nobody"}, 40003, "invalid openid"),
        ({"touser": None}, 40003, "invalid openid"),
        ({"template_id": "short"}, 40037, "invalid template_id"),
        ({"template_id": None}, 40037, "invalid template_id"),
        ({"template": TEMPLATE}, 47001, "data format error, unknown key 'template'"),
        ({"data": None}, 47003, "argument invalid! data is emtpy"),
        ({"data": {}}, 47003, "argument invalid! data is emtpy"),
        ({"data": {"thing1": {"value": ""}}}, 47003, "argument invalid! data.thing1.value is emtpy"),
        ({"data": {"thing1": {"values": "好"}}}, 47003, "argument invalid! data.thing1.value is emtpy"),
        ({"data": {"thing1": "好"}}, 47003, "argument invalid! data.thing1.value is emtpy"),
        ({"data": {"thing1": {"value": 1}}}, 47003, "argument invalid! data.thing1.value invalid"),
        ({"data": {"thing1": {"value": "长" * 21}}}, 47003, "argument invalid! data.thing1.value invalid"),
        (
            {"data": {"thing1": {"value": "好"}, "phrase2": {"value": "ok"}}},
            47003,
            "argument invalid! data.phrase2.value invalid",
        ),
        ({"data": {"word1": {"value": "好"}}}, 47003, "argument invalid! data.word1.value invalid"),
        ({"page": "/pages/home/home"}, 41030, "invalid page"),
        ({"page": 7}, 41030, "invalid page"),
        ({"miniprogram_state": "release"}, 40097, "invalid args"),
        ({"lang": "zh"}, 40097, "invalid args"),
    ],
)
async def test_a_message_is_refused_with_the_exact_reason(
    sandbox: Sandbox, changes: dict[str, object], errcode: int, text: str
) -> None:
    told = message_to(await sandbox.member(), **changes)
    answer = await ask(sandbox, "POST", SEND, params={"access_token": await sandbox.token()}, json=told)
    assert (answer["errcode"], RID.sub("", answer["errmsg"])) == (errcode, text)


async def test_a_refused_message_spends_no_permission(sandbox: Sandbox) -> None:
    openid, params = await sandbox.member(), {"access_token": await sandbox.token()}
    await sandbox.allow(openid)
    bad = message_to(openid, data={"thing1": {"value": "长" * 21}})
    assert (await ask(sandbox, "POST", SEND, params=params, json=bad))["errcode"] == 47003
    assert sandbox.world.store.credits_of(openid, TEMPLATE) == 1
    assert (await ask(sandbox, "POST", SEND, params=params, json=message_to(openid)))["errcode"] == 0
    assert sandbox.world.store.credits_of(openid, TEMPLATE) == 0


@pytest.mark.parametrize(
    ("changes", "errcode"),
    [
        ({"scene": None}, 40169),
        ({"scene": ""}, 40169),
        ({"scene": "x" * 33}, 40169),
        ({"scene": "100%"}, 40169),
        ({"scene": "店"}, 40169),
        ({"scene": 7}, 40169),
        ({"page": "/pages/home/home"}, 41030),
        ({"page": "pages/home/home?a=1"}, 41030),
        ({"page": "pages/gone/gone"}, 41030),
        ({"page": ""}, 41030),
        ({"width": 279}, 40097),
        ({"width": "430"}, 40097),
        ({"env_version": "formal"}, 40097),
        ({"check_path": 1}, 40097),
        ({"path": "pages/home/home"}, 47001),
        ({"page": "pages/gone/gone", "check_path": False}, 0),
        ({"page": None}, 0),
        ({}, 0),
    ],
)
async def test_a_code_is_drawn_or_refused(changes: dict[str, object], errcode: int) -> None:
    async with running_sandbox(catalogue=Catalogue(frozenset({"pages/home/home"}))) as sandbox:
        told = {"scene": "a=1", "page": "pages/home/home", **changes}
        told = {name: value for name, value in told.items() if value is not None}
        params = {"access_token": await sandbox.token()}
        answer = await sandbox.http.post("/wxa/getwxacodeunlimit", params=params, json=told)
        if errcode:
            assert answer.json()["errcode"] == errcode
        else:
            assert (answer.headers["content-type"], answer.content[:4]) == ("image/png", b"\x89PNG")


@pytest.mark.parametrize("width", [280, 281, 430, 1280])
def test_the_picture_is_a_whole_png_that_names_its_scene(width: int) -> None:
    image = draw("a=1", "pages/home/home", width)
    found: dict[bytes, bytes] = {}
    place = 8
    while place < len(image):
        (length,) = struct.unpack(">I", image[place : place + 4])
        kind, content = image[place + 4 : place + 8], image[place + 8 : place + 8 + length]
        assert struct.unpack(">I", image[place + 8 + length : place + 12 + length]) == (zlib.crc32(kind + content),)
        found[kind] = found.get(kind, b"") + content
        place += 12 + length
    assert found[b"IHDR"] == struct.pack(">IIBBBBB", width, width, 1, 0, 0, 0, 0)
    assert len(zlib.decompress(found[b"IDAT"])) == width * ((width + 7) // 8 + 1)
    assert b"a=1" in found[b"iTXt"]
    assert b"pages/home/home" in found[b"iTXt"]
    assert draw("a=1", "pages/home/home", width) == image
    assert draw("a=2", "pages/home/home", width) != image


@pytest.mark.parametrize(
    ("changes", "errcode"),
    [
        ({}, 0),
        ({"path": ""}, 0),
        ({"path": "/pages/home/home"}, 40165),
        ({"query": "a=店"}, 40212),
        ({"query": "a" * 1025}, 40212),
        ({"query": "a=%E5%BA%97"}, 0),
        ({"expire_interval": 31}, 85401),
        ({"expire_interval": None}, 85401),
        ({"expire_type": 0}, 85401),
        ({"expire_type": 0, "expire_time": 1}, 85401),
        ({"env_version": "x"}, 40097),
        ({"days": 1}, 47001),
    ],
)
async def test_a_link_always_ends(sandbox: Sandbox, changes: dict[str, object], errcode: int) -> None:
    told = {"path": "pages/home/home", "query": "a=1", "expire_type": 1, "expire_interval": 30, **changes}
    told = {name: value for name, value in told.items() if value is not None}
    params = {"access_token": await sandbox.token()}
    answer = await ask(sandbox, "POST", "/wxa/generate_urllink", params=params, json=told)
    assert answer["errcode"] == errcode
    assert ("url_link" in answer) == (errcode == 0)


async def test_a_link_may_end_at_a_time_of_the_sandbox_clock(sandbox: Sandbox) -> None:
    now = (await sandbox.post("clock", advance_seconds=86_400))["now"]
    params = {"access_token": await sandbox.token()}
    for at, errcode in ((now + 30 * 86_400, 0), (now + 30 * 86_400 + 60, 85401), (now - 1, 85401)):
        told = {"expire_type": 0, "expire_time": at}
        answer = await ask(sandbox, "POST", "/wxa/generate_urllink", params=params, json=told)
        assert answer["errcode"] == errcode


async def test_a_text_is_judged(sandbox: Sandbox) -> None:
    openid, params = await sandbox.member(), {"access_token": await sandbox.token()}
    told = {"content": "气泡水到了吗", "version": 2, "scene": 2, "openid": openid}
    for changes, expected in (
        ({}, ("pass", 100)),
        ({"content": "一起赌博"}, ("risky", 20006)),
        ({"content": "加微信领奖"}, ("review", 10001)),
    ):
        answer = await ask(sandbox, "POST", "/wxa/msg_sec_check", params=params, json=told | changes)
        assert (answer["result"]["suggest"], answer["result"]["label"]) == expected
        assert answer["trace_id"]
        assert "suggest" not in answer["detail"][1]
    for wrong, errcode in (
        ({"content": ""}, 44002),
        ({"content": "长" * 2501}, 40097),
        ({"version": 1}, 40097),
        ({"scene": 5}, 40129),
        ({"openid": "nobody"}, 40003),
        ({"text": "好"}, 47001),
    ):
        answer = await ask(sandbox, "POST", "/wxa/msg_sec_check", params=params, json=told | wrong)
        assert answer["errcode"] == errcode


async def test_a_session_key_is_checked_and_replaced_by_the_next_login(sandbox: Sandbox) -> None:
    openid, token = await sandbox.member(), await sandbox.token()

    async def login() -> str:
        params = LOGIN | {"js_code": await sandbox.code(openid)}
        return str((await ask(sandbox, "GET", "/sns/jscode2session", params=params))["session_key"])

    async def check(key: str, method: str = "hmac_sha256") -> int:
        signature = hmac.new(key.encode(), b"", hashlib.sha256).hexdigest()
        params = {"access_token": token, "openid": openid, "signature": signature, "sig_method": method}
        return int((await ask(sandbox, "GET", "/wxa/checksession", params=params))["errcode"])

    assert await check("none yet") == 87009
    first = await login()
    assert await check(first) == 0
    assert await check(first, "md5") == 87008
    second = await login()
    assert [await check(first), await check(second)] == [87009, 0]
