"""Rules of the organisation module: the kinds of nodes, what a system may be allowed, how its key is made."""

import hashlib
import re
import secrets
import unicodedata
from datetime import timedelta
from typing import Literal, get_args

Kind = Literal["group", "plant", "office", "route"]
KINDS: tuple[Kind, ...] = get_args(Kind)
PARENT_KINDS: dict[Kind, tuple[Kind, ...]] = {
    "group": ("group",),
    "plant": ("group",),
    "office": ("plant",),
    "route": ("office", "plant"),
}
"""Under what a node may hang. The database holds the same (organisation_nodes_under_its_kind)."""

ROOT_CODE = "HQ"
ROOT_NAME = "集团总部"
NODE_CODE = re.compile(r"\S{1,64}")
NAME_LENGTH_MAX = 64

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
OLD_KEY_KEPT_MAX = timedelta(days=7)
"""How long the key before a rotation may open besides the new one."""


def is_visible(sign: str) -> bool:
    """Tell whether a sign of a name shows: not a control or format sign, which could turn a whole line round."""
    return not unicodedata.category(sign).startswith("C")


def new_key() -> str:
    """Make a system key of 256 random bits. The prefix lets secret scanners know it."""
    return KEY_PREFIX + secrets.token_urlsafe(KEY_BYTES)


def key_hash(key: str) -> bytes:
    """Hash a key for keeping and finding it. A key of 256 random bits needs no slow hash."""
    return hashlib.sha256(key.encode()).digest()
