"""Mini-program codes: the round pictures that open a page with a scene."""

import re
from typing import Final, Literal

from wechat.client import AsyncWeChatClient
from wechat.errors import Unsendable

EnvVersion = Literal["release", "trial", "develop"]

WIDTH_MIN: Final = 280
WIDTH_MAX: Final = 1280
_SCENE: Final = re.compile(r"[0-9A-Za-z!#$&'()*+,/:;=?@\-._~]{1,32}", re.ASCII)
_PAGE: Final = re.compile(r"[0-9A-Za-z_\-]+(/[0-9A-Za-z_\-]+)*", re.ASCII)
PAGE_LENGTH_MAX: Final = 128


async def mini_program_code(
    client: AsyncWeChatClient, scene: str, page: str, env_version: EnvVersion = "release", width: int = 430
) -> bytes:
    """Draw the code that opens `page` with `scene`; return a JPEG or PNG, `width` pixels wide.

    The picture is valid for ever: what the scene means must be able to end on our side. Raises Unsendable before
    calling when scene, page or width can not be right; Misconfigured when the page is not published; Unavailable.
    """
    check_scene(scene)
    if len(page) > PAGE_LENGTH_MAX or not _PAGE.fullmatch(page):
        raise Unsendable("page", "a page path without a leading slash and without parameters")
    if not WIDTH_MIN <= width <= WIDTH_MAX:
        raise Unsendable("width", f"from {WIDTH_MIN} to {WIDTH_MAX} pixels")
    # Only the released version has published pages to check against.
    image: bytes = await client.wxa.code_image(scene, page, env_version, width, check_path=env_version == "release")
    return image


def check_scene(scene: str) -> None:
    """Raise Unsendable unless WeChat takes this as a scene: 1 to 32 of its letters, digits and signs, no percent."""
    if not _SCENE.fullmatch(scene):
        raise Unsendable("scene", "1 to 32 letters, digits or !#$&'()*+,/:;=?@-._~")
