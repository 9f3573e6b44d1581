"""Answers of finished bytes: with their age, a flag when stale, and a tag by which a reader need not fetch them again."""

from collections.abc import Iterable
from typing import Any

from fastapi import Request, Response

from serving.routes.selection import Selection, header
from serving.routes.state import age_header, service_of
from serving.store import Published

_COMMON = (
    (b"content-type", b"application/json"),
    # personal data may be kept by its reader alone, and is asked for anew each time; 304 then spares the body
    (b"cache-control", b"private, no-cache"),
    (b"vary", b"Accept-Language, Authorization, X-API-Key, Cookie"),
)


class Finished(Response):
    """A response whose headers are bytes from the start: Starlette's way to them costs as much as the whole look-up."""

    def __init__(self, body: bytes, headers: Iterable[tuple[bytes, bytes]], status_code: int = 200) -> None:
        self.status_code = status_code
        self.background = None
        self.body = body
        self.raw_headers = [*headers, *_COMMON]
        if status_code != 304:
            self.raw_headers.append((b"content-length", b"%d" % len(body)))


def known_already(request: Request, published: Published, selection: Selection) -> Finished | None:
    """The answer to a reader who has what would be sent: 304, with its age of now. None: it has to be sent."""
    asked = header(request, b"if-none-match")
    if asked is None:
        return None
    tags = {tag.strip().removeprefix(b"W/") for tag in asked.split(b",")}
    if b"*" not in tags and _tag(request, published, selection) not in tags:
        return None
    return Finished(b"", _about(request, published, selection), 304)


def finished(request: Request, published: Published, selection: Selection, body: bytes) -> Finished:
    """The answer that holds ``body``."""
    return Finished(body, _about(request, published, selection))


def joined(head: bytes, bodies: list[bytes], tail: bytes) -> bytes:
    """Bodies with commas between them, after ``head`` and before ``tail``; megabytes are copied once."""
    if not bodies:
        return head + tail
    return b",".join([head + bodies[0], *bodies[1:-1], bodies[-1] + tail] if bodies[1:] else [head + bodies[0] + tail])


def _about(request: Request, published: Published, selection: Selection) -> list[tuple[bytes, bytes]]:
    age = age_header(service_of(request), published.as_of)
    about = [
        (b"etag", _tag(request, published, selection)),
        (b"age", age["Age"].encode()),
        (b"retinue-stale", age["Retinue-Stale"].encode()),
    ]
    if selection.language:
        about.append((b"content-language", selection.language.encode()))
    return about


def _tag(request: Request, published: Published, selection: Selection) -> bytes:
    """What the address does not say: from which publication, in which language, and whether people are named."""
    hidden = "" if service_of(request).settings.access.personal_data else "-"
    return f'"{published.tag}{selection.language or ""}{hidden}"'.encode()


_HEADERS: dict[str, Any] = {
    "Age": {"description": "Seconds since as_of / 距评分时点的秒数", "schema": {"type": "integer"}},
    "Retinue-Stale": {
        "description": "true when that is longer ago than [operation] stale_after_days / 评分是否已过期",
        "schema": {"type": "string", "enum": ["true", "false"]},
    },
    "ETag": {
        "description": "Give it as If-None-Match to be told 304 while nothing changed / 作为 If-None-Match 发送，未变化时返回 304",
        "schema": {"type": "string"},
    },
}


def described(model: Any, description: str, *, tagged: bool = True) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` in OpenAPI of an operation that answers with finished bytes."""
    headers = _HEADERS if tagged else {name: _HEADERS[name] for name in ("Age", "Retinue-Stale")}
    responses: dict[int | str, dict[str, Any]] = {200: {"model": model, "description": description, "headers": headers}}
    if tagged:
        responses[304] = {"description": "Nothing changed since / 内容未变", "headers": headers}
    return responses
