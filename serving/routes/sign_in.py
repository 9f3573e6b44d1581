"""The page that takes a key and gives a session for it, and the way out."""

from collections.abc import Mapping
from functools import partial
from time import monotonic
from typing import Annotated
from urllib.parse import parse_qs
from uuid import uuid4

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool

from serving.language import language_of
from serving.pages.render import render
from serving.problems import FOREIGN_PAGE, ApiError
from serving.routes.state import Service, service_of
from serving.security.access import ScopedRoute
from serving.security.audit import Named, entry
from serving.security.gate import SIGN_IN, address_of, too_many
from serving.security.keys import parse_key
from serving.security.session import COOKIE, FOREIGN, SESSION_SECONDS, holder_of, is_foreign, make_session
from serving.store.keys import add_to_audit

router = APIRouter(route_class=ScopedRoute, include_in_schema=False)

MOST_BYTES = 4_000


@router.get(SIGN_IN)
async def get_sign_in(request: Request, next: Annotated[str, Query(max_length=8192)] = "/") -> Response:
    """The page that asks for a key; who is signed in already goes on at once."""
    service, session = service_of(request), request.cookies.get(COOKIE, "")
    if session and holder_of(session, service.keys, service.session_secret, service.settings.clock().timestamp()):
        return Response(status_code=303, headers={"Location": local_path(next)})
    return _page(request, next, is_wrong=False)


@router.post(SIGN_IN)
async def post_sign_in(request: Request) -> Response:
    """A session for a live key; it ends with the key, by signing out, or after half a day."""
    service = service_of(request)
    if is_foreign(request.headers):
        raise ApiError(FOREIGN_PAGE, FOREIGN)
    if wait := service.strangers.wait_seconds(address_of(request.scope), monotonic()):
        return too_many(request, wait)
    form = await _form(request)
    key = form.get("key", "").strip()
    principal, given = service.keys.who(key), parse_key(key)
    held = service.keys.live(given.key_id) if principal and given else None
    if principal is None or held is None:
        return _page(request, form.get("next", "/"), is_wrong=True)
    await _write_down(service, request, principal.subject)
    at = service.settings.clock().timestamp()
    there = Response(status_code=303, headers={"Location": local_path(form.get("next", "/"))})
    there.set_cookie(
        COOKIE,
        make_session(held.key, await run_in_threadpool(lambda: service.session_secret), at),
        max_age=SESSION_SECONDS,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return there


@router.post("/sign-out")
async def post_sign_out(request: Request) -> Response:
    """End the session in this browser."""
    if is_foreign(request.headers):
        raise ApiError(FOREIGN_PAGE, FOREIGN)
    away = Response(status_code=303, headers={"Location": SIGN_IN})
    away.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=request.url.scheme == "https")
    return away


def local_path(path: str) -> str:
    """An address within this service to go on to; the list when it would lead elsewhere.

    >>> local_path("//evil.example"), local_path("/plan")
    ('/', '/plan')
    """
    is_local = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and path.isascii()
    return path if is_local and "\\" not in path and not path.startswith(SIGN_IN) else "/"


async def _form(request: Request) -> Mapping[str, str]:
    content = b""
    async for part in request.stream():
        content += part
        if len(content) > MOST_BYTES:
            return {}
    return {name: values[0] for name, values in parse_qs(content.decode("utf-8", "replace"), max_num_fields=50).items()}


async def _write_down(service: Service, request: Request, who: str) -> None:
    line = entry(service.settings.clock(), who, "POST", SIGN_IN, 303, uuid4().hex, Named())
    await run_in_threadpool(service.writer.submit(partial(add_to_audit, entries=[line])).result)


def _page(request: Request, there: str, is_wrong: bool) -> Response:
    language = language_of(request)
    page = render("sign_in.html", language, next=local_path(there), is_wrong=is_wrong)
    return HTMLResponse(
        page,
        status_code=401 if is_wrong else 200,
        headers={"Content-Language": language, "Vary": "Accept-Language, Cookie"},
    )
