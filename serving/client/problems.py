"""What can go wrong, as the service tells it, in the reader's language."""

import json
from collections.abc import Sequence
from typing import Any

from .answers import ProblemFinding

UNREACHABLE = "urn:retinue:problem:unreachable"
_WORDS = {
    "en": ("The service does not answer", "Got no answer from {url}: {fault}. Check that it runs ('retinue serve')."),
    "zh": ("服务没有应答", "{url} 没有应答：{fault}。请检查服务是否在运行（“retinue serve”）。"),
}


class RetinueProblem(Exception):
    """A request that was not answered as wished (RFC 9457).

    ``status`` is that of HTTP, None where nothing came back; ``errors`` are the faulty parts of the request; by
    ``request_id`` it is found in the service's log; ``retry_after_seconds`` is when to come again, if that was told.
    """

    def __init__(
        self,
        status: int | None,
        title: str,
        detail: str,
        type_: str = "about:blank",
        errors: Sequence[ProblemFinding] = (),
        request_id: str | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(status, title, detail)
        self.status, self.title, self.detail, self.type = status, title, detail, type_
        self.errors, self.request_id = tuple(errors), request_id
        self.retry_after_seconds = retry_after_seconds

    def __str__(self) -> str:
        parts = [f"{self.title}: {self.detail}", *(f"{error['where']}: {error['message']}" for error in self.errors)]
        return "\n".join(parts)


def told(
    status: int, reason: str, body: bytes, request_id: str | None, retry_after_seconds: float | None = None
) -> RetinueProblem:
    """The problem of an answer; of one that is no problem document (a proxy's), what its beginning says."""
    try:
        document: Any = json.loads(body)
        title, detail, type_ = document["title"], document["detail"], document["type"]
    except (ValueError, KeyError, TypeError):
        title, detail, type_, document = f"{status} {reason}", body[:500].decode("utf-8", "replace"), "about:blank", {}
    errors = document.get("errors") or ()
    return RetinueProblem(status, title, detail, type_, errors, request_id, retry_after_seconds)


def unreachable(url: str, fault: Exception, language: str | None) -> RetinueProblem:
    """The problem of a service that gives no answer."""
    title, detail = _WORDS[language or "en"]
    return RetinueProblem(None, title, detail.format(url=url, fault=fault or type(fault).__name__), UNREACHABLE)
