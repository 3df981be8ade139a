"""One frozen, typed Settings, read from the environment.

Every variable is named in docs/operating.md. There is no default for a secret: `leketong run` makes the demo's own
secrets once under LEKETONG_HOME (app/house.py) and puts them into the environment of its children; production gives
them.
"""

import base64
import binascii
import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

SECRET_KEY_BYTES_MIN = 32
DATA_KEY_BYTES = 32
PORT_MAX = 65_535
WEB_WORKERS_MAX = 64
TEMPLATE_LENGTH_MAX = 64


class SettingsError(Exception):
    """A variable is missing or wrong. The text names it and says what would be right, never its value."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All that the processes of a house are told from outside."""

    home: Path
    port: int
    metrics_port: int | None
    database_url: str
    redis_url: str
    wechat_appid: str
    wechat_secret: str
    wechat_token: str
    wechat_aes_key: str
    wechat_base_url: str
    secret_keys: tuple[str, ...]
    """Signs tokens; the first signs, all verify, so that a key can be changed without logging anybody out."""
    data_keys: tuple[bytes, ...]
    """Encrypts personal data; the first encrypts, all decrypt."""
    public_url: str
    trusted_proxies: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]
    message_templates: dict[str, str]
    """The subscribe messages' template ids at WeChat, by our name for each; one without an id is not sent."""
    sfa_jwks: str | None
    """Where the SFA's public keys are: an address or the path of a file; None where no SFA calls us."""
    web_workers: int
    demo: bool
    """True only under `leketong run` with the embedded sandbox: the house then shows demo accounts."""

    def __repr__(self) -> str:
        """Name the house without any of its secrets."""
        return f"Settings(home={self.home}, public_url={self.public_url}, demo={self.demo})"


def not_an_address(name: str) -> SettingsError:
    """Say that a variable holds no address. What is wrong in it is not told: it could be a part of the password."""
    return SettingsError(f"{name} is not the address of a server; docs/operating.md shows its form")


def from_environment(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read every setting; raise SettingsError for the first that is missing or wrong."""
    port = _integer(environ, "PORT", 8000, 0, PORT_MAX)
    return Settings(
        home=Path(environ.get("LEKETONG_HOME") or "var").absolute(),
        port=port,
        metrics_port=_integer(environ, "METRICS_PORT", 0, 0, PORT_MAX) or None,
        database_url=_url(environ, "DATABASE_URL", ("postgres", "postgresql")),
        redis_url=_url(environ, "REDIS_URL", ("redis", "rediss", "unix")),
        wechat_appid=_required(environ, "WECHAT_APPID"),
        wechat_secret=_required(environ, "WECHAT_SECRET"),
        wechat_token=_required(environ, "WECHAT_TOKEN"),
        wechat_aes_key=_aes_key(environ),
        wechat_base_url=_url(environ, "WECHAT_BASE_URL", ("https", "http"), "https://api.weixin.qq.com"),
        secret_keys=_secret_keys(environ),
        data_keys=_data_keys(environ),
        public_url=_url(environ, "PUBLIC_URL", ("https", "http"), f"http://127.0.0.1:{port}"),
        trusted_proxies=_networks(environ),
        message_templates=_templates(environ),
        sfa_jwks=_key_set(environ),
        web_workers=_integer(environ, "WEB_WORKERS", os.cpu_count() or 1, 1, WEB_WORKERS_MAX),
        demo=environ.get("LEKETONG_DEMO") == "1",
    )


def _required(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "").strip()
    if not value:
        raise SettingsError(f"{name} is not set; give it in the environment, or start the demo with `make run`")
    return value


def _integer(environ: Mapping[str, str], name: str, default: int, lowest: int, highest: int) -> int:
    text = environ.get(name, "").strip()
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or not lowest <= int(text) <= highest:
        raise SettingsError(f"{name} must be a whole number from {lowest} to {highest}")
    return int(text)


def _url(environ: Mapping[str, str], name: str, schemes: tuple[str, ...], default: str = "") -> str:
    value = environ.get(name, "").strip() or default
    if not value:
        raise SettingsError(f"{name} is not set; it starts with one of {', '.join(s + '://' for s in schemes)}")
    try:
        scheme = urlsplit(value).scheme
    except ValueError:
        raise not_an_address(name) from None
    if scheme not in schemes:
        raise SettingsError(f"{name} must start with one of {', '.join(s + '://' for s in schemes)}")
    return value.rstrip("/") if value.startswith("http") else value


def _aes_key(environ: Mapping[str, str]) -> str:
    value = _required(environ, "WECHAT_AES_KEY")
    length = 43
    if len(value) != length or not value.isalnum():
        raise SettingsError("WECHAT_AES_KEY must be the 43 letters and digits of WeChat's EncodingAESKey")
    return value


def _secret_keys(environ: Mapping[str, str]) -> tuple[str, ...]:
    keys = tuple(part.strip() for part in _required(environ, "SECRET_KEY").split(",") if part.strip())
    if not keys or any(len(key) < SECRET_KEY_BYTES_MIN for key in keys):
        raise SettingsError(f"SECRET_KEY needs at least {SECRET_KEY_BYTES_MIN} characters in each of its keys")
    return keys


def _data_keys(environ: Mapping[str, str]) -> tuple[bytes, ...]:
    keys = []
    for part in _required(environ, "DATA_KEYS").split(","):
        try:
            key = base64.b64decode(part.strip(), validate=True)
        except binascii.Error:
            key = b""
        if len(key) != DATA_KEY_BYTES:
            raise SettingsError("DATA_KEYS must be base64 of 32 bytes each, separated by commas, the current one first")
        keys.append(key)
    if len(set(keys)) != len(keys):
        raise SettingsError("DATA_KEYS names one key twice")
    return tuple(keys)


def _templates(environ: Mapping[str, str]) -> dict[str, str]:
    found = {
        "order_status": environ.get("WECHAT_TEMPLATE_ORDER", "").strip(),
        "shortage": environ.get("WECHAT_TEMPLATE_SHORTAGE", "").strip(),
        "flash_opening": environ.get("WECHAT_TEMPLATE_FLASH", "").strip(),
    }
    for value in found.values():
        if value and (not value.isascii() or len(value.split()) > 1 or len(value) > TEMPLATE_LENGTH_MAX):
            raise SettingsError("each WECHAT_TEMPLATE_… must be the id of a subscribe message's template")
    return {code: value for code, value in found.items() if value}


def _key_set(environ: Mapping[str, str]) -> str | None:
    """Give where the SFA's keys are; a slash at the end of an address stays, for it may matter to who serves it."""
    value = environ.get("SFA_JWKS", "").strip()
    if not value or Path(value).is_absolute():
        return value or None
    try:
        parts = urlsplit(value)
        # Reading the port is what finds one that is no number, or none there is.
        is_address = parts.scheme in {"https", "http"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address or len(value.split()) > 1:
        raise SettingsError("SFA_JWKS must be an https:// address or the absolute path of a file")
    return parts.scheme + value[len(parts.scheme) :]


def _networks(
    environ: Mapping[str, str],
) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    try:
        return tuple(
            ipaddress.ip_network(part.strip()) for part in environ.get("TRUSTED_PROXIES", "").split(",") if part.strip()
        )
    except ValueError:
        raise SettingsError(
            "TRUSTED_PROXIES must be addresses or networks separated by commas, as 10.0.0.0/8"
        ) from None
