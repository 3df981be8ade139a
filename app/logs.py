"""Logs: structlog, one JSON line each in production, readable in a terminal.

No line carries personal data or a secret: requests are logged by route, never by path, query or body.
"""

import logging
import sys
from datetime import UTC, datetime
from typing import Any

import msgspec
import structlog
from structlog.typing import EventDict, WrappedLogger

FLUSH_SECONDS = 0.1
BUFFER_LINES_MAX = 500


class BufferedLogger:
    """Gathers lines and writes them together: a line a request would be a system call a request.

    ``flush`` is called by whoever runs the process, at least every FLUSH_SECONDS; a full buffer, a warning and worse
    are written at once. A killed process loses the lines of the last FLUSH_SECONDS, never a fact.
    """

    def __init__(self) -> None:
        self._lines: list[bytes] = []

    def msg(self, line: bytes) -> None:
        """Keep a line for the next flush."""
        self._lines.append(line)
        if len(self._lines) >= BUFFER_LINES_MAX:
            self.flush()

    debug = info = msg

    def urgent(self, line: bytes) -> None:
        """Write a line now, after those that wait."""
        self._lines.append(line)
        self.flush()

    warning = error = critical = exception = urgent

    def flush(self) -> None:
        """Write what waits."""
        if self._lines:
            lines, self._lines = self._lines, []
            sys.stderr.buffer.write(b"\n".join(lines) + b"\n")
            sys.stderr.buffer.flush()


BUFFER = BufferedLogger()


class RequestLine(msgspec.Struct, frozen=True):
    """The line of one request, in the order and with the names that structlog's lines have."""

    method: str
    route: str
    status: int
    ms: float
    trace_id: str
    timestamp: datetime
    part: str = "http"
    event: str = "request"
    level: str = "info"


_encoder = msgspec.json.Encoder()
_buffered = False


def request(method: str, route: str, status: int, ms: float, trace_id: str) -> None:
    """Log one answered request.

    A buffered process encodes the line itself: the way through structlog costs five times as much.
    """
    if _buffered:
        BUFFER.msg(_encoder.encode(RequestLine(method, route, status, ms, trace_id, datetime.now(UTC))))
    else:
        _requests.info("request", method=method, route=route, status=status, ms=ms, trace_id=trace_id)


_requests: Any = structlog.get_logger(part="http")


def configure(*, readable: bool | None = None, buffered: bool = False) -> None:
    """Set logging up for this process. ``readable`` defaults to whether stderr is a terminal.

    A ``buffered`` process has to call BUFFER.flush() every FLUSH_SECONDS and when it ends.
    """
    global _buffered  # noqa: PLW0603 - logging is one for the process
    if readable is None:
        readable = sys.stderr.isatty()
    _buffered = buffered and not readable
    shared: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if readable
        else [*shared, _json],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr)
        if readable
        else (lambda *_: BUFFER)
        if buffered
        else structlog.BytesLoggerFactory(sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.dev.ConsoleRenderer() if readable else _json_text,
        ],
    )
    stream = logging.StreamHandler(sys.stderr)
    stream.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [stream]
    root.setLevel(logging.INFO)
    # These write whole URLs, query and all.
    for name in ("httpx", "httpcore", "sanic.access"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in ("sanic.root", "sanic.error", "sanic.server"):
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True
        logging.getLogger(name).setLevel(logging.WARNING)


def get(name: str) -> Any:
    """Give a logger whose lines carry ``name`` as part."""
    return structlog.get_logger(part=name)


def _json(_logger: WrappedLogger, _method: str, event: EventDict) -> bytes:
    return msgspec.json.encode(event, enc_hook=str)


def _json_text(logger: WrappedLogger, method: str, event: EventDict) -> str:
    return _json(logger, method, event).decode()
