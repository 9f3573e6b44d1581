"""Around all else, as plain ASGI: each request gets an id, is timed, counted and logged, or turned away when there are too many."""

import os
import re
from itertools import count
from time import perf_counter

import structlog
from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from features.text import Text
from serving.operation.logs import failed
from serving.operation.metrics import Metrics
from serving.problems import OVERLOADED, problem

REQUEST_ID = "retinue.request_id"
"""Where a request's scope keeps its id."""
ALWAYS_ANSWERED = frozenset({"/healthz", "/readyz", "/metrics"})
"""Paths that are answered however many requests there are: who watches must see that there are too many."""
RETRY_SECONDS = 1

_GIVEN_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_FAILED = 500


class Watch:
    """Watches every request. ``most_at_once``: how many may be in flight; further ones are answered with 503 at once."""

    def __init__(
        self, app: ASGIApp, metrics: Metrics, log: structlog.BoundLogger, most_at_once: int, logs_all: bool
    ) -> None:
        self.app, self.metrics, self.log = app, metrics, log
        self.most_at_once, self.logs_all = most_at_once, logs_all
        self.at_once = 0
        self._own_ids, self._numbers = os.urandom(6).hex().encode(), count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or turn it away."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begin = perf_counter()
        request_id = self._id_of(scope)
        scope[REQUEST_ID] = request_id.decode()
        status = _FAILED

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"].append((b"x-request-id", request_id))
            await send(message)

        self.at_once += 1
        self.metrics.in_flight.inc()
        fault: Exception | None = None
        try:
            if self.at_once <= self.most_at_once or scope["path"] in ALWAYS_ANSWERED:
                await self.app(scope, receive, send_with_id)
            else:
                self.metrics.shed.inc()
                await _turned_away(scope)(scope, receive, send_with_id)
        except Exception as raised:
            fault = raised
            raise
        finally:
            self.at_once -= 1
            self.metrics.in_flight.dec()
            self._tell(scope, status, perf_counter() - begin, fault)

    def _id_of(self, scope: Scope) -> bytes:
        """The id that the sender gave, if it is one; else our own."""
        for name, value in scope["headers"]:
            if name == b"x-request-id" and _GIVEN_ID.fullmatch(value):
                return bytes(value)
        return b"%b-%x" % (self._own_ids, next(self._numbers))

    def _tell(self, scope: Scope, status: int, seconds: float, fault: Exception | None) -> None:
        route = route_of(scope)
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self.metrics.answered(method, route, status, seconds)
        if self.logs_all or status >= _FAILED:
            write = self.log.error if fault else self.log.warning if status >= _FAILED else self.log.info
            write(
                "request",
                request_id=scope[REQUEST_ID],
                method=method,
                route=route,
                status=status,
                milliseconds=round(seconds * 1e3, 3),
                **(failed(fault) if fault else {}),
            )


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def route_of(scope: Scope) -> str:
    """The template of the route that answered, ``/static`` for files; ``none`` where no route did."""
    route = scope.get("route")
    if route is not None:
        path: str = getattr(route, "path_format", route.path)
        return path
    return "/static" if scope["path"].startswith("/static/") else "none"


def _turned_away(scope: Scope) -> ASGIApp:
    return problem(
        Request(scope),
        OVERLOADED,
        Text(
            "The service has more requests than it can answer at once. Send this one again after {seconds} second(s).",
            "当前请求过多，服务暂时无法处理。请在 {seconds} 秒后重新发送。",
        ).format(seconds=RETRY_SECONDS),
        headers={"Retry-After": str(RETRY_SECONDS)},
    )
