"""Rules of the organisation module: what a system may be allowed, and how its key is made."""

import hashlib
import re
import secrets
from typing import Literal, get_args

Scope = Literal[
    "plants",
    "staff",
    "outlets",
    "assignments",
    "classes",
    "tags",
    "products",
    "prices",
    "assortments",
    "suggestions",
    "orders",
    "feeds",
    "bindings",
]

SCOPES: tuple[str, ...] = get_args(Scope)
SYSTEM_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
KEY_PREFIX = "lkt_"
KEY_BYTES = 32


def new_key() -> str:
    """Make a system key of 256 random bits. The prefix lets secret scanners know it."""
    return KEY_PREFIX + secrets.token_urlsafe(KEY_BYTES)


def key_hash(key: str) -> bytes:
    """Hash a key for keeping and finding it. A key of 256 random bits needs no slow hash."""
    return hashlib.sha256(key.encode()).digest()
