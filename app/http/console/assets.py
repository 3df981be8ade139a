"""The console's own files: read once, named by their content, kept by browsers for a year."""

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sanic import HTTPResponse, Request, Sanic

from app.http.errors import PathUnknown, render
from app.http.traces import trace_id

FOLDER = Path(__file__).parent.parent.parent / "static" / "console"
TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
PREFIX = "/static/console"
KEEP = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it goes out."""

    content: bytes
    zipped: bytes
    content_type: str
    url: str


def _read(file: Path) -> Asset:
    content = file.read_bytes()
    digest = hashlib.blake2b(content, digest_size=9).hexdigest()
    return Asset(content, gzip.compress(content, 9, mtime=0), TYPES[file.suffix], f"{PREFIX}/{digest}/{file.name}")


ASSETS: dict[str, Asset] = {file.name: _read(file) for file in sorted(FOLDER.iterdir()) if file.suffix in TYPES}


def url_of(name: str) -> str:
    """Give the address of an asset. KeyError for one that is not there."""
    return ASSETS[name].url


def mount(app: Sanic[Any, Any]) -> None:
    """Route the assets by the addresses that pages name; an old page's address is gone."""

    async def serve(request: Request, digest: str, name: str) -> HTTPResponse:
        asset = ASSETS.get(name)
        if asset is None or asset.url != f"{PREFIX}/{digest}/{name}":
            return render(PathUnknown(), trace_id(request))
        headers = {
            "cache-control": KEEP,
            "x-content-type-options": "nosniff",
            "vary": "accept-encoding",
            "trace-id": trace_id(request),
        }
        if "gzip" in request.headers.get("accept-encoding", ""):
            return HTTPResponse(asset.zipped, 200, headers | {"content-encoding": "gzip"}, asset.content_type)
        return HTTPResponse(asset.content, 200, headers, asset.content_type)

    app.add_route(serve, f"{PREFIX}/<digest:str>/<name:str>", {"GET"}, name="console_asset")
