"""What every answer carries, and who may ask: plain ASGI, since a look-up costs little more than this."""

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from features.text import Text
from serving.problems import MAX_BODY_BYTES, TOO_LARGE, WRONG_HOST, problem

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
