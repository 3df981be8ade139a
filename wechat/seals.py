"""The signatures and the encryption of WeChat's message push, checked in constant time."""

import hashlib
import hmac
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from wechat.errors import CallbackRefused

_AES_BLOCK: Final = 16
_PADDING_BLOCK: Final = 32  # WeChat pads to 32, not to the cipher's 16
_RANDOM_BYTES: Final = 16
_LENGTH_BYTES: Final = 4


def signature(*parts: str) -> str:
    """Return WeChat's signature of the parts: SHA-1 over them, sorted and joined."""
    # Anybody may send anything, half of a surrogate pair too: that has to be a wrong signature, not a crash.
    joined = "".join(sorted(parts)).encode("utf-8", "surrogatepass")
    return hashlib.sha1(joined, usedforsecurity=False).hexdigest()


def is_signed(given: str, *parts: str) -> bool:
    """Tell whether `given` is the signature of the parts."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), signature(*parts).encode())


def unseal(sealed: bytes, key: bytes, appid: str) -> bytes:
    """Decrypt a push whose signature was already checked, and return the message that it holds.

    Raise CallbackRefused: `malformed` when it is not whole, `appid` when it was meant for another account.
    """
    if not sealed or len(sealed) % _AES_BLOCK:
        raise CallbackRefused("malformed")
    decryptor = Cipher(algorithms.AES(key), modes.CBC(key[:_AES_BLOCK])).decryptor()
    plain = decryptor.update(sealed) + decryptor.finalize()
    padding = plain[-1]
    if not 1 <= padding <= _PADDING_BLOCK or plain[-padding:] != bytes([padding]) * padding:
        raise CallbackRefused("malformed")
    content = plain[_RANDOM_BYTES:-padding]
    length = int.from_bytes(content[:_LENGTH_BYTES], "big")
    message = content[_LENGTH_BYTES : _LENGTH_BYTES + length]
    if len(content) < _LENGTH_BYTES or len(message) != length:
        raise CallbackRefused("malformed")
    if not hmac.compare_digest(content[_LENGTH_BYTES + length :], appid.encode()):
        raise CallbackRefused("appid")
    return message
