"""The SFA's tokens: JWTs (RFC 7519) that name a rep for ten minutes at most, checked as strictly as RFC 8725 asks."""

import base64
import json
from datetime import datetime, timedelta
from typing import Any

import jwt
import msgspec

from app.http.errors import HttpRefusal
from app.http.key_sets import KeySet

AUDIENCE = "leketong"
LIFE_SECONDS_MAX = 600
CLOCKS_APART = timedelta(seconds=60)
"""How far the SFA's clock may be ahead of ours for the start of a token; its end is judged by our clock alone."""
TOKEN_LENGTH_MAX = 4096
SUBJECT_LENGTH_MAX = 64
PARTS = 3
NOT_HONOURED = frozenset({"jwk", "jku", "x5u", "x5c", "crit", "b64"})
"""Headers by which a token would choose its own key, or how it is read: such a token is refused."""


class SfaTokenInvalid(HttpRefusal):
    """A token that the SFA did not give to us, or not in the form that we agreed on."""

    status, code = 401, "sfa_token_invalid"
    title = "SFA 的令牌不对"
    sentence = "请让 SFA 用约定的密钥和格式重新签发。"


class SfaTokenExpired(HttpRefusal):
    """A token past its time, or before it."""

    status, code = 401, "sfa_token_expired"
    title = "SFA 的令牌过期了"
    sentence = "请让 SFA 重新签发一个，十分钟内有效。"


class SfaClaims(msgspec.Struct, frozen=True):
    """What a right token says."""

    staff_code: str
    expires_at: datetime
    key_id: str


class _Claims(msgspec.Struct, frozen=True):
    sub: str
    aud: str | list[str]
    exp: float
    iat: float
    nbf: float | None = None


class SfaTokens:
    """Reads tokens by the SFA's key set."""

    def __init__(self, source: str | None) -> None:
        self._keys = KeySet(source)

    async def read(self, token: str, at: datetime) -> SfaClaims:
        """Tell whom a token names. Raises SfaTokenInvalid, SfaTokenExpired, SfaKeysUnavailable."""
        key_id, algorithm = self._header(token)
        key = await self._keys.find(key_id)
        if key is None or key.algorithm != algorithm:
            raise SfaTokenInvalid
        try:
            # Only the signature is PyJWT's to judge, by this key's one algorithm; what it signs is judged below.
            payload = _JWS.decode(token, key.key, algorithms=[key.algorithm])
            claims = msgspec.convert(_read_json(payload), _Claims)
        except (jwt.PyJWTError, msgspec.ValidationError, ValueError, RecursionError):
            raise SfaTokenInvalid from None
        self._check(claims, at)
        return SfaClaims(claims.sub, datetime.fromtimestamp(claims.exp, at.tzinfo), key_id)

    @staticmethod
    def _header(token: str) -> tuple[str, str]:
        parts = token.split(".")
        # PyJWT takes padding, which RFC 7515 does not: one token would have several spellings.
        if len(token) > TOKEN_LENGTH_MAX or not token.isascii() or len(parts) != PARTS or "=" in token:
            raise SfaTokenInvalid
        try:
            header: Any = _read_json(base64.b64decode(parts[0] + "==", altchars=b"-_", validate=False))
        except (ValueError, RecursionError):
            raise SfaTokenInvalid from None
        if not isinstance(header, dict):
            raise SfaTokenInvalid
        key_id, algorithm = header.get("kid"), header.get("alg")
        if not isinstance(key_id, str) or not isinstance(algorithm, str) or NOT_HONOURED & set(header):
            raise SfaTokenInvalid
        return key_id, algorithm

    @staticmethod
    def _check(claims: _Claims, at: datetime) -> None:
        now = at.timestamp()
        if claims.aud not in (AUDIENCE, [AUDIENCE]) or not 0 < len(claims.sub) <= SUBJECT_LENGTH_MAX:
            raise SfaTokenInvalid
        # No staff code has signs that cannot be shown, and PostgreSQL keeps neither a NUL nor half a surrogate pair.
        if not claims.sub.isprintable() or claims.sub.isspace():
            raise SfaTokenInvalid
        if not 0 < claims.exp - claims.iat <= LIFE_SECONDS_MAX:
            raise SfaTokenInvalid
        if now >= claims.exp:
            raise SfaTokenExpired
        if max(claims.iat, claims.nbf or 0) > now + CLOCKS_APART.total_seconds():
            raise SfaTokenExpired


_JWS = jwt.PyJWS(algorithms=["EdDSA", "RS256"])


def _read_json(text: bytes) -> Any:
    """Read JSON that can be understood in one way only: UTF-8, no name twice, no NaN. Raises ValueError."""
    return json.loads(text.decode(), object_pairs_hook=_members, parse_constant=_refuse_constant)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name twice")
    return members


def _refuse_constant(_name: str) -> None:
    raise ValueError("a number that JSON does not know")
