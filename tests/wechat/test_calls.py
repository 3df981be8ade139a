"""Login, phone number, messages and codes against the real sandbox over HTTP."""

import pytest

from tests.wechat.conftest import (
    TEMPLATE,
    MakeClient,
    Sandbox,
    raw_server,
    running_sandbox,
    saying,
)
from wechat.client import AsyncWeChatClient
from wechat.codes import mini_program_code
from wechat.errors import (
    CodeInvalid,
    CodeUsed,
    GrantMissing,
    Misconfigured,
    Refused,
    Unreachable,
    Unsendable,
    WeChatError,
)
from wechat.login import code_to_session
from wechat.messages import Sent, send_subscribe_message
from wechat.phone import Phone, phone_number, read_phone
from wechat.sandbox.world import Catalogue

LOGIN = "/sns/jscode2session"


PHONE = "/wxa/business/getuserphonenumber"


PNG = b"\x89PNG\r\n\x1a\n"


async def test_a_login_code_gives_the_openid_once_and_needs_no_access_token(
    sandbox: Sandbox, client: AsyncWeChatClient
) -> None:
    told = await sandbox.post("members")
    code = await sandbox.code(told["openid"])
    session = await code_to_session(client, code)
    assert (session.openid, session.unionid) == (told["openid"], told["unionid"])
    with pytest.raises(CodeUsed) as caught:
        await code_to_session(client, code)
    assert caught.value.errcode == 40163
    assert caught.value.rid is not None
    assert await sandbox.paths() == [(LOGIN, 0), (LOGIN, 40163)]


@pytest.mark.parametrize("code", ["", "a b\n", "x" * 129, "登录"])
async def test_what_cannot_be_a_code_is_never_sent(sandbox: Sandbox, client: AsyncWeChatClient, code: str) -> None:
    with pytest.raises(CodeInvalid):
        await code_to_session(client, code)
    with pytest.raises(CodeInvalid):
        await phone_number(client, code, "o1")
    assert await sandbox.paths() == []


async def test_a_code_expires_after_five_minutes_and_a_phone_code_is_no_login_code(
    sandbox: Sandbox, client: AsyncWeChatClient
) -> None:
    openid = await sandbox.member("13800138000")
    fresh, phone, old = (
        await sandbox.code(openid),
        await sandbox.code(openid, "phone"),
        await sandbox.code(openid),
    )
    with pytest.raises(CodeInvalid):
        await code_to_session(client, phone)
    await sandbox.post("clock", advance_seconds=290)
    assert (await code_to_session(client, fresh)).openid == openid
    await sandbox.post("clock", advance_seconds=10)
    with pytest.raises(CodeInvalid) as caught:
        await code_to_session(client, old)
    assert caught.value.errcode == 40029


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("13800138000", Phone("13800138000", "86")),
        ("+852-61234567", Phone("61234567", "852")),
    ],
)
async def test_a_phone_code_gives_the_number_once(
    sandbox: Sandbox, client: AsyncWeChatClient, given: str, expected: Phone
) -> None:
    openid = await sandbox.member(given)
    code = await sandbox.code(openid, "phone")
    assert await phone_number(client, code, openid) == expected
    with pytest.raises(CodeUsed):
        await phone_number(client, code, openid)


async def test_a_phone_code_of_somebody_else_is_refused_and_stays_good(
    sandbox: Sandbox, client: AsyncWeChatClient
) -> None:
    owner, thief = await sandbox.member("13800138000"), await sandbox.member("13900139000")
    code = await sandbox.code(owner, "phone")
    with pytest.raises(CodeInvalid):
        await phone_number(client, code, thief)
    assert (await phone_number(client, code, owner)).pure_number == "13800138000"
    await sandbox.post("faults", path=PHONE, errcode=40003)
    with pytest.raises(CodeInvalid):
        await phone_number(client, code, owner)


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ({"purePhoneNumber": "13800138000", "countryCode": "86"}, Phone("13800138000", "86")),
        ({"purePhoneNumber": "13800138000", "countryCode": 86}, Phone("13800138000", "86")),
        ({"purePhoneNumber": 13800138000, "countryCode": "86"}, None),
        ({"purePhoneNumber": "", "countryCode": "86"}, None),
        ({"purePhoneNumber": "13800138000"}, None),
        ({"purePhoneNumber": "13800138000", "countryCode": True}, None),
        (None, None),
    ],
)
def test_the_country_code_is_read_as_text_or_number(info: object, expected: Phone | None) -> None:
    if expected is None:
        with pytest.raises(Unreachable):
            read_phone({"errcode": 0, "phone_info": info})
    else:
        assert read_phone({"errcode": 0, "phone_info": info}) == expected


async def test_one_permission_is_one_message(sandbox: Sandbox, client: AsyncWeChatClient) -> None:
    openid = await sandbox.member()
    await sandbox.allow(openid)
    data = {"thing1": "您的货已经出发，预计明天上午十点前送到店里，请留意", "character_string2": "LK20250601001"}
    sent = await send_subscribe_message(client, openid, TEMPLATE, data, "pages/orders/order?number=1", "trial")
    assert sent == Sent("1")
    with pytest.raises(GrantMissing) as caught:
        await send_subscribe_message(client, openid, TEMPLATE, data)
    assert caught.value.errcode == 43101
    answer = await sandbox.http.get("/sandbox/messages", params={"openid": openid})
    (item,) = answer.json()["items"]
    assert {name: item[name] for name in ("openid", "template_id", "page", "data", "state", "lang")} == {
        "openid": openid,
        "template_id": TEMPLATE,
        "page": "pages/orders/order?number=1",
        "data": {"thing1": "您的货已经出发，预计明天上午十点前送到…", "character_string2": "LK20250601001"},
        "state": "trial",
        "lang": "zh_CN",
    }


