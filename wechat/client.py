"""The client of WeChat's server API: wechatpy's calls on an asynchronous, bounded and discreet transport.

wechatpy's endpoint methods only return `self._client.get(...)` or `.post(...)`, so a `_request` that is a coroutine
makes all of them awaitable. That hook is private: the library is pinned, and tests/wechat holds it to this.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, cast
from urllib.parse import urlsplit

import msgspec
from wechatpy.client import WeChatClient
from wechatpy.client.api import WeChatWxa

from wechat.access import TokenKeeper, token_from
from wechat.config import OFFICIAL_BASE_URL, WeChatConfig
from wechat.errors import Unreachable, WeChatError, error_for
from wechat.tokens import Token, TokenStore
from wechat.transport import Method, Transport

STABLE_TOKEN_PATH: Final = "/cgi-bin/stable_token"  # noqa: S105 - a path, not a token
STALE_TOKEN_ERRCODES: Final = frozenset({40001, 40014, 42001})
_WITHOUT_TOKEN: Final = frozenset({"/sns/jscode2session"})
_IMAGES: Final = frozenset({"/wxa/getwxacodeunlimit"})
_IMAGE_STARTS: Final = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
_EXPIRES_IN_DEFAULT: Final = 7200


class MiniProgramApi(WeChatWxa):  # type: ignore[misc]  # wechatpy ships no types
    """The mini-program calls, with the parameters that the frozen library does not know."""

    async def phone_info(self, code: str, openid: str) -> dict[str, Any]:
        """Redeem a phone code; `openid` makes WeChat check whose it is."""
        answer = await self._post("wxa/business/getuserphonenumber", data={"code": code, "openid": openid})
        return cast("dict[str, Any]", answer)

    async def code_image(self, scene: str, page: str, env_version: str, width: int, *, check_path: bool) -> bytes:
        """Draw a mini-program code and return the image."""
        body = {
            "scene": scene,
            "page": page,
            "check_path": check_path,
            "env_version": env_version,
            "width": width,
        }
        return cast("bytes", await self._post("wxa/getwxacodeunlimit", data=body))

    async def send_subscription(self, body: Mapping[str, object]) -> dict[str, Any]:
        """Send one subscribe message."""
        answer = await self._post("cgi-bin/message/subscribe/send", data=dict(body))
        return cast("dict[str, Any]", answer)


class AsyncWeChatClient(WeChatClient):  # type: ignore[misc]  # wechatpy ships no types
    """One account's client, for one event loop. Every endpoint method of wechatpy returns an awaitable.

    A call ends within `config.timeout_seconds`. It raises a WeChatError (wechat.errors) and nothing of wechatpy or
    httpx. A token that WeChat no longer takes is renewed and the call repeated, once. Close it with `aclose()`.
    """

    wxa = MiniProgramApi()

    def __init__(self, config: WeChatConfig, store: TokenStore, now: Callable[[], float] = time.time) -> None:
        super().__init__(config.appid, config.secret, timeout=config.timeout_seconds, auto_retry=False)
        self._http.close()  # the library's own synchronous session is never used
        self._config = config
        self._now = now
        self._transport = Transport(config.base_url, config.timeout_seconds)
        self._tokens = TokenKeeper(store, self.fetch_access_token, config.timeout_seconds / 2, now)

    def __repr__(self) -> str:
        return f"AsyncWeChatClient({self._config!r})"

    @property
    def access_token(self) -> str:
        """Refuse: a token can only be awaited. AttributeError, because the library inspects its members."""
        raise AttributeError("await fetch_access_token() or make the call itself")

    async def aclose(self) -> None:
        """Close the connections. The client can not be used afterwards."""
        await self._transport.aclose()

    async def fetch_access_token(self) -> Token:
        """Ask WeChat for the stable token, in the mode that repeats it and harms no other worker."""
        path = STABLE_TOKEN_PATH
        body = {
            "grant_type": "client_credential",
            "appid": self._config.appid,
            "secret": self._config.secret,
            "force_refresh": False,
        }
        asked_at = self._now()
        answer = _decoded(path, await self._transport.exchange("POST", path, {}, body))
        _check(path, answer)
        value, expires_in = answer.get("access_token"), answer.get("expires_in", _EXPIRES_IN_DEFAULT)
        if not isinstance(value, str) or not value or type(expires_in) is not int or expires_in <= 0:
            raise Unreachable(path, hint="no token in the answer")
        return token_from(value, expires_in, asked_at)

    async def _request(self, method: str, url_or_endpoint: str, **kwargs: Any) -> Any:
        path = _path(url_or_endpoint, str(kwargs.pop("api_base_url", self.API_BASE_URL)))
        params = {str(name): str(value) for name, value in (kwargs.pop("params", None) or {}).items()}
        body = kwargs.pop("data", None)
        convert = kwargs.pop("result_processor", None)
        if kwargs or not (body is None or isinstance(body, dict)):
            raise TypeError(f"{path}: this client sends JSON objects only")
        verb: Method = "POST" if method.upper() == "POST" else "GET"
        answer: Any = None
        late = False
        try:
            async with asyncio.timeout(self._config.timeout_seconds):
                answer = await self._answer(verb, path, params, body)
        except TimeoutError:
            late = True
        if late:  # raised out here: the cancelled frames are no context of it
            raise Unreachable(path, hint="timeout")
        return answer if convert is None else convert(answer)

    async def _answer(
        self, method: Method, path: str, params: dict[str, str], body: dict[str, object] | None
    ) -> dict[str, Any] | bytes:
        if path in _WITHOUT_TOKEN:
            return await self._once(method, path, params, body)
        token = await self._tokens.current()
        try:
            return await self._once(method, path, params | {"access_token": token}, body)
        except WeChatError as error:
            if error.errcode not in STALE_TOKEN_ERRCODES:
                raise
        # Another worker may have renewed it already: then this takes theirs, and asks WeChat for nothing.
        token = await self._tokens.current(refused=token)
        return await self._once(method, path, params | {"access_token": token}, body)

    async def _once(
        self, method: Method, path: str, params: dict[str, str], body: dict[str, object] | None
    ) -> dict[str, Any] | bytes:
        content = await self._transport.exchange(method, path, params, body)
        if path in _IMAGES and content.startswith(_IMAGE_STARTS):
            return content
        answer = _decoded(path, content)
        _check(path, answer)
        if path in _IMAGES:
            raise Unreachable(path, hint="no image in the answer")
        return answer


def _path(url_or_endpoint: str, base: str) -> str:
    url = url_or_endpoint if "://" in url_or_endpoint else base + url_or_endpoint
    parts = urlsplit(url)
    if f"{parts.scheme}://{parts.netloc}" != OFFICIAL_BASE_URL or parts.query:
        raise ValueError("only calls to WeChat's API host are made, and their parameters are given apart")
    return parts.path


def _decoded(path: str, content: bytes) -> dict[str, Any]:
    # WeChat names jscode2session's JSON text/plain, so the content type says nothing.
    answer: object = None
    try:
        answer = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise Unreachable(path, hint="no JSON object in the answer")
    return answer


def _check(path: str, answer: dict[str, Any]) -> None:
    errcode = answer.get("errcode", 0)
    if isinstance(errcode, str) and errcode.removeprefix("-").isdecimal():
        errcode = int(errcode)
    if type(errcode) is not int:
        raise Unreachable(path, hint="no errcode in the answer")
    if errcode:
        raise error_for(path, errcode, str(answer.get("errmsg", "")))
