"""The interface's document and the page that shows it: read once, served from memory, nothing from outside."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sanic import HTTPResponse, Request, Sanic

from app.http.traces import trace_id

FOLDER = Path(__file__).parent.parent / "static" / "docs"
FILES = {
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "swagger-ui.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "page.css": "text/css; charset=utf-8",
}
ASK_AGAIN = "no-cache"
KEEP = "public, max-age=3600"
# Swagger UI writes style attributes, and its icons stand inside its stylesheet.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "content-security-policy": CONTENT_SECURITY_POLICY,
}


@dataclass(frozen=True, slots=True)
class Served:
    """A file as it goes out, with the tag that tells one content from another."""

    content: bytes
    content_type: str
    cache_control: str
    etag: str


def mount(app: Sanic[Any, Any], document: bytes) -> None:
    """Route GET /openapi.json, GET /docs and the files of the page. Raises OSError when one of them is missing."""
    pages = {
        "/openapi.json": _served(document, "application/json", ASK_AGAIN),
        "/docs": _served((FOLDER / "index.html").read_bytes(), "text/html; charset=utf-8", ASK_AGAIN),
    }
    pages |= {f"/docs/{name}": _served((FOLDER / name).read_bytes(), kind, KEEP) for name, kind in FILES.items()}

    async def serve(request: Request) -> HTTPResponse:
        # The routes are literal, so their paths are the keys; a slash at the end means the same page.
        return _answer(request, pages[request.path.rstrip("/")])

    for path in pages:
        app.add_route(serve, path, {"GET"}, name=f"docs_{path.strip('/').replace('/', '_')}")


def _served(content: bytes, content_type: str, cache_control: str) -> Served:
    return Served(content, content_type, cache_control, f'"{hashlib.blake2b(content, digest_size=12).hexdigest()}"')


def _answer(request: Request, served: Served) -> HTTPResponse:
    headers = {
        **SECURITY_HEADERS,
        "cache-control": served.cache_control,
        "etag": served.etag,
        "trace-id": trace_id(request),
    }
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    if served.etag in known:
        return HTTPResponse(None, 304, headers)
    return HTTPResponse(served.content, 200, headers, served.content_type)
