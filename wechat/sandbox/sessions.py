"""WeChat's calls about who somebody is: login, tokens, session keys, phone numbers."""

import base64
import hashlib
import hmac
import secrets

from wechat.sandbox import inputs
from wechat.sandbox.refusals import Refusal
from wechat.sandbox.world import Json, Query, World

HOME_COUNTRY = "86"


def jscode2session(world: World, query: Query, _body: bytes) -> Json:
    """GET /sns/jscode2session: a login code for openid, session key and unionid. Takes no access token."""
    if not query.get("js_code"):
        raise Refusal(41008)
    inputs.check_app(world, query.get("appid"), query.get("secret"))
    if query.get("grant_type") != "authorization_code":
        raise Refusal(40002)
    openid = world.codes.redeem("login", query["js_code"])
    member = world.store.member(openid)
    if member is None:
        raise Refusal(40029)
    session_key = base64.b64encode(secrets.token_bytes(16)).decode()
    world.store.set_session_key(openid, session_key)
    return {"session_key": session_key, "openid": openid, "unionid": member.unionid}


def token(world: World, query: Query, _body: bytes) -> Json:
    """GET /cgi-bin/token: a new token that replaces the one before."""
    if query.get("grant_type") != "client_credential":
        raise Refusal(40002)
    inputs.check_app(world, query.get("appid"), query.get("secret"))
    value, seconds = world.tokens.plain()
    return {"access_token": value, "expires_in": seconds}


def stable_token(world: World, _query: Query, body: bytes) -> Json:
    """POST /cgi-bin/stable_token: the stable token, renewed only near its end or by force."""
    told = inputs.read_json(body)
    inputs.only(told, "grant_type", "appid", "secret", "force_refresh")
    if told.get("grant_type") != "client_credential":
        raise Refusal(40002)
    inputs.check_app(world, inputs.text(told, "appid", 41002), inputs.text(told, "secret", 41004))
    force_refresh = told.get("force_refresh", False)
    if not isinstance(force_refresh, bool):
        raise Refusal(47001, "data format error, force_refresh is not bool")
    value, seconds = world.tokens.stable(force_refresh=force_refresh)
    return {"access_token": value, "expires_in": seconds}


def checksession(world: World, query: Query, _body: bytes) -> Json:
    """GET /wxa/checksession: whether a session key is the person's current one."""
    inputs.check_token(world, query)
    if query.get("sig_method") != "hmac_sha256":
        raise Refusal(87008)
    member = world.store.member(query.get("openid", ""))
    if member is None or member.session_key is None:
        raise Refusal(87009)
    expected = hmac.new(member.session_key.encode(), b"", hashlib.sha256).hexdigest()
    if query.get("signature") != expected:
        raise Refusal(87009)
    return {"errcode": 0, "errmsg": "ok"}


def getuserphonenumber(world: World, query: Query, body: bytes) -> Json:
    """POST /wxa/business/getuserphonenumber: a phone code for the number that its member gave."""
    inputs.check_token(world, query)
    told = inputs.read_json(body)
    inputs.only(told, "code", "openid")
    code = inputs.text(told, "code", 41008)
    owner = inputs.text(told, "openid", 40003) if "openid" in told else None
    member = world.store.member(world.codes.redeem("phone", code, owner))
    if member is None or member.phone is None:
        raise Refusal(40029)
    country, _, pure = member.phone.removeprefix("+").rpartition("-")
    country = country or HOME_COUNTRY
    return {
        "errcode": 0,
        "errmsg": "ok",
        "phone_info": {
            "phoneNumber": pure if country == HOME_COUNTRY else country + pure,
            "purePhoneNumber": pure,
            "countryCode": country,
            "watermark": {"timestamp": int(world.clock.now()), "appid": world.account.appid},
        },
    }
