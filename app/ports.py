"""Ports to listen on: the one that was asked for, or the next free one."""

import errno
import socket
import time
from collections.abc import Mapping

from app import settings
from app.settings import SettingsError

PORTS_TRIED = 50
LOCAL = "127.0.0.1"


class PortFault(Exception):  # noqa: N818 - told in one sentence
    """Nobody can listen where we were asked to."""


def listen(
    environ: Mapping[str, str], name: str, default: int, host: str, patience_seconds: float = 0.0
) -> socket.socket:
    """Listen on the port that the variable asks for, else on the default or the next free one.

    A port that is taken is waited for, so long as ``patience_seconds`` last.

    Raises PortFault for a port that was asked for and is taken, or a host that is not ours, and SettingsError for a
    port that is none.
    """
    text = environ.get(name, "").strip()
    if text and (not text.isascii() or not text.isdigit() or int(text) > settings.PORT_MAX):
        raise SettingsError(f"{name} must be a whole number from 0 to {settings.PORT_MAX}")
    wanted = [int(text)] if text else list(range(default, default + PORTS_TRIED))
    deadline = time.monotonic() + patience_seconds
    while wanted:
        try:
            bound = socket.create_server((host, wanted[0]), backlog=4096)
        except OSError as fault:
            if fault.errno == errno.EADDRINUSE:
                if time.monotonic() < deadline:
                    time.sleep(0.05)
                else:
                    del wanted[0]
                continue
            why = str(fault.strerror).partition(" (")[0]
            raise PortFault(f"不能在 {host} 的 {wanted[0]} 端口上监听（{why}），请检查 HOST 和 {name}") from None
        bound.set_inheritable(True)
        return bound
    if text:
        raise PortFault(f"{name} 指定的端口 {text} 被占用了，请换一个，或停掉占用它的程序")
    raise PortFault(f"{default} 到 {default + PORTS_TRIED - 1} 的端口都被占用了，请用 {name} 指定一个")
