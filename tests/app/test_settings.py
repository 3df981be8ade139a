"""Settings: every variable is named when it is missing or wrong, and no secret is ever told."""

import ipaddress
from pathlib import Path

import pytest

from app import settings
from app.settings import SettingsError

AES = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
KEY_A, KEY_B = "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=", "YmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmI="
WHOLE = {
    "DATABASE_URL": "postgresql://u:database-word@db/leketong",
    "REDIS_URL": "redis://:redis-word@cache/0",
    "WECHAT_APPID": "wx0123456789abcdef",
    "WECHAT_SECRET": "wechat-secret-word",
    "WECHAT_TOKEN": "wechat-token-word",
    "WECHAT_AES_KEY": AES,
    "SECRET_KEY": "s" * 32,
    "DATA_KEYS": KEY_A,
}


def test_defaults() -> None:
    read = settings.from_environment(WHOLE)
    assert (read.port, read.metrics_port, read.public_url) == (8000, None, "http://127.0.0.1:8000")
    assert read.wechat_base_url == "https://api.weixin.qq.com"
    assert (read.trusted_proxies, read.sfa_jwks, read.demo) == ((), None, False)
    assert read.web_workers >= 1
    assert read.home == Path("var").absolute()
    assert (read.secret_keys, read.data_keys) == (("s" * 32,), (b"a" * 32,))


def test_everything_given() -> None:
    read = settings.from_environment(
        WHOLE
        | {
            "PORT": "0",
            "METRICS_PORT": "9100",
            "LEKETONG_HOME": "/srv/lkt",
            "REDIS_URL": "unix:///run/redis.sock?db=1",
            "WECHAT_BASE_URL": "http://127.0.0.1:8001/",
            "PUBLIC_URL": "https://lkt.example/",
            "SECRET_KEY": f" {'n' * 32} , {'o' * 40},",
            "DATA_KEYS": f"{KEY_B}, {KEY_A}",
            "TRUSTED_PROXIES": "10.0.0.0/8, ::1",
            "WEB_WORKERS": "64",
            "LEKETONG_DEMO": "1",
        }
    )
    assert (read.port, read.metrics_port, read.home, read.web_workers) == (0, 9100, Path("/srv/lkt"), 64)
    assert (read.wechat_base_url, read.public_url) == ("http://127.0.0.1:8001", "https://lkt.example")
    assert (read.secret_keys, read.data_keys) == (("n" * 32, "o" * 40), (b"b" * 32, b"a" * 32))
    assert read.trusted_proxies == (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("::1/128"))
    assert (read.redis_url, read.demo) == ("unix:///run/redis.sock?db=1", True)


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("value", [None, "", "  "], ids=["missing", "empty", "blank"])
def test_what_is_missing_is_named(name: str, value: str | None) -> None:
    environ = {key: given for key, given in WHOLE.items() if key != name}
    if value is not None:
        environ[name] = value
    with pytest.raises(SettingsError, match=name):
        settings.from_environment(environ)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("PORT", "80.5"),
        ("PORT", "８０"),
        ("METRICS_PORT", "many"),
        ("WEB_WORKERS", "0"),
        ("WEB_WORKERS", "65"),
        ("DATABASE_URL", "mysql://wrong-word@db/x"),
        ("DATABASE_URL", "wrong-word"),
        ("DATABASE_URL", "postgresql://u:[wrong-word@db/x"),
        ("REDIS_URL", "http://wrong-word"),
        ("WECHAT_BASE_URL", "ftp://wrong-word"),
        ("PUBLIC_URL", "wrong-word"),
        ("WECHAT_AES_KEY", "wrong-word"),
        ("WECHAT_AES_KEY", AES[:-1] + "="),
        ("SECRET_KEY", "wrong-word"),
        ("SECRET_KEY", f"{'n' * 32},wrong-word"),
        ("SECRET_KEY", " , "),
        ("DATA_KEYS", "wrong-word"),
        ("DATA_KEYS", "d3Jvbmctd29yZA=="),
        ("DATA_KEYS", f"{KEY_A},"),
        ("DATA_KEYS", f"{KEY_A},{KEY_A}"),
        ("TRUSTED_PROXIES", "wrong-word"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("SFA_JWKS", "wrong-word/keys.json"),
        ("SFA_JWKS", "file:///wrong-word"),
        ("SFA_JWKS", "https://"),
        ("SFA_JWKS", "https:///wrong-word"),
        ("SFA_JWKS", "https://u:wrong-word@[sfa/keys"),
        ("SFA_JWKS", "https://u:wrong-word@sfa:port/keys"),
        ("SFA_JWKS", "https://u:wrong-word@sfa:99999/keys"),
        ("SFA_JWKS", "https://u:wrong-word@sfa:0/keys"),
        ("SFA_JWKS", "https://sfa/ wrong-word"),
    ],
)
def test_what_is_wrong_is_named_and_not_repeated(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name) as refused:
        settings.from_environment(WHOLE | {name: value})
    assert "wrong-word" not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    ("value", "source"),
    [
        ("https://sfa.example/keys", "https://sfa.example/keys"),
        ("https://sfa.example/keys/", "https://sfa.example/keys/"),
        (" HTTPS://u:p@sfa.example:8443/keys?of=us ", "https://u:p@sfa.example:8443/keys?of=us"),
        ("http://[::1]:8000/keys", "http://[::1]:8000/keys"),
        ("/srv/sfa keys/jwks.json", "/srv/sfa keys/jwks.json"),
        ("/srv/https://odd", "/srv/https://odd"),
        ("", None),
        ("  ", None),
    ],
)
def test_the_sfas_keys_are_looked_for_exactly_where_we_were_told(value: str, source: str | None) -> None:
    assert settings.from_environment(WHOLE | {"SFA_JWKS": value}).sfa_jwks == source


def test_nothing_that_is_shown_tells_a_secret() -> None:
    read = settings.from_environment(WHOLE)
    for shown in (repr(read), str(read), f"{read}"):
        assert "word" not in shown
        assert "sss" not in shown
        assert AES not in shown
