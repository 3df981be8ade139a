"""Pictures: known by how they begin, kept once under the hash of what they are."""

import hashlib

import pytest

from loyalty import transactions
from loyalty.pictures import pictures
from loyalty.pictures.errors import PictureInvalid
from tests import rows
from tests.storefront import AT, BY

PNG = b"\x89PNG\r\n\x1a\n" + b"picture"
JPEG = b"\xff\xd8\xff\xe0picture"
WEBP = b"RIFF\x08\x00\x00\x00WEBPVP8 "


async def kept(content: bytes) -> str:
    async with transactions.begin():
        return await pictures.keep(content, BY, AT)


@pytest.mark.parametrize(
    ("content", "kind"), [(PNG, "image/png"), (JPEG, "image/jpeg"), (WEBP, "image/webp")], ids=["png", "jpeg", "webp"]
)
async def test_a_picture_is_kept_once_under_its_hash(db: str, content: bytes, kind: str) -> None:
    digest = hashlib.sha256(content).hexdigest()
    assert (await kept(content), await kept(content), await pictures.read(digest)) == (digest, digest, (kind, content))
    assert await rows.fetch(db, "SELECT digest, made_by FROM pictures") == [(digest, "command:tests")]
    assert await pictures.read("0" * 64) is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<svg onload='alert(1)'/>",
        b"GIF89a",
        b"RIFF\x08\x00\x00\x00WAVE",
        b"RIFF",
        PNG[1:],
        PNG + bytes(pictures.BYTES_MAX),
    ],
    ids=["nothing", "svg", "gif", "wave", "a bare riff", "cut", "too large"],
)
async def test_what_is_no_picture_is_not_kept(db: str, content: bytes) -> None:
    with pytest.raises(PictureInvalid) as refused:
        await kept(content)
    assert refused.value.data == {"field": "picture"}
    assert await rows.fetch(db, "SELECT FROM pictures") == []


async def test_the_largest_picture_fits(db: str) -> None:
    largest = PNG + bytes(pictures.BYTES_MAX - len(PNG))
    assert await pictures.read(await kept(largest)) == ("image/png", largest)
