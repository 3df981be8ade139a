"""Pure rules of the customers module."""

import hashlib
import re
import secrets
import string
from datetime import timedelta
from typing import Literal

from pypinyin import Style, lazy_pinyin

Role = Literal["owner", "clerk"]
Medium = Literal["card", "screen"]

BASE62 = string.digits + string.ascii_letters
TOKEN_LENGTH = 20
"""119 bits of chance. The token is a mini-program code's scene, which holds 32 characters at most."""

TOKEN_LIFE: dict[Medium, timedelta] = {"card": timedelta(days=30), "screen": timedelta(minutes=15)}

MOBILE = re.compile(r"1[3-9][0-9]{9}")


def new_token() -> str:
    """Make a one-time binding token."""
    return "".join(secrets.choice(BASE62) for _ in range(TOKEN_LENGTH))


def token_hash(token: str) -> bytes:
    """Hash a token for keeping and finding it."""
    return hashlib.sha256(token.encode()).digest()


def normal_phone(text: str) -> str | None:
    """Bring a mainland mobile number to its eleven digits; None when it is not one.

    Master data writes numbers as people do: with spaces, dashes, or +86 in front.
    """
    digits = re.sub(r"[\s\-()（）]", "", text)
    digits = re.sub(r"^(\+?86|0086)", "", digits)
    return digits if MOBILE.fullmatch(digits) else None


def mask_phone(phone: str) -> str:
    """Show only what its owner needs to know the number again: 138****5678."""
    return f"{phone[:3]}****{phone[-4:]}"


def role_for(wanted: Role | None, *, has_owner: bool) -> Role:
    """Give the role of a new binding: what its code says, else owner for the first member and clerk for later ones."""
    return wanted or ("clerk" if has_owner else "owner")


def _as_it_is(text: str) -> str:
    return text


def initials(name: str) -> str:
    """Give what people type to find a name: the first letter of each character's pinyin, other letters as they are.

    阿芳便利店 gives afbld. Spaces and signs are left out; a character that is read in several ways gives its commonest
    reading, within words that pypinyin knows the right one.
    """
    letters = lazy_pinyin(name, style=Style.FIRST_LETTER, errors=_as_it_is)
    return "".join(letter for part in letters for letter in part.lower() if letter.isalnum())
