"""The SFA's public keys (a JSON Web Key Set, RFC 7517), from a file or an address, kept and looked at again in time."""

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from app import logs
from loyalty.errors import Unavailable

FETCH_SECONDS_MAX = 3.0
SET_BYTES_MAX = 64 * 1024
KEYS_MAX = 20
FRESH_SECONDS = 600.0
UNKNOWN_AGAIN_SECONDS = 30.0
"""A token with a key id that we do not know makes us look again, but no storm of such tokens more often than this."""
FILE_AGAIN_SECONDS = 5.0
"""A look at a file costs next to nothing: a key taken out of it is trusted no longer than this."""
FAILED_AGAIN_SECONDS = 5.0
"""After a look, whatever came of it, the next one has to wait so long."""
KEPT_SECONDS = 24 * 3600.0
RSA_BITS_MIN = 2048
RSA_BITS_MAX = 8192
LOG = logs.get("sfa")

PublicKey = RSAPublicKey | Ed25519PublicKey
Stamp = tuple[int, int, int]
"""When a file was changed, its size, and which file it is: a new one by the same name has another number."""


class SfaKeysUnavailable(Unavailable):
    """The SFA's keys cannot be had, so nobody can be told from anybody else."""

    code = "sfa_keys_unavailable"
    title = "暂时核对不了 SFA 的身份"
    sentence = "请过一会儿再试，或请管理员检查 SFA 的公钥地址。"


class VerifyingKey(msgspec.Struct, frozen=True):
    """A public key with the one algorithm that it verifies."""

    algorithm: str
    key: Any


def read_keys(text: bytes) -> dict[str, VerifyingKey]:
    """Read a key set; keys that are not for us to verify with are left out. ValueError for what is no key set.

    RSA of 2,048 to 8,192 bits for RS256 and Ed25519 for EdDSA; never a symmetric key, one meant for encryption, or one
    that also brings its private part.
    """
    try:
        found = msgspec.json.decode(text, type=dict[str, Any])["keys"]
    except (msgspec.DecodeError, KeyError, UnicodeDecodeError, RecursionError) as fault:
        raise ValueError("not a JSON Web Key Set") from fault
    if not isinstance(found, list) or len(found) > KEYS_MAX:
        raise ValueError(f"a key set has a list of at most {KEYS_MAX} keys")
    keys: dict[str, VerifyingKey] = {}
    for one in found:
        key = _read_key(one) if isinstance(one, dict) else None
        if key is not None:
            keys[one["kid"]] = key
    return keys


def _read_key(given: Mapping[str, Any]) -> VerifyingKey | None:
    algorithm = {"RSA": "RS256", "OKP": "EdDSA"}.get(str(given.get("kty")))
    if algorithm is None or "d" in given or not isinstance(given.get("kid"), str) or not given["kid"]:
        return None
    if given.get("use", "sig") != "sig" or given.get("alg", algorithm) != algorithm:
        return None
    try:
        key = jwt.PyJWK({**given, "alg": algorithm}).key
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    if isinstance(key, RSAPublicKey):
        return VerifyingKey(algorithm, key) if RSA_BITS_MIN <= key.key_size <= RSA_BITS_MAX else None
    return VerifyingKey(algorithm, key) if isinstance(key, Ed25519PublicKey) else None


class KeySet:
    """The keys as they are known. Several requests that need them anew share one look."""

    def __init__(self, source: str | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._address = source if source is not None and source.startswith(("http://", "https://")) else None
        self._file = None if source is None or self._address is not None else Path(source)
        self._stamp: Stamp | None = None
        self._clock = clock
        self._keys: dict[str, VerifyingKey] = {}
        self._read_at = float("-inf")
        self._tried_at = float("-inf")
        self._lock = asyncio.Lock()

    async def find(self, key_id: str) -> VerifyingKey | None:
        """Give the key of an id; None for one that the SFA does not have. Raises SfaKeysUnavailable."""
        if not self._is_due(key_id):
            return self._keys.get(key_id)
        async with self._lock:
            if self._is_due(key_id):
                await self._look()
        if self._clock() - self._read_at > KEPT_SECONDS:
            raise SfaKeysUnavailable
        return self._keys.get(key_id)

    def _is_due(self, key_id: str) -> bool:
        now = self._clock()
        patience = FRESH_SECONDS if key_id in self._keys else UNKNOWN_AGAIN_SECONDS
        if self._file is not None:
            patience = FILE_AGAIN_SECONDS
        if now - self._read_at > KEPT_SECONDS:
            return True
        return now - max(self._read_at, self._tried_at) >= patience

    async def _look(self) -> None:
        if self._clock() - self._tried_at < FAILED_AGAIN_SECONDS:
            return
        try:
            async with asyncio.timeout(FETCH_SECONDS_MAX):
                if self._file is None:
                    self._keys = read_keys(await self._fetch())
                else:
                    await self._read_file(self._file)
            self._read_at = self._clock()
        except (OSError, ValueError, httpx.HTTPError, httpx.InvalidURL) as fault:
            # An address may carry a name and a password: only the kind of the fault is told.
            LOG.warning("SFA keys not read", fault=type(fault).__name__)
        # Counted from its end: those who have waited for it do not each look again.
        self._tried_at = self._clock()

    async def _read_file(self, path: Path) -> None:
        stamp, text = await asyncio.to_thread(_read_changed, path, self._stamp)
        if text is not None:
            self._keys = read_keys(text)
            # Only now: a file that was found half written is read again.
            self._stamp = stamp

    async def _fetch(self) -> bytes:
        if self._address is None:
            raise ValueError("SFA_JWKS is not set")
        async with (
            httpx.AsyncClient(timeout=FETCH_SECONDS_MAX, follow_redirects=False) as client,
            # Not compressed: a few bytes could unpack to many before anybody counts them.
            client.stream("GET", self._address, headers={"accept-encoding": "identity"}) as answer,
        ):
            answer.raise_for_status()
            text = b""
            async for chunk in answer.aiter_raw():
                text += chunk
                if len(text) > SET_BYTES_MAX:
                    raise ValueError("the key set is too large")
            return text


def _read_changed(path: Path, known: Stamp | None) -> tuple[Stamp, bytes | None]:
    """Read a file with its stamp; no text when it still has the stamp that is known."""
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        if stamp == known:
            return stamp, None
        text = file.read(SET_BYTES_MAX + 1)
    if len(text) > SET_BYTES_MAX:
        raise ValueError("the key set is too large")
    return stamp, text
