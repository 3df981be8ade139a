"""The base of every ratio: a Sanic POST without anything of ours, on an inherited socket, one worker."""

import socket
import sys
from typing import Any

from sanic import HTTPResponse, Request, Sanic

app: Sanic[Any, Any] = Sanic("bare", configure_logging=False)


@app.post("/")
async def answer(_request: Request) -> HTTPResponse:
    """Answer at once."""
    return HTTPResponse(b"{}", 200, content_type="application/json")


if __name__ == "__main__":
    app.run(sock=socket.socket(fileno=int(sys.argv[1])), single_process=True, motd=False, access_log=False)
