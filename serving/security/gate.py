"""The gate before all routes, as plain ASGI: who asks, how often, and what of it is written down."""

import asyncio
from functools import partial
from math import ceil
from time import monotonic
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.requests import Request, cookie_parser
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from features.errors import RetinueError
from features.text import Text
from serving.operation.middleware import REQUEST_ID
from serving.problems import (
    FOREIGN_PAGE,
    NO_KEY,
    TOO_MANY,
    on_retinue_error,
    problem,
    wants_page,
)
from serving.security.access import ANYBODY_HERE, NAMED, PUBLIC, RULES, WHO, Principal
from serving.security.audit import entry, named
from serving.security.limits import address_name
from serving.security.session import COOKIE, FOREIGN, SAFE_METHODS, holder_of, is_foreign
from serving.store.keys import add_to_audit

if TYPE_CHECKING:  # the service holds what the gate works with
    from serving.routes.state import Service

SIGN_IN = "/sign-in"


class Gate:
    """Lets through who has a live key, token or session; the routes themselves ask for the scope that they need."""

    def __init__(self, app: ASGIApp, service: "Service") -> None:
        self.app, self.service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http" or is_public(scope["path"]):
            await self.app(scope, receive, send)
            return
        try:
            principal = await self._who(scope)
        except RetinueError as fault:
            await (await on_retinue_error(Request(scope), fault))(scope, receive, send)
            return
        refused = self._refused(scope, principal)
        if refused is not None:
            await refused(scope, receive, send)
            return
        scope[WHO] = principal
        if scope["method"] not in SAFE_METHODS or self.service.settings.access.audit_reads:
            await self._audited(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _who(self, scope: Scope) -> Principal | None:
        """Who asks; None: nobody that is known. Raises RetinueError: it cannot be told."""
        service = self.service
        if not (service.must_have_key or service.keys.has_any()):
            return ANYBODY_HERE
        given = cookie = None
        for name, value in scope["headers"]:
            if name == b"authorization":
                scheme, _, rest = value.decode("latin-1").partition(" ")
                given = rest.strip() if scheme.lower() == "bearer" else ""
            elif name == b"x-api-key" and given is None:
                given = value.decode("latin-1")
            elif name == b"cookie":
                cookie = value.decode("latin-1")
        if given is not None:
            if service.tokens is not None and not given.startswith("rtn_"):
                return await service.tokens.who(given)
            return service.keys.who(given)
        return self._signed_in(cookie) if cookie else None

    def _signed_in(self, cookies: str) -> Principal | None:
        service = self.service
        session = cookie_parser(cookies).get(COOKIE)
        if not session:
            return None
        held = holder_of(session, service.keys, service.session_secret, service.settings.clock().timestamp())
        return held.principal._replace(by_cookie=True) if held else None

    def _refused(self, scope: Scope, principal: Principal | None) -> Response | None:
        """The answer to who may not ask, or asks too often, or whose browser was made to ask; None: let it through."""
        if principal is None:
            wait = self.service.strangers.wait_seconds(address_of(scope), monotonic())
            return too_many(Request(scope), wait) if wait else _no_key(Request(scope))
        wait = 0.0 if principal is ANYBODY_HERE else self.service.callers.wait_seconds(principal.subject, monotonic())
        if wait:
            return too_many(Request(scope), wait)
        if principal.by_cookie and scope["method"] not in SAFE_METHODS and is_foreign(Headers(scope=scope)):
            return problem(Request(scope), FOREIGN_PAGE, FOREIGN)
        return None

    async def _audited(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and write it down first: what was changed is not confirmed before it stands in the audit log."""
        is_refused = False

        async def send_audited(message: Message) -> None:
            nonlocal is_refused
            if is_refused:
                return
            if message["type"] == "http.response.start":
                try:
                    await self._write_down(scope, message["status"])
                except RetinueError as fault:
                    is_refused = True
                    await (await on_retinue_error(Request(scope), fault))(scope, receive, send)
                    return
            await send(message)

        await self.app(scope, receive, send_audited)

    async def _write_down(self, scope: Scope, status: int) -> None:
        route = getattr(scope.get("route"), "path", None)
        needed = RULES.get((scope["method"], route)) if route else None
        is_change = needed in ("write", "admin")
        if route is None or not (is_change or self.service.settings.access.audit_reads):
            return
        in_path = scope.get("path_params", {}).get("customer_id")
        about = named(scope.get(NAMED) or ([in_path] if in_path else []))
        who, at = scope[WHO].subject, self.service.settings.clock()
        line = entry(at, who, scope["method"], route, status, scope[REQUEST_ID], about)
        done = self.service.writer.submit(partial(add_to_audit, entries=[line]))
        if is_change:
            await asyncio.wrap_future(done)


def is_public(path: str) -> bool:
    """Whether a path is answered without a key."""
    return path in PUBLIC or path.startswith("/static/")


def address_of(scope: Scope) -> str:
    """The name under which an address without a key is counted."""
    client = scope.get("client")
    return address_name(client[0]) if client else ""


def too_many(request: Request, wait_seconds: float) -> Response:
    """The answer to who asks too often."""
    wait = ceil(wait_seconds)
    return problem(request, TOO_MANY, _TOO_MANY.format(seconds=wait), headers={"Retry-After": str(wait)})


def _no_key(request: Request) -> Response:
    """The answer to who shows no live key: people are led to the sign-in, programs get a problem."""
    if request.method == "GET" and wants_page(request):
        there = f"{SIGN_IN}?next={quote(request.scope.get('raw_path', request.url.path), safe='/')}"
        return Response(status_code=303, headers={"Location": there, "Vary": "Cookie"})
    headers = {"WWW-Authenticate": "Bearer"}
    if "hx-request" in request.headers:  # a script of the pages would put the sign-in into a part of the page
        headers["HX-Redirect"] = SIGN_IN
    return problem(request, NO_KEY, _NO_KEY, headers=headers)


_NO_KEY = Text(
    "No valid key or token was sent: it is missing, mistyped, expired or revoked. Send 'Authorization: Bearer KEY' or"
    " 'X-API-Key: KEY'; 'retinue keys create' makes a key.",
    "未提供有效的密钥或令牌：缺失、有误、已过期或已吊销。请发送“Authorization: Bearer 密钥”或“X-API-Key: 密钥”；"
    "“retinue keys create”可创建密钥。",
)
_TOO_MANY = Text("Too many requests. Try again in {seconds} s.", "请求过于频繁。请在 {seconds} 秒后重试。")
