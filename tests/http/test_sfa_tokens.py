"""The SFA's tokens beside test_sfa.py: signs changed, headers and claims by hand, keys in files, the demo's pair."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app import sfa_keys
from app.http import key_sets
from app.http.key_sets import KeySet
from app.http.sfa_tokens import SfaTokenExpired, SfaTokenInvalid, SfaTokens

AT = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
NOW = int(AT.timestamp())
ED = Ed25519PrivateKey.generate()
NEXT = Ed25519PrivateKey.generate()
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
HEADER = {"alg": "EdDSA", "kid": "ed"}
CLAIMS: dict[str, Any] = {"sub": "rep", "aud": "leketong", "iat": NOW, "exp": NOW + 600}


def part(text: bytes) -> str:
    """Write bytes as a part of a token."""
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def signed(header: object = HEADER, payload: object = CLAIMS) -> str:
    """Sign whatever it is with the SFA's own right key: only its form can be wrong. Bytes stand as they are."""
    texts = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in (header, payload)]
    head = ".".join(part(text) for text in texts)
    return head + "." + part(ED.sign(head.encode()))


def write_set(file: Path, *keys: dict[str, Any]) -> Path:
    """Write a key set."""
    file.write_text(json.dumps({"keys": list(keys)}))
    return file


def rsa_jwk() -> dict[str, Any]:
    """Give the RSA key as a JSON Web Key."""
    return {**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(RSA.public_key())), "kid": "rsa"}


@pytest.fixture
def tokens(tmp_path: Path) -> SfaTokens:
    return SfaTokens(str(write_set(tmp_path / "jwks.json", sfa_keys.jwk_of(ED, "ed"), rsa_jwk())))


async def test_no_single_sign_of_a_token_can_be_changed(tokens: SfaTokens) -> None:
    rights = [signed(), jwt.encode(CLAIMS, RSA, "RS256", {"kid": "rsa"})]
    for right in rights:
        assert (await tokens.read(right, AT)).staff_code == "rep"
        for place in range(len(right)):
            for bit in range(7):
                changed = right[:place] + chr(ord(right[place]) ^ (1 << bit)) + right[place + 1 :]
                with pytest.raises((SfaTokenInvalid, SfaTokenExpired)):
                    await tokens.read(changed, AT)


