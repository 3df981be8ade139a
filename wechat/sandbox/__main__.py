"""`python -m wechat.sandbox`: the stand-in for WeChat as a program of its own.

The account comes from the environment: WECHAT_APPID, WECHAT_SECRET, WECHAT_TOKEN, WECHAT_AES_KEY. On Linux the
program ends with the one that started it; SIGTERM and SIGINT end it cleanly.
"""

import argparse
import ctypes
import os
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from sanic import Sanic

from wechat.sandbox.server import create_sandbox
from wechat.sandbox.world import Account, Catalogue, read_catalogue

PR_SET_PDEATHSIG: Final = 1
AES_KEY_LENGTH: Final = 43
VARIABLES: Final = ("WECHAT_APPID", "WECHAT_SECRET", "WECHAT_TOKEN", "WECHAT_AES_KEY")


def main(arguments: list[str] | None = None) -> int:
    """Serve until told to stop; return 0 then."""
    parser = _parser()
    told = parser.parse_args(arguments)
    try:
        account = account_from(os.environ)
        catalogue = Catalogue() if told.catalogue is None else read_catalogue(told.catalogue)
        listening = _listen(told.host, told.port) if told.fd is None else socket.socket(fileno=told.fd)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    _end_with_parent(os.getppid())
    app = create_sandbox(told.state, account, told.callback_url, catalogue)
    if told.fd is None:
        _announce(app, listening)
    app.run(sock=listening, single_process=True, motd=False, access_log=False)
    return 0


def account_from(environ: Mapping[str, str]) -> Account:
    """Read the account; raise ValueError naming the first variable that is missing or wrong."""
    values = [environ.get(name, "") for name in VARIABLES]
    for name, value in zip(VARIABLES, values, strict=True):
        if not value:
            raise ValueError(f"{name} is not set")
    appid, secret, token, aes_key = values
    if len(aes_key) != AES_KEY_LENGTH or not (aes_key.isascii() and aes_key.isalnum()):
        raise ValueError("WECHAT_AES_KEY must be 43 letters and digits")
    return Account(appid, secret, token, aes_key)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m wechat.sandbox", description=__doc__)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--port", type=int, help="listen here; 0 takes a free port and prints it")
    where.add_argument("--fd", type=int, help="serve an inherited socket that already listens")
    parser.add_argument("--host", default="127.0.0.1", help="address for --port (default: %(default)s)")
    parser.add_argument("--state", type=Path, help="file that keeps members, permissions and messages")
    parser.add_argument("--callback-url", help="where permissions are pushed to")
    parser.add_argument("--catalogue", type=Path, help="JSON file of published pages and templates with their fields")
    return parser


def _listen(host: str, port: int) -> socket.socket:
    return socket.create_server((host, port))


def _announce(app: Sanic[Any, Any], listening: socket.socket) -> None:
    host, port = listening.getsockname()[:2]

    @app.after_server_start
    async def announce(_app: Sanic[Any, Any]) -> None:
        sys.stdout.write(f"微信沙箱已就绪：http://{host}:{port}/sandbox/\n")
        sys.stdout.flush()


def _end_with_parent(parent: int) -> None:
    """Ask Linux for a SIGTERM when the parent dies; elsewhere the parent has to send it."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it died before the request was in
        raise SystemExit(0)


if __name__ == "__main__":
    sys.exit(main())
