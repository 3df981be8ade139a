"""How WeChat signs and encrypts a push; the sending side, written on its own."""

import base64
import hashlib
import os
import struct
from collections.abc import Iterable

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


def sign(parts: Iterable[str]) -> str:
    """Return the SHA-1 of the parts, sorted and joined, in hexadecimal."""
    digest = hashlib.new("sha1", usedforsecurity=False)
    for part in sorted(parts):
        digest.update(part.encode("utf-8"))
    return digest.hexdigest()


def encrypt(message: bytes, encoding_aes_key: str, appid: str) -> str:
    """Return the base64 of the message, encrypted with the account's key and bound to its appid."""
    key = base64.b64decode(encoding_aes_key + "=")
    padder = padding.PKCS7(256).padder()
    framed = os.urandom(16) + struct.pack("!I", len(message)) + message + appid.encode("ascii")
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    padded = padder.update(framed) + padder.finalize()
    return base64.b64encode(encryptor.update(padded) + encryptor.finalize()).decode("ascii")
