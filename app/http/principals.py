"""Who a request is proven to be, and the doors that prove it."""

import hashlib
from datetime import datetime, timedelta
from functools import cache

import msgspec
from itsdangerous import BadSignature, Signer
from itsdangerous.signer import SigningAlgorithm

from app.http.errors import TokenExpired, TokenInvalid
from loyalty.customers.standings import MemberRef
from loyalty.organisation.system_keys import System
from loyalty.staff.people import Staff

SESSION_LIFE = timedelta(days=30)
TOKEN_LENGTH_MAX = 512


class Guest(msgspec.Struct, frozen=True):
    """A request without a token."""


Principal = Guest | MemberRef | System | Staff


class _KeyedBlake2(SigningAlgorithm):
    """Keyed BLAKE2b (RFC 7693): a MAC of one pass, where HMAC-SHA-256 through OpenSSL 3 takes several times as long."""

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        return hashlib.blake2b(value, key=key, digest_size=32).digest()


class _Signer(Signer):
    """A Signer that derives each key once and not for every token."""

    @cache  # noqa: B019 - one for the life of the process
    def derive_key(self, secret_key: str | bytes | None = None) -> bytes:
        return super().derive_key(secret_key)


class MemberTokens:
    """Gives and reads members' bearer tokens: member, epoch and end, signed; nothing is stored.

    The first key signs, all keys verify.
    """

    def __init__(self, keys: tuple[str, ...]) -> None:
        # itsdangerous signs with the last key of its list.
        self._signer = _Signer(
            list(reversed(keys)),
            salt="leketong.member",
            digest_method=hashlib.sha256,
            key_derivation="hmac",
            algorithm=_KeyedBlake2(),
        )

    def give(self, member: MemberRef, at: datetime) -> tuple[str, datetime]:
        """Sign a token; return it with the instant of its end."""
        expires_at = (at + SESSION_LIFE).replace(microsecond=0)
        text = f"{member.id}.{member.epoch}.{int(expires_at.timestamp())}"
        return self._signer.sign(text).decode(), expires_at

    def read(self, token: str, at: datetime) -> MemberRef:
        """Read a token. Raises TokenInvalid for one that we did not give, TokenExpired for one past its time."""
        if len(token) > TOKEN_LENGTH_MAX:
            raise TokenInvalid
        try:
            text = self._signer.unsign(token).decode()
        except (BadSignature, UnicodeError):
            raise TokenInvalid from None
        member_id, epoch, expires = text.split(".")
        if at.timestamp() >= int(expires):
            raise TokenExpired
        return MemberRef(int(member_id), int(epoch))
