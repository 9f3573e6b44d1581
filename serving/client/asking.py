"""Requests: sent again where that helps and is safe, and not fetched again where nothing has changed."""

import json
import time
from collections import OrderedDict
from collections.abc import Mapping
from datetime import date, datetime
from threading import Lock
from typing import Any, Literal, NamedTuple

import httpx

from .problems import told, unreachable

Language = Literal["en", "zh"]

ATTEMPTS = 4
"""How often a request is sent at most. Every one may be repeated: entries and events have ids, by which they are known."""
FIRST_PAUSE_SECONDS = 0.1
"""Before a lost request is sent again; twice as long each further time."""
LONGEST_PAUSE_SECONDS = 30.0
"""Who is told to come back later than that is told so by a problem instead."""
KEPT_BYTES = 16_000_000
"""How much of what was answered is kept, so that it need not be sent again."""

_LOST = (httpx.NetworkError, httpx.RemoteProtocolError)
_COME_AGAIN = (429, 503)
JSON = "application/json"


class _Kept(NamedTuple):
    tag: str
    body: bytes


class Asking:
    """One connection to a service. It may be used by several threads."""

    def __init__(self, url: str, key: str | None, language: Language | None, timeout_seconds: float) -> None:
        headers = {"Accept": f"{JSON}, application/problem+json", "User-Agent": "retinue-client"}
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        if language is not None:
            headers["Accept-Language"] = language
        self._url, self._language = url, language
        self._client = httpx.Client(base_url=url, headers=headers, timeout=timeout_seconds)
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._kept_bytes, self._keeping = 0, Lock()

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    def get(self, path: str, **parameters: str | int | None) -> Any:
        """The answer to a question, without being sent it again where it is as it was. Raises RetinueProblem."""
        asked = {name: value for name, value in parameters.items() if value is not None}
        request = self._client.build_request("GET", path, params=asked)
        place = str(request.url)
        with self._keeping:
            known = self._kept.get(place)
            if known is not None:
                self._kept.move_to_end(place)
                request.headers["If-None-Match"] = known.tag
        answer = self._sent(request)
        if answer.status_code == 304 and known is not None:
            return json.loads(known.body)
        if "etag" in answer.headers:
            self._keep(place, _Kept(answer.headers["etag"], answer.content))
        return json.loads(answer.content)

    def post(self, path: str, document: Any, **parameters: str | None) -> Any:
        """The answer to a document. Raises RetinueProblem."""
        return self.post_body(path, written(document), JSON, **parameters)

    def post_body(self, path: str, body: bytes, kind: str, **parameters: str | None) -> Any:
        """The answer to a body of a kind. Raises RetinueProblem."""
        asked = {name: value for name, value in parameters.items() if value is not None}
        headers = {"Content-Type": kind}
        return json.loads(
            self._sent(self._client.build_request("POST", path, params=asked, content=body, headers=headers)).content
        )

    def _sent(self, request: httpx.Request) -> httpx.Response:
        """The answer, after as many attempts as it takes and are allowed. Raises RetinueProblem."""
        pause = FIRST_PAUSE_SECONDS
        for attempt in range(1, ATTEMPTS + 1):
            try:
                answer = self._client.send(request)
            except httpx.TransportError as fault:
                if attempt == ATTEMPTS or not isinstance(fault, _LOST):
                    raise unreachable(self._url, fault, self._language) from fault
                wait = pause
            else:
                if answer.is_success or answer.status_code == 304:
                    return answer
                wait = _seconds_to_wait(answer)
                if attempt == ATTEMPTS or wait > LONGEST_PAUSE_SECONDS:
                    request_id = answer.headers.get("x-request-id")
                    again = None if wait == float("inf") else wait
                    raise told(answer.status_code, answer.reason_phrase, answer.content, request_id, again)
            time.sleep(wait)
            pause *= 2
        raise AssertionError("the last attempt returns or raises")

    def _keep(self, place: str, answer: _Kept) -> None:
        """Keep an answer; the ones not asked for longest give way."""
        with self._keeping:
            before = self._kept.pop(place, None)
            self._kept[place] = answer
            self._kept_bytes += len(answer.body) - (len(before.body) if before else 0)
            while self._kept_bytes > KEPT_BYTES:
                self._kept_bytes -= len(self._kept.popitem(last=False)[1].body)


def written(document: Any) -> bytes:
    """A document as JSON; instants and days are written as ISO 8601, numbers that are none are refused with ValueError."""
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain).encode()


def _plain(value: object) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"got {type(value).__name__}, which JSON cannot hold")


def _seconds_to_wait(answer: httpx.Response) -> float:
    """How long to wait before asking again; infinite where that would not help."""
    told_to_wait = answer.headers.get("retry-after", "")
    return float(told_to_wait) if answer.status_code in _COME_AGAIN and told_to_wait.isdigit() else float("inf")
