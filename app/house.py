"""What a house keeps at home: the demo's own secrets, and the environment of the running one for other commands."""

import base64
import contextlib
import fcntl
import os
import secrets
import string
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from app.settings import SettingsError

LETTERS_AND_DIGITS = string.ascii_letters + string.digits
AES_KEY_LENGTH = 43


class HouseOccupied(Exception):  # noqa: N818 - a fact about the home
    """Another supervisor runs in this home."""


def home_of(environ: Mapping[str, str]) -> Path:
    """Tell the home of a house."""
    return Path(environ.get("LEKETONG_HOME") or "var").absolute()


@contextlib.contextmanager
def occupied(home: Path) -> Iterator[None]:
    """Hold the home against a second supervisor. The kernel lets go when we die.

    Raises HouseOccupied, and SettingsError when the home cannot be used.
    """
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (home / "run.lock").open("a")
    except OSError as fault:
        raise unusable(home, fault) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise HouseOccupied(str(home)) from None
        yield


def unusable(home: Path, fault: OSError) -> SettingsError:
    """Say why a home cannot be used."""
    return SettingsError(
        f"LEKETONG_HOME cannot be used: {fault.strerror}, {fault.filename or home}; name a folder of your own"
    )


def is_occupied(home: Path) -> bool:
    """Tell whether a supervisor runs in the home now."""
    if not (home / "run.lock").exists():
        return False
    try:
        with occupied(home):
            return False
    except HouseOccupied:
        return True


DEMO_TEMPLATES = {
    "WECHAT_TEMPLATE_ORDER": "demo-order-status",
    "WECHAT_TEMPLATE_SHORTAGE": "demo-shortage",
    "WECHAT_TEMPLATE_FLASH": "demo-flash-opening",
}
"""The sandbox takes any id that looks like one."""


def demo_secrets(home: Path, given: Mapping[str, str]) -> dict[str, str]:
    """Give the demo's own secrets, made on the first run and kept for its owner's eyes alone.

    Keys that were given stand: other programs that read the same data were given them too.
    """
    path = home / "secrets.json"
    if not path.exists():
        made = {
            "SECRET_KEY": secrets.token_urlsafe(48),
            "DATA_KEYS": base64.b64encode(secrets.token_bytes(32)).decode(),
            "WECHAT_APPID": "wx" + secrets.token_hex(8),
            "WECHAT_SECRET": secrets.token_hex(16),
            "WECHAT_TOKEN": secrets.token_hex(16),
            "WECHAT_AES_KEY": "".join(secrets.choice(LETTERS_AND_DIGITS) for _ in range(AES_KEY_LENGTH)),
        }
        write_private(path, made)
    kept = {name: given[name] for name in ("SECRET_KEY", "DATA_KEYS") if given.get(name)}
    return msgspec.json.decode(path.read_bytes(), type=dict[str, str]) | kept


def write_private(path: Path, value: Mapping[str, str]) -> None:
    """Write a file that only its owner reads, whole or not at all."""
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    number = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(number, "wb") as file:
        file.write(msgspec.json.encode(dict(value)))
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def announce(home: Path, environ: Mapping[str, str]) -> None:
    """Leave the environment of the running house's children for other commands."""
    write_private(home / "house.json", environ)


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Give the explicit environment, completed by that of the house running at LEKETONG_HOME, if one does.

    Raises SettingsError when that house is another user's.
    """
    home = home_of(environ)
    path = home / "house.json"
    if environ.get("DATABASE_URL") or not path.exists() or not is_occupied(home):
        return dict(environ)
    try:
        left = path.read_bytes()
    except OSError as fault:
        raise unusable(home, fault) from None
    return msgspec.json.decode(left, type=dict[str, str]) | dict(environ)