async def test_what_is_wrong_with_a_message_is_told_apart(make_client: MakeClient) -> None:
    catalogue = Catalogue(
        frozenset({"pages/home/home"}), {TEMPLATE: frozenset({"thing1", "time2"}), "other": frozenset({"thing1"})}
    )
    async with running_sandbox(catalogue=catalogue) as sandbox:
        client, openid = make_client(sandbox.url), await sandbox.member()
        good = {"thing1": "好", "time2": "15:01"}
        for expected, errcode, hint, changes in (
            (Refused, 40003, None, {"openid": "nobody"}),
            (Misconfigured, 40037, None, {"template_id": "unknown"}),
            (Misconfigured, 41030, None, {"page": "pages/gone/gone"}),
            (Misconfigured, 47003, "data.time2.value", {"data": {"thing1": "好"}}),
            (Misconfigured, 47003, "data.thing3.value", {"data": good | {"thing3": "多"}}),
            (GrantMissing, 43101, None, {}),
        ):
            told = {"openid": openid, "template_id": TEMPLATE, "data": good, "page": "pages/home/home"} | changes
            with pytest.raises(WeChatError) as caught:
                await send_subscribe_message(client, **told)  # type: ignore[arg-type]  # a table of mixed columns
            assert (type(caught.value), caught.value.errcode, caught.value.hint) == (expected, errcode, hint)


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("openid", {"openid": ""}),
        ("template_id", {"template_id": ""}),
        ("data", {"data": {}}),
        ("data", {"data": {f"thing{n}": "好" for n in range(21)}}),
        ("thing1", {"data": {"thing1": " "}}),
        ("page", {"page": "/pages/home/home"}),
        ("page", {"page": "pages/home/home?名=1"}),
    ],
)
async def test_what_wechat_would_refuse_is_never_sent(
    sandbox: Sandbox, client: AsyncWeChatClient, field: str, changes: dict[str, object]
) -> None:
    told = {"openid": "o1", "template_id": TEMPLATE, "data": {"thing1": "好"}} | changes
    with pytest.raises(Unsendable) as caught:
        await send_subscribe_message(client, **told)  # type: ignore[arg-type]  # a table of mixed columns
    assert caught.value.field == field
    assert await sandbox.paths() == []


async def test_a_mini_program_code_is_an_image_of_the_width(sandbox: Sandbox, client: AsyncWeChatClient) -> None:
    image = await mini_program_code(client, "b=0123456789abcdefghij", "pages/bind/bind", width=280)
    assert image.startswith(PNG)
    assert int.from_bytes(image[16:20], "big") == int.from_bytes(image[20:24], "big") == 280
    assert await mini_program_code(client, "b=1", "pages/bind/bind", "trial", 280) != image
    with pytest.raises(Misconfigured) as caught:
        await mini_program_code(client, "b=1", "elsewhere/bind")
    assert caught.value.errcode == 41030
    # What is not released has no published pages, so its page is not checked.
    assert (await mini_program_code(client, "b=1", "elsewhere/bind", "develop")).startswith(PNG)


@pytest.mark.parametrize(
    ("field", "scene", "page", "width"),
    [
        ("scene", "", "pages/a/a", 430),
        ("scene", "x" * 33, "pages/a/a", 430),
        ("scene", "a%20b", "pages/a/a", 430),
        ("scene", "店", "pages/a/a", 430),
        ("scene", "a\n", "pages/a/a", 430),
        ("page", "a", "/pages/a/a", 430),
        ("page", "a", "pages/a/a?b=1", 430),
        ("page", "a", "", 430),
        ("width", "a", "pages/a/a", 279),
        ("width", "a", "pages/a/a", 1281),
    ],
)
async def test_a_code_that_cannot_be_is_never_asked_for(
    sandbox: Sandbox, client: AsyncWeChatClient, field: str, scene: str, page: str, width: int
) -> None:
    with pytest.raises(Unsendable) as caught:
        await mini_program_code(client, scene, page, width=width)
    assert caught.value.field == field
    assert await sandbox.paths() == []


async def test_every_sign_of_the_scene_alphabet_passes_both_sides(client: AsyncWeChatClient) -> None:
    for scene in ("!#$&'()*+,/:;=?@-._~", "0123456789ABCDEFGHIJKLMNOPQRSTUV", "abcdefghijklmnopqrstuvwxyzWXYZ"):
        assert (await mini_program_code(client, scene, "pages/a/a")).startswith(PNG)


async def test_a_login_without_an_open_platform_account_has_no_unionid(make_client: MakeClient) -> None:
    body = b'{"openid":"o1","session_key":"k"}'
    async with raw_server(saying("200 OK", body, "text/plain")) as url:
        session = await code_to_session(make_client(url), "a-code")
        assert (session.openid, session.unionid) == ("o1", None)