MALFORMED = {
    "an address of a certificate": signed({**HEADER, "x5u": "https://evil.example"}),
    "its own key, though the right one": signed({**HEADER, "jwk": sfa_keys.jwk_of(ED, "ed")}),
    "nothing critical": signed({**HEADER, "crit": []}),
    "a payload that is not encoded": signed({**HEADER, "b64": True}),
    "the algorithm in small letters": signed({"alg": "eddsa", "kid": "ed"}),
    "no algorithm": signed({"kid": "ed"}),
    "an algorithm that is no text": signed({"alg": ["EdDSA"], "kid": "ed"}),
    "the other key's algorithm": signed({"alg": "RS256", "kid": "ed"}),
    "the other key": signed({"alg": "EdDSA", "kid": "rsa"}),
    "an empty key id": signed({"alg": "EdDSA", "kid": ""}),
    "a header without an end": signed(b'{"a":' + b"[" * 1400 + b"]" * 1400 + b"}"),
    "a header that is no text": signed(b"\xff"),
    "a payload without an end": signed(payload=b'{"a":' + b"[" * 1400 + b"]" * 1400 + b"}"),
    "a payload that is no text": signed(payload=b"\xff"),
    "a list for a payload": signed(payload=[]),
    "end is true": signed(payload={**CLAIMS, "exp": True}),
    "end is text": signed(payload={**CLAIMS, "exp": str(NOW + 600)}),
    "end is not a number": signed(payload={**CLAIMS, "exp": float("nan")}),
    "end is never": signed(payload={**CLAIMS, "exp": float("inf")}),
    "start and end are never": signed(payload={**CLAIMS, "iat": float("inf"), "exp": float("inf")}),
    "start is not a number": signed(payload={**CLAIMS, "iat": float("nan")}),
    "end has four hundred digits": signed(payload={**CLAIMS, "exp": 10**400}),
    "a fraction of a second too long": signed(payload={**CLAIMS, "exp": NOW + 600.5}),
    "start is text": signed(payload={**CLAIMS, "iat": str(NOW)}),
    "not before is text": signed(payload={**CLAIMS, "nbf": "now"}),
    "the subject is a number": signed(payload={**CLAIMS, "sub": 7}),
    "the audience twice": signed(payload={**CLAIMS, "aud": ["leketong", "leketong"]}),
    "no audience in a list": signed(payload={**CLAIMS, "aud": []}),
    "the audience in capitals": signed(payload={**CLAIMS, "aud": "Leketong"}),
    "the audience with a space": signed(payload={**CLAIMS, "aud": "leketong "}),
    "not before is not a number": signed(payload={**CLAIMS, "nbf": float("nan")}),
    "padding": signed() + "==",
    "an algorithm twice": signed(b'{"alg":"none","alg":"EdDSA","kid":"ed"}'),
    "a key id twice": signed(b'{"alg":"EdDSA","kid":"rsa","kid":"ed"}'),
    "a subject twice": signed(payload=json.dumps(CLAIMS).encode()[:-1] + b',"sub":"other"}'),
    "an audience twice": signed(payload=b'{"aud":"orders",' + json.dumps(CLAIMS).encode()[1:]),
    "UTF-16": signed(payload=json.dumps(CLAIMS).encode("utf-16")),
    "a subject with a NUL": signed(payload={**CLAIMS, "sub": "rep\0"}),
    "a subject with half a pair": signed(payload={**CLAIMS, "sub": "\ud800"}),
    "a subject with a new line": signed(payload={**CLAIMS, "sub": "rep\n"}),
    "a blank subject": signed(payload={**CLAIMS, "sub": "  "}),
    "a new line at the end": signed() + "\n",
    "a signature of somebody else": signed().rpartition(".")[0] + "." + part(NEXT.sign(b"x")),
    "no signature": signed().rpartition(".")[0] + ".",
}


@pytest.mark.parametrize("what", MALFORMED)
async def test_the_right_key_does_not_make_a_wrong_form_right(what: str, tokens: SfaTokens) -> None:
    with pytest.raises(SfaTokenInvalid) as refused:
        await tokens.read(MALFORMED[what], AT)
    assert (refused.value.status, refused.value.data) == (401, {})


async def test_the_end_is_sharp(tokens: SfaTokens) -> None:
    almost = AT + timedelta(seconds=600) - timedelta(microseconds=1)
    assert (await tokens.read(signed(), almost)).expires_at == AT + timedelta(seconds=600)
    with pytest.raises(SfaTokenExpired):
        await tokens.read(signed(), AT + timedelta(seconds=600))


async def test_lengths_end_where_they_should(tokens: SfaTokens) -> None:
    assert (await tokens.read(signed(payload={**CLAIMS, "sub": "业" * 64}), AT)).staff_code == "业" * 64
    # A claim that nobody reads takes what is left; three bytes of it are four signs, so the header takes up the rest.
    for length, passes in ((4096, True), (4097, False)):
        sized = next(
            one
            for spare in range(4)
            for size in range(2600, 3000)
            if len(one := signed({**HEADER, "typ": "x" * spare}, {**CLAIMS, "x": "x" * size})) == length
        )
        if passes:
            assert (await tokens.read(sized, AT)).staff_code == "rep"
        else:
            with pytest.raises(SfaTokenInvalid):
                await tokens.read(sized, AT)


async def test_a_key_taken_out_of_the_file_is_trusted_for_seconds_only(tmp_path: Path) -> None:
    now = [1000.0]
    file = write_set(tmp_path / "jwks.json", sfa_keys.jwk_of(ED, "ed"))
    keys = KeySet(str(file), lambda: now[0])
    assert await keys.find("ed") is not None
    write_set(file, sfa_keys.jwk_of(NEXT, "next"))
    now[0] += key_sets.FILE_AGAIN_SECONDS - 1
    assert await keys.find("ed") is not None
    now[0] += 1
    assert await keys.find("ed") is None
    assert await keys.find("next") is not None


