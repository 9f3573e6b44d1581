"""What every answer carries, and who may ask: plain ASGI, since a look-up costs little more than this."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from features.text import Text
from serving.problems import MAX_BODY_BYTES, TOO_LARGE, TOO_SLOW, WRONG_HOST, problem

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Guard:
    """Adds the security headers to every answer, and refuses requests that were meant for another host.

    The second keeps a web site that points its own name at this machine from reading customers out of a browser.
    """

    def __init__(self, app: ASGIApp, hosts: tuple[str, ...]) -> None:
        self.app = app
        self.hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(message, scope["path"])
            await send(message)

        app = self.app if _host(scope) in self.hosts else problem(Request(scope), WRONG_HOST, _WRONG_HOST)
        await app(scope, _bounded(receive), send_with_headers)


class TimeLimit:
    """Answers in place of a request that takes too long, whether its sender is slow or the service.

    Work in a thread cannot be stopped; it ends on its own, and what it would have answered is dropped.
    """

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self.app, self.seconds = app, seconds
        self._answering: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and answer in its place when its time is over."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        is_begun = is_over = False

        async def send_in_time(message: Message) -> None:
            nonlocal is_begun
            if not is_over:
                is_begun = True
                await send(message)

        def end() -> None:
            nonlocal is_over
            if not is_begun:
                is_over = True
                self._start(problem(Request(scope), TOO_SLOW, _TOO_SLOW, headers=_TRY_LATER)(scope, receive, send))

        timer = asyncio.get_running_loop().call_later(self.seconds, end)
        try:
            await self.app(scope, receive, send_in_time)
        finally:
            timer.cancel()

    def _start(self, answer: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(answer)
        self._answering.add(task)  # else nobody holds it, and it may vanish before it is done
        task.add_done_callback(self._answering.discard)


def _bounded(receive: Receive) -> Receive:
    """The body of a request, refused once it is too large, whether or not its length was told."""
    read = 0

    async def receive_within() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if read > MAX_BODY_BYTES:
            raise HTTPException(TOO_LARGE.status)
        return message

    return receive_within


_TRY_LATER = {"Retry-After": "10", "Connection": "close"}
_TOO_SLOW = Text(
    "The answer took too long and was given up; whether a change was made is not known. Send the same request again: what is"
    " there already is not added twice.",
    "响应超时，已放弃；无法确定更改是否已完成。请原样重发：已有的内容不会重复添加。",
)
_WRONG_HOST = Text(
    "This service answers only to the address that it was started with. Use the address that 'retinue serve' prints.",
    "本服务只响应其启动时的地址。请使用“retinue serve”显示的地址。",
)


def _host(scope: Scope) -> str:
    host = Headers(scope=scope).get("host", "").lower()
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host


_RAW_HEADERS = [(name.lower().encode(), value.encode()) for name, value in _HEADERS.items()]


def _add_headers(message: Message, path: str) -> None:
    """Add the headers as bytes, once each: a look-up costs little more than this."""
    headers: list[tuple[bytes, bytes]] = message["headers"]
    if not path.startswith("/static/") and b"cache-control" not in dict(headers):
        headers.append((b"cache-control", b"no-store"))
    headers += _RAW_HEADERS
