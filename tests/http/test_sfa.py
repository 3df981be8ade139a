"""The SFA's tokens: each way to be wrong, keys that rotate and go away, and what a right token opens."""

import asyncio
import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from app import sfa_keys
from app.http import key_sets
from app.http.key_sets import KeySet, SfaKeysUnavailable, read_keys
from app.http.sfa_tokens import SfaTokenExpired, SfaTokenInvalid, SfaTokens
from loyalty import clock
from tests.conftest import House
from tests.http.conftest import Callers, Database
from tests.http.staffing import Staffing

AT = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
ED = Ed25519PrivateKey.generate()
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SHORT = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - to be refused
OTHER = Ed25519PrivateKey.generate()


def jwk(key: Any, key_id: str, **more: Any) -> dict[str, Any]:
    """Give a public key as a JSON Web Key."""
    if isinstance(key, Ed25519PrivateKey):
        return {**sfa_keys.jwk_of(key, key_id), **more}
    return {**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())), "kid": key_id, **more}


def pem(key: Any) -> bytes:
    """Give a public key as text, which an attacker has too."""
    return bytes(
        key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def claims(**changed: Any) -> dict[str, Any]:
    """Give right claims, changed; None takes one away."""
    right = {"sub": "rep", "aud": "leketong", "iat": int(AT.timestamp()), "exp": int(AT.timestamp()) + 600}
    return {name: value for name, value in (right | changed).items() if value is not None}


def token(key: Any = ED, algorithm: str = "EdDSA", header: dict[str, Any] | None = None, **changed: Any) -> str:
    """Sign claims."""
    return jwt.encode(claims(**changed), key, algorithm, {"kid": "ed"} if header is None else header)


def raw(header: object, payload: object, signature: bytes = b"x") -> str:
    """Put a token together by hand."""
    parts = [json.dumps(header).encode(), json.dumps(payload).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def confused() -> str:
    """Sign with the RSA key's public text as if it were a shared secret, as RFC 8725 2.1 warns of."""
    head = raw({"alg": "HS256", "kid": "rsa", "typ": "JWT"}, claims()).rsplit(".", 1)[0]
    return head + "." + base64.urlsafe_b64encode(hmac.digest(pem(RSA), head.encode(), "sha256")).rstrip(b"=").decode()


@pytest.fixture
def tokens(tmp_path: Path) -> SfaTokens:
    file = tmp_path / "jwks.json"
    keys = [jwk(ED, "ed"), jwk(RSA, "rsa"), jwk(SHORT, "short"), {"kty": "oct", "kid": "oct", "k": "c2VjcmV0"}]
    file.write_text(json.dumps({"keys": keys}))
    return SfaTokens(str(file))


async def test_a_right_token_names_its_rep(tokens: SfaTokens) -> None:
    for given_token, key_id in ((token(), "ed"), (token(RSA, "RS256", {"kid": "rsa"}), "rsa")):
        read = await tokens.read(given_token, AT)
        assert (read.staff_code, read.expires_at, read.key_id) == ("rep", AT + timedelta(minutes=10), key_id)
    assert (await tokens.read(token(aud=["leketong"]), AT)).staff_code == "rep"
    assert (await tokens.read(token(), AT + timedelta(seconds=599))).staff_code == "rep"
    assert (await tokens.read(token(), AT - timedelta(seconds=60))).staff_code == "rep"


NOW = int(AT.timestamp())
WRONG: dict[str, tuple[str, type[Exception]]] = {
    "expired now": (token(exp=NOW, iat=NOW - 600), SfaTokenExpired),
    "expired long ago": (token(exp=NOW - 9000, iat=NOW - 9600), SfaTokenExpired),
    "from the future": (token(iat=NOW + 61, exp=NOW + 600), SfaTokenExpired),
    "not yet": (token(nbf=NOW + 61), SfaTokenExpired),
    "lives too long": (token(exp=NOW + 601), SfaTokenInvalid),
    "ends before it starts": (token(iat=NOW + 10, exp=NOW + 5), SfaTokenInvalid),
    "without end": (token(exp=None), SfaTokenInvalid),
    "without start": (token(iat=None), SfaTokenInvalid),
    "end as text": (raw({"alg": "EdDSA", "kid": "ed"}, claims(exp="soon")), SfaTokenInvalid),
    "foreign audience": (token(aud="orders"), SfaTokenInvalid),
    "one audience of several": (token(aud=["leketong", "orders"]), SfaTokenInvalid),
    "without audience": (token(aud=None), SfaTokenInvalid),
    "nobody": (token(sub=""), SfaTokenInvalid),
    "without subject": (token(sub=None), SfaTokenInvalid),
    "a very long subject": (token(sub="x" * 65), SfaTokenInvalid),
    "alg none": (raw({"alg": "none", "kid": "ed"}, claims(), b""), SfaTokenInvalid),
    "alg none, spelled otherwise": (raw({"alg": "nOnE", "kid": "ed"}, claims(), b""), SfaTokenInvalid),
    "shared secret by the public key": (confused(), SfaTokenInvalid),
    "shared secret of the key set": (jwt.encode(claims(), "secret" * 8, "HS256", {"kid": "oct"}), SfaTokenInvalid),
    "another algorithm of the same key": (token(RSA, "RS512", {"kid": "rsa"}), SfaTokenInvalid),
    "padding of another kind": (token(RSA, "PS256", {"kid": "rsa"}), SfaTokenInvalid),
    "a key that is too short": (raw({"alg": "RS256", "kid": "short"}, claims()), SfaTokenInvalid),
    "a curve that was not agreed on": (
        token(ec.generate_private_key(ec.SECP256R1()), "ES256", {"kid": "ed"}),
        SfaTokenInvalid,
    ),
    "somebody else's key": (token(OTHER), SfaTokenInvalid),
    "an unknown key": (token(OTHER, header={"kid": "other"}), SfaTokenInvalid),
    "without a key id": (token(header={}), SfaTokenInvalid),
    "a key id that is none": (raw({"alg": "EdDSA", "kid": 7}, claims()), SfaTokenInvalid),
    "brings its own key": (token(OTHER, header={"kid": "ed", "jwk": jwk(OTHER, "ed")}), SfaTokenInvalid),
    "says where its key is": (token(header={"kid": "ed", "jku": "https://evil.example"}), SfaTokenInvalid),
    "brings a certificate": (token(header={"kid": "ed", "x5c": ["x"]}), SfaTokenInvalid),
    "asks for more than we know": (token(header={"kid": "ed", "crit": ["b64"], "b64": False}), SfaTokenInvalid),
    "nothing": ("", SfaTokenInvalid),
    "two parts": ("a.b", SfaTokenInvalid),
    "four parts": (token() + ".x", SfaTokenInvalid),
    "not base64": ("*.*.*", SfaTokenInvalid),
    "not ASCII": ("店.店.店", SfaTokenInvalid),
    "a list for a header": (raw([], claims()), SfaTokenInvalid),
    "far too long": (token(extra="x" * 5000), SfaTokenInvalid),
}


@pytest.mark.parametrize("what", WRONG)
async def test_a_wrong_token_is_refused(what: str, tokens: SfaTokens) -> None:
    wrong, refusal = WRONG[what]
    with pytest.raises(refusal):
        await tokens.read(wrong, AT)


RIGHT = token()


@given(place=st.integers(min_value=0, max_value=len(RIGHT) - 1), bit=st.integers(min_value=0, max_value=6))
def test_a_token_with_any_sign_changed_never_passes(place: int, bit: int) -> None:
    changed = RIGHT[:place] + chr(ord(RIGHT[place]) ^ (1 << bit)) + RIGHT[place + 1 :]
    known = SfaTokens(None)
    known._keys._keys = read_keys(json.dumps({"keys": [jwk(ED, "ed")]}).encode())
    known._keys._read_at = known._keys._tried_at = known._keys._clock()
    try:
        read = asyncio.run(known.read(changed, AT))
    except (SfaTokenInvalid, SfaTokenExpired):
        return
    # Base64 has spare bits in its last sign: the same bytes may be written in several ways.
    assert place in {RIGHT.index("."), len(RIGHT) - 1, RIGHT.rindex(".") - 1, RIGHT.index(".") - 1}
    assert read.staff_code == "rep"


@pytest.mark.parametrize(
    "left_out",
    [
        {"kty": "oct", "kid": "x", "k": "c2VjcmV0"},
        jwk(ED, "x", use="enc"),
        jwk(ED, "x", alg="RS256"),
        jwk(RSA, "x", alg="RS512"),
        jwk(SHORT, "x"),
        {**jwk(ED, "x"), "d": "c2VjcmV0"},
        {**jwk(ED, "x"), "crv": "X25519"},
        {**jwk(ED, "x"), "x": "AA"},
        {name: value for name, value in jwk(ED, "x").items() if name != "kid"},
        "text",
    ],
)
def test_keys_that_are_not_for_us_are_left_out(left_out: object) -> None:
    assert list(read_keys(json.dumps({"keys": [left_out, jwk(ED, "ed")]}).encode())) == ["ed"]


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"keys": {}}', b'{"keys": [' + b"{}," * 20 + b"{}]}", b"\xff"])
def test_what_is_no_key_set(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"(?i)key"):
        read_keys(text)


class Publisher(BaseHTTPRequestHandler):
    """Answers with what the test has put there."""

    text: ClassVar[bytes] = b"{}"
    status: ClassVar[int] = 200
    asked: ClassVar[int] = 0

    def do_GET(self) -> None:
        type(self).asked += 1
        self.send_response(self.status)
        self.send_header("location", "http://127.0.0.1:1/elsewhere")
        self.end_headers()
        self.wfile.write(self.text)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def published() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Publisher)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    Publisher.asked, Publisher.status = 0, 200
    yield f"http://127.0.0.1:{server.server_address[1]}/jwks.json"
    server.shutdown()
    thread.join()
    server.server_close()


async def test_keys_from_an_address_rotate_and_storms_ask_once(published: str) -> None:
    now = [1000.0]
    Publisher.text = json.dumps({"keys": [jwk(ED, "ed")]}).encode()
    keys = KeySet(published, lambda: now[0])
    found = await asyncio.gather(*(keys.find("ed") for _ in range(20)))
    assert all(found)
    assert Publisher.asked == 1
    Publisher.text = json.dumps({"keys": [jwk(OTHER, "new")]}).encode()
    now[0] += key_sets.UNKNOWN_AGAIN_SECONDS - 1
    assert await asyncio.gather(*(keys.find(f"forged-{n}") for n in range(20))) == [None] * 20
    assert Publisher.asked == 1
    now[0] += 1
    assert (await asyncio.gather(*(keys.find("new") for _ in range(20))))[0] is not None
    assert Publisher.asked == 2
    assert await keys.find("ed") is None


@pytest.mark.parametrize(("status", "text"), [(500, b"{}"), (302, b"{}"), (200, b"nonsense"), (200, b"x" * 70_000)])
async def test_a_look_that_fails_keeps_what_is_known_for_a_day(published: str, status: int, text: bytes) -> None:
    now = [1000.0]
    Publisher.text = json.dumps({"keys": [jwk(ED, "ed")]}).encode()
    keys = KeySet(published, lambda: now[0])
    assert await keys.find("ed") is not None
    Publisher.text, Publisher.status = text, status
    now[0] += key_sets.KEPT_SECONDS
    assert await keys.find("ed") is not None
    now[0] += 2
    with pytest.raises(SfaKeysUnavailable):
        await keys.find("ed")


async def test_without_a_key_set_nobody_is_known(tmp_path: Path) -> None:
    for source in (None, str(tmp_path / "missing.json"), "http://127.0.0.1:1/"):
        with pytest.raises(SfaKeysUnavailable):
            await SfaTokens(source).read(token(), AT)


def test_the_demos_pair_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    public = sfa_keys.ensure_pair(tmp_path)
    first = hashlib.sha256((tmp_path / sfa_keys.PRIVATE).read_bytes()).digest()
    assert sfa_keys.ensure_pair(tmp_path) == public
    assert hashlib.sha256((tmp_path / sfa_keys.PRIVATE).read_bytes()).digest() == first
    assert (tmp_path / sfa_keys.PRIVATE).stat().st_mode & 0o777 == 0o600
    assert "d" not in json.loads(public.read_text())["keys"][0]


async def test_a_rep_gets_codes_for_the_own_outlets_alone(
    house: House, staffing: Staffing, callers: Callers, stored: Database
) -> None:
    async def ask(code: str, who: str, body: object = None) -> tuple[int, str]:
        given_token = sfa_keys.token_for(house.settings.home, who, clock.now())
        answer = await callers.client.post(
            f"/sfa/v1/outlets/{code}/binding-codes",
            json={} if body is None else body,
            headers={"authorization": f"Bearer {given_token}"},
        )
        return answer.status_code, answer.json().get("code", answer.json().get("token", ""))

    status, binding_token = await ask("OWN1", "own-rep", {"medium": "card"})
    assert status == 201
    made = await stored.connection.fetchrow("SELECT * FROM binding_codes ORDER BY id DESC LIMIT 1")
    assert made is not None
    assert made["token_hash"] == hashlib.sha256(binding_token.encode()).digest()
    assert (made["medium"], made["made_by"], made["rep_name"]) == (
        "card", f"staff:{staffing.people['rep'].id}", "本厂rep",
    )  # fmt: skip
    count = "SELECT count(*) FROM binding_codes"
    before = await stored.connection.fetchval(count)
    for code, who, refused in (
        ("OWN2", "own-rep", (404, "outlet_unknown")),
        ("FOREIGN1", "own-rep", (404, "outlet_unknown")),
        ("FOREIGN1", "own-supervisor", (404, "outlet_unknown")),
        ("NONE", "own-rep", (404, "outlet_unknown")),
        ("OWN1", "own-operator", (403, "rep_unknown")),
        ("OWN1", "nobody", (403, "rep_unknown")),
        ("OWN1", "unheard-of", (403, "rep_unknown")),
    ):
        assert await ask(code, who) == refused, (code, who)
    assert await ask("OWN1", "own-rep", {"medium": "wall"}) == (422, "out_of_range")
    assert await stored.connection.fetchval(count) == before
    assert (await ask("OWN2", "own-supervisor"))[0] == 201
    noted = await stored.connection.fetch(
        "SELECT actor_id, subject_id FROM audit_entries WHERE action = 'sfa_token.refused' AND actor_id = ANY ($1)",
        ["own-operator", "nobody", "unheard-of"],
    )
    asked = "POST /sfa/v1/outlets/OWN1/binding-codes"
    assert sorted(map(tuple, noted)) == [("nobody", asked), ("own-operator", asked), ("unheard-of", asked)]
