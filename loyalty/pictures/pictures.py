"""Pictures, kept under the hash of what they are: the same one is kept once and never changes."""

import hashlib
from datetime import datetime

from loyalty import transactions
from loyalty.organisation.audit import Actor
from loyalty.pictures.errors import PictureInvalid
from loyalty.pictures.models import Picture

BYTES_MAX = 512 * 1024
KINDS = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"RIFF": "image/webp"}
"""How a picture's bytes begin, whatever its name says."""


def kind_of(content: bytes) -> str:
    """Tell the content type of a picture's bytes. Raises PictureInvalid."""
    kind = next((kind for start, kind in KINDS.items() if content.startswith(start)), None)
    webp_wrong = kind == "image/webp" and content[8:12] != b"WEBP"
    if kind is None or webp_wrong or len(content) > BYTES_MAX:
        raise PictureInvalid(field="picture")
    return kind


async def keep(content: bytes, actor: Actor, at: datetime) -> str:
    """Keep a picture; return its id, the hash of its content. Needs a transaction. Raises PictureInvalid."""
    digest = hashlib.sha256(content).hexdigest()
    values = {"content_type": kind_of(content), "content": content, "made_by": actor.text, "made_at": at}
    await Picture.get_or_create(digest=digest, defaults=values)
    return digest


async def is_kept(digest: str) -> bool:
    """Tell whether a picture is there. Needs a transaction."""
    return await Picture.exists(digest=digest)


async def read(digest: str) -> tuple[str, bytes] | None:
    """Read a picture: its content type and content; None for one that is not there. Entry verb."""
    async with transactions.begin():
        found = await Picture.get_or_none(digest=digest)
    return None if found is None else (found.content_type, bytes(found.content))
