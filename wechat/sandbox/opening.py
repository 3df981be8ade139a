"""WeChat's calls for ways into the mini-program: codes to scan and links to open."""

import re
import secrets
from typing import Final

from wechat.sandbox import inputs
from wechat.sandbox.drawing import draw
from wechat.sandbox.refusals import Refusal
from wechat.sandbox.world import Image, Json, Query, World

SCENE_LENGTH_MAX: Final = 32
WIDTHS: Final = range(280, 1281)
ENV_VERSIONS: Final = frozenset({"release", "trial", "develop"})
LINK_DAYS: Final = range(1, 31)
LINK_QUERY_LENGTH_MAX: Final = 1024
DAY_SECONDS: Final = 86_400
_PLAIN = r"0-9A-Za-z!#$&'()*+,/:;=?@._~\-"
_SCENE = re.compile(f"[{_PLAIN}]+")
_PAGE = re.compile(r"[0-9A-Za-z_\-][0-9A-Za-z_\-/]{0,127}")
_LINK_QUERY = re.compile(f"[{_PLAIN}%]*")


def getwxacodeunlimit(world: World, query: Query, body: bytes) -> Image:
    """POST /wxa/getwxacodeunlimit: a picture that stands for page and scene."""
    inputs.check_token(world, query)
    told = inputs.read_json(body)
    inputs.only(told, "scene", "page", "check_path", "env_version", "width", "auto_color", "line_color", "is_hyaline")
    scene = inputs.text(told, "scene", 40169)
    if len(scene) > SCENE_LENGTH_MAX or not _SCENE.fullmatch(scene):
        raise Refusal(40169)
    page, width = told.get("page"), told.get("width", 430)
    check_path = told.get("check_path", True)
    if not isinstance(check_path, bool) or told.get("env_version", "release") not in ENV_VERSIONS:
        raise Refusal(40097)
    if type(width) is not int or width not in WIDTHS:
        raise Refusal(40097)
    if page is not None and not _opens(world, page, check_path=check_path):
        raise Refusal(41030)
    return Image(draw(scene, str(page or ""), width), "image/png")


def _opens(world: World, page: object, *, check_path: bool) -> bool:
    if not isinstance(page, str) or not _PAGE.fullmatch(page):
        return False
    return world.catalogue.has_page(page) or not check_path


def generate_urllink(world: World, query: Query, body: bytes) -> Json:
    """POST /wxa/generate_urllink: a link that opens a page; it always ends, after 30 days at the latest."""
    inputs.check_token(world, query)
    told = inputs.read_json(body)
    inputs.only(
        told, "path", "query", "expire_type", "expire_time", "expire_interval", "env_version", "is_expire", "cloud_base"
    )
    path, parameters = told.get("path", ""), told.get("query", "")
    if not isinstance(path, str) or (path and not world.catalogue.has_page(path)):
        raise Refusal(40165)
    if (
        not isinstance(parameters, str)
        or len(parameters) > LINK_QUERY_LENGTH_MAX
        or not _LINK_QUERY.fullmatch(parameters)
    ):
        raise Refusal(40212)
    if told.get("env_version", "release") not in ENV_VERSIONS:
        raise Refusal(40097)
    _check_end(world, told)
    return {"errcode": 0, "errmsg": "ok", "url_link": f"https://wxaurl.cn/{secrets.token_urlsafe(8)}"}


def _check_end(world: World, told: Json) -> None:
    kind, at, days = told.get("expire_type", 0), told.get("expire_time"), told.get("expire_interval")
    now = world.clock.now()
    if kind == 0 and type(at) is int and now < at <= now + LINK_DAYS[-1] * DAY_SECONDS:
        return
    if kind == 1 and type(days) is int and days in LINK_DAYS:
        return
    raise Refusal(85401)