async def test_a_file_half_written_or_gone_keeps_the_keys_that_were_known(tmp_path: Path) -> None:
    now = [1000.0]
    file = write_set(tmp_path / "jwks.json", sfa_keys.jwk_of(ED, "ed"))
    keys = KeySet(str(file), lambda: now[0])
    assert await keys.find("ed") is not None
    file.write_text('{"keys": [')
    now[0] += key_sets.FILE_AGAIN_SECONDS
    assert await keys.find("ed") is not None
    write_set(file, sfa_keys.jwk_of(NEXT, "next"))
    now[0] += key_sets.FILE_AGAIN_SECONDS
    assert await keys.find("next") is not None
    file.unlink()
    now[0] += key_sets.FILE_AGAIN_SECONDS
    assert await keys.find("next") is not None


async def test_a_file_that_nobody_changes_stays_known_for_ever(tmp_path: Path) -> None:
    now = [1000.0]
    keys = KeySet(str(write_set(tmp_path / "jwks.json", sfa_keys.jwk_of(ED, "ed"))), lambda: now[0])
    for _ in range(5):
        assert await keys.find("ed") is not None
        now[0] += key_sets.KEPT_SECONDS + 1


@pytest.mark.parametrize("address", ["http://127.0.0.1:port/", "http://127.0.0.1/\t"])
async def test_an_address_that_is_none_makes_nobody_known(address: str) -> None:
    with pytest.raises(key_sets.SfaKeysUnavailable):
        await KeySet(address).find("ed")


def test_a_set_without_an_end_is_none() -> None:
    with pytest.raises(ValueError, match="Key Set"):
        key_sets.read_keys(b'{"keys":[' + b"[" * 30_000 + b"]" * 30_000 + b"]}")


async def test_what_is_logged_of_a_failed_look_names_no_address(capsys: pytest.CaptureFixture[str]) -> None:
    keys = KeySet("http://person:secret-word@127.0.0.1:1/secret-path")
    with pytest.raises(key_sets.SfaKeysUnavailable) as refused:
        await keys.find("ed")
    told = capsys.readouterr()
    assert "secret" not in told.out + told.err + str(refused.value) + refused.value.detail


async def test_the_demos_sfa_is_believed_by_the_demos_keys(tmp_path: Path) -> None:
    tokens = SfaTokens(str(sfa_keys.ensure_pair(tmp_path)))
    read = await tokens.read(sfa_keys.token_for(tmp_path, "rep", AT), AT)
    assert (read.staff_code, read.expires_at, read.key_id) == ("rep", AT + timedelta(minutes=10), "demo")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    sfa_keys.ensure_pair(elsewhere)
    with pytest.raises(SfaTokenInvalid):
        await tokens.read(sfa_keys.token_for(elsewhere, "rep", AT), AT)


@pytest.mark.parametrize("lost", [sfa_keys.PRIVATE, sfa_keys.PUBLIC])
async def test_half_a_pair_is_made_anew_and_fits(lost: str, tmp_path: Path) -> None:
    sfa_keys.ensure_pair(tmp_path)
    (tmp_path / lost).unlink()
    tokens = SfaTokens(str(sfa_keys.ensure_pair(tmp_path)))
    assert (await tokens.read(sfa_keys.token_for(tmp_path, "rep", AT), AT)).staff_code == "rep"
    assert (tmp_path / sfa_keys.PRIVATE).stat().st_mode & 0o777 == 0o600
    key = serialization.load_pem_private_key((tmp_path / sfa_keys.PRIVATE).read_bytes(), None)
    assert isinstance(key, Ed25519PrivateKey)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sfa-jwks.json", "sfa-private.pem"]
