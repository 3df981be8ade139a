"""Rules of the staff module: roles, passwords, lock-out, how long a session lives."""

import hashlib
import re
import secrets
import string
from datetime import datetime, timedelta
from typing import Literal, get_args

Role = Literal["admin", "plant_lead", "operator", "marketer", "checker", "rep", "supervisor"]
ROLES: tuple[Role, ...] = get_args(Role)

STAFF_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
NAME_LENGTH_MAX = 64
TOKEN_BYTES = 32

PASSWORD_LENGTH_MIN = 10
PASSWORD_LENGTH_MAX = 128
"""Argon2 reads any length; a bound keeps a password of megabytes from being hashed."""
CODE_HIDDEN_MIN = 4
"""A shorter staff code is part of too many words to keep it out of passwords."""
TRIES_MAX = 5
LOCKED_FOR = timedelta(minutes=15)
SESSION_LIFE = timedelta(hours=12)
SESSION_IDLE_MAX = timedelta(hours=4)
SESSION_SEEN_EVERY = timedelta(minutes=1)
TEMPORARY_ALPHABET = "".join(sorted(set(string.ascii_lowercase + string.digits) - set("l1o0i")))
TEMPORARY_LENGTH = 12
"""60 bits of chance, in signs that are read out over a phone without doubt."""
TEMPORARY_LIFE = timedelta(days=3)
"""A password that somebody else has seen opens for no longer."""
COMMON_PASSWORDS = frozenset(
    {
        "1234567890", "0123456789", "1111111111", "0000000000", "8888888888", "6666666666", "1q2w3e4r5t", "qwertyuiop",
        "abcdefghij", "password123", "password1234", "qwerty12345", "a123456789", "1234567890a", "woaini1314520",
        "iloveyou123", "admin12345", "admin123456", "administrator", "leketong123", "woaini123456", "5201314520",
        "1qaz2wsx3edc", "qwe123456789", "asd123456789", "zxcvbnm123", "aa12345678", "abc123456789", "123456789a",
    }
)  # fmt: skip


def new_session_token() -> str:
    """Make the cookie of a session: 256 random bits."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def token_hash(token: str) -> bytes:
    """Hash a session's cookie for keeping and finding it. 256 random bits need no slow hash."""
    return hashlib.sha256(token.encode()).digest()


def new_temporary_password() -> str:
    """Make a password to be changed at the first login, in three groups that are easy to read out."""
    signs = [secrets.choice(TEMPORARY_ALPHABET) for _ in range(TEMPORARY_LENGTH)]
    return "-".join("".join(signs[n : n + 4]) for n in range(0, TEMPORARY_LENGTH, 4))


def password_fault(password: str, code: str, name: str) -> str | None:
    """Say in Chinese what is wrong with a chosen password, or nothing.

    Length and what everybody guesses first, as NIST SP 800-63B 5.1.1.2 asks for; no rules about kinds of signs.
    """
    if len(password) < PASSWORD_LENGTH_MIN:
        return f"至少 {PASSWORD_LENGTH_MIN} 个字符，一句好记的话就很好"
    if len(password) > PASSWORD_LENGTH_MAX:
        return f"最多 {PASSWORD_LENGTH_MAX} 个字符"
    plain = password.lower()
    if (len(code) >= CODE_HIDDEN_MIN and code.lower() in plain) or (len(name) > 1 and name in password):
        return "请不要把工号或姓名放进密码里"
    if plain in COMMON_PASSWORDS or len(set(plain)) <= 2:  # noqa: PLR2004 - a sign or two, repeated
        return "这个密码太容易猜到，请换一个"
    return None


def is_live(from_at: datetime, until_at: datetime | None, at: datetime) -> bool:
    """Tell whether a half-open span holds an instant."""
    return from_at <= at and (until_at is None or at < until_at)
