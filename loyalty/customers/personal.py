"""Personal data at rest: sealed with AES-256-GCM, found again by a blind index.

Each data key gives two keys by HKDF-SHA256 (RFC 5869), one that seals and one that makes the index (HMAC-SHA256), so
that neither helps against the other. The first key is current. A sealed value opens with the key it names; a look-up
asks for the index under every key, so rotation needs no stop: give the new key first, run `reseal`, drop the old.
"""

import hashlib
import hmac
import os
from collections.abc import Sequence

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_ID_BYTES = 4
NONCE_BYTES = 12


class UnknownDataKey(Exception):  # noqa: N818 - a fact about the value
    """A value was sealed with a key that is no longer among the data keys."""


class DataKeys:
    """Seals, opens and indexes personal data. ``purpose`` ties a value to its column: it opens nowhere else."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._seals = {_key_id(key): AESGCM(_derive(key, b"seal")) for key in keys}
        self._indexes = [_derive(key, b"index") for key in keys]
        self.current_id = _key_id(keys[0])

    def seal(self, text: str, purpose: str) -> bytes:
        """Encrypt under the current key: key id, nonce, ciphertext with tag."""
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._seals[self.current_id].encrypt(nonce, text.encode(), purpose.encode())
        return self.current_id + nonce + sealed

    def open(self, sealed: bytes, purpose: str) -> str:
        """Decrypt. Raises UnknownDataKey, or cryptography's InvalidTag for a changed or misplaced value."""
        key_id, rest = sealed[:KEY_ID_BYTES], sealed[KEY_ID_BYTES:]
        if key_id not in self._seals:
            raise UnknownDataKey
        return self._seals[key_id].decrypt(rest[:NONCE_BYTES], rest[NONCE_BYTES:], purpose.encode()).decode()

    def index(self, text: str) -> bytes:
        """Give the blind index under the current key. The same for members and outlets, so that they can meet."""
        return hmac.digest(self._indexes[0], text.encode(), "sha256")

    def indexes(self, text: str) -> list[bytes]:
        """Give the blind index under every key, for looking up."""
        return [hmac.digest(key, text.encode(), "sha256") for key in self._indexes]


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"leketong data key id" + key).digest()[:KEY_ID_BYTES]


def _derive(key: bytes, use: bytes) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"leketong personal data " + use).derive(key)
