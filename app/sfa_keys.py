"""The demo's SFA: a pair of keys of its own, and tokens by it for a person or a test that plays the SFA."""

import base64
import os
from datetime import datetime, timedelta
from pathlib import Path

import jwt
import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PRIVATE = "sfa-private.pem"
PUBLIC = "sfa-jwks.json"
KEY_ID = "demo"
LIFE = timedelta(minutes=10)


def ensure_pair(home: Path) -> Path:
    """Make the demo's pair once under the home, the private one for its owner's eyes alone; give the key set's path."""
    public, private = home / PUBLIC, home / PRIVATE
    if not (public.exists() and private.exists()):
        # What a killed run has left is no pair; and the key set goes first, so that none stands without its key.
        public.unlink(missing_ok=True)
        private.unlink(missing_ok=True)
        key = Ed25519PrivateKey.generate()
        text = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        with os.fdopen(os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(text)
        part = public.with_suffix(".part")
        part.write_bytes(msgspec.json.encode({"keys": [jwk_of(key, KEY_ID)]}))
        part.replace(public)
    return public


def jwk_of(key: Ed25519PrivateKey, key_id: str) -> dict[str, str]:
    """Give a pair's public half as a JSON Web Key (RFC 8037)."""
    raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    x = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    return {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": key_id, "alg": "EdDSA", "use": "sig"}


def token_for(home: Path, staff_code: str, at: datetime) -> str:
    """Sign a token as the demo's SFA. Raises OSError where the home has no pair."""
    claims = {"sub": staff_code, "aud": "leketong", "iat": at, "exp": at + LIFE}
    return jwt.encode(claims, (home / PRIVATE).read_bytes(), "EdDSA", {"kid": KEY_ID})
