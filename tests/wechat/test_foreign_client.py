"""The sandbox serves a client that was not written with it: plain wechatpy, synchronous, redirected."""

import asyncio
from typing import Any

import pytest
from wechatpy.client import WeChatClient
from wechatpy.exceptions import WeChatClientException

from tests.wechat.conftest import APPID, SECRET, TEMPLATE, Sandbox

OFFICIAL = "https://api.weixin.qq.com"


class RedirectedClient(WeChatClient):  # type: ignore[misc]  # wechatpy ships no types
    """wechatpy as it is, but for the address; it fetches plain tokens from /cgi-bin/token."""

    def __init__(self, url: str) -> None:
        super().__init__(APPID, SECRET, timeout=5, auto_retry=False)
        self._url = url
        self._http.trust_env = False

    def _request(self, method: str, url_or_endpoint: str, **kwargs: Any) -> Any:
        base = kwargs.pop("api_base_url", self.API_BASE_URL)
        address = url_or_endpoint if "://" in url_or_endpoint else base + url_or_endpoint
        return super()._request(method, address.replace(OFFICIAL, self._url), **kwargs)

    def _fetch_access_token(self, url: str, params: dict[str, str]) -> Any:
        return super()._fetch_access_token(url.replace(OFFICIAL, self._url), params)


def live(url: str, login_code: str, phone_code: str) -> dict[str, Any]:
    """Do what a small backend does in a day."""
    client = RedirectedClient(url)
    with client._http:
        session = client.wxa.code_to_session(login_code)
        openid = session["openid"]
        told = {"thing1": {"value": "货到了"}, "date2": {"value": "2025年6月1日"}}
        sent = client.wxa.send_subscribe_message(openid, TEMPLATE, told, page="pages/orders/orders?id=1")
        refused = None
        try:
            client.wxa.send_subscribe_message(openid, TEMPLATE, told)
        except WeChatClientException as error:
            refused = error.errcode
        return {
            "session": session,
            "sent": sent,
            "refused": refused,
            "phone": client.wxa.get_phone_number(phone_code),
            "image": client.wxa.get_wxa_code_unlimited("a=1", page="pages/home/home").content,
            "link": client.wxa.get_url_link("pages/home/home", "a=1", expire_type=1, expire_interval=30),
        }


async def test_plain_wechatpy_lives_a_day_in_the_sandbox(sandbox: Sandbox) -> None:
    told = await sandbox.post("members", phone="13800138000")
    openid = told["openid"]
    await sandbox.allow(openid)
    codes = await sandbox.code(openid), await sandbox.code(openid, "phone")
    found = await asyncio.to_thread(live, sandbox.url, *codes)
    assert (found["session"]["openid"], found["session"]["unionid"]) == (openid, told["unionid"])
    assert len(found["session"]["session_key"]) == 24
    assert found["sent"] == {"errcode": 0, "errmsg": "ok", "msgid": 1}
    assert found["refused"] == 43101
    assert found["phone"]["phone_info"]["purePhoneNumber"] == "13800138000"
    assert found["image"].startswith(b"\x89PNG")
    assert found["link"]["url_link"].startswith("https://wxaurl.cn/")
    assert [path for path, _ in await sandbox.paths()] == [
        "/cgi-bin/token",
        "/sns/jscode2session",
        "/cgi-bin/message/subscribe/send",
        "/cgi-bin/message/subscribe/send",
        "/wxa/business/getuserphonenumber",
        "/wxa/getwxacodeunlimit",
        "/wxa/generate_urllink",
    ]
    (item,) = (await sandbox.http.get("/sandbox/messages", params={"openid": openid})).json()["items"]
    assert item["data"] == {"thing1": "货到了", "date2": "2025年6月1日"}


async def test_a_code_used_by_one_client_is_used_for_the_other(sandbox: Sandbox) -> None:
    code = await sandbox.code(await sandbox.member())
    client = RedirectedClient(sandbox.url)
    with client._http:
        await asyncio.to_thread(client.wxa.code_to_session, code)
        with pytest.raises(WeChatClientException) as caught:
            await asyncio.to_thread(client.wxa.code_to_session, code)
    assert caught.value.errcode == 40163
    assert "code been used rid: " in caught.value.errmsg
