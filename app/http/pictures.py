"""Pictures: each under the hash of its content, so it never changes and may be kept for ever."""

import re
from typing import Any

from sanic import HTTPResponse, Request, Sanic

from app.http import errors
from app.http.errors import PathUnknown
from app.http.observing import observed
from app.http.traces import trace_id
from loyalty.errors import Refusal
from loyalty.pictures import pictures

PREFIX = "/pictures"
DIGEST = re.compile("[0-9a-f]{64}")
HEADERS = {
    "cache-control": "public, max-age=31536000, immutable",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'",
}


def path_of(digest: str) -> str:
    """Give the path of a picture."""
    return f"{PREFIX}/{digest}"


def mount(app: Sanic[Any, Any]) -> None:
    """Route pictures. They are for everybody: who knows a hash has seen the picture."""
    route = f"{PREFIX}/{{digest}}"
    app.add_route(observed("GET", route, _show, _refuse), f"{PREFIX}/<digest:str>", {"GET"}, name="picture")


async def _show(_request: Request, params: dict[str, str]) -> HTTPResponse:
    found = await pictures.read(params["digest"]) if DIGEST.fullmatch(params["digest"]) else None
    if found is None:
        raise PathUnknown
    return HTTPResponse(found[1], 200, HEADERS, found[0])


async def _refuse(request: Request, refusal: Refusal | errors.HttpRefusal) -> HTTPResponse:
    return errors.render(refusal, trace_id(request))
