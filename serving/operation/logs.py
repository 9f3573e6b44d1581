"""Logs as one JSON object a line, for machines: what was answered and what failed, by request id.

Neither addresses nor queries nor the words of an exception are written, since they hold ids of customers and may hold secrets:
a route stands by its template, an exception by its type and the places in the code.
"""

import logging
import sys
import traceback
from typing import Any, BinaryIO

import orjson
import structlog


def open_log(stream: BinaryIO | None = None) -> structlog.BoundLogger:
    """A log on ``stream``; without one, on the standard error."""
    log: structlog.BoundLogger = structlog.wrap_logger(
        structlog.BytesLogger(stream or sys.stderr.buffer),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            structlog.processors.JSONRenderer(serializer=orjson.dumps),
        ],
        wrapper_class=structlog.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return log


def places(fault: BaseException) -> list[str]:
    """Where in the code an exception came from, outermost first."""
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(fault.__traceback__)]


class ServerLog(logging.Handler):
    """Writes the web server's own warnings into the log; of exceptions only that there was one, the rest is there already."""

    def __init__(self, log: structlog.BoundLogger) -> None:
        super().__init__(logging.WARNING)
        self.log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write one warning."""
        if not record.exc_info:
            self.log.warning("server", logger=record.name, message=record.getMessage())


def take_server_log(log: structlog.BoundLogger) -> None:
    """Let the web server's warnings be written to ``log`` instead of as plain lines."""
    server = logging.getLogger("uvicorn")
    server.handlers[:] = [ServerLog(log)]
    server.setLevel(logging.WARNING)
    server.propagate = False


def failed(fault: BaseException) -> dict[str, Any]:
    """What the log says of an exception."""
    return {"exception": type(fault).__name__, "places": places(fault)}
