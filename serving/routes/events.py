"""Events in the API: facts told when they happen, on the disk before the answer, in the scores a moment later."""

from collections.abc import Iterator
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from features.event_log import Event, Logged
from features.events import EventError, read_event
from features.text import Text
from serving.event_schemas import EventDocument, EventsAnswer, EventsStatus
from serving.problems import (
    BAD_REQUEST,
    CONFLICT,
    INVALID_REQUEST,
    NO_EVENTS,
    NOT_ALLOWED,
    TOO_LARGE,
    TOO_MANY_EVENTS,
    ApiError,
    documented,
)
from serving.realtime.events import RealTime
from serving.realtime.intake import BusyError
from serving.routes.state import service_of
from serving.security.access import ScopedRoute, manager_of

router = APIRouter(route_class=ScopedRoute, prefix="/v1", tags=["events"])

NDJSON = "application/x-ndjson"
JSON = "application/json"
MOST_LINES = 10_000
RETRY_SECONDS = "2"

_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            JSON: {"schema": EventDocument.model_json_schema()},
            NDJSON: {"schema": {"type": "string", "description": "One event a line / 每行一个事件"}},
        },
    }
}


@router.post(
    "/events",
    status_code=202,
    summary="Tell facts when they happen / 实时上报事件",
    openapi_extra=_BODY,
    responses={
        202: {"model": EventsAnswer, "description": "The accepted ones are on the disk / 已接收的事件已落盘"},
        **documented(BAD_REQUEST, NO_EVENTS, CONFLICT, TOO_LARGE, INVALID_REQUEST, TOO_MANY_EVENTS),
    },
)
async def post_events(request: Request) -> Response:
    """One event as JSON, or one a line as NDJSON (up to 10,000 lines).

    The same event again is a duplicate and changes nothing. Of NDJSON, lines that are no events are listed, and the
    others are added; a single event that is none is answered with 422, an id that stands for another event with 409.
    """
    if manager_of(request) is not None:
        raise ApiError(NOT_ALLOWED, _OF_ALL)
    real_time = _real_time(request)
    kind = request.headers.get("content-type", JSON).partition(";")[0].strip().lower()
    body = await request.body()
    if kind == JSON:
        answer = await run_in_threadpool(_add_one, real_time, body)
    elif kind == NDJSON:
        answer = await run_in_threadpool(_add_lines, real_time, body)
    else:
        raise ApiError(BAD_REQUEST, _NO_SUCH_KIND, got=kind[:80])
    return Response(orjson.dumps(answer), status_code=202, media_type=JSON)


@router.get(
    "/events/status",
    summary="How far events have come / 事件处理进度",
    responses={200: {"model": EventsStatus}, **documented(NO_EVENTS)},
)
def get_events_status(request: Request) -> Response:
    """How many events wait to be seen in the scores, and for how long."""
    status = _real_time(request).status()
    return Response(orjson.dumps(status._asdict(), option=orjson.OPT_UTC_Z), media_type=JSON)


def _real_time(request: Request) -> RealTime:
    real_time = service_of(request).real_time
    if real_time is None:
        raise ApiError(NO_EVENTS, _NOT_TAKEN)
    return real_time


def _add_one(real_time: RealTime, body: bytes) -> dict[str, Any]:
    try:
        event = read_event(body, real_time.accepted, real_time.clock())
    except EventError as fault:
        raise ApiError(INVALID_REQUEST, fault.text, findings=[("body", fault.text)]) from fault
    (logged,) = _add(real_time, [event])
    if logged.outcome == "conflict":
        raise ApiError(CONFLICT, _CONFLICT, id=event.event_id[:80], sequence=logged.sequence)
    return _answer([logged], [])


def _add_lines(real_time: RealTime, body: bytes) -> dict[str, Any]:
    """Add the lines that are events; the others are told with their number."""
    events: list[tuple[int, Event]] = []
    rejections: list[dict[str, Any]] = []
    for number, line in _lines(body):
        if number > MOST_LINES:
            raise ApiError(TOO_LARGE, _TOO_MANY_LINES, most=MOST_LINES)
        try:
            events.append((number, read_event(line, real_time.accepted, real_time.clock())))
        except EventError as fault:
            rejections.append(_rejection(number, _id_of(line), "invalid", fault.text))
    logged = _add(real_time, [event for _, event in events])
    for (number, event), one in zip(events, logged, strict=True):
        if one.outcome == "conflict":
            text = _CONFLICT.format(id=event.event_id[:80], sequence=one.sequence)
            rejections.append(_rejection(number, event.event_id, "conflict", text))
    return _answer(logged, sorted(rejections, key=lambda rejection: int(rejection["line"])))


def _add(real_time: RealTime, events: list[Event]) -> list[Logged]:
    try:
        return real_time.add(events)
    except BusyError as busy:
        raise ApiError(TOO_MANY_EVENTS, busy.text, headers={"Retry-After": RETRY_SECONDS}) from busy


def _lines(body: bytes) -> Iterator[tuple[int, bytes]]:
    """Lines with their number; empty ones are passed over."""
    for number, line in enumerate(body.split(b"\n"), start=1):
        if stripped := line.strip():
            yield number, stripped


def _answer(logged: list[Logged], rejections: list[dict[str, Any]]) -> dict[str, Any]:
    outcomes = [one.outcome for one in logged]
    return {
        "accepted": outcomes.count("accepted"),
        "duplicate": outcomes.count("duplicate"),
        "rejected": len(rejections),
        "sequence": max((one.sequence for one in logged), default=0),
        "rejections": rejections,
    }


def _rejection(line: int, event_id: str | None, problem: str, reason: Text) -> dict[str, Any]:
    return {"line": line, "event_id": event_id, "problem": problem, "reason": reason._asdict()}


def _id_of(line: bytes) -> str | None:
    """The id of what is no event, to find it again by."""
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    id_ = document.get("event_id") if isinstance(document, dict) else None
    return id_[:512] if isinstance(id_, str) else None


_NOT_TAKEN = Text(
    "This service takes no events. Write [events] with in_files = true or false into the project file, run 'retinue score'"
    " and start the service again.",
    "本服务不接收事件。请在项目文件中写入 [events] 及 in_files = true 或 false，运行“retinue score”后重新启动服务。",
)
_NO_SUCH_KIND = Text(
    "Got the content type '{got}', expected application/json for one event or application/x-ndjson for one a line.",
    "收到内容类型“{got}”，应为 application/json（单个事件）或 application/x-ndjson（每行一个）。",
)
_CONFLICT = Text(
    "The id '{id}' stands for another event already (sequence {sequence}); this one was not added. Give it an id of its"
    " own.",
    "编号“{id}”已用于其他事件（序号 {sequence}），本事件未添加。请使用新的编号。",
)
_TOO_MANY_LINES = Text(
    "One request may hold {most:,} lines. Send them in several requests.",
    "单次请求最多 {most:,} 行。请分多次发送。",
)
_OF_ALL = Text(
    "This key sees the customers of one account manager alone, and events may be about any. Send them with a key of all customers.",
    "该密钥只能查看一位客户经理的客户，而事件可能涉及任何客户。请使用可查看全部客户的密钥发送。",
)
