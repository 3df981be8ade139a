"""Pure rules of the customers module."""

import hashlib
import re
import secrets
import string
from datetime import timedelta
from typing import Literal

from pypinyin import Style, lazy_pinyin, load_phrases_dict

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


READ_OTHERWISE = {
    "重庆": "cq", "重阳": "cy", "厦门": "xm", "番禺": "py", "六安": "la", "乐清": "yq", "西藏": "xz", "便宜": "py",
    "银行": "yh", "商行": "sh", "车行": "ch", "茶行": "ch", "粮行": "lh", "药行": "yh", "花行": "hh", "琴行": "qh",
    "酒行": "jh", "烟行": "yh", "果行": "gh", "金行": "jh", "发行": "fh", "米行": "mh", "油行": "yh", "鱼行": "yh",
    "长沙": "cs", "长春": "cc", "长江": "cj", "长安": "ca", "长宁": "cn", "长乐": "cl", "长城": "cc", "长寿": "cs",
    "长兴": "cx", "长治": "cz", "长路": "cl", "音乐": "yy", "乐器": "yq", "乐队": "yd",
}  # fmt: skip
"""Words of shops' names and places whose letters are not those of their characters' commonest readings."""
load_phrases_dict({word: [[letter] for letter in letters] for word, letters in READ_OTHERWISE.items()})


def _as_it_is(text: str) -> str:
    return text


def initials(name: str) -> str:
    """Give what people type to find a name: the first letter of each character's pinyin, other letters as they are.

    阿芳便利店 gives afbld. Spaces and signs are left out; a character that is read in several ways gives its commonest
    reading, but in the words of READ_OTHERWISE.
    """
    letters = lazy_pinyin(name, style=Style.FIRST_LETTER, errors=_as_it_is)
    return "".join(letter for part in letters for letter in part.lower() if letter.isalnum())
